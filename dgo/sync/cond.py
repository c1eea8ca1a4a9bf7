"""Cond: waiting until another goroutine says that something has changed."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

from dgo.core.cond import Cond as Core
from dgo.errors import DgoError, LockLost
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.sync.locks import Mutex, RWMutex
from dgo.wire.snapshot import thaw

__all__ = ["Cond", "CondStatistics"]


class CondStatistics(NamedTuple):
    """A Cond at one moment.

    Attributes:
        waiting: how many wait for a notification.
    """

    waiting: int


class Cond(SharedObject):
    """Goroutines wait, with a lock released, until one of them is notified (Go's ``sync.Cond``).

    The Cond and its lock may live in different processes. Whoever is notified looks again: by the time it has the
    lock, the condition may have become untrue.

    Args:
        mutex: the Mutex that protects what the condition is about (or an RWMutex, locked for writing).

    Example:
        >>> mutex = dgo.Mutex()
        >>> cond = dgo.Cond(mutex)
        >>> def consumer(queue):
        ...     with mutex:
        ...         while not len(queue):
        ...             cond.wait()
    """

    __slots__ = ("_mutex",)
    KIND: ClassVar[str] = "cond"
    CORE: ClassVar[type] = Core

    _mutex: Mutex | RWMutex | None  # None until a handle that came from elsewhere has asked

    def __init__(self, mutex: Mutex | RWMutex) -> None:
        if not isinstance(mutex, (Mutex, RWMutex)):
            raise TypeError(f"Cond() takes a dgo.Mutex or a dgo.RWMutex, not {mutex!r:.80}")
        self._node = current.get()
        self._core = Core(mutex)
        self._ref = None
        self._mutex = mutex

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("Cond", super()._rebuild(node, core, ref, meta))
        handle._mutex = core.mutex if core is not None else None
        return handle

    @property
    def mutex(self) -> Mutex | RWMutex:
        """Its lock (Go's ``L``).

        Raises:
            ChannelLost: the world: the process in which the Cond lived has died.
        """
        if self._mutex is None:
            self._mutex = cast("Mutex | RWMutex", thaw(self._ask("mutex")))
        return self._mutex

    def wait(self, timeout: float | None = None) -> None:
        """Unlocks the lock, blocks until notified, and locks it again, also when it raises.

        The caller must hold the lock. Call it in a loop that looks at the condition.

        Args:
            timeout: seconds to wait for a notification at most; locking again may take longer.

        Raises:
            MisuseError: you: the lock is not locked.
            Timeout: the timeout ran out; the lock is held again.
            LockLost: the world: meanwhile another holder of the lock died. The lock is held again, and what it
                protects may be half-changed.
            ChannelLost: the world: the process in which the Cond or its lock lived has died (if that was the
                lock's, nothing is held).
        """
        mutex = self.mutex
        number = self._do("enter", self._node.id, undo=self._undo_enter).result
        notified, unlocked = False, True  # an unlock that is interrupted happens all the same: its home was asked
        try:
            try:
                mutex.unlock()
            except DgoError:
                unlocked = False
                raise
            self._ask("wait", number, timeout=timeout)
            notified = True
        finally:
            try:
                if unlocked:
                    _lock_again(mutex)
            finally:
                with self._node.lock:
                    self._tell("leave", number, notified)

    def _undo_enter(self, number: Any) -> None:
        self._tell("leave", number, False)

    def notify(self) -> None:
        """Wakes the goroutine that has waited longest, if any waits. The caller need not hold the lock.

        Raises:
            ChannelLost: the world: the process in which the Cond lived has died.
        """
        self._ask("notify")

    def notify_all(self) -> None:
        """Wakes all that wait. The caller need not hold the lock.

        Raises:
            ChannelLost: the world: the process in which the Cond lived has died.
        """
        self._ask("notify_all")

    def statistics(self) -> CondStatistics:
        """How many wait, at this moment."""
        return CondStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # one value, see the core

    def __repr__(self) -> str:
        if self._core is None:
            return f"Cond({self._id_text}, elsewhere)"
        with self._node.lock:
            return f"Cond({self._id_text}, {len(self._core.waiting)} waiting)"


def _lock_again(mutex: Mutex | RWMutex) -> None:
    """Locks, whatever is told meanwhile: a ``with`` block around the wait will unlock."""
    lost: LockLost | None = None
    while True:
        try:
            mutex.lock()
            break
        except LockLost as error:
            lost = error
    if lost is not None:
        raise lost


KINDS[Cond.KIND] = Cond
