"""A Semaphore agrees with a list of who waits and a count for each process."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.semaphore import Semaphore
from dgo.errors import Cancelled, MisuseError

from .tools import MANY, Local, run

SIZE = 5
NODES = st.integers(1, 3)
UNITS = st.integers(1, SIZE)


class SemaphoreModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.semaphore = Semaphore(SIZE)
        self.held: Counter[int] = Counter()
        self.waiting: list[tuple[int, int, Local]] = []
        self.served: list[Local] = []

    @property
    def free(self) -> int:
        return SIZE - self.held.total()

    def settle(self) -> None:
        while self.waiting and self.waiting[0][1] <= self.free:
            node, units, ticket = self.waiting.pop(0)
            self.held[node] += units
            self.served.append(ticket)

    @rule(node=NODES, units=UNITS)
    def acquire(self, node: int, units: int) -> None:
        ticket = Local()
        self.semaphore.acquire(ticket, node, units)
        self.waiting.append((node, units, ticket))
        self.settle()

    @rule(node=NODES, units=UNITS)
    def try_acquire(self, node: int, units: int) -> None:
        possible = not self.waiting and units <= self.free
        assert self.semaphore.try_acquire(node, units) == possible
        if possible:
            self.held[node] += units

    @rule(node=NODES, units=UNITS)
    def release(self, node: int, units: int) -> None:
        if units > self.held.total():
            with pytest.raises(MisuseError):
                self.semaphore.release(node, units)
            return
        others = self.semaphore.held.copy()
        self.semaphore.release(node, units)
        for holder in (node, *others):  # the caller's process first, then the others as they came
            taken = min(units, self.held[holder])
            self.held[holder] -= taken
            units -= taken
        self.settle()

    @rule(node=NODES)
    def lost(self, node: int) -> None:
        for entry in [entry for entry in self.waiting if entry[0] == node]:
            if entry in self.waiting:  # the leaving of another one may have let it through
                assert entry[2].cancel(Cancelled())
                self.waiting.remove(entry)
                self.settle()
        self.semaphore.lost(node)
        del self.held[node]
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.waiting))
        assert entry[2].cancel(Cancelled())
        self.waiting.remove(entry)
        self.settle()

    @invariant()
    def it_agrees(self) -> None:
        self.semaphore.check()
        assert self.semaphore.free == self.free
        assert self.semaphore.held == +self.held
        assert list(self.semaphore.waiters) == [ticket for _, _, ticket in self.waiting]
        assert all(ticket.done and ticket.error is None for ticket in self.served)
        for ticket in (*self.served, *(ticket for _, _, ticket in self.waiting)):
            ticket.check()


def test_a_semaphore_agrees_with_a_plain_reference():
    run(SemaphoreModel)


@pytest.mark.slow
def test_a_semaphore_agrees_with_a_plain_reference_in_many_runs():
    run(SemaphoreModel, MANY)


def test_a_small_request_does_not_overtake_a_large_one():
    semaphore, large, small = Semaphore(3), Local(), Local()
    assert semaphore.try_acquire(1, 1)
    semaphore.acquire(large, 1, 3)
    semaphore.acquire(small, 1, 1)
    assert not small.done
    assert not semaphore.try_acquire(1, 1)
    semaphore.release(1, 1)
    assert (large.done, small.done) == (True, False)


def test_small_requests_go_on_when_the_large_one_before_them_gives_up():
    semaphore, large, small = Semaphore(3), Local(), Local()
    assert semaphore.try_acquire(1, 1)
    semaphore.acquire(large, 1, 3)
    semaphore.acquire(small, 1, 2)
    large.cancel(Cancelled())
    assert small.done
