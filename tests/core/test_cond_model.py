"""A Cond agrees with a list of waiters; no notification is lost while anybody is there to take it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.cond import Cond
from dgo.errors import Cancelled

from .tools import MANY, Local, run

NODES = st.integers(1, 3)


class CondModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cond = Cond("its mutex")
        self.waiting: list[int] = []
        self.notified: list[int] = []
        self.node: dict[int, int] = {}
        self.tickets: dict[int, Local] = {}
        self.cancelled: list[Local] = []

    @rule(node=NODES)
    def enter(self, node: int) -> None:
        number = self.cond.enter(node)
        assert number not in self.node, "a number names one waiter"
        self.node[number] = node
        self.waiting.append(number)

    @precondition(lambda self: set(self.waiting + self.notified) - set(self.tickets))
    @rule(data=st.data())
    def wait(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(set(self.waiting + self.notified) - set(self.tickets))))
        self.tickets[number] = Local()
        self.cond.wait(self.tickets[number], number)

    @rule()
    def notify(self) -> None:
        assert self.cond.notify() == bool(self.waiting)
        self.notify_one()

    def notify_one(self) -> None:
        if self.waiting:
            self.notified.append(self.waiting.pop(0))

    @rule()
    def notify_all(self) -> None:
        self.cond.notify_all()
        self.notified += self.waiting
        self.waiting = []

    @precondition(lambda self: set(self.waiting) & set(self.tickets))
    @rule(data=st.data())
    def time_out(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(set(self.waiting) & set(self.tickets))))
        assert self.tickets[number].cancel(Cancelled())
        self.cancelled.append(self.tickets[number])
        self.waiting.remove(number)
        self.cond.leave(number, False)

    @precondition(lambda self: self.notified)
    @rule(data=st.data(), taken=st.booleans())
    def leave(self, data: Any, taken: bool) -> None:
        number = data.draw(st.sampled_from(self.notified))
        self.notified.remove(number)
        self.cond.leave(number, taken)
        if not taken:
            self.notify_one()

    @precondition(lambda self: set(self.waiting) - set(self.tickets))
    @rule(data=st.data())
    def leave_before_waiting(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(set(self.waiting) - set(self.tickets))))
        self.waiting.remove(number)
        self.cond.leave(number, False)

    @rule(node=NODES)
    def lost(self, node: int) -> None:
        for number in [number for number in self.waiting if self.node[number] == node]:
            self.waiting.remove(number)
            if number in self.tickets:
                assert self.tickets[number].cancel(Cancelled())
                self.cancelled.append(self.tickets[number])
        self.cond.lost(node)
        for number in [number for number in self.notified if self.node[number] == node]:
            self.notified.remove(number)
            self.notify_one()

    @invariant()
    def it_agrees(self) -> None:
        self.cond.check()
        assert list(self.cond.waiting) == self.waiting
        assert set(self.cond.notified) == set(self.notified)
        for number, ticket in self.tickets.items():
            ticket.check()
            assert ticket.done == (number not in self.waiting)
            assert (ticket.failed is Cancelled) == (ticket in self.cancelled)


def test_a_cond_agrees_with_a_plain_reference():
    run(CondModel)


@pytest.mark.slow
def test_a_cond_agrees_with_a_plain_reference_in_many_runs():
    run(CondModel, MANY)


def test_a_notification_that_came_before_the_wait_is_not_missed():
    cond, ticket = Cond(None), Local()
    number = cond.enter(1)
    cond.notify()
    cond.wait(ticket, number)
    assert ticket.done


def test_a_notification_for_a_process_that_died_goes_to_the_next():
    cond, next_one = Cond(None), Local()
    cond.enter(7)
    cond.wait(next_one, cond.enter(1))
    cond.notify()
    assert not next_one.done
    cond.lost(7)
    assert next_one.done


def test_a_waiter_that_is_not_known_cannot_wait():
    with pytest.raises(TypeError):
        Cond(None).wait(Local(), 1)
