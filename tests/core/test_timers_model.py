"""The heap of deadlines agrees with a sorted list."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.timers import Timer, Timers

from .tools import MANY, run


class TimersModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers()
        self.now = 0.0
        self.pending: list[tuple[float, int]] = []
        self.handles: dict[int, Timer] = {}
        self.ran: list[int] = []

    @rule(delay=st.integers(0, 5), count=st.integers(1, 12))
    def set(self, delay: int, count: int) -> None:
        for _ in range(count):
            number = len(self.handles)
            self.handles[number] = self.timers.set(self.now + delay, lambda number=number: self.ran.append(number))
            self.pending.append((self.now + delay, number))

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), count=st.integers(1, 12))
    def cancel(self, data: Any, count: int) -> None:
        first = data.draw(st.integers(0, len(self.handles) - 1))
        for number in range(first, min(first + count, len(self.handles))):
            pends = [entry for entry in self.pending if entry[1] == number]
            assert self.timers.cancel(self.handles[number]) == bool(pends)
            for entry in pends:
                self.pending.remove(entry)

    @rule(seconds=st.integers(0, 3))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        due = sorted(entry for entry in self.pending if entry[0] <= self.now)
        self.ran.clear()
        for action in self.timers.due(self.now):
            action()
        assert self.ran == [number for _, number in due], "in order; equal deadlines as they were set"
        self.pending = [entry for entry in self.pending if entry[0] > self.now]

    @invariant()
    def it_agrees(self) -> None:
        assert len(self.timers) == len(self.pending)
        assert self.timers.next_deadline() == (min(self.pending)[0] if self.pending else None)

    @invariant()
    def cancelled_timers_do_not_pile_up(self) -> None:
        assert len(self.timers._heap) <= 2 * len(self.pending) + 32


def test_timers_agree_with_a_sorted_list():
    run(TimersModel)


@pytest.mark.slow
def test_timers_agree_with_a_sorted_list_in_many_runs():
    run(TimersModel, MANY)
