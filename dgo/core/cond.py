"""Go's Cond: goroutines wait until another one says that a condition may have become true.

The mutex may live in another process, so a wait takes three steps: ``enter`` (from now on a notification
counts), then the caller unlocks the mutex, then ``wait``. At its end, with the mutex locked again, the caller
says ``leave``. A waiter is::

    ENTERED ──wait──> PARKED ──notify──> NOTIFIED ──leave──> (gone)
       └──────────────notify──────────────▲

Invariants (``check()`` asserts them):

1. ``waiting`` are the waiters that nobody has notified, in the order in which they came, ``notified`` the others.
2. A waiter of ``waiting`` that is parked has a ticket in ``parked`` whose ``value`` is its number; nobody else
   has one.
3. A notification is used by one waiter: one that leaves without having taken it, or whose process dies before
   it has left, passes it on to the first of ``waiting``.
"""

from __future__ import annotations

from typing import Any

from dgo.core.line import Line
from dgo.core.ticket import WAITING, Ticket

__all__ = ["Cond"]


class Cond:
    """The state of one condition variable, at its home.

    Attributes:
        mutex: the handle on its lock; opaque here.
    """

    __slots__ = ("__weakref__", "last", "mutex", "notified", "number", "parked", "waiting")

    def __init__(self, mutex: Any) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.mutex = mutex
        self.last = 0  # the number of the last waiter
        self.waiting: dict[int, tuple[int, Ticket | None]] = {}  # number -> (process, its ticket once parked)
        self.notified: dict[int, int] = {}  # number -> process
        self.parked = Line()

    def enter(self, node: int) -> int:
        """A new waiter of the process ``node``; returns its number."""
        self.last += 1
        self.waiting[self.last] = (node, None)
        return self.last

    def wait(self, ticket: Ticket, number: int) -> None:
        """Completes the ticket once waiter ``number`` is notified: now or later."""
        if number in self.waiting:
            node, before = self.waiting[number]
            if before is not None:
                raise TypeError(f"waiter {number} waits already")
            self.waiting[number] = (node, ticket)
            ticket.value = number
            self.parked.join(ticket, self._left)
        elif number in self.notified:
            ticket.complete()
        else:
            raise TypeError(f"there is no waiter {number}")

    def leave(self, number: int, taken: bool) -> None:
        """Waiter ``number`` goes on. Unless it has ``taken`` its notification, the next one gets that."""
        if self.waiting.get(number, (0, None))[1] is None:  # one that is parked leaves by its ticket
            self.waiting.pop(number, None)
        if self.notified.pop(number, None) is not None and not taken:
            self.notify()

    def notify(self) -> bool:
        """Wakes the first who waits; False if nobody does."""
        if not self.waiting:
            return False
        number = next(iter(self.waiting))
        node, ticket = self.waiting.pop(number)
        self.notified[number] = node
        if ticket is not None:
            self.parked.remove(ticket)
            ticket.complete()
        return True

    def notify_all(self) -> None:
        """Wakes all who wait."""
        while self.notify():
            pass

    def lost(self, node: int) -> None:
        """The process ``node`` died: its waiters go, what they were told is passed on."""
        for number in [number for number, (process, _) in self.waiting.items() if process == node]:
            del self.waiting[number]  # none of them is parked: their tickets have left already
        for number in [number for number, process in self.notified.items() if process == node]:
            self.leave(number, False)

    def _left(self, ticket: Ticket) -> None:
        del self.waiting[ticket.value]

    def statistics(self) -> tuple[int]:
        """How many wait."""
        return (len(self.waiting),)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert not self.waiting.keys() & self.notified.keys()
        parked = {number: ticket for number, (_, ticket) in self.waiting.items() if ticket is not None}
        assert {ticket.value: ticket for ticket in self.parked} == parked
        assert list(self.waiting) == sorted(self.waiting)
        assert all(ticket.state == WAITING for ticket in self.parked)
        self.parked.check()
