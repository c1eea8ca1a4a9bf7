"""A queue compared with a plain list, over random histories."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dgo.core.queue import Queue


class QueueMachine(RuleBasedStateMachine):
    """Parties come, come back, are served and give up."""

    @initialize()
    def begin(self) -> None:
        self.queue = Queue()
        self.plain: list[object] = []

    @rule()
    def one_comes(self) -> None:
        party = object()
        self.queue.append(party)
        self.plain.append(party)

    @rule()
    def one_comes_back(self) -> None:
        party = object()
        self.queue.prepend(party)
        self.plain.insert(0, party)

    @precondition(lambda self: self.plain)
    @rule()
    def the_first_is_served(self) -> None:
        assert self.queue.take() is self.plain.pop(0)

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def one_gives_up(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.plain) - 1))
        self.queue.give_up(self.plain.pop(index))

    @invariant()
    def both_agree(self) -> None:
        self.queue.check()
        assert list(self.queue) == self.plain
        assert len(self.queue) == len(self.plain)
        assert bool(self.queue) == bool(self.plain)
        assert self.queue.first is (self.plain[0] if self.plain else None)
        assert all(party in self.queue for party in self.plain)
        assert object() not in self.queue


TestQueue = QueueMachine.TestCase


@pytest.mark.parametrize("others", [0, 1, 3])
def test_who_does_not_stand_in_a_queue_cannot_leave_it(others):
    queue = Queue()
    for _ in range(others):
        queue.append(object())
    with pytest.raises((AssertionError, KeyError)):
        queue.remove(object())
    assert len(queue) == others
