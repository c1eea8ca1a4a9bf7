"""The channel of a timer or ticker agrees with Go 1.23's rules over random histories."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.alarm import Alarm
from dgo.core.handoff import Handoff
from dgo.errors import Cancelled

from .tools import MANY, Local, Remote, run


class AlarmModel(RuleBasedStateMachine):
    """Values are numbered as they are fired; ``oldest`` is the first that may still be received."""

    def __init__(self) -> None:
        super().__init__()
        self.alarm = Alarm()
        self.armed = False
        self.unread: int | None = None
        self.fired = 0
        self.oldest = 0
        self.waiting: list[Local] = []
        self.away: list[Handoff] = []
        self.got: list[Local] = []

    @rule(ticker=st.booleans())
    def ring(self, ticker: bool) -> None:
        """Time passes until it rings, if it does."""
        if not self.armed:
            return
        if not ticker:
            self.alarm.expire()
            self.armed = False
        self.fired += 1
        self.alarm.fire(self.fired)
        if self.unread is None:
            self.unread = self.fired
            self.hand_over()

    def hand_over(self) -> None:
        if self.waiting and self.unread is not None:
            self.served(self.waiting.pop(0))

    def served(self, ticket: Local) -> None:
        assert ticket.got == self.unread
        assert ticket.got >= self.oldest, "a stale value"
        self.unread = None
        if ticket.remote:
            self.away.append(ticket.result)
        self.got.append(ticket)

    @rule()
    def stop(self) -> None:
        assert self.alarm.stop() == (self.armed or self.unread is not None)
        self.armed, self.unread = False, None
        self.oldest = self.fired + 1

    @rule()
    def reset(self) -> None:
        assert self.alarm.reset() == (self.armed or self.unread is not None)
        self.armed, self.unread = True, None
        self.oldest = self.fired + 1

    @rule(make=st.sampled_from([Local, Remote]))
    def receive(self, make: type[Local]) -> None:
        ticket = make()
        self.alarm.recv(ticket)
        self.waiting.append(ticket)
        self.hand_over()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: Any) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        assert ticket.cancel(Cancelled())
        self.waiting.remove(ticket)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def taken(self, data: Any) -> None:
        handoff = data.draw(st.sampled_from(self.away))
        self.away.remove(handoff)
        self.alarm.taken(handoff)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def returned(self, data: Any) -> None:
        """The process died that these were on their way to: those from before a stop are forgotten."""
        lost = data.draw(st.lists(st.sampled_from(self.away), min_size=1, unique=True))
        lost = [handoff for handoff in self.away if handoff in lost]
        self.away = [handoff for handoff in self.away if handoff not in lost]
        self.alarm.returned(lost)
        fresh = [handoff.value for handoff in lost if handoff.value >= self.oldest]
        for value in fresh:  # in order, and before what came later
            if self.waiting:
                self.unread, later = value, self.unread
                self.hand_over()
                self.unread = later
            elif value == fresh[-1] or self.unread is None or value < self.unread:
                self.unread = value if self.unread is None else min(value, self.unread)

    @invariant()
    def it_agrees(self) -> None:
        self.alarm.check()
        assert self.alarm.armed == self.armed
        assert list(self.alarm.buffer) == ([] if self.unread is None else [self.unread])
        assert list(self.alarm.receivers) == self.waiting
        assert len(self.alarm) == 0
        for ticket in (*self.waiting, *self.got):
            ticket.check()


def test_an_alarm_agrees_with_the_rules():
    run(AlarmModel)


@pytest.mark.slow
def test_an_alarm_agrees_with_the_rules_in_many_runs():
    run(AlarmModel, MANY)


def armed() -> Alarm:
    alarm = Alarm()
    alarm.reset()
    return alarm


def test_a_value_that_is_on_its_way_does_not_keep_the_next_one_from_coming():
    alarm = armed()
    first, second = Remote(), Remote()
    alarm.recv(first)
    alarm.expire()
    alarm.fire(1)
    alarm.reset()
    alarm.recv(second)
    alarm.expire()
    alarm.fire(2)
    assert (first.got, second.got) == (1, 2)


def test_a_value_that_comes_back_after_a_reset_is_forgotten():
    alarm = armed()
    lost, waiting = Remote(), Local()
    alarm.recv(lost)
    alarm.expire()
    alarm.fire(1)
    alarm.reset()
    alarm.recv(waiting)
    alarm.returned([lost.result])
    assert not waiting.done
    alarm.expire()
    alarm.fire(2)
    assert waiting.got == 2


def test_a_value_that_comes_back_without_a_reset_is_unread_again():
    alarm = armed()
    lost = Remote()
    alarm.recv(lost)
    alarm.expire()
    alarm.fire(1)
    alarm.returned([lost.result])
    assert alarm.stop()


def test_of_two_ticks_that_are_unread_because_one_came_back_the_older_is_kept():
    alarm = armed()
    lost = Remote()
    alarm.recv(lost)
    alarm.fire(1)
    alarm.fire(2)
    alarm.returned([lost.result])
    alarm.check()
    assert list(alarm.buffer) == [1]
