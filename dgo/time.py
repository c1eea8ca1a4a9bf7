"""Time: sleeping, timers, tickers. All durations are seconds.

A timer or ticker sends ``time.time()`` on its channel when it fires. It lives in the process that made it and
can be passed to any goroutine. The rules are those of Go 1.23: after ``stop()`` or ``reset()`` has returned
no value from before is received, and one that nobody holds any more costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, ClassVar, ParamSpec, cast

from dgo import goroutines
from dgo.channels import RecvChan
from dgo.core.alarm import Alarm
from dgo.errors import Timeout
from dgo.runtime import current
from dgo.runtime.durations import seconds_of
from dgo.runtime.node import Node
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS, Ref, Shared

__all__ = ["Ticker", "Timer", "after", "after_func", "sleep", "tick"]

P = ParamSpec("P")


def sleep(seconds: float) -> None:
    """Blocks for so many seconds; at 0 or less it only lets others run.

    Raises:
        TypeError: you: ``seconds`` is no number.
        ValueError: you: ``seconds`` is NaN.
    """
    seconds = seconds_of(seconds, "dgo.sleep()")
    node = current.get()
    if seconds <= 0:
        node.host.yield_()
        return
    with node.lock:
        ticket = node.host.ticket()
    try:
        node.wait(ticket, "sleep", None, seconds)
    except Timeout:
        return


class _Alarm(SharedObject):
    """What timers and tickers share."""

    __slots__ = ("_sends",)
    CORE: ClassVar[type] = Alarm

    _sends: bool  # it sends on a channel; if not, it calls a function

    def _meta(self) -> list[Any]:
        return [self._sends]

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("_Alarm", super()._rebuild(node, core, ref, meta))
        (handle._sends,) = meta
        return handle

    def _channel(self) -> RecvChan[float]:
        view = RecvChan._rebuild(self._node, self._core, self._ref, [0, type(self).__name__.lower()])
        return cast("RecvChan[float]", view)

    def __repr__(self) -> str:
        text = f"{type(self).__name__}({self._id_text}"
        if self._core is None:
            return text + ", elsewhere)"
        return text + (", running)" if self._core.armed else ", stopped)")


class Timer(_Alarm):
    """Sends the time (``time.time()``) on its channel ``c`` once, in so many seconds.

    Args:
        seconds: from now; 0 or less: at once.

    Raises:
        TypeError: you: ``seconds`` is no number.
        ValueError: you: ``seconds`` is NaN.
    """

    __slots__ = ()
    KIND: ClassVar[str] = "timer"

    def __init__(self, seconds: float) -> None:
        seconds = seconds_of(seconds, "dgo.Timer()")
        self._node = node = current.get()
        self._ref = None
        self._sends = True
        with node.lock:
            self._core = node.alarms.new(seconds)

    @property
    def c(self) -> RecvChan[float]:
        """The channel on which it sends; None for a timer of ``after_func``."""
        # As with Go's C, the type does not say that: else every use of every timer would have to be checked.
        return self._channel() if self._sends else cast("RecvChan[float]", None)

    def stop(self) -> bool:
        """Stops it; once this has returned, no value from before is received.

        Returns:
            True if that prevented something: it had not fired, or its value had not been received. (For
            ``after_func``: its function had not been started.) False if it was stopped or served already.

        Raises:
            ChannelLost: the process in which the timer lived has died.
        """
        return bool(self._ask("stop"))

    def reset(self, seconds: float) -> bool:
        """Starts it anew; once this has returned, no value from before is received.

        Args:
            seconds: from now.

        Returns:
            What ``stop()`` would have returned.

        Raises:
            TypeError: you: ``seconds`` is no number.
            ValueError: you: ``seconds`` is NaN.
            ChannelLost: the process in which the timer lived has died.
        """
        return bool(self._ask("reset", seconds_of(seconds, "Timer.reset()")))


class Ticker(_Alarm):
    """Sends the time (``time.time()``) on its channel ``c`` every so many seconds.

    For a receiver that is slower than that, ticks are dropped.

    Args:
        seconds: between two ticks.

    Raises:
        TypeError: you: ``seconds`` is no number.
        ValueError: you: ``seconds`` is not positive.
    """

    __slots__ = ()
    KIND: ClassVar[str] = "ticker"

    def __init__(self, seconds: float) -> None:
        seconds = _period(seconds, "dgo.Ticker()")
        self._node = node = current.get()
        self._ref = None
        self._sends = True
        with node.lock:
            self._core = node.alarms.new(seconds, period=seconds)

    @property
    def c(self) -> RecvChan[float]:
        """The channel on which it sends."""
        return self._channel()

    def stop(self) -> None:
        """Stops it; once this has returned, no tick from before is received. The channel is not closed.

        Raises:
            ChannelLost: the process in which the ticker lived has died.
        """
        self._ask("stop")

    def reset(self, seconds: float) -> None:
        """Starts it anew with another period; once this has returned, no tick from before is received.

        Raises:
            TypeError: you: ``seconds`` is no number.
            ValueError: you: ``seconds`` is not positive.
            ChannelLost: the process in which the ticker lived has died.
        """
        self._ask("reset", _period(seconds, "Ticker.reset()"))


for _cls in (Timer, Ticker):
    KINDS[_cls.KIND] = _cls


def _period(seconds: float, what: str) -> float:
    seconds = seconds_of(seconds, what)
    if seconds <= 0:
        raise ValueError(f"{what} takes a positive number of seconds, not {seconds:g}")
    return seconds


def after(seconds: float) -> RecvChan[float]:
    """A channel on which the time (``time.time()``) comes once, in so many seconds.

    Raises:
        TypeError: you: ``seconds`` is no number.
        ValueError: you: ``seconds`` is NaN.
    """
    return Timer(seconds).c


def tick(seconds: float) -> RecvChan[float] | None:
    """The channel of a ``Ticker`` that is never stopped; None (never ready) if ``seconds`` is 0 or less.

    Raises:
        TypeError: you: ``seconds`` is no number.
        ValueError: you: ``seconds`` is NaN.
    """
    seconds = seconds_of(seconds, "dgo.tick()")
    return Ticker(seconds).c if seconds > 0 else None


def after_func(seconds: float, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> Timer:
    """Starts ``fn`` as a goroutine in so many seconds.

    The snapshot is taken now, as by ``dgo.go``; each ``reset()`` lets it start (again).

    Args:
        seconds: from now; 0 or less: at once.
        fn: what to call, with ``args`` and ``kwargs``.

    Returns:
        The timer (its ``c`` is None). It need not be kept: ``fn`` is called all the same.

    Raises:
        TypeError: you: ``seconds`` is no number, or ``fn`` cannot be called.
        ValueError: you: ``seconds`` is NaN.
        SerializationError: you: something cannot travel; the message gives the way to it.
    """
    seconds = seconds_of(seconds, "dgo.after_func()")
    prepared = goroutines.prepare(fn, args, kwargs, None)
    node = prepared.node
    with node.lock:
        core = node.alarms.new(seconds, action=partial(_start, prepared), job=prepared.job)
    return cast("Timer", Timer._rebuild(node, core, None, [False]))


def _start(prepared: goroutines.Prepared) -> None:
    """Starts the goroutine of ``after_func``; it can be started again."""
    again = copy(prepared)
    again.call = copy(prepared.call)  # whoever runs it forgets its payload
    again.start(None)
