"""Go's WaitGroup.

Invariants: the counter is never negative; nobody waits while it is zero; ``entered`` says how much of the
counter each other process answers for. (It can be more than the counter: whoever called ``done()`` too often
was too early to be told. The end or the loss of those goroutines then leaves the counter at zero, because
nobody is there who could be told.)
"""

from __future__ import annotations

from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket

__all__ = ["WaitGroup"]


class WaitGroup:
    """The state of one wait group, at its home."""

    __slots__ = ("__weakref__", "count", "entered", "number", "waiters")

    def __init__(self) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.count = 0
        self.waiters = Queue()
        self.entered: dict[int, int] | None = None

    def add(self, n: int) -> None:
        """Adds ``n`` (may be negative) to the counter; at zero all waiters go on.

        Raises:
            ValueError: the counter would become negative; nothing changes.
        """
        if self.count + n < 0:
            raise ValueError(
                f"negative WaitGroup counter: add({n}) to a counter of {self.count}; "
                "done() was called more often than add()"
            )
        self.count += n
        if not self.count:
            while self.waiters.first is not None:
                ticket = self.waiters.take()
                ticket.complete()

    def enter(self, node: int) -> None:
        """Another process starts a goroutine of the group, and will say when it has ended."""
        self.add(1)
        if self.entered is None:
            self.entered = {}
        self.entered[node] = self.entered.get(node, 0) + 1

    def leave(self, node: int) -> None:
        """A goroutine that ``node`` started has ended."""
        if self.entered is not None and self.entered.get(node):
            self.entered[node] -= 1
            self._take(1)

    def lost(self, node: int) -> None:
        """``node`` died: nobody will say when the goroutines that it started end, so they count as ended."""
        count = self.entered.pop(node, 0) if self.entered is not None else 0
        self._take(count)

    def _take(self, count: int) -> None:
        count = min(count, self.count)
        if count:
            self.add(-count)

    def wait(self, ticket: Ticket) -> None:
        """Completes ``ticket`` when the counter is zero: now or later."""
        if self.count:
            ticket.enqueue(self.waiters)
        else:
            ticket.complete()

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.count >= 0
        assert self.count or not self.waiters
        for ticket in self.waiters:
            assert ticket.state == WAITING
            assert ticket.queue is self.waiters
