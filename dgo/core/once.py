"""Go's Once: something is done by the first who asks; the others wait until it has been done.

::

    NEW ──begin──> RUNNING ──finish──> DONE
     ▲                │
     └──runner lost───┘      (one who waits, or the next who asks, is told)

Invariants (``check()`` asserts them): somebody waits only while it is RUNNING; ``notice`` is set only while
it is NEW.
"""

from __future__ import annotations

from dgo.core.owner import Owner, owner_name, owner_text
from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket
from dgo.errors import LockLost

__all__ = ["Once"]


class Once:
    """The state of one Once, at its home."""

    __slots__ = ("__weakref__", "done", "notice", "number", "runner", "waiters")

    def __init__(self) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.done = False
        self.runner: Owner | None = None
        self.notice: str | None = None
        self.waiters = Queue()

    def begin(self, ticket: Ticket, owner: Owner) -> None:
        """Asks to do it: completes the ticket with True (``owner`` does it, and says ``finish``), or with False
        once it has been done."""
        if self.done:
            ticket.complete(False)
        elif self.notice is not None:
            text, self.notice = self.notice, None
            ticket.fail(LockLost(text))
        elif self.runner is None:
            self.runner = owner
            ticket.complete(True)
        else:
            ticket.value = owner
            ticket.enqueue(self.waiters)

    def finish(self, owner: Owner) -> None:
        """``owner`` has done it (or failed to): it is done for ever. Nothing if ``owner`` does not run it."""
        if self.runner != owner:
            return
        self.runner = None
        self.done = True
        while self.waiters:
            ticket = self.waiters.take()
            ticket.complete(False)

    def withdraw(self, owner: Owner) -> None:
        """``owner`` was told to do it but had stopped waiting: as if it had never asked."""
        if self.runner == owner:
            self._next()

    def abandon(self, owner: Owner) -> None:
        """The goroutine ``owner`` has ended; it will not finish."""
        if self.runner == owner:
            self._lose(f"{owner_text(owner)} ended")

    def lost(self, node: int) -> None:
        """The process ``node`` died (its waiting tickets have left already)."""
        if self.runner is not None and self.runner[0] == node:
            self._lose(f"the process of {owner_text(self.runner)} died")

    def _lose(self, what: str) -> None:
        text = f"{what} in the middle of the function of this Once, which may be half done; the next do() runs it anew"
        if self.waiters:
            ticket = self.waiters.take()
            ticket.fail(LockLost(text))
        else:
            self.notice = text
        self._next()

    def _next(self) -> None:
        self.runner = None
        if self.waiters:
            ticket = self.waiters.take()
            self.runner = ticket.value
            ticket.complete(True)

    def statistics(self) -> tuple[bool, str | None, int]:
        """Whether it is done, who runs it, and how many wait."""
        return (self.done, None if self.runner is None else owner_name(self.runner), len(self.waiters))

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.runner is not None or not self.waiters
        assert not self.done or self.runner is None
        assert self.notice is None or (self.runner is None and not self.done)
        assert all(ticket.state == WAITING and ticket.queue is self.waiters for ticket in self.waiters)
