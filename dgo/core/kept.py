"""A value that was put: frozen once, read by whoever has a handle, never changed."""

from __future__ import annotations

from collections import deque
from typing import Any

from dgo.core.ticket import DONE, Ticket

__all__ = ["Copy", "Kept"]


class Kept:
    """The value at its home.

    Attributes:
        frozen: the value; this module does not look into it.
        nbytes: its size, for people.
        shipped: how often it was sent to another process.
        number: of the object, once it is exported.
    """

    __slots__ = ("__weakref__", "frozen", "nbytes", "number", "shipped")

    def __init__(self, frozen: Any, nbytes: int) -> None:
        self.frozen = frozen
        self.nbytes = nbytes
        self.shipped = 0
        self.number = 0

    def get(self, ticket: Ticket) -> None:
        """Another process asks for it."""
        self.shipped += 1
        ticket.complete(self.frozen)


class Copy:
    """What another process has of a kept value: it is on its way, or there, or has failed to come.

    ::

        ASKED ──answered──> THERE
          └─────failed────> FAILED (whoever asks next makes another)

    Invariant: tickets wait only while it is ASKED.

    Attributes:
        frozen: the value, once it is there.
        there: whether it is.
        failed: whether it will not come.
    """

    __slots__ = ("failed", "frozen", "there", "waiting")

    def __init__(self) -> None:
        self.frozen: Any = None
        self.there = False
        self.failed = False
        self.waiting: deque[Ticket] = deque()

    def wait(self, ticket: Ticket) -> None:
        """Completes ``ticket`` with the value when it comes."""
        assert not self.failed
        if self.there:
            ticket.complete(self.frozen)
        else:
            self.waiting.append(ticket)

    def answered(self, frozen: Any) -> None:
        """It has come: all that have waited get it."""
        self.frozen = frozen
        self.there = True
        while self.waiting:
            ticket = self.waiting.popleft()
            if ticket.state != DONE:
                ticket.complete(frozen)

    def fail(self, error: BaseException) -> None:
        """It will not come: all that have waited are told, each with an error of its own."""
        self.failed = True
        while self.waiting:
            ticket = self.waiting.popleft()
            if ticket.state != DONE:
                ticket.fail(type(error)(*error.args))

    def check(self) -> None:
        """Asserts the invariant at the head of this class."""
        assert not (self.there and self.failed)
        assert not self.waiting or not (self.there or self.failed)
