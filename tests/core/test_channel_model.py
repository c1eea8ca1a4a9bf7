"""A channel agrees with a plain list-based reference after every step, whatever the order of events."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dgo.core.channel import Channel
from dgo.core.handoff import Handoff
from dgo.core.ticket import HELD
from dgo.errors import Cancelled, ChannelClosed, WouldBlock

from . import channel_reference as ref
from .tools import MANY, QUICK, Local, Remote, run

ERRORS = {ref.CLOSED: ChannelClosed, ref.CANCELLED: Cancelled, ref.WOULD_BLOCK: WouldBlock}


class ChannelModel(RuleBasedStateMachine):
    """Goroutines here and in two other processes; processes die, take and return in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.tickets: dict[int, Local] = {}
        self.process: dict[int, int] = {}  # of the receivers elsewhere
        self.flying: dict[int, Handoff] = {}
        self.numbers = 0
        self.sent: list[int] = []
        self.received: list[int] = []  # values that a goroutine has

    @initialize(capacity=st.integers(0, 3))
    def make(self, capacity: int) -> None:
        self.channel = Channel(capacity)
        self.reference = ref.Reference(capacity)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def sender(self, remote: bool) -> tuple[int, Local]:
        number = self.number()
        ticket = self.tickets[number] = (Remote if remote else Local)(number)
        self.sent.append(number)
        return number, ticket

    def receiver(self, process: int) -> tuple[int, Local]:
        number = self.number()
        ticket = self.tickets[number] = Remote() if process else Local()
        self.process[number] = process
        return number, ticket

    def collect(self) -> None:
        """Notes what local receivers have, and what has begun to fly."""
        for number, ticket in self.tickets.items():
            if number in self.process and ticket.done and ticket.error is None and ticket.ok:
                if type(ticket.result) is not Handoff:
                    if ticket.result not in self.received:
                        self.received.append(ticket.result)
                elif ticket.wakes == 1 and number not in self.flying and number not in self.landed:
                    self.flying[number] = ticket.result

    landed: frozenset[int] = frozenset()

    @rule(remote=st.booleans())
    def send(self, remote: bool) -> None:
        number, ticket = self.sender(remote)
        self.channel.send(ticket)
        self.reference.send(number, number)
        self.collect()

    @rule(remote=st.booleans())
    def offer(self, remote: bool) -> None:
        number, ticket = self.sender(remote)
        self.channel.offer(ticket, WouldBlock())
        self.reference.offer(number, number)
        self.collect()

    @rule(process=st.integers(0, 2))
    def recv(self, process: int) -> None:
        number, ticket = self.receiver(process)
        self.channel.recv(ticket)
        self.reference.recv(number, bool(process))
        self.collect()

    @rule(process=st.integers(0, 2))
    def poll(self, process: int) -> None:
        number, ticket = self.receiver(process)
        self.channel.poll(ticket, WouldBlock())
        self.reference.poll(number, bool(process))
        self.collect()

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def taken(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.flying)))
        handoff = self.flying.pop(number)
        self.landed |= {number}
        self.channel.taken(handoff)
        self.received.append(handoff.value)
        self.reference.taken(number)
        self.collect()

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def one_comes_back(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.flying)))
        self.come_back([number])

    @rule(process=st.integers(1, 2), data=st.data())
    def a_process_dies(self, process: int, data: Any) -> None:
        for number, its in self.process.items():
            if its == process:
                assert self.tickets[number].cancel(Cancelled()) == self.reference.cancel(number)
        numbers = [number for number in self.flying if self.process[number] == process]
        if numbers:
            self.come_back(data.draw(st.permutations(numbers)))

    def come_back(self, numbers: list[int]) -> None:
        self.landed |= set(numbers)
        self.channel.returned([self.flying.pop(number) for number in numbers])
        self.reference.returned(numbers)
        self.collect()

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.tickets)))
        assert self.tickets[number].cancel(Cancelled()) == self.reference.cancel(number)

    @rule(wanted=st.integers(1, 4))
    def lend(self, wanted: int) -> None:
        assert self.channel.lend(wanted) == self.reference.lend(wanted)

    @precondition(lambda self: self.reference.lent)
    @rule()
    def arrive(self) -> None:
        number = self.number()
        self.sent.append(number)
        self.channel.arrive(number)
        self.reference.arrive(number, number)
        self.collect()

    @precondition(lambda self: self.reference.lent)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        count = data.draw(st.integers(0, self.reference.lent))
        self.channel.give_back(count)
        self.reference.give_back(count)
        self.collect()

    @rule()
    def close(self) -> None:
        if self.reference.closed:
            with pytest.raises(ChannelClosed):
                self.channel.close()
            return
        lent = self.reference.lent  # loans are called back before a close
        self.channel.give_back(lent)
        self.reference.give_back(lent)
        self.channel.close()
        self.reference.close()
        self.collect()

    # ---- what holds at any time ------------------------------------------------------------------

    @invariant()
    def the_channel_is_sound(self) -> None:
        self.channel.check()
        for ticket in self.tickets.values():
            ticket.check()

    @invariant()
    def the_reference_agrees(self) -> None:
        assert len(self.channel) == self.reference.length()
        assert self.channel.closed == self.reference.closed
        for number, ticket in self.tickets.items():
            fate, value = self.reference.fate[number]
            if fate == ref.WAITING:
                assert not ticket.done, number
            elif fate in ERRORS:
                assert ticket.failed is ERRORS[fate], number
            elif fate == ref.GOT:
                assert ticket.got == value
            else:
                assert ticket.done
                assert ticket.error is None
                assert ticket.ok == (fate == ref.SENT)

    @invariant()
    def no_value_is_lost_or_doubled(self) -> None:
        flying = [handoff.value for handoff in self.flying.values()]
        waiting = [ticket.value for ticket in self.channel.senders]
        there = [*self.received, *flying, *self.channel.buffer, *waiting]
        assert max(Counter(there).values(), default=1) == 1, "doubled"
        failed = [number for number in self.sent if number in self.tickets and self.tickets[number].failed]
        assert sorted([*there, *failed]) == sorted(self.sent), "lost, or received although its send failed"

    @invariant()
    def a_send_is_complete_only_when_taken_or_in_a_slot(self) -> None:
        complete = [number for number in self.sent if self.reference.fate[number][0] == ref.SENT]
        assert len(set(complete) - set(self.received)) <= self.channel.capacity

    @invariant()
    def held_means_on_its_way(self) -> None:
        held = {number for number, ticket in self.tickets.items() if ticket.state == HELD}
        tied = {handoff.value for handoff in self.flying.values() if handoff.sender is not None}
        assert held == tied

    @invariant()
    def nobody_waits_who_could_be_served(self) -> None:
        receivers = [ticket for ticket in self.channel.receivers if not ticket.poll]
        ready = self.channel.buffer or [ticket for ticket in self.channel.senders if not ticket.poll]
        assert not (self.channel.receivers and ready)
        assert not (receivers and (ready or self.channel.senders))

    def teardown(self) -> None:
        """Leftovers: when everybody has gone, all queues are empty."""
        if not hasattr(self, "channel"):
            return
        for ticket in self.tickets.values():
            ticket.cancel(Cancelled())
        if self.flying:
            self.come_back(list(self.flying))
        assert not self.channel.senders
        assert not self.channel.receivers
        assert not self.channel.handoffs
        assert not self.channel.handed
        assert all(ticket.done for ticket in self.tickets.values())


def test_a_channel_agrees_with_the_plain_reference():
    run(ChannelModel, settings(QUICK, max_examples=150, stateful_step_count=50))


@pytest.mark.slow
def test_a_channel_agrees_with_the_plain_reference_in_many_runs():
    run(ChannelModel, MANY)
