"""A weighted semaphore, first come first served (Go's ``golang.org/x/sync/semaphore``).

Invariants (``check()`` asserts them):

1. ``free + (units that processes hold) == size``, and neither is negative.
2. The first who waits wants more units than are free: a large request is not overtaken by small ones.
3. A waiting ticket's ``value`` is ``(node, units)``.

Units belong to the process that acquired them. Whoever releases gives back its own process's units first,
then others': a permit may be returned by another goroutine than the one that took it. Units of the dead are
returned.
"""

from __future__ import annotations

from dgo.core.line import Line
from dgo.core.ticket import WAITING, Ticket
from dgo.errors import MisuseError

__all__ = ["Semaphore"]


class Semaphore:
    """The state of one semaphore, at its home."""

    __slots__ = ("__weakref__", "free", "held", "number", "size", "waiters")

    def __init__(self, size: int) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.size = size
        self.free = size
        self.held: dict[int, int] = {}
        self.waiters = Line()

    def try_acquire(self, node: int, units: int) -> bool:
        """Takes units for the process ``node`` if they are free and nobody waits."""
        if self.waiters.first is not None or units > self.free:
            return False
        self._give(node, units)
        return True

    def acquire(self, ticket: Ticket, node: int, units: int) -> None:
        """Takes units (at most ``size``); completes the ticket now or later."""
        if self.try_acquire(node, units):
            ticket.complete()
        else:
            ticket.value = (node, units)
            self.waiters.join(ticket, self._left)

    def release(self, node: int, units: int) -> None:
        """Gives units back.

        Raises:
            MisuseError: so many are not acquired; nothing changes.
        """
        acquired = self.size - self.free
        if units > acquired:
            raise MisuseError(f"release({units}) of a Semaphore of which {acquired} of {self.size} units are acquired")
        left = self._return(node, units)
        while left:
            left = self._return(next(iter(self.held)), left)
        if self.waiters.first is not None:
            self._settle()

    def _give(self, node: int, units: int) -> None:
        self.free -= units
        self.held[node] = self.held.get(node, 0) + units

    def _return(self, node: int, units: int) -> int:
        """Takes up to ``units`` from what ``node`` holds; returns how many are still to be taken."""
        has = self.held.get(node, 0)
        taken = has if has < units else units
        self.free += taken
        if taken < has:
            self.held[node] = has - taken
        else:
            self.held.pop(node, None)
        return units - taken

    def lost(self, node: int) -> None:
        """The process ``node`` died (its waiting tickets have left already): its units are free."""
        self._return(node, self.size)
        self._settle()

    def _settle(self) -> None:
        while (first := self.waiters.first) is not None and first.value[1] <= self.free:
            ticket = self.waiters.take()
            self._give(*ticket.value)
            ticket.complete()

    def _left(self, ticket: Ticket) -> None:
        self._settle()  # it may have been a large request that kept smaller ones waiting

    def statistics(self) -> tuple[int, int, int]:
        """How many units there are, how many are free, and how many requests wait."""
        return (self.size, self.free, len(self.waiters))

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.free >= 0
        assert self.free + sum(self.held.values()) == self.size
        assert all(units > 0 for units in self.held.values())
        assert not self.waiters or self.waiters.first.value[1] > self.free
        self.waiters.check()
        assert all(ticket.state == WAITING for ticket in self.waiters)
