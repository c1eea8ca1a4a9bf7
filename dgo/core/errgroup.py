"""Go's errgroup, at its home: goroutines that end together, and the first error among them.

Invariants (``check()`` asserts them):

1. ``count`` members run, ``members`` says for which process each; never more than ``limit``.
2. Nobody waits to start one while there is room; who came first starts first.
3. Nobody waits for the end while no member runs.
4. Once a member has ended with an error the context is cancelled, and the first error stays.

A member belongs to the process that started it: it says when, and how, the member has ended. If that
process dies, its members count as ended, with an error that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dgo.core.context import CANCELLED, LIVE, Context
from dgo.core.goroutine import Ending, Outcome
from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket

__all__ = ["HERE", "ErrGroup"]

HERE = 0  # stands for the home itself among the processes that start members


class ErrGroup:
    """The state of one group, at its home.

    Args:
        context: the group's own, cancelled with the first error, or when a wait ends.
        limit: members that may run at once; None: any number.
        describe_loss: makes the frozen error of a process that died, from its node id and its number of members.
    """

    __slots__ = (
        "__weakref__", "context", "count", "describe_loss", "error", "limit", "members", "number", "queue", "waiters",
    )  # fmt: skip

    def __init__(self, context: Context, limit: int | None, describe_loss: Callable[[int, int], Any]) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.context = context
        self.limit = limit
        self.describe_loss = describe_loss
        self.count = 0
        self.members: dict[int, int] = {}
        self.queue = Queue()  # who waits to start a member; a ticket's value is its process
        self.waiters = Queue()
        self.error: Any = None  # the first one, frozen

    def enter(self, ticket: Ticket, node: int) -> None:
        """Completes ``ticket`` when ``node`` may start a member: now or later. It counts from then on."""
        if self.try_enter(node):
            ticket.complete(True)
        else:
            ticket.value = node
            ticket.enqueue(self.queue)

    def try_enter(self, node: int) -> bool:
        """A member is started by ``node``; False if too many run."""
        if self.limit is not None and self.count >= self.limit:
            return False
        self.count += 1
        self.members[node] = self.members.get(node, 0) + 1
        return True

    def leave(self, node: int, error: Any) -> None:
        """A member that ``node`` started has ended, with the frozen ``error`` unless that is None."""
        if self.members.get(node):
            self._fail(error)
            self._drop(node, 1)

    def lost(self, node: int) -> None:
        """``node`` died: nobody will say how the members that it started end."""
        count = self.members.get(node, 0)
        if count:
            self._fail(self.describe_loss(node, count))
            self._drop(node, count)

    def _fail(self, error: Any) -> None:
        if error is not None and self.error is None:
            self.error = error
            self.context.cancel(CANCELLED, error)

    def _drop(self, node: int, count: int) -> None:
        self.count -= count
        self.members[node] -= count
        if not self.members[node]:
            del self.members[node]
        while self.queue:
            ticket = self.queue.first
            if not self.try_enter(ticket.value):
                break
            self.queue.take()
            ticket.complete(True)
        if not self.count:
            while self.waiters:
                ticket = self.waiters.take()
                self._end_wait(ticket)

    def wait(self, ticket: Ticket) -> None:
        """Completes ``ticket`` with the first error (as an ``Outcome``) when no member runs: now or later."""
        if self.count:
            ticket.enqueue(self.waiters)
        else:
            self._end_wait(ticket)

    def _end_wait(self, ticket: Ticket) -> None:
        self.context.cancel(CANCELLED, None)
        ticket.complete(Outcome(Ending.RETURNED if self.error is None else Ending.RAISED, self.error))

    def statistics(self) -> tuple[int, int | None, int, int]:
        """Members that run, the limit, who waits to start one, who waits for the end."""
        return self.count, self.limit, len(self.queue), len(self.waiters)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.count == sum(self.members.values()), "1: the count of members"
        assert all(self.members.values()), "1: a process without members is listed"
        assert self.limit is None or self.count <= self.limit, "1: too many members"
        assert not self.queue or self.count == self.limit, "2: somebody waits although there is room"
        assert self.count or not self.waiters, "3: somebody waits for nobody"
        assert self.error is None or self.context.kind != LIVE, "4: an error did not cancel"
        for queue in (self.queue, self.waiters):
            for ticket in queue:
                assert ticket.state == WAITING
                assert ticket.queue is queue
