"""An ErrGroup agrees with a multiset of members, a first error and two lists of waiters."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dgo.core.context import CANCELLED, LIVE, Context
from dgo.core.errgroup import HERE, ErrGroup
from dgo.core.goroutine import Ending
from dgo.errors import Cancelled

from .tools import MANY, Local, run

NODES = st.sampled_from([HERE, 7, 8])
LOSABLE = st.sampled_from([7, 8])
ERRORS = st.none() | st.integers(1, 9)


def loss(node: int, count: int) -> tuple[str, int, int]:
    return ("lost", node, count)


class ErrGroupModel(RuleBasedStateMachine):
    @initialize(limit=st.none() | st.integers(1, 3))
    def start(self, limit: int | None) -> None:
        self.limit = limit
        self.group = ErrGroup(Context(), limit, loss)
        self.members: Counter[int] = Counter()
        self.error: Any = None
        self.queue: list[tuple[Local, int]] = []
        self.entered: list[Local] = []
        self.waiting: list[Local] = []
        self.through: list[tuple[Local, Any]] = []
        self.cancelled = False

    def room(self) -> bool:
        return self.limit is None or self.members.total() < self.limit

    def settle(self) -> None:
        while self.queue and self.room():
            ticket, node = self.queue.pop(0)
            self.members[node] += 1
            self.entered.append(ticket)
        if not self.members.total() and self.waiting:
            self.through += [(ticket, self.error) for ticket in self.waiting]
            self.waiting = []
            self.cancelled = True

    def failed(self, error: Any) -> None:
        if error is not None and self.error is None:
            self.error = error
            self.cancelled = True

    @rule(node=NODES)
    def enter(self, node: int) -> None:
        ticket = Local()
        self.group.enter(ticket, node)
        self.queue.append((ticket, node))
        self.settle()

    @rule(node=NODES)
    def try_enter(self, node: int) -> None:
        assert self.group.try_enter(node) == self.room()
        if self.room():
            self.members[node] += 1

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.queue))
        assert entry[0].cancel(Cancelled())
        self.queue.remove(entry)

    @rule(node=NODES, error=ERRORS)
    def leave(self, node: int, error: Any) -> None:
        self.group.leave(node, error)
        if self.members[node]:
            self.failed(error)
            self.members[node] -= 1
            self.settle()

    @rule(node=LOSABLE)
    def lost(self, node: int) -> None:
        for entry in [entry for entry in self.queue if entry[1] == node]:
            entry[0].cancel(Cancelled())  # as the home does with all that a dead process had asked for
            self.queue.remove(entry)
        self.group.lost(node)
        count = self.members.pop(node, 0)
        if count:
            self.failed(loss(node, count))
            self.settle()

    @rule()
    def wait(self) -> None:
        ticket = Local()
        self.group.wait(ticket)
        self.waiting.append(ticket)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def stop_waiting(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        assert ticket.cancel(Cancelled())
        self.waiting.remove(ticket)

    @invariant()
    def it_agrees(self) -> None:
        if not hasattr(self, "group"):
            return
        self.group.check()
        assert self.group.count == self.members.total()
        assert self.group.error == self.error
        assert (self.group.context.kind != LIVE) == self.cancelled
        assert list(self.group.queue) == [ticket for ticket, _ in self.queue]
        assert list(self.group.waiters) == self.waiting
        assert all(ticket.got is True for ticket in self.entered)
        for ticket, error in self.through:
            assert ticket.result.ending == (Ending.RETURNED if error is None else Ending.RAISED)
            assert ticket.result.value == error
        for ticket in (*self.waiting, *self.entered, *(ticket for ticket, _ in (*self.queue, *self.through))):
            ticket.check()


def test_an_errgroup_agrees_with_its_reference():
    run(ErrGroupModel)


@pytest.mark.slow
def test_an_errgroup_agrees_with_its_reference_in_many_runs():
    run(ErrGroupModel, MANY)


def test_the_first_error_is_the_cause_of_the_context():
    group = ErrGroup(Context(), None, loss)
    group.try_enter(HERE)
    group.try_enter(7)
    group.leave(HERE, "first")
    group.leave(7, "second")
    assert (group.context.kind, group.context.cause) == (CANCELLED, "first")


def test_members_of_a_dead_process_end_with_an_error():
    group = ErrGroup(Context(), None, loss)
    group.try_enter(7)
    group.try_enter(7)
    waiter = Local()
    group.wait(waiter)
    group.lost(7)
    assert waiter.result.value == ("lost", 7, 2)
    group.leave(7, "too late")
    group.check()
