"""Goroutines that work on one task: they end together, and the first error counts."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, ParamSpec, cast

from dgo import goroutines
from dgo.context import Cancel, Context, background, with_cancel
from dgo.core.errgroup import ErrGroup as Core
from dgo.core.goroutine import Ending
from dgo.core.goroutine import Goroutine as Record
from dgo.errors import CancelledError, SerializationError
from dgo.ids import object_name
from dgo.runtime.groups import describe_lost_members
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import Compound, freeze_exception, thaw, thaw_exception

__all__ = ["ErrGroup", "ErrGroupStatistics"]

P = ParamSpec("P")


class ErrGroupStatistics(NamedTuple):
    """An ErrGroup at one moment.

    Attributes:
        running: its goroutines that have not ended.
        limit: how many may run at once; None: any number.
        waiting_to_start: calls of ``go`` that wait for one of them to end.
        waiting: calls of ``wait``.
    """

    running: int
    limit: int | None
    waiting_to_start: int
    waiting: int


class _ErrGroup(SharedObject):
    """The handle on the members of a group."""

    __slots__ = ()
    KIND: ClassVar[str] = "errgroup"
    CORE: ClassVar[type] = Core

    def enter(self) -> None:
        """Waits until a member may be started; it counts from then on."""
        self._do("enter", undo=self._nobody_started)

    def try_enter(self) -> bool:
        """Whether a member may be started; if so, it counts from now on."""
        return bool(self._do("try_enter", undo=self._nobody_started).result)

    def _nobody_started(self, entered: Any) -> None:
        """The wait was broken off, but the member counts. Under the node's lock."""
        if entered:
            self.leave(None)

    def ended(self, record: Record) -> None:
        """A member that this process started has ended. Under the node's lock."""
        self.leave(_error_of(record, self._node.id))

    def leave(self, error: Any) -> None:
        """A member has ended, with a frozen error unless that is None. Under the node's lock."""
        if error is None:
            self._tell("leave")
            return
        try:
            self._tell("fail", *error)
        except SerializationError as refused:  # it is too large to travel
            self._tell("fail", *freeze_exception(refused))


def _error_of(record: Record, node: int) -> Any:
    """The frozen error with which a goroutine has ended; None if it ended without."""
    outcome = record.outcome
    assert outcome is not None
    if outcome.ending in (Ending.RAISED, Ending.LOST, Ending.EXPIRED):
        return outcome.value
    if outcome.ending == Ending.CANCELLED:
        name = f"goroutine {object_name(node, record.number)} ({record.name})"
        return freeze_exception(CancelledError(f"{name} of an ErrGroup was cancelled"))
    return None


class ErrGroup(Compound):
    """Runs goroutines that belong together: the first error cancels ``group.ctx``, and ``wait()`` raises it.

    It can be passed to any goroutine and is the same group there.

    Args:
        ctx: ``group.ctx`` is derived from it; default: ``background()``.
        limit: how many goroutines of the group may run at once; default: any number.

    Raises:
        TypeError: you: ``ctx`` is no context, or ``limit`` no integer.
        ValueError: you: ``limit`` is not positive.

    Example:
        >>> with dgo.ErrGroup() as group:
        ...     for url in urls:
        ...         group.go(fetch, group.ctx, url)
    """

    __slots__ = ("_cancel", "_ctx", "_group")

    _group: _ErrGroup
    _ctx: Context
    _cancel: Cancel

    def __init__(self, ctx: Context | None = None, limit: int | None = None) -> None:
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise TypeError(f"dgo.ErrGroup(limit=...) takes an integer, not {limit!r:.80}")
        if limit is not None and limit < 1:
            raise ValueError(f"dgo.ErrGroup(limit={limit}): at least one goroutine has to be able to run")
        self._ctx, self._cancel = with_cancel(background() if ctx is None else ctx)
        core = Core(self._cancel._core, limit, describe_lost_members)
        self._group = cast("_ErrGroup", _ErrGroup._rebuild(self._cancel._node, core, None, []))

    @property
    def ctx(self) -> Context:
        """The group's context: cancelled with the first error as its cause, or when ``wait()`` ends."""
        return self._ctx

    def go(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Starts ``fn`` as a goroutine of the group; blocks while ``limit`` of them run.

        If it raises, is cancelled or dies with its worker, that is the group's error, if it is the first. The context
        is not handed to it: pass ``group.ctx`` if it wants to know.

        Raises:
            SerializationError: as ``dgo.go``; nothing is started.
            ChannelLost: the process in which the group lived has died.
        """
        prepared = goroutines.prepare(fn, args, kwargs, None)
        self._group.enter()
        self._start(prepared)

    def try_go(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """As ``go``, but starts nothing, and returns False, while ``limit`` goroutines run."""
        prepared = goroutines.prepare(fn, args, kwargs, None)
        if not self._group.try_enter():
            return False
        self._start(prepared)
        return True

    def _start(self, prepared: goroutines.Prepared) -> None:
        group = self._group
        try:
            prepared.start(group.ended, asked=True)
        except BaseException:
            with group._node.lock:
                group.leave(None)
            raise

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until all goroutines of the group have ended, and cancels ``group.ctx``.

        Args:
            timeout: seconds to wait at most.

        Raises:
            BaseException: the first error among them, of the same type, with the remote traceback as its cause
                (``WorkerLost`` if a worker died, ``CancelledError`` if a goroutine was cancelled).
            Timeout: the timeout ran out; the group goes on.
            ChannelLost: the process in which the group lived has died.
        """
        outcome = self._group._ask("wait", timeout=timeout)
        if outcome.value is not None:
            raise thaw_exception(outcome.value)

    def statistics(self) -> ErrGroupStatistics:
        """How many run and how many wait, at this moment."""
        return ErrGroupStatistics(*thaw(self._group._ask("statistics")))  # type: ignore[misc] # four values, see the core

    def __enter__(self) -> ErrGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits. An error of the block cancels ``group.ctx``, with itself as the cause, before that."""
        if error is None:
            self.wait()
            return
        self._cancel(error)
        self._group._ask("wait")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ErrGroup):
            return NotImplemented
        return self._group == other._group

    def __hash__(self) -> int:
        return hash(self._group)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._group, self._ctx, self._cancel)

    def __repr__(self) -> str:
        group = self._group
        core = group._core
        if core is None:
            return f"ErrGroup({group._id_text}, elsewhere)"
        limit = "" if core.limit is None else f" of {core.limit}"
        return f"ErrGroup({group._id_text}, {core.count}{limit} running{', failed' if core.error else ''})"


def _restore(group: _ErrGroup, ctx: Context, cancel: Cancel) -> ErrGroup:
    restored = ErrGroup.__new__(ErrGroup)
    restored._group, restored._ctx, restored._cancel = group, ctx, cancel
    return restored


KINDS[_ErrGroup.KIND] = _ErrGroup
