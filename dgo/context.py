"""Contexts: deadlines, cancellation and values that go with a piece of work, wherever its goroutines run.

A context lives in the process that derived it; its children end with it, in every process. It interrupts nobody:
whoever wants to know waits on ``ctx.done()`` or asks ``ctx.err()``.

::

    def search(ctx, found):
        with dgo.with_timeout(ctx, 2) as ctx:
            for place in places:
                dgo.go(look, ctx, place, found)
            ...
"""

from __future__ import annotations

import datetime
import math
from types import TracebackType
from typing import Any, ClassVar, cast

from dgo.channels import RecvChan
from dgo.core.context import CANCELLED, EXPIRED, LIVE
from dgo.core.context import Context as Core
from dgo.core.goroutine import Outcome
from dgo.errors import ChannelLost, ContextCancelled, DeadlineExceeded
from dgo.runtime import contexts, current
from dgo.runtime.durations import LONGEST_SECONDS, bounded, seconds_of
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import Compound, freeze, freeze_exception, thaw, thaw_exception

__all__ = [
    "Cancel",
    "Context",
    "Derived",
    "background",
    "timeout",
    "with_cancel",
    "with_deadline",
    "with_timeout",
    "with_value",
]


class _Context(SharedObject):
    """The handle on the part of a context that changes: it can be cancelled."""

    __slots__ = ()
    KIND: ClassVar[str] = "context"
    CORE: ClassVar[type] = Core


class Cancel(SharedObject):
    """What cancels a context: call it, on any machine, as often as you like."""

    __slots__ = ()
    KIND: ClassVar[str] = "cancel"
    CORE: ClassVar[type] = Core

    def __call__(self, cause: BaseException | None = None) -> None:
        """Cancels the context and all below it. The first call counts; others change nothing.

        Returns when the context is cancelled at its home, and with it everything below it there; other
        processes learn it as soon as messages travel.

        Args:
            cause: what ``ctx.cause()`` is from now on, here and below.

        Raises:
            TypeError: you: ``cause`` is no exception.
        """
        if cause is not None and not isinstance(cause, BaseException):
            raise TypeError(f"the cause of a cancel is an exception (an instance), not {cause!r:.80}")
        try:
            if cause is None:
                self._ask("cancel")
            else:
                self._ask("cancel because", *freeze_exception(cause))
        except ChannelLost:
            return  # its home is dead, so it counts as cancelled everywhere

    def __repr__(self) -> str:
        return f"Cancel({self._id_text})"


for _cls in (_Context, Cancel):
    KINDS[_cls.KIND] = _cls


class _Value:
    """A pair of key and value, frozen, and what lies below it. Never changes.

    Attributes:
        token: tells it apart from every other pair, in every process.
    """

    __slots__ = ("_key", "_known", "below", "frozen_key", "frozen_value", "token")

    def __init__(self, token: tuple[int, int], key: Any, value: Any, below: _Value | None) -> None:
        self.token = token
        self.frozen_key = key
        self.frozen_value = value
        self.below = below
        self._known = False
        self._key: Any = None

    def matches(self, key: Any) -> bool:
        if not self._known:
            self._key = thaw(self.frozen_key)
            self._known = True
        return bool(self._key is key or self._key == key)


class Context(Compound):
    """A deadline, a cancellation and values; derive contexts with ``with_cancel`` and its sisters.

    A context can be passed to any goroutine and is the same context there. It never changes, but that it is
    cancelled at some time.
    """

    __slots__ = ("_ended", "_state", "_until", "_values")

    _state: _Context | None
    _values: _Value | None

    @classmethod
    def _make(cls, state: _Context | None, values: _Value | None) -> Context:
        context = cls.__new__(cls)
        context._state = state
        context._values = values
        context._ended = None
        context._until = None
        return context

    def __init__(self) -> None:
        raise TypeError("a Context is derived from another one: dgo.with_cancel(dgo.background()) makes one")

    _ended: Outcome | None
    _until: tuple[datetime.datetime | None] | None

    def done(self) -> RecvChan[None] | None:
        """A channel that is closed when the context is cancelled; None if it never can be.

        Nothing is ever sent on it: receive from it, alone or in a ``select``, to wait for the end.
        """
        state = self._state
        if state is None:
            return None
        view = RecvChan._rebuild(state._node, state._core, state._ref, [0, "context"])
        return cast("RecvChan[None]", view)

    def err(self) -> ContextCancelled | DeadlineExceeded | None:
        """Why it has ended, as a new exception: ``ContextCancelled`` or ``DeadlineExceeded``; None while it lives.

        Once ``cancel()`` has returned anywhere, ``err()`` says so everywhere: it asks the context's home, so for a
        context of another process it waits for an answer. A context whose home has died counts as cancelled.
        """
        ended = self._end()
        if ended is None or self._state is None:
            return None
        name = f"context {self._state._id_text}"
        if ended.ending == EXPIRED:
            return DeadlineExceeded(f"{name} has ended: its deadline has passed")
        because = ""
        if ended.value is not None:
            _, type_name, message, _ = ended.value
            because = f" because of {type_name}: {message}"
        return ContextCancelled(f"{name} was cancelled{because}")

    def cause(self) -> BaseException | None:
        """The exception that was given to ``cancel()``, here or above; else what ``err()`` returns."""
        ended = self._end()
        if ended is None or ended.value is None:
            return self.err()
        return thaw_exception(ended.value)

    def deadline(self) -> datetime.datetime | None:
        """When it will be cancelled at the latest, in this machine's time zone; None if it has no deadline.

        Deadlines travel as the time that is left, so the clocks of two machines need not agree. It may differ
        from machine to machine by as much as they do.
        """
        state = self._state
        if state is None:
            return None
        if self._until is None:
            until = self._find_until(state)
            self._until = (None if until is None else datetime.datetime.fromtimestamp(until).astimezone(),)
        return self._until[0]

    def _find_until(self, state: _Context) -> float | None:
        if state._core is not None:
            until: float | None = state._core.until
            return until
        try:
            left = state._ask("left")
        except ChannelLost:
            return None
        return None if left is None else state._node.wall() + left

    def value(self, key: Any) -> Any:
        """A copy of the value that was given for ``key``, here or above, the nearest one; None if there is none.

        Args:
            key: compared by ``==`` with the copies of keys that ``with_value`` took. (So an ``object()`` is
                no useful key: no copy is equal to it. Strings, classes and members of an enum are.)
        """
        pair = self._values
        while pair is not None:
            if pair.matches(key):
                return thaw(pair.frozen_value)
            pair = pair.below
        return None

    def _end(self) -> Outcome | None:
        state = self._state
        if self._ended is None and state is not None:
            core = state._core
            if core is None:
                answer = _ask_home(state)
                self._ended = answer if isinstance(answer, Outcome) else None
            else:
                with state._node.lock:
                    if core.kind != LIVE:
                        self._ended = Outcome(core.kind, core.cause)
        return self._ended

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Context):
            return NotImplemented
        return self._state == other._state and self._token == other._token

    def __hash__(self) -> int:
        return hash((self._state, self._token))

    @property
    def _token(self) -> tuple[int, int] | None:
        return None if self._values is None else self._values.token

    def __reduce__(self) -> tuple[Any, ...]:
        pairs = []
        pair = self._values
        while pair is not None:
            pairs.append((pair.token, pair.frozen_key, pair.frozen_value))
            pair = pair.below
        return _restore, (self._state, tuple(pairs))

    def __repr__(self) -> str:
        state = self._state
        if state is None:
            return "Context(background)" if self._values is None else "Context(background, with values)"
        text = f"Context({state._id_text}"
        core = state._core
        if core is None:
            text += ", elsewhere"
        else:
            text += (", live", ", cancelled", ", expired")[core.kind]
            if core.until is not None:
                text += f", deadline {datetime.datetime.fromtimestamp(core.until):%Y-%m-%d %H:%M:%S}"
        return text + (")" if self._values is None else ", with values)")


def _ask_home(state: _Context) -> Outcome | float | None:
    """How a context that lives elsewhere has ended; if it has not: the seconds to its deadline, if it has one."""
    try:
        answer: Outcome | float | None = state._ask("state")
    except ChannelLost as error:
        return Outcome(CANCELLED, freeze_exception(error))
    return answer


_background = Context._make(None, None)


def _restore(state: _Context | None, pairs: tuple[tuple[tuple[int, int], Any, Any], ...]) -> Context:
    if state is None and not pairs:
        return _background
    values: _Value | None = None
    for token, key, value in reversed(pairs):
        values = _Value(tuple(token), key, value, values)
    return Context._make(state, values)


class Derived(tuple[Context, Cancel]):
    """A context and what cancels it: ``ctx, cancel = dgo.with_cancel(parent)``.

    Also a context manager: ``with dgo.with_timeout(parent, 2) as ctx:`` cancels on leaving. It never interrupts the
    block.
    """

    __slots__ = ()

    def __enter__(self) -> Context:
        return self[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self[1]()


def background() -> Context:
    """The root of all contexts: it is never cancelled, has no deadline and no values; its ``done()`` is None."""
    return _background


def with_cancel(parent: Context) -> Derived:
    """A context below ``parent`` that can be cancelled, and what cancels it.

    It lives in this process. It ends when it or its parent is cancelled; call ``cancel`` when the work is done: until
    then the parent keeps it. If the parent lives in another process, its home is asked once: the call
    blocks until it has answered.

    Returns:
        ``(ctx, cancel)``; also a context manager that gives ``ctx`` and cancels it on leaving.

    Raises:
        TypeError: you: ``parent`` is no context.
    """
    return _derive(parent, None, 0.0)


def with_timeout(parent: Context, seconds: float) -> Derived:
    """As ``with_cancel``, and it ends by itself in ``seconds``, or with its parent's deadline if that is earlier.

    Args:
        parent: what it is derived from.
        seconds: from now; at 0 or less it has ended (``DeadlineExceeded``) when this returns.

    Raises:
        TypeError: you: ``parent`` is no context, or ``seconds`` is no number.
        ValueError: you: ``seconds`` is NaN.
    """
    _check(parent)
    seconds = seconds_of(seconds, "dgo.with_timeout()")
    return _derive(parent, seconds, current.get().wall() + seconds)


def with_deadline(parent: Context, when: datetime.datetime) -> Derived:
    """As ``with_timeout``, with the moment at which it ends.

    Args:
        parent: what it is derived from.
        when: a moment; without a time zone it is in local time. What is more than a hundred years away counts as
            a hundred years away.

    Raises:
        TypeError: you: ``parent`` is no context, or ``when`` is no datetime.
    """
    _check(parent)
    if not isinstance(when, datetime.datetime):
        raise TypeError(f"dgo.with_deadline() takes a datetime, not {when!r:.80}; for seconds use with_timeout()")
    now = current.get().wall()
    try:
        until = when.timestamp()
    except (ValueError, OverflowError, OSError):  # the first and the last year in some time zones
        until = math.inf if when.year > 1970 else -math.inf
    seconds = bounded(until - now)
    return _derive(parent, seconds, until if abs(seconds) < LONGEST_SECONDS else now + seconds)


def with_value(parent: Context, key: Any, value: Any) -> Context:
    """A context below ``parent`` with a value: ``ctx.value(key)`` gives a copy of it, here and below.

    Key and value are snapshotted now and travel with the context, so keep them small. It is cancelled when
    ``parent`` is.

    Args:
        parent: what it is derived from.
        key: compared by ``==``; a string is best, with a prefix of your module's.
        value: anything that can travel.

    Raises:
        TypeError: you: ``parent`` is no context.
        SerializationError: you: key or value cannot travel; the message gives the way to the offending part.
    """
    _check(parent)
    node = current.get()
    frozen_key, frozen_value = freeze(key, "the key of a context"), freeze(value, "the value of a context")
    with node.lock:
        token = (node.id, node.values.next_number())
    return Context._make(parent._state, _Value(token, frozen_key, frozen_value, parent._values))


def timeout(seconds: float) -> Derived:
    """``with_timeout(background(), seconds)``: ``with dgo.timeout(2) as ctx:``."""
    return with_timeout(_background, seconds)


def _check(parent: object) -> None:
    if not isinstance(parent, Context):
        hint = "; dgo.background() is the root of all" if parent is None else ""
        raise TypeError(f"a context is derived from a context, not from {parent!r:.80}{hint}")


def _derive(parent: Context, seconds: float | None, until: float) -> Derived:
    _check(parent)
    above = parent._state
    node = above._node if above is not None else current.get()
    began = node.clock()
    with node.lock:
        core = contexts.create(node, above._core if above is not None else None)
    if above is not None and above._core is None:
        _follow(core, above)
    if seconds is not None:
        with node.lock:
            contexts.limit(core, seconds - (node.clock() - began), until)
    state = cast("_Context", _Context._rebuild(node, core, None, []))
    cancel = cast("Cancel", Cancel._rebuild(node, core, None, []))
    return Derived((Context._make(state, parent._values), cancel))


def _follow(core: Core, above: _Context) -> None:
    """Puts a new context below one that lives elsewhere; returns when it is cancelled if that one is."""
    node = above._node
    assert above._ref is not None
    try:
        with node.lock:
            contexts.follow(core, above._ref)
        answer = _ask_home(above)
    except BaseException:
        with node.lock:
            core.cancel(CANCELLED, None)  # nobody will hold it
        raise
    # If that one has ended, the answer to the watch, which came before this one, has cancelled ``core``.
    if answer is not None and not isinstance(answer, Outcome):
        with node.lock:
            contexts.limit(core, answer, node.wall() + answer)
