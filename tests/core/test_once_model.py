"""A Once agrees with a runner, a list of who waits, and what has become of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.once import Once
from dgo.core.owner import Owner
from dgo.errors import Cancelled, LockLost

from .tools import MANY, Local, run

OWNERS = st.tuples(st.integers(1, 3), st.integers(0, 1), st.integers(1, 3))


class OnceModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.once = Once()
        self.done = False
        self.runner: Owner | None = None
        self.waiting: list[tuple[Owner, Local]] = []
        self.notice = False
        self.fates: list[tuple[Local, Any]] = []  # True: it runs; False: it has been done; or the error

    def next(self) -> None:
        self.runner = None
        if self.waiting:
            self.runner, ticket = self.waiting.pop(0)
            self.fates.append((ticket, True))

    def lose(self) -> None:
        if self.waiting:
            self.fates.append((self.waiting.pop(0)[1], LockLost))
        else:
            self.notice = True
        self.next()

    @rule(owner=OWNERS)
    def begin(self, owner: Owner) -> None:
        ticket = Local()
        self.once.begin(ticket, owner)
        if self.done:
            self.fates.append((ticket, False))
        elif self.runner is not None:
            self.waiting.append((owner, ticket))
        elif self.notice:
            self.notice = False
            self.fates.append((ticket, LockLost))
        else:
            self.runner = owner
            self.fates.append((ticket, True))

    @precondition(lambda self: self.runner is not None)
    @rule()
    def finish(self) -> None:
        self.once.finish(self.runner)
        self.done, self.runner = True, None
        self.fates += [(ticket, False) for _, ticket in self.waiting]
        self.waiting = []

    @rule(owner=OWNERS)
    def the_finish_of_another_changes_nothing(self, owner: Owner) -> None:
        if owner != self.runner:
            self.once.finish(owner)

    @rule(owner=OWNERS)
    def withdraw(self, owner: Owner) -> None:
        self.once.withdraw(owner)
        if self.runner == owner:
            self.next()

    @rule(owner=OWNERS)
    def abandon(self, owner: Owner) -> None:
        self.once.abandon(owner)
        if self.runner == owner:
            self.lose()

    @rule(node=st.integers(1, 3))
    def lost(self, node: int) -> None:
        for entry in [entry for entry in self.waiting if entry[0][0] == node]:
            assert entry[1].cancel(Cancelled())
            self.waiting.remove(entry)
        self.once.lost(node)
        if self.runner is not None and self.runner[0] == node:
            self.lose()

    @invariant()
    def it_agrees(self) -> None:
        self.once.check()
        assert (self.once.done, self.once.runner) == (self.done, self.runner)
        assert (self.once.notice is not None) == self.notice
        assert list(self.once.waiters) == [ticket for _, ticket in self.waiting]
        for ticket, fate in self.fates:
            ticket.check()
            assert (ticket.failed or ticket.result) is fate


def test_a_once_agrees_with_a_plain_reference():
    run(OnceModel)


@pytest.mark.slow
def test_a_once_agrees_with_a_plain_reference_in_many_runs():
    run(OnceModel, MANY)
