"""The history checker itself: it accepts what channels can do, and finds every planted fault."""

from __future__ import annotations

import random
from collections import deque

import pytest

from .history import (
    CHOSEN,
    CLOSE,
    CLOSED,
    NOTHING,
    RECEIVE,
    SEND,
    UNKNOWN,
    Alternative,
    Log,
    violations,
)

CAPACITIES = (0, 1, 3)
SEEDS = range(40)


class World:
    """Channels as plainly as possible: pending calls take effect one at a time, in any order that is possible."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.log = Log()
        self.buffers = [deque() for _ in CAPACITIES]
        self.closed = [False] * len(CAPACITIES)
        self.pending = []
        self.finishing = []  # (call, how it ends): what has taken effect and is not known yet
        self.values = 0

    def alternative(self):
        channel = self.random.randrange(len(CAPACITIES))
        kind = self.random.choices([SEND, RECEIVE, CLOSE], [40, 40, 1])[0]
        if kind != SEND:
            return Alternative(kind, channel)
        self.values += 1
        return Alternative(kind, channel, f"v{self.values}")

    def begin(self):
        busy = {call.who for call in self.pending} | {call.who for call, _ in self.finishing}
        idle = [who for who in "ABCDE" if who not in busy]
        if not idle:
            return
        alternatives = [self.alternative() for _ in range(self.random.choice([1, 1, 2, 3]))]
        if len(alternatives) > 1:
            alternatives = [each for each in alternatives if each.kind != CLOSE]
        if alternatives:
            waits = alternatives[0].kind != CLOSE and self.random.random() < 0.7
            self.pending.append(self.log.begin(self.random.choice(idle), alternatives, waits))

    def commit(self, call, *how):
        self.pending.remove(call)
        self.finishing.append((call, how))

    def advance(self):
        if not self.pending:
            return
        call = self.random.choice(self.pending)
        for index in self.random.sample(range(len(call.alternatives)), len(call.alternatives)):
            if getattr(self, call.alternatives[index].kind)(call, index, call.alternatives[index]):
                return
        if not call.waits or self.random.random() < 0.05:
            self.commit(call, NOTHING)

    def send(self, call, index, each):
        channel = each.channel
        if self.closed[channel]:
            self.commit(call, CLOSED)
        elif len(self.buffers[channel]) < CAPACITIES[channel]:
            self.buffers[channel].append(each.value)
            self.commit(call, CHOSEN, index)
        else:
            return self.meet(call, index, self.partner(call, RECEIVE, channel))
        return True

    def receive(self, call, index, each):
        channel = each.channel
        if self.buffers[channel]:
            self.commit(call, CHOSEN, index, self.buffers[channel].popleft())
        elif self.closed[channel]:
            self.commit(call, CHOSEN, index, None, False)
        elif (partner := self.partner(call, SEND, channel)) is not None:
            return self.meet(partner[0], partner[1], (call, index))
        else:
            return False
        return True

    def close(self, call, index, each):
        if self.closed[each.channel]:
            self.commit(call, CLOSED)
        else:
            self.closed[each.channel] = True
            self.commit(call, CHOSEN, index)
        return True

    def partner(self, call, kind, channel):
        if CAPACITIES[channel] or self.closed[channel]:
            return None
        for other in self.pending:
            for index, each in enumerate(other.alternatives):
                if other is not call and (each.kind, each.channel) == (kind, channel):
                    return other, index
        return None

    def meet(self, sender, index, receiver):
        if receiver is None:
            return False
        self.commit(receiver[0], CHOSEN, receiver[1], sender.alternatives[index].value)
        self.commit(sender, CHOSEN, index)
        return True

    def finish(self):
        if self.finishing:
            call, how = self.finishing.pop(self.random.randrange(len(self.finishing)))
            self.log.end(call, *how)

    def run(self, steps=500):
        for _ in range(steps):
            self.random.choice([self.begin, self.advance, self.advance, self.finish])()
        for call in list(self.pending):
            self.commit(call, NOTHING) if call.waits else self.pending.remove(call)  # for ever unknown
        while self.finishing:
            self.finish()
        for channel, buffer in enumerate(self.buffers):
            for value in buffer:
                self.log.end(self.log.begin("main", [Alternative(RECEIVE, channel)]), CHOSEN, 0, value)
        return self.log


def receipts(log):
    return [call for call in log.calls if call.outcome == CHOSEN and call.effect().kind == RECEIVE and call.ok]


def channel_of(call):
    return call.effect().channel


def faults_after(plant, expected):
    """Plants a fault into many histories; each must be found, and some must have room for it."""
    planted = 0
    for seed in SEEDS:
        log = World(seed).run()
        log.calls = [call for call in log.calls if call.outcome != UNKNOWN]
        if plant(log, random.Random(seed)):
            planted += 1
            found = violations(log, CAPACITIES)
            assert any(expected in text for text in found), (seed, found)
    assert planted >= len(SEEDS) / 2


@pytest.mark.parametrize("seed", range(200))
def test_what_channels_can_do_is_accepted(seed):
    log = World(seed).run()
    assert len(receipts(log)) >= 5
    assert violations(log, CAPACITIES) == [], str(log)


def test_a_dropped_value_is_found():
    def plant(log, rng):
        rng.choice(receipts(log)).outcome = NOTHING
        return True

    faults_after(plant, "never received")


def test_a_doubled_value_is_found():
    def plant(log, rng):
        call = rng.choice(receipts(log))
        log.end(log.begin("Z", [Alternative(RECEIVE, channel_of(call))]), CHOSEN, 0, call.value)
        return True

    faults_after(plant, "received 2 times")


def test_a_swapped_pair_is_found():
    def plant(log, rng):
        sends = {each.value: call for call in log.calls for each in call.alternatives if each.kind == SEND}
        pairs = [
            (one, two)
            for one in receipts(log)
            for two in receipts(log)
            if channel_of(one) == channel_of(two)
            and one.ended < two.began
            and sends[one.value].ended < sends[two.value].began
        ]
        if not pairs:
            return False
        one, two = rng.choice(pairs)
        one.value, two.value = two.value, one.value
        return True

    faults_after(plant, "before")


def test_a_select_that_committed_twice_is_found_by_the_value_that_it_sent_too():
    def plant(log, rng):
        losers = [
            each
            for call in log.calls
            if call.outcome == CHOSEN
            for index, each in enumerate(call.alternatives)
            if each.kind == SEND and index != call.chosen
        ]
        each = rng.choice(losers)
        log.end(log.begin("Z", [Alternative(RECEIVE, each.channel)]), CHOSEN, 0, each.value)
        return True

    faults_after(plant, "committed to another alternative")


def test_a_select_that_timed_out_and_sent_nevertheless_is_found():
    def plant(log, rng):
        refused = [call for call in log.calls if call.outcome == NOTHING and call.alternatives[0].kind == SEND]
        if not refused:
            return False
        each = rng.choice(refused).alternatives[0]
        log.end(log.begin("Z", [Alternative(RECEIVE, each.channel)]), CHOSEN, 0, each.value)
        return True

    faults_after(plant, "had not taken effect")


def test_a_select_that_committed_twice_is_found_by_the_value_that_it_swallowed():
    def plant(log, rng):
        selects = [call for call in log.calls if len(call.alternatives) > 1 and call.outcome == CHOSEN]
        others = {each.channel for call in selects for each in call.alternatives if each.kind == RECEIVE}
        swallowed = [call for call in receipts(log) if channel_of(call) in others]
        rng.choice(swallowed).outcome = CLOSED
        return True

    faults_after(plant, "never received")


# ---- small histories, by hand ----------------------------------------------------------------------------


def history(*calls):
    """Calls one after the other: ``(who, alternatives, how it ended, waits)``."""
    log = Log()
    for who, alternatives, how, waits in calls:
        log.end(log.begin(who, alternatives, waits), *how)
    return log


def send(channel, value, *how, waits=True):
    return "A", [Alternative(SEND, channel, value)], how or (CHOSEN, 0), waits


def receive(channel, *how, waits=True):
    return "B", [Alternative(RECEIVE, channel)], how, waits


def close(channel, *how):
    return "C", [Alternative(CLOSE, channel)], how or (CHOSEN, 0), False


GOT, REFUSED = (CHOSEN, 0), (NOTHING,)
DRAINED = (CHOSEN, 0, None, False)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([receive(1, *GOT, "v")], "nobody sent it"),
        ([send(1, "v"), receive(2, *GOT, "v")], "nobody sent it"),
        ([receive(1, *GOT, "v"), send(1, "v")], "received before it was sent"),
        ([send(0, "v"), receive(0, *GOT, "v")], "although 0 values were stored"),
        ([send(1, "v"), send(1, "w"), receive(1, *GOT, "v"), receive(1, *GOT, "w")], "although 1 values were stored"),
        ([close(1), close(1)], "closed twice"),
        ([close(1), send(1, "v"), receive(1, *GOT, "v")], "after its close"),
        ([send(1, "v", CLOSED)], "no channel was closed"),
        ([receive(1, *DRAINED)], "was open when"),
        ([send(1, "v"), close(1), receive(1, *DRAINED), receive(1, *GOT, "v")], "after channel 1 was drained"),
        ([send(1, "v", *REFUSED, waits=False)], "could have been sent to"),
        ([close(0), send(0, "v", *REFUSED, waits=False)], "could have been sent to"),
        ([send(1, "v"), receive(1, *REFUSED, waits=False), receive(1, *GOT, "v")], "could have been received from"),
        ([close(0), receive(0, *REFUSED, waits=False)], "could have been received from"),
    ],
)
def test_what_channels_cannot_do_is_found(calls, expected):
    found = violations(history(*calls), CAPACITIES)
    assert any(expected in text for text in found), found


@pytest.mark.parametrize(
    "calls",
    [
        [send(1, "v", UNKNOWN)],
        [send(1, "v", UNKNOWN), receive(1, *GOT, "v")],
        [send(1, "v"), receive(1, UNKNOWN)],
        [send(1, "v"), send(1, "w", *REFUSED, waits=False), receive(1, *GOT, "v")],
        [send(0, "v", *REFUSED, waits=False), receive(0, *REFUSED, waits=False)],
        [send(1, "v"), close(1), receive(1, *GOT, "v"), receive(1, *DRAINED), send(1, "w", CLOSED)],
    ],
)
def test_what_may_have_been_is_accepted(calls):
    assert violations(history(*calls), CAPACITIES) == []


def test_a_goroutine_that_died_is_not_believed():
    log = history(send(1, "v"), receive(1, *GOT, "v"), ("Z", [Alternative(RECEIVE, 1)], (*GOT, "v"), True))
    assert violations(log, CAPACITIES) != []
    log.forget("Z")
    assert violations(log, CAPACITIES) == []


def test_a_value_may_come_late_when_somebody_who_may_have_had_it_died():
    late = [send(2, "v"), send(2, "w"), receive(2, *GOT, "w"), receive(2, *GOT, "v")]
    assert violations(history(*late), CAPACITIES) != []
    assert violations(history(*late, receive(2, UNKNOWN)), CAPACITIES) == []
