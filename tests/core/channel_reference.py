"""What a channel is, as plainly as possible: one line of values, and three rules applied until none applies.

1. *Meet*: the first receiver that waits gets the first value in line.
2. *Store*: while a slot is free, the earliest send that waits is complete.
3. *Drained*: when a closed channel has no value left, receivers learn it.

Slow, and with nothing but lists: the implementation must agree with it after every step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WAITING, SENT, GOT, CLOSED, CANCELLED, WOULD_BLOCK, DRAINED = (
    "waiting", "sent", "got", "closed", "cancelled", "would block", "drained",
)  # fmt: skip


@dataclass(eq=False)
class Item:
    """A value in the channel; its sender's send is ``stored`` when complete."""

    value: Any
    sender: int
    stored: bool = False
    doom: str | None = None
    poll: bool = False


@dataclass
class Reference:
    """A channel. Operations are named by numbers; ``fate`` tells what became of each."""

    capacity: int
    closed: bool = False
    lent: int = 0
    line: list[Item] = field(default_factory=list)
    flying: list[tuple[int, Item]] = field(default_factory=list)  # (receiver, item), in the order of service
    receivers: list[tuple[int, bool, bool]] = field(default_factory=list)  # (number, remote, poll)
    patience: dict[int, set[int]] = field(default_factory=dict)  # who does not wait -> the flights it has to wait for
    fate: dict[int, tuple[str, Any]] = field(default_factory=dict)

    def occupied(self) -> int:
        return self.lent + sum(item.stored for item in self.items())

    def items(self) -> list[Item]:
        return [item for _, item in self.flying] + self.line

    def free(self) -> bool:
        return self.occupied() < self.capacity

    def send(self, number: int, value: Any, poll: bool = False) -> None:
        if self.closed:
            self.fate[number] = (CLOSED, None)
            return
        self.fate[number] = (WAITING, None)
        self.line.append(Item(value, number, poll=poll))
        self.settle()

    def offer(self, number: int, value: Any) -> None:
        self.send(number, value, poll=True)
        for item in self.items():
            if item.sender == number and not item.stored and item not in self.line:
                item.doom = WOULD_BLOCK  # it meets a receiver elsewhere; if that one dies, nobody waited
        self.give_up_soon(number)

    def recv(self, number: int, remote: bool, poll: bool = False) -> None:
        self.fate[number] = (WAITING, None)
        self.receivers.append((number, remote, poll))
        self.settle()

    def poll(self, number: int, remote: bool) -> None:
        self.recv(number, remote, poll=True)
        self.give_up_soon(number)

    def give_up_soon(self, number: int) -> None:
        """It does not wait, but for news of the values that are on their way."""
        waits = any(item.sender == number and not item.stored for item in self.line)
        if waits or any(entry[0] == number for entry in self.receivers):
            self.patience[number] = {receiver for receiver, _ in self.flying}
            self.give_up()

    def give_up(self, landed: int | None = None) -> None:
        for number, flights in list(self.patience.items()):
            flights.discard(landed)  # type: ignore[arg-type] # None is in no set of numbers
            if not flights:
                del self.patience[number]
                if self.fate[number][0] == WAITING and self.cancel(number, WOULD_BLOCK):
                    self.fate[number] = (WOULD_BLOCK, None)

    def close(self) -> None:
        self.closed = True
        for item in self.line:
            if not item.stored:
                self.fate[item.sender] = (CLOSED, None)
        self.line = [item for item in self.line if item.stored]
        self.settle()

    def cancel(self, number: int, why: str = CANCELLED) -> bool:
        if self.fate[number][0] != WAITING:
            return False
        for _, item in self.flying:
            if item.sender == number:
                item.doom = why if why == CANCELLED else item.doom or why
                return False
        self.receivers = [entry for entry in self.receivers if entry[0] != number]
        self.line = [item for item in self.line if item.sender != number]
        self.fate[number] = (CANCELLED, None)
        return True

    def taken(self, receiver: int) -> None:
        item = next(item for number, item in self.flying if number == receiver)
        self.flying = [entry for entry in self.flying if entry[1] is not item]
        self.fate[item.sender] = (SENT, None)
        self.settle()
        self.give_up(receiver)

    def returned(self, receivers: list[int]) -> None:
        back = [item for number, item in self.flying if number in receivers]
        self.flying = [entry for entry in self.flying if entry[0] not in receivers]
        line = back + self.line
        for item in back:
            if not item.stored and (item.doom or self.closed):
                self.fate[item.sender] = (item.doom or CLOSED, None)
                line.remove(item)
        # What is stored comes before what still waits (a loan may have arrived meanwhile).
        self.line = sorted(line, key=lambda item: not item.stored)
        self.settle()
        for number in receivers:
            self.give_up(number)

    def lend(self, wanted: int) -> int:
        if self.closed or any(not item.stored for item in self.line):
            return 0
        count = min(wanted, max(0, self.capacity - self.occupied()))
        self.lent += count
        return count

    def arrive(self, number: int, value: Any) -> None:
        self.lent -= 1
        self.fate[number] = (SENT, None)
        self.line = sorted([*self.line, Item(value, number, True)], key=lambda item: not item.stored)
        self.settle()

    def give_back(self, count: int) -> None:
        self.lent -= count
        self.settle()

    def drained(self) -> bool:
        return self.closed and not self.line and not self.flying

    def length(self) -> int:
        return sum(item.stored for item in self.items())

    def settle(self) -> None:
        while self._meet() or self._store():
            pass
        if self.drained():
            for number, _, _ in self.receivers:
                self.fate[number] = (DRAINED, None)
            self.receivers = []

    def _meet(self) -> bool:
        for item in self.line:
            for entry in self.receivers:
                number, remote, poll = entry
                if poll and item.poll and not item.stored:
                    continue  # two that do not wait do not meet
                self.line.remove(item)
                self.receivers.remove(entry)
                self.fate[number] = (GOT, item.value)
                if remote:
                    self.flying.append((number, item))
                else:
                    self.fate[item.sender] = (SENT, None)
                return True
        return False

    def _store(self) -> bool:
        waiting = [item for item in self.items() if not item.stored]
        if not waiting or not self.free():
            return False
        waiting[0].stored = True
        self.fate[waiting[0].sender] = (SENT, None)
        return True
