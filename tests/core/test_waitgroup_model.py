"""A WaitGroup agrees with a counter, a list of who answers for it, and a list of waiters."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.waitgroup import WaitGroup
from dgo.errors import Cancelled

from .tools import MANY, Local, run

NODES = st.integers(1, 3)


class WaitGroupModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.group = WaitGroup()
        self.count = 0
        self.entered: Counter[int] = Counter()
        self.waiting: list[Local] = []
        self.through: list[Local] = []
        self.cancelled: list[Local] = []

    def settle(self) -> None:
        if not self.count:
            self.through += self.waiting
            self.waiting = []

    @rule(n=st.integers(-4, 4))
    def add(self, n: int) -> None:
        if self.count + n < 0:
            with pytest.raises(ValueError, match="negative"):
                self.group.add(n)
        else:
            self.group.add(n)
            self.count += n
        self.settle()

    @rule(node=NODES)
    def enter(self, node: int) -> None:
        self.group.enter(node)
        self.entered[node] += 1
        self.count += 1

    @rule(node=NODES)
    def leave(self, node: int) -> None:
        self.group.leave(node)
        if self.entered[node]:
            self.entered[node] -= 1
            self.count = max(0, self.count - 1)
        self.settle()

    @rule(node=NODES)
    def lost(self, node: int) -> None:
        self.group.lost(node)
        self.count = max(0, self.count - self.entered.pop(node, 0))
        self.settle()

    @rule()
    def wait(self) -> None:
        ticket = Local()
        self.group.wait(ticket)
        self.waiting.append(ticket)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        assert ticket.cancel(Cancelled())
        self.waiting.remove(ticket)
        self.cancelled.append(ticket)

    @invariant()
    def it_agrees(self) -> None:
        self.group.check()
        assert self.group.count == self.count
        assert list(self.group.waiters) == self.waiting
        assert not any(ticket.done for ticket in self.waiting)
        assert all(ticket.done and ticket.error is None for ticket in self.through)
        assert all(ticket.failed is Cancelled for ticket in self.cancelled)
        for ticket in (*self.waiting, *self.through, *self.cancelled):
            ticket.check()


def test_a_waitgroup_agrees_with_a_plain_counter():
    run(WaitGroupModel)


@pytest.mark.slow
def test_a_waitgroup_agrees_with_a_plain_counter_in_many_runs():
    run(WaitGroupModel, MANY)


def test_a_done_too_many_does_not_break_the_death_of_a_process():
    """The counter is lower than what the dead one answered for: it stops at zero."""
    group = WaitGroup()
    group.enter(7)
    group.add(-1)  # the user's mistake
    group.lost(7)
    assert group.count == 0


def test_a_done_too_many_does_not_break_the_end_of_a_goroutine_elsewhere():
    group = WaitGroup()
    group.enter(7)
    group.add(-1)  # the user's mistake
    group.leave(7)
    assert group.count == 0


def test_what_a_process_left_is_not_counted_again_when_it_dies():
    group = WaitGroup()
    group.enter(7)
    group.enter(7)
    group.leave(7)
    group.add(1)
    group.lost(7)
    assert group.count == 1
