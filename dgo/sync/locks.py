"""Mutex and RWMutex: locks with an owner whose death is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, NamedTuple

from dgo.core.mutex import Mutex as MutexCore
from dgo.core.owner import Owner
from dgo.core.rwmutex import RWMutex as RWMutexCore
from dgo.runtime import current
from dgo.runtime.locks import caller, dropped, held
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import thaw

__all__ = ["Mutex", "MutexStatistics", "RWMutex", "RWMutexStatistics"]


class MutexStatistics(NamedTuple):
    """A Mutex at one moment.

    Attributes:
        holder: the id of the goroutine that holds it, or whose thread does; None if it is unlocked.
        waiting: how many wait for it.
    """

    holder: str | None
    waiting: int


class RWMutexStatistics(NamedTuple):
    """An RWMutex at one moment.

    Attributes:
        writer: the id of the goroutine that holds it for writing, or whose thread does; None if nobody does.
        readers: how many read locks are held.
        waiting_writers: how many wait to write.
        waiting_readers: how many wait to read.
    """

    writer: str | None
    readers: int
    waiting_writers: int
    waiting_readers: int


class _Lock(SharedObject):
    """Taking and returning a lock, and noting that the calling goroutine holds it."""

    __slots__ = ()

    def _lock(self, attempt: Callable[[Any, Owner], bool], name: str, timeout: float | None, *how: Any) -> None:
        node = self._node
        core = self._core
        task = node.host.current()
        if core is None or task is None:
            own = caller(node)[1]
            taken = core is not None and self._attempt(core, attempt, own)
        else:
            own = (node.id, task.spawner, task.number)
            lock = node.lock
            try:  # a goroutine's short way: see ``dgo.channels``
                lock.acquire()
                taken = attempt(core, own)
            finally:
                lock.release()
        if not taken:
            self._do(name, own, timeout=timeout, undo=partial(self._withdraw, own, *how))
        if task is not None:
            held(task, self._ref if core is None else core)

    def _attempt(self, core: Any, attempt: Callable[[Any, Owner], bool], own: Owner) -> bool:
        with self._node.lock:
            return attempt(core, own)

    def _withdraw(self, *args: Any) -> None:
        self._tell("withdraw", *args[:-1])  # the last one is the operation's result

    def _try_lock(self, attempt: Callable[[Any, Owner], bool], name: str, *how: Any) -> bool:
        node = self._node
        task, own = caller(node)
        core = self._core
        if core is not None:
            with node.lock:
                taken = attempt(core, own)
        else:
            taken = self._do(name, own, undo=partial(self._undo_try, own, *how)).result
        if taken:
            held(task, self._ref if core is None else core)
        return taken

    def _undo_try(self, *args: Any) -> None:
        if args[-1]:
            self._withdraw(*args)

    def _unlock(self, method: Callable[..., None], name: str, *args: Any) -> None:
        node = self._node
        core = self._core
        task = node.host.current()
        if core is None:
            self._ask(name, *args)
        elif task is None:
            with node.lock:
                method(core, *args)
        else:
            lock = node.lock
            try:  # as in _lock
                lock.acquire()
                method(core, *args)
            finally:
                lock.release()
        if task is not None:
            dropped(task, self._ref if core is None else core)


class Mutex(_Lock):
    """A lock that one goroutine at a time can hold (Go's ``sync.Mutex``).

    It is not reentrant, and may be unlocked by another goroutine than the one that locked it. Whoever waits gets
    it in the order of arrival.

    If its holder's process dies, or its holder ends without unlocking it, the lock is free, and the first
    ``lock()`` or ``try_lock()`` after that raises ``LockLost`` once, without holding it: what it protects may be
    half-changed. (A thread of the driver holds it until the driver dies.)

    Example:
        >>> m = dgo.Mutex()
        >>> with m:
        ...     pass  # nobody else is here, in no process
    """

    __slots__ = ()
    KIND: ClassVar[str] = "mutex"
    CORE: ClassVar[type] = MutexCore

    def __init__(self) -> None:
        self._node = current.get()
        self._core = MutexCore()
        self._ref = None

    def lock(self, timeout: float | None = None) -> None:
        """Locks it; blocks while somebody holds it.

        Args:
            timeout: seconds to wait at most.

        Raises:
            LockLost: the world: its holder died (or ended) without unlocking it. It is not locked now; lock it again.
            Timeout: the timeout ran out; it is not locked by the caller.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._lock(MutexCore.try_lock, "lock", timeout)

    def try_lock(self) -> bool:
        """Locks it if nobody holds it; never waits for a holder. True if it is locked now.

        Raises:
            LockLost: as ``lock()``.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        return self._try_lock(MutexCore.try_lock, "try_lock")

    def unlock(self) -> None:
        """Unlocks it; the first who waits has it then.

        Raises:
            MisuseError: you: it is not locked; nothing changes.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._unlock(MutexCore.unlock, "unlock")

    def statistics(self) -> MutexStatistics:
        """Who holds it and how many wait, at this moment."""
        return MutexStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # two values, see the core

    def __enter__(self) -> Mutex:
        self.lock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def __repr__(self) -> str:
        if self._core is None:
            return f"Mutex({self._id_text}, elsewhere)"
        with self._node.lock:
            holder, waiting = self._core.statistics()
            text = f"Mutex({self._id_text}, {'unlocked' if holder is None else f'locked by {holder}'}"
        return text + (f", {waiting} waiting)" if waiting else ")")


class RWMutex(_Lock):
    """A lock that many readers or one writer can hold (Go's ``sync.RWMutex``).

    A writer that waits stops new readers, and when a writer unlocks, the readers that wait go first: neither
    starves. So a goroutine must not ask for a second read lock while it holds one: a writer may be in between.

    If the process of a writer dies, or the writer ends without unlocking, the first ``lock()`` or ``try_lock()``
    after that raises ``LockLost`` once. Readers are not told. Read locks of those who died or ended are returned.
    """

    __slots__ = ()
    KIND: ClassVar[str] = "rwmutex"
    CORE: ClassVar[type] = RWMutexCore

    def __init__(self) -> None:
        self._node = current.get()
        self._core = RWMutexCore()
        self._ref = None

    def lock(self, timeout: float | None = None) -> None:
        """Locks it for writing; blocks while somebody writes or reads.

        Args:
            timeout: seconds to wait at most.

        Raises:
            LockLost: the world: a writer died (or ended) without unlocking. It is not locked now; lock it again.
            Timeout: the timeout ran out; it is not locked by the caller.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._lock(RWMutexCore.try_lock, "lock", timeout, True)

    def try_lock(self) -> bool:
        """Locks it for writing if nobody holds it; never waits for a holder. True if it is locked now.

        Raises:
            LockLost: as ``lock()``.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        return self._try_lock(RWMutexCore.try_lock, "try_lock", True)

    def unlock(self) -> None:
        """Ends the writing.

        Raises:
            MisuseError: you: it is not locked for writing; nothing changes.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._unlock(RWMutexCore.unlock, "unlock")

    def rlock(self, timeout: float | None = None) -> None:
        """Locks it for reading; blocks while somebody writes or waits to write.

        Args:
            timeout: seconds to wait at most.

        Raises:
            Timeout: the timeout ran out; it is not locked by the caller.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._lock(RWMutexCore.try_rlock, "rlock", timeout, False)

    def try_rlock(self) -> bool:
        """Locks it for reading if nobody writes or waits to write. True if it is locked now.

        Raises:
            ChannelLost: the world: the process in which the lock lived has died.
        """
        return self._try_lock(RWMutexCore.try_rlock, "try_rlock", False)

    def runlock(self) -> None:
        """Returns a read lock.

        Raises:
            MisuseError: you: nobody holds a read lock; nothing changes.
            ChannelLost: the world: the process in which the lock lived has died.
        """
        self._unlock(RWMutexCore.runlock, "runlock", caller(self._node)[1])

    @contextmanager
    def read(self) -> Iterator[RWMutex]:
        """``with rw.read():`` holds a read lock; see ``rlock``."""
        self.rlock()
        try:
            yield self
        finally:
            self.runlock()

    @contextmanager
    def write(self) -> Iterator[RWMutex]:
        """``with rw.write():`` holds the write lock; see ``lock``."""
        self.lock()
        try:
            yield self
        finally:
            self.unlock()

    def statistics(self) -> RWMutexStatistics:
        """Who holds it and how many wait, at this moment."""
        return RWMutexStatistics(*thaw(self._ask("statistics")))  # type: ignore[misc] # four values, see the core

    def __repr__(self) -> str:
        if self._core is None:
            return f"RWMutex({self._id_text}, elsewhere)"
        with self._node.lock:
            writer, readers, waiting_writers, waiting_readers = self._core.statistics()
            state = f"locked by {writer}" if writer is not None else f"{readers} readers" if readers else "unlocked"
            text = f"RWMutex({self._id_text}, {state}"
        if waiting_writers:
            text += f", {waiting_writers} waiting to write"
        if waiting_readers:
            text += f", {waiting_readers} waiting to read"
        return text + ")"


for _kind in (Mutex, RWMutex):
    KINDS[_kind.KIND] = _kind
