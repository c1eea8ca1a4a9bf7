"""The life of a goroutine: news of it come in any order, and it ends once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.goroutine import ENDED, PLACED, STARTED, SUBMITTED, Ending, Goroutine, Limited, Outcome
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
        self.goroutine = self.make()
        self.goroutine.on_end = self.ends.append
        self.told: list[int] = []
        self.goroutine.on_cancel = self.tell_cancels
        self.cancels = 0
        self.state, self.where, self.outcome = SUBMITTED, None, None
        self.waiting: list[Local] = []
        self.through: list[Local] = []

    def make(self) -> Goroutine:
        return Goroutine(1, "f", held="its arguments")

    def outcome_of(self, outcome: Outcome) -> Outcome:
        """What its end comes to."""
        return outcome

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
            self.state, self.where, self.outcome = ENDED, None, self.outcome_of(outcome)
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


class LimitedModel(GoroutineModel):
    """As any goroutine, and it may be run again twice, and has a deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.retries = 2
        self.expired: Outcome | None = None
        self.disarmed = 0
        assert isinstance(self.goroutine, Limited)
        self.goroutine.disarm = self.count_disarming

    def make(self) -> Goroutine:
        return Limited(1, "f", held="its arguments", retries=2, again="its options")

    def count_disarming(self) -> None:
        self.disarmed += 1

    def outcome_of(self, outcome: Outcome) -> Outcome:
        return self.expired if outcome.ending == Ending.CANCELLED and self.expired else outcome

    @rule()
    def retry(self) -> None:
        assert isinstance(self.goroutine, Limited)
        may = self.state in (PLACED, STARTED) and self.retries > 0 and self.cancels == 0
        assert self.goroutine.retry() == may
        if may:
            self.retries -= 1
            self.state, self.where = SUBMITTED, None

    @rule()
    def expire(self) -> None:
        assert isinstance(self.goroutine, Limited)
        verdict = Outcome(Ending.EXPIRED, "too late")
        may = self.state != ENDED and self.cancels == 0
        assert self.goroutine.expire(verdict) == may
        if may:
            self.cancels += 1
            self.expired = verdict

    @invariant()
    def its_limits_agree(self) -> None:
        assert isinstance(self.goroutine, Limited)
        assert (self.goroutine.retries, self.goroutine.runs) == (self.retries, 3 - self.retries)
        assert self.goroutine.again == "its options"
        assert self.disarmed == (self.state == ENDED)


MODELS = (GoroutineModel, LimitedModel)


@pytest.mark.parametrize("model", MODELS)
def test_a_goroutine_agrees_with_its_table(model):
    run(model)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_goroutine_agrees_with_its_table_in_many_runs(model):
    run(model, MANY)


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


def started(retries: int = 0) -> Limited:
    goroutine = Limited(1, "f", retries=retries)
    goroutine.place(7)
    goroutine.start(7)
    return goroutine


def test_one_whose_time_ran_out_has_expired_if_it_ends_as_cancelled():
    goroutine, late = started(), Outcome(Ending.EXPIRED, "too late")
    assert goroutine.expire(late)
    assert goroutine.state == STARTED, "it is cancelled, and has not ended"
    goroutine.end(Outcome(Ending.CANCELLED, None))
    assert goroutine.outcome is late


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending != Ending.CANCELLED])
def test_one_whose_time_ran_out_ends_as_it_ends_if_not_by_being_cancelled(ending):
    goroutine, own = started(), Outcome(ending, "its own")
    goroutine.expire(Outcome(Ending.EXPIRED, "too late"))
    goroutine.end(own)
    assert goroutine.outcome is own


def test_one_that_was_cancelled_before_its_time_ran_out_is_not_cancelled_again():
    goroutine, own = started(), Outcome(Ending.CANCELLED, None)
    goroutine.cancel()
    assert not goroutine.expire(Outcome(Ending.EXPIRED, "too late"))
    assert goroutine.cancels == 1
    goroutine.end(own)
    assert goroutine.outcome is own


@pytest.mark.parametrize("wish", [Limited.cancel, lambda goroutine: goroutine.expire(Outcome(Ending.EXPIRED, None))])
def test_one_that_is_to_end_is_not_run_again(wish):
    goroutine = started(retries=3)
    wish(goroutine)
    assert not goroutine.retry()
    assert goroutine.state == STARTED


def test_one_that_is_run_again_waits_for_its_end_as_before():
    goroutine, ticket = started(retries=1), Local()
    goroutine.wait(ticket)
    assert goroutine.retry()
    assert not ticket.done
    goroutine.start(8)
    goroutine.end(Outcome(Ending.RETURNED, "it"))
    assert ticket.done
    goroutine.check()
