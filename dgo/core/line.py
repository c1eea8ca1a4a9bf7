"""A line of waiting tickets that says when one of them gives up.

A ticket that is cancelled leaves its queue by itself (``Ticket.cancel``). For most objects that is all; but
where others may go on because the first in line has left, the object has to know.

Invariant: ``left`` is set while somebody waits, and only then: an object that nobody waits for is in no
reference cycle, so it goes with its last handle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from dgo.core.ticket import Ticket

__all__ = ["Line"]


class Line(OrderedDict[Ticket, None]):
    """Tickets in the order in which they came."""

    left: Callable[[Ticket], object] | None = None

    def join(self, ticket: Ticket, left: Callable[[Ticket], object]) -> None:
        """The ticket waits at the end of the line; ``left(ticket)`` is called if it gives up."""
        ticket.enqueue(self)
        self.left = left

    def first(self) -> Ticket:
        """Who is first; the line is not empty."""
        return next(iter(self))

    def take(self, ticket: Ticket | None = None) -> Ticket:
        """Removes the first ticket, or the given one, in order to serve it."""
        if ticket is None:
            ticket = self.first()
        OrderedDict.__delitem__(self, ticket)
        if not self:
            self.left = None
        return ticket

    def __delitem__(self, ticket: Ticket) -> None:
        """The ticket gives up."""
        left = self.left
        self.take(ticket)
        if left is not None:
            left(ticket)

    def check(self) -> None:
        """Asserts the invariant at the head of this module."""
        assert (self.left is not None) == bool(self)
        for ticket in self:
            assert ticket.queue is self
