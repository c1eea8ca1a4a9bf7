"""The life of a goroutine: news of it come in any order, and it ends once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.goroutine import ENDED, PLACED, STARTED, SUBMITTED, Ending, Goroutine, Outcome
from dgo.errors import Cancelled

from .tools import MANY, Local, run

NEWS = ("place", "start", "give_back", "end")


def tell(goroutine: Goroutine, news: str, outcome: Outcome | None = None) -> None:
    if news in ("place", "start"):
        getattr(goroutine, news)(7)
    elif news == "give_back":
        goroutine.give_back()
    else:
        goroutine.end(outcome or Outcome(Ending.RETURNED, "it"))


def test_news_in_any_order_leave_it_sound_and_ended_if_its_end_was_among_them():
    for order in (news for count in range(6) for news in itertools.product(NEWS, repeat=count)):
        goroutine = Goroutine(1, "f")
        ticket = Local()
        goroutine.wait(ticket)
        for news in order:
            tell(goroutine, news)
            goroutine.check()
        assert (goroutine.state == ENDED) == ("end" in order), order
        assert ticket.done == ("end" in order), order
        if "end" not in order and "start" in order:
            assert goroutine.state == STARTED, f"what has started does not go back: {order}"
        ticket.check()


class GoroutineModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Goroutine] = []
        self.goroutine = Goroutine(1, "f", held="its arguments")
        self.goroutine.on_end = self.ends.append
        self.told: list[int] = []
        self.goroutine.on_cancel = self.tell_cancels
        self.cancels = 0
        self.state, self.where, self.outcome = SUBMITTED, None, None
        self.waiting: list[Local] = []
        self.through: list[Local] = []

    def tell_cancels(self, goroutine: Goroutine) -> None:
        self.told.append(goroutine.cancels)

    @rule()
    def cancel_it(self) -> None:
        assert self.goroutine.cancel() == (self.state != ENDED)
        self.cancels += self.state != ENDED

    @rule(worker=st.integers(1, 3))
    def place(self, worker: int) -> None:
        self.goroutine.place(worker)
        if self.state == SUBMITTED:
            self.state, self.where = PLACED, worker

    @rule(worker=st.integers(1, 3))
    def start(self, worker: int) -> None:
        self.goroutine.start(worker)
        if self.state in (SUBMITTED, PLACED):
            self.state, self.where = STARTED, worker

    @rule()
    def give_back(self) -> None:
        self.goroutine.give_back()
        if self.state == PLACED:
            self.state, self.where = SUBMITTED, None

    @rule(ending=st.sampled_from(Ending))
    def end(self, ending: Ending) -> None:
        outcome = Outcome(ending, "it")
        assert self.goroutine.end(outcome) == (self.state != ENDED)
        if self.state != ENDED:
            self.state, self.where, self.outcome = ENDED, None, outcome
            self.through += self.waiting
            self.waiting = []

    @rule()
    def wait(self) -> None:
        ticket = Local()
        self.goroutine.wait(ticket)
        (self.through if self.state == ENDED else self.waiting).append(ticket)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        assert ticket.cancel(Cancelled())
        self.waiting.remove(ticket)

    @invariant()
    def it_agrees(self) -> None:
        goroutine = self.goroutine
        goroutine.check()
        assert (goroutine.state, goroutine.where, goroutine.outcome) == (self.state, self.where, self.outcome)
        assert self.ends == ([goroutine] if self.state == ENDED else [])
        assert goroutine.held == (None if self.state == ENDED else "its arguments")
        assert list(goroutine.waiters or ()) == self.waiting
        assert all(ticket.result is self.outcome for ticket in self.through)
        assert goroutine.cancels == self.cancels
        assert self.told == list(range(1, self.cancels + 1)), "each cancel is passed on with its count"


def test_a_goroutine_agrees_with_its_table():
    run(GoroutineModel)


@pytest.mark.slow
def test_a_goroutine_agrees_with_its_table_in_many_runs():
    run(GoroutineModel, MANY)


def test_who_waits_goes_on_even_if_the_observer_of_the_end_fails():
    """An error in ``on_end`` must not leave the waiters asleep."""

    def fail(goroutine: Goroutine) -> None:
        raise RuntimeError("the observer's own fault")

    goroutine = Goroutine(1, "f")
    goroutine.on_end = fail
    ticket = Local()
    goroutine.wait(ticket)
    with pytest.raises(RuntimeError):
        goroutine.end(Outcome(Ending.RETURNED, None))
    assert ticket.done
    goroutine.check()
