"""Go's context, at its home: a channel that is closed when the context is cancelled.

Nothing is ever sent on it: receivers wait for the close. Invariants (``check()`` asserts them):

1. A context is cancelled at most once; the first kind and cause stay.
2. All its children are live while it is, and cancelled with it, in the same step; a cancelled one has neither
   parent nor children nor watchers.
3. A child knows its parent exactly while the parent knows it.
4. No child's deadline is later than its parent's.

A parent keeps its children until either is cancelled, as in Go. A child in another process has no entry
here: its home *watches* the parent, by a ticket that ends with it.
"""

from __future__ import annotations

from typing import Any, Protocol

from dgo.core.channel import Channel
from dgo.core.goroutine import Outcome
from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket

__all__ = ["CANCELLED", "EXPIRED", "LIVE", "Context", "Keeper"]

LIVE, CANCELLED, EXPIRED = 0, 1, 2


class Keeper(Protocol):
    """What the runtime keeps for a context: its timer, the watch on a parent elsewhere."""

    def release(self) -> object:
        """The context is cancelled."""


class Context(Channel):
    """The state of one context that can be cancelled; it is its own ``done`` channel.

    Attributes:
        kind: LIVE, CANCELLED, or EXPIRED when its deadline passed.
        cause: the frozen exception that was given as the cause, or None.
        deadline: when it expires, by the clock of its home; None: never.
        until: the same moment for people: seconds since 1970.
        keeper: released when the context is cancelled; None in tests of the core.
    """

    __slots__ = ("cause", "children", "deadline", "keeper", "kind", "parent", "until", "watchers")

    def __init__(self, keeper: Keeper | None = None) -> None:
        super().__init__(0)
        self.kind = LIVE
        self.cause: Any = None
        self.deadline: float | None = None
        self.until: float | None = None
        self.keeper = keeper
        self.parent: Context | None = None
        self.children: dict[Context, None] = {}
        self.watchers = Queue()

    def adopt(self, child: Context) -> None:
        """Makes ``child`` (new) end with this context: at once, if this one has been cancelled."""
        child.deadline, child.until = self.deadline, self.until
        if self.kind != LIVE:
            child.cancel(self.kind, self.cause)
            return
        child.parent = self
        self.children[child] = None

    def limit(self, deadline: float, until: float) -> bool:
        """Gives it a deadline (before it has children).

        Returns:
            False, and nothing changes, if it has an earlier one.
        """
        if self.deadline is not None and self.deadline <= deadline:
            return False
        self.deadline, self.until = deadline, until
        return True

    def cancel(self, kind: int, cause: Any) -> bool:
        """Cancels this context and all below it, parents before children.

        Returns:
            False, and nothing changes, if it was cancelled before.
        """
        if self.kind != LIVE:
            return False
        if self.parent is not None:
            del self.parent.children[self]
        todo = [self]  # not a recursion: contexts may be nested deeper than the stack
        while todo:
            context = todo.pop()
            todo.extend(reversed(context.children))
            context._end(kind, cause)
        return True

    def _end(self, kind: int, cause: Any) -> None:
        self.cause = cause
        self.kind = kind
        self.parent = None
        self.children = {}
        self.close_soon()
        while self.watchers:
            ticket = self.watchers.take()
            ticket.complete(Outcome(kind, cause))
        if self.keeper is not None:
            self.keeper.release()

    def watch(self, ticket: Ticket) -> None:
        """Completes ``ticket`` with kind and cause when the context is cancelled: now or later."""
        if self.kind != LIVE:
            ticket.complete(Outcome(self.kind, self.cause))
        else:
            ticket.enqueue(self.watchers)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        super().check()
        assert not self.buffer, "nothing is sent on it"
        if self.kind != LIVE:
            assert self.parent is None, "2: a cancelled context has a parent"
            assert not self.children, "2: a cancelled context has children"
            assert not self.watchers, "2: somebody watches a cancelled context"
        for child in self.children:
            assert child.kind == LIVE, "2: a cancelled child"
            assert child.parent is self, "3: a child does not know its parent"
            if self.deadline is not None:
                assert child.deadline is not None, "4: a child without its parent's deadline"
                assert child.deadline <= self.deadline, "4: a child outlives its parent"
        assert self.parent is None or self in self.parent.children, "3: a parent does not know its child"
        for ticket in self.watchers:
            assert ticket.state == WAITING
            assert ticket.queue is self.watchers
