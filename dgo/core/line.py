"""A line of waiting tickets that says when one of them gives up.

A ticket that is cancelled leaves its queue by itself (``Ticket.cancel``). For most objects that is all; but
where others may go on because the first in line has left, the object has to know.

Invariant: ``left`` is set while somebody waits, and only then: an object that nobody waits for is in no
reference cycle, so it goes with its last handle.
"""

from __future__ import annotations

from collections.abc import Callable

from dgo.core.queue import Queue
from dgo.core.ticket import Ticket

__all__ = ["Line"]


class Line(Queue):
    """Tickets in the order in which they came."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        super().__init__()
        self.left: Callable[[Ticket], object] | None = None

    def join(self, ticket: Ticket, left: Callable[[Ticket], object]) -> None:
        """The ticket waits at the end of the line; ``left(ticket)`` is called if it gives up."""
        ticket.enqueue(self)
        self.left = left

    def take(self) -> Ticket:
        """The first leaves in order to be served."""
        ticket: Ticket = super().take()
        if self.first is None:
            self.left = None
        return ticket

    def remove(self, party: Ticket) -> None:
        """The ticket leaves in order to be served."""
        super().remove(party)
        if self.first is None:
            self.left = None

    def give_up(self, party: Ticket) -> None:
        """The ticket leaves because it waits no longer."""
        left = self.left
        self.remove(party)
        if left is not None:
            left(party)

    def check(self) -> None:
        """Asserts the invariant at the head of this module, and those of every queue."""
        super().check()
        assert (self.left is not None) == bool(self)
        for ticket in self:
            assert ticket.queue is self
