"""Once: something that is done a single time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple, ParamSpec, cast

from dgo.core.once import Once as Core
from dgo.core.owner import Owner
from dgo.errors import DgoError
from dgo.runtime import current
from dgo.runtime.locks import caller, dropped, held
from dgo.runtime.node import Node
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.runtime.task import Task
from dgo.wire.snapshot import thaw

__all__ = ["Once", "OnceStatistics"]

P = ParamSpec("P")


class OnceStatistics(NamedTuple):
    """A Once at one moment.

    Attributes:
        done: whether its function has ended.
        runner: the id of the goroutine that runs it, or whose thread does; None if nobody does.
        waiting: how many wait for its end.
    """

    done: bool
    runner: str | None
    waiting: int


class Once(SharedObject):
    """Runs a function a single time, whoever asks for it, in whatever process (Go's ``sync.Once``).

    Example:
        >>> once = dgo.Once()
        >>> once.do(print, "only one goroutine says this")
    """

    __slots__ = ("_done",)
    KIND: ClassVar[str] = "once"
    CORE: ClassVar[type] = Core

    _done: bool  # as far as this handle knows; it never becomes untrue

    def __init__(self) -> None:
        self._node = current.get()
        self._core = Core()
        self._ref = None
        self._done = False

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("Once", super()._rebuild(node, core, ref, meta))
        handle._done = False
        return handle

    def do(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Calls ``fn`` if this is the first call of ``do``; otherwise blocks until the first one's function has ended.

        It runs in the caller's own goroutine. If it raises, its caller gets the exception, and it counts as done,
        as in Go. A ``do`` of the same Once inside ``fn`` waits for ever, as in Go.

        Raises:
            LockLost: the world: the process (or the goroutine) that ran the function died in the middle of it.
                One caller is told; the next ``do`` runs its function.
            ChannelLost: the world: the process in which the Once lived has died.
            TypeError: you: ``fn`` cannot be called; the Once is unused.
        """
        if not callable(fn):
            raise TypeError(f"Once.do() takes a function, not {fn!r:.80}")
        if self._done:
            return
        task, own = caller(self._node)
        if self._do("begin", own, undo=partial(self._undo, own)).result:
            self._run(task, own, partial(fn, *args, **kwargs))
        self._done = True

    def _run(self, task: Task | None, own: Owner, fn: Callable[[], object]) -> None:
        lock = self._ref if self._core is None else self._core
        held(task, lock)
        try:
            fn()
        except BaseException:
            try:
                self._ask("finish", own)
            except DgoError:
                pass  # the home is lost: what fn raised is what the caller has to know
            dropped(task, lock)
            raise
        self._ask("finish", own)
        dropped(task, lock)

    def _undo(self, own: Owner, runs: Any) -> None:
        if runs:
            self._tell("withdraw", own)

    def statistics(self) -> OnceStatistics:
        """Whether it is done, who runs it and how many wait, at this moment."""
        return OnceStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # three values, see the core

    def __repr__(self) -> str:
        if self._core is None:
            return f"Once({self._id_text}, elsewhere)"
        with self._node.lock:
            done, runner, waiting = self._core.statistics()
            state = "done" if done else "not done" if runner is None else f"run by {runner}"
            return f"Once({self._id_text}, {state}" + (f", {waiting} waiting)" if waiting else ")")


KINDS[Once.KIND] = Once
