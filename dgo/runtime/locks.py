"""Locks of other processes and goroutines: their operations, and which of them a goroutine holds.

A lock is held by an owner (``dgo.core.owner``): the caller names itself. A goroutine's task notes each lock that
it takes (``held``, ``dropped``); what is left at its end, however it ends, is *abandoned*: the home is told, which
ignores it if somebody else has unlocked meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo.core.cond import Cond
from dgo.core.mutex import Mutex
from dgo.core.once import Once
from dgo.core.owner import Owner
from dgo.core.rwmutex import RWMutex
from dgo.core.semaphore import Semaphore
from dgo.core.ticket import Ticket
from dgo.errors import DgoError
from dgo.runtime.operations import register
from dgo.runtime.shared import Ref

if TYPE_CHECKING:
    from dgo.runtime.node import Node
    from dgo.runtime.task import Task

__all__ = ["abandon_all", "caller", "dropped", "held"]


def caller(node: Node) -> tuple[Task | None, Owner]:
    """Who calls: the task, if it is a goroutine, and the owner that it is."""
    task = node.host.current()
    if task is not None:
        return task, (node.id, task.spawner, task.number)
    who, spawner, number = node.host.who()
    return None, (who, spawner, number)


def held(task: Task | None, lock: Any) -> None:
    """The goroutine ``task`` (None: a thread) has taken ``lock``: an object of this process, or a ``Ref``."""
    if task is not None:
        extras = task.extra()
        holding = extras.holding
        if holding is None:
            extras.holding = {lock: 1}
        else:
            holding[lock] = holding.get(lock, 0) + 1


def dropped(task: Task | None, lock: Any) -> None:
    """The goroutine ``task`` has unlocked ``lock``, which another one may have locked."""
    if task is not None and task.extras is not None and (holding := task.extras.holding):
        count = holding.pop(lock, 0)
        if count > 1:
            holding[lock] = count - 1


def abandon_all(node: Node, task: Task) -> None:
    """The goroutine ``task`` has ended with locks in its hands. Under the node's lock."""
    extras = task.extra()
    holding, extras.holding = extras.holding, None
    who = (node.id, task.spawner, task.number)
    for lock in holding or ():
        if not isinstance(lock, Ref):
            lock.abandon(who)
        elif lock.lost is None and node.closed is None:
            node.remote.start(lock, "abandon", [who], None, None)


# ---- operations ----------------------------------------------------------------------------------


def _by(method: Callable[..., object], *, waits: bool = False) -> Callable[..., None]:
    """The operation ``method(core, owner, *args)``; if it ``waits``, ``method(core, ticket, owner, *args)``."""

    def run(core: Any, ticket: Ticket, who: Any, *args: Any) -> None:
        own = _checked_owner(ticket, who)
        if waits:
            method(core, ticket, own, *args)
        else:
            complete(ticket, method, core, own, *args)

    return run


def _checked_owner(ticket: Ticket, who: Any) -> Owner:
    parts = tuple(who) if isinstance(who, (list, tuple)) else ()
    if len(parts) != 3 or any(type(part) is not int for part in parts):
        raise TypeError("an owner is three numbers")
    if ticket.remote and parts[0] != ticket.origin:
        raise TypeError("a process speaks for its own goroutines only")
    return parts


def complete(ticket: Ticket, method: Callable[..., object], *args: Any) -> None:
    """Completes ``ticket`` with what ``method(*args)`` returns, or fails it with dgo's error."""
    try:
        result = method(*args)
    except DgoError as error:
        ticket.fail(error)
        return
    ticket.complete(result)


def _plain(method: Callable[..., object]) -> Callable[..., None]:
    """The operation ``method(core)``."""

    def run(core: Any, ticket: Ticket) -> None:
        complete(ticket, method, core)

    return run


def _withdraw(lock: RWMutex, ticket: Ticket, who: Any, writing: bool) -> None:
    lock.withdraw(_checked_owner(ticket, who), writing)
    ticket.complete()


def _acquire(semaphore: Semaphore, ticket: Ticket, node: int, units: int) -> None:
    semaphore.acquire(ticket, *_request(semaphore, ticket, node, units))


def _try_acquire(semaphore: Semaphore, ticket: Ticket, node: int, units: int) -> None:
    ticket.complete(semaphore.try_acquire(*_request(semaphore, ticket, node, units)))


def _release(semaphore: Semaphore, ticket: Ticket, node: int, units: int) -> None:
    if type(units) is not int or units < 1:
        raise TypeError("units are counted")
    complete(ticket, semaphore.release, _checked_process(ticket, node), units)


def _request(semaphore: Semaphore, ticket: Ticket, node: int, units: int) -> tuple[int, int]:
    if type(units) is not int or not 1 <= units <= semaphore.size:
        raise TypeError("so many units cannot be acquired")
    return _checked_process(ticket, node), units


def _checked_process(ticket: Ticket, node: int) -> int:
    if ticket.remote and node != ticket.origin:
        raise TypeError("a process speaks for its own goroutines only")
    return node


def _enter(cond: Cond, ticket: Ticket, node: int) -> None:
    ticket.complete(cond.enter(_checked_process(ticket, node)))


def _leave(cond: Cond, ticket: Ticket, number: int, taken: bool) -> None:
    cond.leave(number, taken)
    ticket.complete()


register(Mutex, "lock", _by(Mutex.lock, waits=True))
register(Mutex, "try_lock", _by(Mutex.try_lock))
register(Mutex, "unlock", _plain(Mutex.unlock))
register(Mutex, "withdraw", _by(Mutex.withdraw))
register(Mutex, "abandon", _by(Mutex.abandon))
register(Mutex, "statistics", _plain(Mutex.statistics))
register(RWMutex, "lock", _by(RWMutex.lock, waits=True))
register(RWMutex, "try_lock", _by(RWMutex.try_lock))
register(RWMutex, "unlock", _plain(RWMutex.unlock))
register(RWMutex, "rlock", _by(RWMutex.rlock, waits=True))
register(RWMutex, "try_rlock", _by(RWMutex.try_rlock))
register(RWMutex, "runlock", _by(RWMutex.runlock))
register(RWMutex, "withdraw", _withdraw)
register(RWMutex, "abandon", _by(RWMutex.abandon))
register(RWMutex, "statistics", _plain(RWMutex.statistics))
register(Once, "begin", _by(Once.begin, waits=True))
register(Once, "finish", _by(Once.finish))
register(Once, "withdraw", _by(Once.withdraw))
register(Once, "abandon", _by(Once.abandon))
register(Once, "statistics", _plain(Once.statistics))
register(Semaphore, "acquire", _acquire)
register(Semaphore, "try_acquire", _try_acquire)
register(Semaphore, "release", _release)
register(Semaphore, "statistics", _plain(Semaphore.statistics))
register(Cond, "mutex", lambda cond, ticket: ticket.complete(cond.mutex))
register(Cond, "enter", _enter)
register(Cond, "wait", Cond.wait)
register(Cond, "leave", _leave)
register(Cond, "notify", _plain(Cond.notify))
register(Cond, "notify_all", _plain(Cond.notify_all))
register(Cond, "statistics", _plain(Cond.statistics))
