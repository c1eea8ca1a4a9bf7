"""Semaphore: a number of permits."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, cast

from dgo.core.semaphore import Semaphore as Core
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.wire.snapshot import thaw

__all__ = ["Semaphore", "SemaphoreStatistics"]


class SemaphoreStatistics(NamedTuple):
    """A Semaphore at one moment.

    Attributes:
        size: how many units there are.
        free: how many are not acquired.
        waiting: how many requests wait.
    """

    size: int
    free: int
    waiting: int


class Semaphore(SharedObject):
    """A number of units that goroutines acquire and release (Go's ``golang.org/x/sync/semaphore``).

    First come, first served: a request for many units is not overtaken by requests for few. Units may be released
    by another goroutine than the one that acquired them. Units of a process that dies are returned; those of a
    goroutine that ends are not.

    Args:
        n: how many units there are, at least 1.

    Example:
        >>> three_at_a_time = dgo.Semaphore(3)
        >>> with three_at_a_time:
        ...     pass
    """

    __slots__ = ("_size",)
    KIND: ClassVar[str] = "semaphore"
    CORE: ClassVar[type] = Core

    _size: int

    def __init__(self, n: int) -> None:
        self._size = _count(n, "Semaphore")
        self._node = current.get()
        self._core = Core(self._size)
        self._ref = None

    def _meta(self) -> list[Any]:
        return [self._size]

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("Semaphore", super()._rebuild(node, core, ref, meta))
        (handle._size,) = meta
        return handle

    def _units(self, k: int, operation: str) -> int:
        units = _count(k, operation)
        if units > self._size:
            raise ValueError(f"{operation}({units}) of a Semaphore of {self._size} units would wait for ever")
        return units

    def acquire(self, k: int = 1, timeout: float | None = None) -> None:
        """Takes ``k`` units; blocks until they are free and everybody who came before has been served.

        Args:
            k: how many units, 1 to the semaphore's size.
            timeout: seconds to wait at most.

        Raises:
            ValueError: you: there are not so many units, or fewer than 1 were asked for.
            Timeout: the timeout ran out; nothing was taken.
            ChannelLost: the world: the process in which the semaphore lived has died.
        """
        units = self._units(k, "acquire")
        node = self._node
        if self._core is not None:
            with node.lock:
                if self._core.try_acquire(node.id, units):
                    return
        self._do("acquire", node.id, units, timeout=timeout, undo=partial(self._undo, units))

    def try_acquire(self, k: int = 1) -> bool:
        """Takes ``k`` units if they are free and nobody waits. True if they are taken now.

        Raises:
            ValueError: you: fewer than 1 were asked for.
            ChannelLost: the world: the process in which the semaphore lived has died.
        """
        units = _count(k, "try_acquire")
        if units > self._size:
            return False
        node = self._node
        if self._core is not None:
            with node.lock:
                return bool(self._core.try_acquire(node.id, units))
        return bool(self._do("try_acquire", node.id, units, undo=partial(self._undo_try, units)).result)

    def _undo(self, units: int, result: Any) -> None:
        self._tell("release", self._node.id, units)

    def _undo_try(self, units: int, result: Any) -> None:
        if result:
            self._undo(units, result)

    def release(self, k: int = 1) -> None:
        """Gives ``k`` units back.

        Raises:
            MisuseError: you: so many are not acquired; nothing changes.
            ValueError: you: ``k`` is less than 1.
            ChannelLost: the world: the process in which the semaphore lived has died.
        """
        units = _count(k, "release")
        node = self._node
        if self._core is not None:
            with node.lock:
                self._core.release(node.id, units)
        else:
            self._ask("release", node.id, units)

    def statistics(self) -> SemaphoreStatistics:
        """How many units are free and how many requests wait, at this moment."""
        return SemaphoreStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # three values, see the core

    def __enter__(self) -> Semaphore:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        if self._core is None:
            return f"Semaphore({self._id_text}, {self._size} units, elsewhere)"
        with self._node.lock:
            size, free, waiting = self._core.statistics()
            text = f"Semaphore({self._id_text}, {free} of {size} units free"
        return text + (f", {waiting} waiting)" if waiting else ")")


def _count(units: int, operation: str) -> int:
    """Units as a plain int.

    Raises:
        TypeError: that is no integer.
        ValueError: fewer than 1.
    """
    if not isinstance(units, int):
        raise TypeError(f"{operation}() takes an integer, not {units!r:.80}")
    if units < 1:
        raise ValueError(f"{operation}() takes 1 unit at least, not {units}")
    return int(units)


KINDS[Semaphore.KIND] = Semaphore
