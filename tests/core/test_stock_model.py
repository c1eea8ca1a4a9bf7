"""Values that are handed ahead: whatever crosses what, goroutines get what a plain queue would give them."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dgo.core.channel import Channel
from dgo.core.handoff import Handoff
from dgo.core.lease import FIRST_ASKED
from dgo.core.stock import MOST_VALUES, Stock
from dgo.core.ticket import WAITING
from dgo.errors import Cancelled

from .tools import MANY, QUICK, Local, run

HOME, ANNE, BOB = 0, 1, 2


class Asking(Local):
    """A receive of another process, at the home."""

    __slots__ = ("origin",)
    remote = True

    def __init__(self, origin: int) -> None:
        super().__init__()
        self.origin = origin


class Process:
    """A process that receives: a stock, one goroutine that may wait, and a link in each direction."""

    def __init__(self) -> None:
        self.stock: deque[int] = deque()
        self.epoch = self.shut = 0
        self.waiting = False  # for the home's answer
        self.out: deque[tuple[Any, ...]] = deque()
        self.inbox: deque[tuple[Any, ...]] = deque()


class StockModel(RuleBasedStateMachine):
    """A home, a goroutine there, and two processes with one goroutine each."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0
        self.now = 0
        self.began: dict[int, int] = {}  # when a party's receive began: HOME, ANNE, BOB
        self.received: list[tuple[int, int, int]] = []  # value, when its receive began, and when it ended
        self.processes = {ANNE: Process(), BOB: Process()}
        self.asking: dict[int, Asking] = {}
        self.local: Local | None = None
        self.lost: set[int] = set()  # what the dead had received, perhaps
        self.late: set[int] = set()  # was on its way to the dead, long after others had received younger values

    @initialize(capacity=st.integers(2, 6))
    def make(self, capacity: int) -> None:
        self.channel = Channel(capacity)
        self.channel.stock = self.stock = Stock(self.channel, self.recall)

    def recall(self, holder: int, epoch: int) -> None:
        self.processes[holder].inbox.append(("recall", epoch))

    def begins(self, who: int) -> None:
        self.now += 1
        self.began[who] = self.now

    def got(self, who: int, value: int) -> None:
        self.now += 1
        self.received.append((value, self.began[who], self.now))

    # ---- the home ----------------------------------------------------------------------------------

    @precondition(lambda self: not self.channel.senders)
    @rule()
    def send(self) -> None:
        self.numbers += 1
        self.channel.send(Local(self.numbers))
        self.answer()

    @precondition(lambda self: self.local is None)
    @rule()
    def receive_at_home(self) -> None:
        self.begins(HOME)
        self.local = Local()
        self.channel.recv(self.local)
        self.answer()

    @precondition(lambda self: self.local is not None)
    @rule()
    def give_up_at_home(self) -> None:
        assert self.local is not None
        if self.local.cancel(Cancelled()):
            self.local = None
        self.answer()

    @rule()
    def ask_for_the_length(self) -> None:
        found: list[int] = []
        self.channel.when_quiet(lambda: found.append(len(self.channel)))
        assert not found or not self.channel.stocked

    @rule()
    def hand_ahead(self) -> None:
        room = self.stock.room()
        if room:
            self.stock.hand(room)
            values = list(self.stock.values)[-room:]
            assert self.stock.holder is not None
            self.processes[self.stock.holder].inbox.append(("stock", self.stock.epoch, values))

    def answer(self) -> None:
        """What the home says to those who have been served."""
        if self.local is not None and self.local.done:
            self.got(HOME, self.local.got)
            self.local = None
        for name, ticket in list(self.asking.items()):
            if ticket.done and ticket.error is None:
                del self.asking[name]
                assert type(ticket.result) is Handoff
                self.processes[name].inbox.append(("hand", ticket.result))

    # ---- the processes -----------------------------------------------------------------------------

    @rule(name=st.sampled_from([ANNE, BOB]))
    def receive(self, name: int) -> None:
        process = self.processes[name]
        if process.waiting:
            return
        self.begins(name)
        if process.stock:
            self.take(name, process)
        else:
            process.waiting = True
            process.out.append(("recv",))

    def take(self, name: int, process: Process) -> None:
        self.got(name, process.stock.popleft())
        process.out.append(("taken",))

    @precondition(lambda self: any(process.stock for process in self.processes.values()))
    @rule()
    def give_back(self) -> None:
        for process in self.processes.values():
            if process.stock:
                process.stock.clear()
                process.shut = process.epoch
                process.out.append(("back", process.epoch))

    @precondition(lambda self: any(process.inbox for process in self.processes.values()))
    @rule(data=st.data())
    def deliver_to_a_process(self, data: Any) -> None:
        name = data.draw(st.sampled_from([name for name, process in self.processes.items() if process.inbox]))
        process = self.processes[name]
        message = process.inbox.popleft()
        if message[0] == "hand":
            process.waiting = False
            self.got(name, message[1].value)
            process.out.append(("took", message[1]))
        elif message[0] == "recall":
            process.stock.clear()
            process.shut = max(process.shut, message[1])
            process.out.append(("back", message[1]))
        elif message[1] > process.shut:
            process.epoch = message[1]
            process.stock.extend(message[2])
            if process.waiting:
                process.waiting = False
                process.out.append(("served",))
                self.take(name, process)

    @precondition(lambda self: any(process.out for process in self.processes.values()))
    @rule(data=st.data())
    def deliver_to_the_home(self, data: Any) -> None:
        name = data.draw(st.sampled_from([name for name, process in self.processes.items() if process.out]))
        self.heard(name, self.processes[name].out.popleft())

    def heard(self, name: int, message: tuple[Any, ...]) -> None:
        if message[0] == "recv":
            self.asking[name] = Asking(name)
            self.channel.recv(self.asking[name])
            self.stock.used(name)
        elif message[0] == "taken":
            assert self.stock.holder == name
            assert self.stock.taken(1)
        elif message[0] == "took":
            self.channel.taken(message[1])
        elif message[0] == "served":
            assert self.stock.withdraw(self.asking.pop(name))
        else:
            assert self.stock.back(name, message[1])
        self.answer()

    @rule(name=st.sampled_from([ANNE, BOB]), heard=st.integers(0, 3))
    def a_process_dies(self, name: int, heard: int) -> None:
        """Some of what it had sent arrives; then it is started anew."""
        process = self.processes[name]
        for _ in range(min(heard, len(process.out))):
            self.heard(name, process.out.popleft())
        # What it took without being able to say so is received again.
        for message in process.out:
            if message[0] == "took":
                self.lost.add(message[1].value)
        untold = [message for message in process.out if message[0] == "taken"]
        self.lost.update(list(self.stock.values)[: len(untold)] if self.stock.holder == name else [])
        ticket = self.asking.pop(name, None)
        if ticket is not None:
            ticket.cancel(Cancelled())
        flying = [message[1] for message in (*process.inbox, *process.out) if message[0] in ("hand", "took")]
        self.late.update(handoff.value for handoff in flying)
        self.stock.lost(name)
        if flying:
            self.channel.returned(flying)
        self.processes[name] = Process()
        self.processes[name].shut = self.stock.epoch
        self.answer()

    # ---- what holds at any time --------------------------------------------------------------------

    @invariant()
    def everything_is_sound(self) -> None:
        if hasattr(self, "channel"):
            self.channel.check()
            self.stock.check()

    @invariant()
    def goroutines_get_what_a_plain_queue_gives(self) -> None:
        kept = [entry for entry in self.received if entry[0] not in self.lost]
        for older, began, _ in kept:
            for younger, _, ended in kept:
                assert older >= younger or ended > began or older in self.late, f"{younger} was received before {older}"
        assert len({value for value, _, _ in kept}) == len(kept), "one was received twice"

    @invariant()
    def whoever_waits_has_no_stock(self) -> None:
        for process in self.processes.values():
            assert not (process.waiting and process.stock)

    def teardown(self) -> None:
        """When all has arrived, and everybody has what is there, nothing is left."""
        if not hasattr(self, "channel"):
            return
        while any(process.out or process.inbox for process in self.processes.values()):
            for name, process in self.processes.items():
                while process.out:
                    self.heard(name, process.out.popleft())
                while process.inbox:
                    self.deliver_first(process)
        found: list[int] = []
        self.channel.when_whole(partial(found.append, 0))
        while any(process.out or process.inbox for process in self.processes.values()):
            for name, process in self.processes.items():
                while process.inbox:
                    self.deliver_first(process)
                while process.out:
                    self.heard(name, process.out.popleft())
        assert found == [0], "a recall was never answered"
        assert not self.channel.handoffs
        assert not self.stock._waiting
        there = [
            *(value for value, _, _ in self.received),
            *self.channel.buffer,
            *(ticket.value for ticket in self.channel.senders),
        ]
        assert set(there) == set(range(1, self.numbers + 1)), "a value is lost"

    def deliver_first(self, process: Process) -> None:
        only = {name: other for name, other in self.processes.items() if other is process}
        rest, self.processes = self.processes, only
        try:
            StockModel.deliver_to_a_process.__wrapped__(self, _First())  # type: ignore[attr-defined] # hypothesis keeps it
        finally:
            self.processes = rest


class _First:
    """Draws the first of several."""

    def draw(self, strategy: Any) -> Any:
        return strategy.elements[0]


def test_goroutines_get_what_a_plain_queue_would_give_them():
    run(StockModel, settings(QUICK, max_examples=150, stateful_step_count=60))


@pytest.mark.slow
def test_goroutines_get_what_a_plain_queue_would_give_them_in_many_runs():
    run(StockModel, MANY)


# ---- single rules ----------------------------------------------------------------------------------


def stocked(count: int = 4) -> tuple[Channel, Stock, list[tuple[int, int]]]:
    """ANNE has ``count`` values in stock."""
    recalls: list[tuple[int, int]] = []
    channel = Channel(count)
    channel.stock = stock = Stock(channel, lambda holder, epoch: recalls.append((holder, epoch)))
    for value in range(count):
        channel.send(Local(value))
    for _ in range(FIRST_ASKED):
        stock.used(ANNE)
    stock.hand(stock.room())
    return channel, stock, recalls


def test_values_in_a_stock_keep_their_slots_until_they_are_taken():
    channel, stock, _ = stocked(3)
    sender = Local("one more")
    channel.send(sender)
    assert (len(channel), sender.done) == (3, False)
    assert stock.taken(1)
    assert (len(channel), sender.done) == (3, True)


def test_a_receive_by_another_process_calls_the_stock_back_and_gets_the_oldest_value():
    channel, stock, recalls = stocked(3)
    receiver = Asking(BOB)
    channel.recv(receiver)
    assert (recalls, receiver.state) == ([(ANNE, 1)], WAITING)
    assert stock.taken(1)
    assert stock.back(ANNE, 1)
    assert receiver.got == 1


@pytest.mark.interpreted("its ticket has a slot of its own for what is a slot of every compiled ticket")
def test_a_receive_of_the_holder_waits_without_a_recall_until_its_stock_is_used_up():
    channel, stock, recalls = stocked(2)
    receiver = Asking(ANNE)
    channel.recv(receiver)
    channel.send(Local("next"))
    assert stock.taken(1)
    assert (recalls, receiver.done) == ([], False)
    assert stock.taken(1)
    assert (recalls, receiver.got) == ([], "next")


def test_an_older_value_that_comes_back_waits_for_the_stock_to_be_back_first():
    channel = Channel(4)
    channel.stock = stock = Stock(channel, lambda holder, epoch: None)
    receiver = Asking(BOB)
    channel.recv(receiver)
    for value in range(3):
        channel.send(Local(value))
    for _ in range(FIRST_ASKED):
        stock.used(ANNE)
    stock.hand(stock.room())
    channel.returned([receiver.result])
    assert stock.back(ANNE, 1)
    assert list(channel.buffer) == [0, 1, 2]


def test_the_stock_of_a_dead_process_is_first_in_line_again():
    channel, stock, _ = stocked(3)
    assert stock.taken(1)
    channel.send(Local(3))
    stock.lost(ANNE)
    assert list(channel.buffer) == [1, 2, 3]
    stock.check()


def test_a_closed_channel_is_not_drained_while_a_stock_is_out():
    channel, stock, _ = stocked(1 + 1)
    channel.close()
    receiver = Local()
    channel.recv(receiver)
    assert not receiver.done
    assert stock.taken(2)
    assert (receiver.done, receiver.ok) == (True, False)


def test_more_is_taken_than_was_handed_is_refused():
    channel, stock, _ = stocked(2)
    assert not stock.taken(3)
    assert not stock.taken(0)
    assert channel.stocked == 2


def test_a_stock_is_bounded():
    _, stock, _ = stocked(MOST_VALUES + 5)
    assert stock.out == MOST_VALUES
    assert stock.room() == 0


def test_a_lease_that_has_paid_is_had_again_at_once_and_one_that_has_not_is_not():
    channel, stock, _ = stocked(300)
    assert stock.taken(260)
    stock.call_back()
    assert stock.back(ANNE, 1)
    for _ in range(FIRST_ASKED):
        stock.used(ANNE)
    assert stock.holder == ANNE
    stock.hand(stock.room())
    stock.call_back()
    assert stock.back(ANNE, 2)
    for _ in range(FIRST_ASKED):
        stock.used(ANNE)
    assert stock.holder is None
    channel.check()
