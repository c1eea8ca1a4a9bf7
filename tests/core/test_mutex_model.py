"""A Mutex agrees with a holder, a list of who waits, and a flag that somebody was lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.mutex import Mutex
from dgo.core.owner import Owner
from dgo.errors import Cancelled, LockLost, MisuseError

from .tools import MANY, Local, run

OWNERS = st.tuples(st.integers(1, 3), st.integers(0, 1), st.integers(1, 3))


class MutexModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.mutex = Mutex()
        self.holder: Owner | None = None
        self.waiting: list[tuple[Owner, Local]] = []
        self.notice = False
        self.locked: list[Local] = []
        self.told: list[Local] = []

    def give(self, owner: Owner, ticket: Local) -> None:
        self.holder = owner
        self.locked.append(ticket)

    def pass_on(self) -> None:
        self.holder = None
        if self.waiting:
            self.give(*self.waiting.pop(0))

    def lose(self) -> None:
        self.holder = None
        if self.waiting:
            self.told.append(self.waiting.pop(0)[1])
            self.pass_on()
        else:
            self.notice = True

    @rule(owner=OWNERS)
    def lock(self, owner: Owner) -> None:
        ticket = Local()
        self.mutex.lock(ticket, owner)
        if self.holder is not None:
            self.waiting.append((owner, ticket))
        elif self.notice:
            self.notice = False
            self.told.append(ticket)
        else:
            self.give(owner, ticket)

    @rule(owner=OWNERS)
    def try_lock(self, owner: Owner) -> None:
        if self.holder is None and self.notice:
            with pytest.raises(LockLost):
                self.mutex.try_lock(owner)
            self.notice = False
            return
        assert self.mutex.try_lock(owner) == (self.holder is None)
        if self.holder is None:
            self.holder = owner

    @rule()
    def unlock(self) -> None:
        if self.holder is None:
            with pytest.raises(MisuseError):
                self.mutex.unlock()
        else:
            self.mutex.unlock()
            self.pass_on()

    @rule(owner=OWNERS)
    def withdraw(self, owner: Owner) -> None:
        self.mutex.withdraw(owner)
        if self.holder == owner:
            self.pass_on()

    @rule(owner=OWNERS)
    def abandon(self, owner: Owner) -> None:
        self.mutex.abandon(owner)
        if self.holder == owner:
            self.lose()

    @rule(node=st.integers(1, 3))
    def lost(self, node: int) -> None:
        for entry in [entry for entry in self.waiting if entry[0][0] == node]:
            assert entry[1].cancel(Cancelled())
            self.waiting.remove(entry)
        self.mutex.lost(node)
        if self.holder is not None and self.holder[0] == node:
            self.lose()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.waiting))
        assert entry[1].cancel(Cancelled())
        self.waiting.remove(entry)

    @invariant()
    def it_agrees(self) -> None:
        self.mutex.check()
        assert self.mutex.holder == self.holder
        assert (self.mutex.notice is not None) == self.notice
        assert list(self.mutex.waiters) == [ticket for _, ticket in self.waiting]
        assert all(ticket.done and ticket.error is None for ticket in self.locked)
        assert all(ticket.failed is LockLost for ticket in self.told)
        for ticket in (*self.locked, *self.told, *(ticket for _, ticket in self.waiting)):
            ticket.check()


def test_a_mutex_agrees_with_a_plain_reference():
    run(MutexModel)


@pytest.mark.slow
def test_a_mutex_agrees_with_a_plain_reference_in_many_runs():
    run(MutexModel, MANY)


def test_those_who_wait_get_it_in_the_order_in_which_they_came():
    mutex, tickets = Mutex(), [Local() for _ in range(4)]
    for number, ticket in enumerate(tickets):
        mutex.lock(ticket, (1, 1, number))
    for number, ticket in enumerate(tickets):
        assert [other.done for other in tickets] == [True] * (number + 1) + [False] * (3 - number)
        assert ticket.error is None
        mutex.unlock()


def test_the_loss_of_a_holder_names_it_and_says_what_to_do():
    mutex = Mutex()
    mutex.try_lock((0x7F3A00000000, 0x7F3A00000000, 12))
    mutex.abandon((0x7F3A00000000, 0x7F3A00000000, 12))
    with pytest.raises(LockLost, match=r"7f3a-12 .*half-changed.* lock\(\) again"):
        mutex.try_lock((1, 1, 1))
    assert mutex.try_lock((1, 1, 1))
