"""Synchronisation objects that are the same in every process."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, ParamSpec

from dgo import goroutines
from dgo.core.goroutine import Goroutine as Record
from dgo.core.waitgroup import WaitGroup as Core
from dgo.runtime import current
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import snapshot_call

__all__ = ["WaitGroup"]

P = ParamSpec("P")


class WaitGroup(SharedObject):
    """Waits for a number of goroutines to end (Go's ``sync.WaitGroup``).

    Example:
        >>> wg = dgo.WaitGroup()
        >>> for n in range(3):
        ...     wg.go(print, n)
        >>> wg.wait()
    """

    __slots__ = ()
    KIND: ClassVar[str] = "wg"
    CORE: ClassVar[type] = Core

    def __init__(self) -> None:
        self._node = current.get()
        self._core = Core()
        self._ref = None

    def add(self, n: int = 1) -> None:
        """Adds ``n`` to the counter (may be negative). At zero, all who wait go on.

        Raises:
            ValueError: you: the counter would become negative; it stays as it is.
        """
        if not isinstance(n, int):
            raise TypeError(f"WaitGroup.add() takes an integer, not {n!r:.80}")
        if self._core is None:
            self._ask("add", n)
            return
        node = self._node
        if node.execution is None:
            with node.lock:
                self._core.add(n)
            return
        lock = node.lock
        try:  # the short way: see ``dgo.channels``
            lock.acquire()
            self._core.add(n)
        finally:
            lock.release()

    def done(self) -> None:
        """Takes one from the counter.

        Raises:
            ValueError: you: ``done()`` was called more often than ``add()``.
        """
        self.add(-1)

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until the counter is zero.

        Args:
            timeout: seconds to wait at most.

        Raises:
            Timeout: the timeout ran out.
            ChannelLost: the process in which the group lived has died.
        """
        self._ask("wait", timeout=timeout)

    def go(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Starts ``fn`` as a goroutine of the group: ``add(1)``, ``dgo.go``, and ``done()`` at its end,
        however it ends, also if its worker dies.

        Raises:
            SerializationError: as ``dgo.go``; the counter is unchanged.
        """
        node = self._node
        core = self._core
        call = snapshot_call(fn, args, kwargs)
        if core is not None:
            with node.lock:
                if node.closed is None and node.spawner.has_room():
                    core.add(1)
                    try:
                        node.spawner.spawn(call, None, self._release)
                    except BaseException:
                        core.add(-1)
                        raise
                    return
        self._go_later(goroutines.Prepared(node, call, None))

    def _go_later(self, prepared: goroutines.Prepared) -> None:
        """As ``go``, if the group lives elsewhere, or there is no room for a goroutine yet."""
        if self._core is None:
            self._ask("enter")
        else:
            self.add(1)
        try:
            prepared.start(self._release)
        except BaseException:
            with self._node.lock:
                self._release(None)
            raise

    def _release(self, record: Record | None) -> None:
        """A goroutine of the group has ended (under the node's lock)."""
        if self._core is not None:
            if self._core.count:  # else done() was called once too often: that call was told
                self._core.add(-1)
        elif self._ref is not None and self._ref.lost is None:
            self._node.remote.start(self._ref, "leave", [], _nobody_waits, None)

    def __enter__(self) -> WaitGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.wait()

    def __repr__(self) -> str:
        if self._core is None:
            return f"WaitGroup({self._id_text}, elsewhere)"
        with self._node.lock:
            waiting = len(self._core.waiters)
            return f"WaitGroup({self._id_text}, counter {self._core.count}, {waiting} waiting)"


def _nobody_waits(ticket: Any) -> None:
    """The answer to a done() that nobody waits for."""


KINDS[WaitGroup.KIND] = WaitGroup
