"""What a goroutine still has to hear of ``cancel()``, against a plain count."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.cancellation import Cancellation
from dgo.errors import Cancelled

from .tools import MANY, run


class CancellationModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cancellation = Cancellation()
        self.calls = 0  # of cancel(), wherever
        self.known = 0  # of these, at the goroutine
        self.raised: list[BaseException] = []
        self.offered: BaseException | None = None

    @rule()
    def somebody_calls_cancel(self) -> None:
        self.calls += 1

    @rule(data=st.data())
    def word_comes_perhaps_late_or_again(self, data: st.DataObject) -> None:
        calls = data.draw(st.integers(0, self.calls))
        assert self.cancellation.request(calls) == (calls > self.known)
        self.known = max(self.known, calls)

    @precondition(lambda self: self.cancellation.pending)
    @rule()
    def it_is_raised_where_the_goroutine_computes(self) -> None:
        self.raised.append(self.cancellation.take(Cancelled()))

    @precondition(lambda self: self.cancellation.pending and self.offered is None)
    @rule()
    def it_is_offered_to_a_ticket(self) -> None:
        self.offered = self.cancellation.offer(Cancelled())

    @precondition(lambda self: self.offered is not None)
    @rule()
    def the_ticket_ends_with_it(self) -> None:
        assert self.offered is not None
        self.cancellation.verdict(self.offered)
        self.raised.append(self.offered)
        self.offered = None

    @precondition(lambda self: self.offered is not None)
    @rule(error=st.sampled_from([None, TimeoutError(), Cancelled("another one")]))
    def the_ticket_ends_otherwise(self, error: BaseException | None) -> None:
        self.cancellation.verdict(error)
        self.offered = None

    @rule(error=st.sampled_from([None, TimeoutError()]))
    def a_ticket_to_which_nothing_was_offered_ends(self, error: BaseException | None) -> None:
        if self.offered is None:
            self.cancellation.verdict(error)

    @invariant()
    def each_call_is_raised_once(self) -> None:
        cancellation = self.cancellation
        cancellation.check()
        assert cancellation.requested == self.known
        assert cancellation.delivered == len(self.raised) == len(set(map(id, self.raised)))
        assert cancellation.offered is self.offered
        assert len(self.raised) + (self.offered is not None) + cancellation.pending == self.known


def test_each_call_of_cancel_is_raised_once():
    run(CancellationModel)


@pytest.mark.slow
def test_each_call_of_cancel_is_raised_once_in_many_runs():
    run(CancellationModel, MANY)


def delivered() -> tuple[Cancellation, BaseException]:
    cancellation = Cancellation()
    cancellation.request(1)
    return cancellation, cancellation.take(Cancelled("it"))


def test_before_a_delivery_nothing_can_have_been_caught():
    cancellation = Cancellation()
    cancellation.request(1)
    assert not cancellation.went_on(None)


def test_who_still_handles_it_has_not_gone_on():
    cancellation, error = delivered()
    assert not cancellation.went_on(error)


def test_who_handles_what_came_of_it_has_not_gone_on():
    cancellation, error = delivered()
    consequence, further = ValueError("while cleaning up"), KeyError("then")
    consequence.__context__ = error
    further.__context__ = consequence
    assert not cancellation.went_on(further)


def test_who_handles_something_else_or_nothing_has_gone_on_which_is_said_once():
    for handling in (None, ValueError("another matter")):
        cancellation, _ = delivered()
        assert cancellation.went_on(handling)
        assert not cancellation.went_on(handling)


def test_an_interrupted_goroutine_is_believed_to_have_gone_on_when_seen_twice():
    cancellation, error = delivered()
    assert not cancellation.went_on(None, certain=False)
    assert cancellation.went_on(None, certain=False)
    cancellation, error = delivered()
    assert not cancellation.went_on(None, certain=False)
    assert not cancellation.went_on(error, certain=False)


def test_a_circle_of_contexts_is_walked_once():
    cancellation, _ = delivered()
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert cancellation.went_on(first)


def test_what_was_swallowed_before_the_goroutine_saw_it_is_raised_again():
    cancellation, lost = delivered()
    assert cancellation.went_on(None)
    cancellation.unheard()
    cancellation.check()
    assert cancellation.pending == 1
    assert cancellation.take(Cancelled("again")) is not lost
