"""One call for all who want the same at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, ParamSpec, TypeVar, cast

from dgo.core.goroutine import Ending, Outcome
from dgo.core.singleflight import SingleFlight as Core
from dgo.errors import CancelledError, ChannelLost, SerializationError
from dgo.runtime import current
from dgo.runtime.groups import describe_lost_leader, key_form
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import freeze, freeze_exception, thaw, thaw_exception

__all__ = ["SingleFlight", "SingleFlightStatistics"]

P = ParamSpec("P")
T = TypeVar("T")


class SingleFlightStatistics(NamedTuple):
    """A SingleFlight at one moment.

    Attributes:
        calls: calls under way.
        waiting: callers that wait for one of them.
    """

    calls: int
    waiting: int


class SingleFlight(SharedObject):
    """Makes equal calls at the same time one (Go's ``singleflight.Group``).

    It can be passed to any goroutine and is the same object there.

    Keys are compared as they were when ``do`` was called: numbers, strings, bytes and None, and tuples of these, by
    ``==``; any other key by its pickle. So equal keys of other kinds may count as different when they were built
    in different ways (sets in another order, say): then both calls are made.

    Example:
        >>> flights = dgo.SingleFlight()
        >>> value, shared = flights.do("config", load_config, path)
    """

    __slots__ = ()
    KIND: ClassVar[str] = "singleflight"
    CORE: ClassVar[type] = Core

    def __init__(self) -> None:
        self._node = current.get()
        self._core = Core(describe_lost_leader)
        self._ref = None

    def do(self, key: Any, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> tuple[T, bool]:
        """Calls ``fn``, or waits for the call that another goroutine makes for ``key``, and returns its result.

        The caller that comes first for a key calls ``fn`` itself, here. Who comes meanwhile, wherever it runs, blocks
        until that call has ended, and gets its own copy of the result.

        Returns:
            ``(value, shared)``: the result, and whether more than one caller got it.

        Raises:
            BaseException: what ``fn`` raised, of the same type for all.
            CancelledError: the goroutine that called ``fn`` for all was cancelled, or left.
            WorkerLost: the process in which ``fn`` was called for all has died.
            SerializationError: key or result cannot travel; the message gives the way to the offending part.
            ChannelLost: the process in which this object lived has died.
        """
        given = self._do("join", key_form(key, self._node), undo=self._nobody_leads).result
        if type(given) is Outcome:
            if given.ending == Ending.RETURNED:
                return cast("T", thaw(given.value)), True
            raise thaw_exception(given.value)
        try:
            value = fn(*args, **kwargs)
            frozen = freeze(value, "the result")
        except BaseException as error:
            self._abort(given, error)
            raise
        return value, self._finish(given, frozen)

    def _finish(self, flight: int, frozen: Any) -> bool:
        try:
            return bool(self._ask("finish", flight, frozen))
        except ChannelLost:
            return False  # who waited has been told that; the value is good all the same
        except SerializationError as error:  # it is too large to travel
            self._abort(flight, error)
            raise

    def _abort(self, flight: int, error: BaseException) -> None:
        """Tells all who wait. Does not wait itself: the caller's error is on its way."""
        if not isinstance(error, Exception):
            error = CancelledError(f"the goroutine that made this call for all ended by {type(error).__name__}")
        record = freeze_exception(error)
        with self._node.lock:
            self._tell("abort", flight, *record)
            self._node.host.soon()

    def _nobody_leads(self, given: Any) -> None:
        """The wait was broken off, but this goroutine was to lead. Under the node's lock."""
        if type(given) is not Outcome:
            self._abort(given, CancelledError("the goroutine that was to make this call for all was interrupted"))

    def forget(self, key: Any) -> None:
        """Makes the next ``do`` for ``key`` call its function, even while an earlier call goes on."""
        self._ask("forget", key_form(key, self._node))

    def statistics(self) -> SingleFlightStatistics:
        """How many calls are under way and how many callers wait, at this moment."""
        return SingleFlightStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # two values, see the core

    def __repr__(self) -> str:
        if self._core is None:
            return f"SingleFlight({self._id_text}, elsewhere)"
        return f"SingleFlight({self._id_text}, {len(self._core.flights)} calls under way)"


KINDS[SingleFlight.KIND] = SingleFlight
