"""The pool of segments agrees with a plain record of who uses what, and keeps its bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.pool import PAGE, Pool, rounded

from .tools import MANY, run

MOST, IDLE_BYTES, IDLE_SECONDS = 4, 20, 10.0


class PoolModel(RuleBasedStateMachine):
    """Each segment has a size; ``used`` and ``idle`` (with the moment) say what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool(MOST, IDLE_BYTES, IDLE_SECONDS)
        self.now = 0.0
        self.next = 1
        self.sizes: dict[int, int] = {}
        self.used: set[int] = set()
        self.idle: dict[int, float] = {}

    def freed(self, numbers: list[int]) -> None:
        for number in numbers:
            assert number not in self.used, "what is in use stays"
            del self.idle[number]
            del self.sizes[number]

    @rule(nbytes=st.integers(1, 30))
    def keep(self, nbytes: int) -> None:
        fitting = [n for n in self.idle if nbytes <= self.sizes[n] <= 2 * nbytes]
        number = self.pool.fit(nbytes)
        if fitting:
            assert number is not None
            assert self.sizes[number] == min(self.sizes[n] for n in fitting)
            del self.idle[number]
            self.used.add(number)
            return
        assert number is None
        room = self.pool.room()
        assert (room is None) == (len(self.used) == MOST)
        if room is None:
            return
        self.freed(room)
        self.pool.add(self.next, nbytes)
        self.sizes[self.next] = nbytes
        self.used.add(self.next)
        self.next += 1

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.used)))
        self.used.discard(number)
        self.idle[number] = self.now
        freed = self.pool.give_back(number, self.now)
        by_age = list(self.idle)
        assert freed == by_age[: len(freed)], "the oldest first"
        if freed:
            assert sum(self.sizes[n] for n in by_age[len(freed) - 1 :]) > IDLE_BYTES, "no more than needed"
        self.freed(freed)

    @precondition(lambda self: self.sizes)
    @rule(data=st.data())
    def take(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.sizes)))
        self.pool.take(number)
        self.idle.pop(number, None)
        self.used.add(number)

    @precondition(lambda self: self.sizes)
    @rule(data=st.data())
    def discard(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.sizes)))
        assert self.pool.discard(number) == (number in self.idle)
        if number in self.idle:
            self.freed([number])

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        old = [n for n, since in self.idle.items() if self.now - since >= IDLE_SECONDS]
        assert sorted(self.pool.expire(self.now)) == sorted(old)
        self.freed(old)

    @rule()
    def clear(self) -> None:
        assert sorted(self.pool.clear()) == sorted(self.idle)
        self.freed(list(self.idle))

    @invariant()
    def the_counts_agree_and_the_bounds_hold(self) -> None:
        self.pool.check()
        assert len(self.pool) == len(self.sizes) <= MOST
        assert self.pool.in_use == len(self.used)
        assert self.pool.idle == sum(self.sizes[n] for n in self.idle) <= IDLE_BYTES


def test_the_pool_agrees_with_a_record_of_who_uses_what():
    run(PoolModel)


@pytest.mark.slow
def test_the_pool_agrees_over_many_histories():
    run(PoolModel, MANY)


@given(st.integers(1, 1 << 40))
def test_a_segment_is_at_most_an_eighth_or_a_page_larger_than_its_value(nbytes):
    size = rounded(nbytes)
    assert nbytes <= size < nbytes + max(PAGE, nbytes // 8 + 1)
    assert size % PAGE == 0
    assert rounded(size) == size
