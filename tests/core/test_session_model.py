"""Two ends of a session over paths that lose, repeat and reorder."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.session import EARLY_LIMIT, Session

from .tools import MANY, run

SIDES = st.integers(0, 1)
DATA, ACK, SYNC, RESEND = "data", "ack", "sync", "resend"
Packet = tuple[str, int, Any, int]  # kind, number, batch, acknowledgement


class SessionModel(RuleBasedStateMachine):
    """``air[side]`` is what is on its way to ``side``."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = (Session(), Session())
        self.air: tuple[list[Packet], list[Packet]] = ([], [])
        self.sent: tuple[list[Any], list[Any]] = ([], [])
        self.delivered: tuple[list[Any], list[Any]] = ([], [])  # delivered[side]: what side got
        self.batches = 0

    def transmit(self, side: int, kind: str, number: int = 0, batch: Any = None) -> None:
        self.air[1 - side].append((kind, number, batch, self.ends[side].ack()))

    def take(self, side: int, packet: Packet) -> None:
        kind, number, batch, ack = packet
        end = self.ends[side]
        end.acknowledge(ack)
        if kind == DATA:
            self.delivered[side].extend(end.accept(number, batch))
            if end.gap:
                self.transmit(side, RESEND)
        elif kind == SYNC:
            self.transmit(side, ACK if end.received >= number else RESEND)
        elif kind == RESEND:
            self.repeat(side)

    @rule(side=SIDES, count=st.integers(1, 3))
    def send(self, side: int, count: int) -> None:
        for _ in range(count):
            self.batches += 1
            batch = [self.batches]
            self.sent[side].append(batch)
            self.transmit(side, DATA, self.ends[side].number(batch), batch)

    @precondition(lambda self: any(self.air))
    @rule(data=st.data(), fate=st.sampled_from(["deliver", "deliver", "deliver", "repeat", "lose"]))
    def something_arrives(self, data: Any, fate: str) -> None:
        side = data.draw(st.sampled_from([side for side in (0, 1) if self.air[side]]))
        at = data.draw(st.integers(0, len(self.air[side]) - 1))
        packet = self.air[side][at] if fate == "repeat" else self.air[side].pop(at)
        if fate != "lose":
            self.take(side, packet)

    @rule(side=SIDES)
    def repeat(self, side: int) -> None:
        for number, batch in self.ends[side].unacknowledged():
            self.transmit(side, DATA, number, batch)

    @rule(side=SIDES)
    def sync(self, side: int) -> None:
        self.transmit(side, SYNC, self.ends[side].sent)

    @rule(side=SIDES)
    def the_path_breaks(self, side: int) -> None:
        self.air[side].clear()

    @rule(side=SIDES, number=st.integers(0, 3 * EARLY_LIMIT))
    def an_impossible_acknowledgement_comes(self, side: int, number: int) -> None:
        if number > self.ends[side].sent:
            acked = self.ends[side].acked
            self.ends[side].acknowledge(number)
            assert self.ends[side].acked == acked

    @invariant()
    def what_was_delivered_is_a_prefix_of_what_was_sent(self) -> None:
        for side in (0, 1):
            self.ends[side].check()
            delivered, sent = self.delivered[side], self.sent[1 - side]
            assert delivered == sent[: len(delivered)]
            assert self.ends[side].received == len(delivered)
            assert self.ends[1 - side].acked <= len(delivered), "acknowledged, but never delivered"

    def teardown(self) -> None:
        """On a path that is whole again, everything arrives and is acknowledged."""
        self.air[0].clear()
        self.air[1].clear()
        for side in (0, 1):
            self.sync(side)
        for _ in range(2000):
            if not any(self.air):
                break
            side = 0 if self.air[0] else 1
            self.take(side, self.air[side].pop(0))
        for side in (0, 1):  # the last acknowledgements
            self.sync(side)
        while any(self.air):
            side = 0 if self.air[0] else 1
            self.take(side, self.air[side].pop(0))
        for side in (0, 1):
            assert self.delivered[side] == self.sent[1 - side]
            assert self.ends[side].acked == self.ends[side].sent
            assert self.ends[side].unacknowledged() == []
            assert not self.ends[side].gap
            self.ends[side].check()


def test_a_session_delivers_a_prefix_and_in_the_end_everything():
    run(SessionModel)


@pytest.mark.slow
def test_a_session_delivers_a_prefix_and_in_the_end_everything_in_many_runs():
    run(SessionModel, MANY)


def test_a_repeated_batch_is_delivered_once():
    session = Session()
    assert session.accept(1, "a") == ["a"]
    assert session.accept(1, "a") == []


def test_an_early_batch_waits_for_those_before_it():
    session = Session()
    assert session.accept(2, "b") == []
    assert session.gap
    assert session.accept(1, "a") == ["a", "b"]
    assert not session.gap


def test_a_batch_that_is_much_too_early_is_not_kept():
    session = Session()
    session.accept(EARLY_LIMIT + 1, "far")
    assert not session.gap
    session.accept(EARLY_LIMIT, "near")
    assert session.gap
    session.check()


def test_a_repeat_is_acknowledged_again():
    """Its sender has missed the acknowledgement; without a new one it would repeat for ever."""
    session = Session()
    session.accept(1, "a")
    session.ack()
    session.accept(1, "a")
    assert session.owed


def test_after_many_batches_an_acknowledgement_is_due_without_company():
    session = Session()
    for number in range(1, 33):
        session.accept(number, number)
    assert session.ack_due
    assert session.ack() == 32
    assert not session.ack_due
