"""What goroutines did to channels, and whether channels can have behaved like that.

A *call* offers one or more *alternatives* (a plain send or receive has one, a select several) and takes a
stretch of time, from ``began`` to ``ended``. Times are positions in one log: a simulated cluster is one process, so
the log sees the beginning and the end of every call in the order in which they happened. What takes effect does so
at one moment between the two. Every value that is offered is unique.

A history is complete: at its end somebody has received from each channel until nothing was left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SEND, RECEIVE, CLOSE = "send", "receive", "close"
#: How a call ended: an alternative took effect, none did, ChannelClosed (none did), nobody knows.
CHOSEN, NOTHING, CLOSED, UNKNOWN = "chosen", "nothing", "closed", "unknown"
NEVER = 1 << 60


class Alternative(NamedTuple):
    """One thing that a call offers to do."""

    kind: str
    channel: int
    value: Any = None


@dataclass(eq=False)
class Call:
    """One operation of one goroutine."""

    who: str
    alternatives: tuple[Alternative, ...]
    began: int
    waits: bool = True  # False: it does not wait (``*_nowait``, or a select with default)
    ended: int = NEVER
    outcome: str = UNKNOWN
    chosen: int = -1
    value: Any = None
    ok: bool = True

    def offers(self, kind: str, channel: int) -> bool:
        """Whether one of its alternatives is that."""
        return any(each.kind == kind and each.channel == channel for each in self.alternatives)

    def effect(self) -> Alternative | None:
        """The alternative that took effect, as far as is known."""
        return self.alternatives[self.chosen] if self.outcome == CHOSEN else None

    def __str__(self) -> str:
        what = " | ".join(f"{each.kind} {each.channel} {each.value or ''}".strip() for each in self.alternatives)
        result = f" {self.chosen} {self.value} {self.ok}" if self.outcome == CHOSEN else ""
        return f"[{self.began}-{self.ended if self.ended < NEVER else ''}] {self.who}: {what} -> {self.outcome}{result}"


@dataclass
class Log:
    """The calls in the order in which they began."""

    calls: list[Call] = field(default_factory=list)
    now: int = 0

    def begin(self, who: str, alternatives: Sequence[Alternative], waits: bool = True) -> Call:
        """A call begins."""
        self.now += 1
        call = Call(who, tuple(alternatives), self.now, waits)
        self.calls.append(call)
        return call

    def end(self, call: Call, outcome: str, chosen: int = -1, value: Any = None, ok: bool = True) -> None:
        """It has ended."""
        self.now += 1
        call.ended = self.now
        call.outcome, call.chosen, call.value, call.ok = outcome, chosen, value, ok

    def forget(self, who: str) -> None:
        """This goroutine died with its process: what it saw may not be what the others saw."""
        for call in self.calls:
            if call.who == who:
                call.outcome = UNKNOWN
                call.ended = NEVER

    def __str__(self) -> str:
        return "\n".join(map(str, self.calls))


class Facts:
    """A history, sorted by what the rules ask for."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.offers: dict[Any, tuple[Call, int]] = {}  # value: who offered it, as which alternative
        self.receipts: dict[Any, list[Call]] = defaultdict(list)
        self.drains: list[tuple[int, Call]] = []
        self.closes: dict[int, list[Call]] = defaultdict(list)
        self.unknown_receives: Counter[int] = Counter()
        for call in calls:
            for index, each in enumerate(call.alternatives):
                if each.kind == SEND:
                    assert each.value not in self.offers, f"{each.value} was offered twice: that is not a history"
                    self.offers[each.value] = (call, index)
            effect = call.effect()
            if effect is not None and effect.kind == CLOSE:
                self.closes[effect.channel].append(call)
            elif effect is not None and effect.kind == RECEIVE:
                if call.ok:
                    self.receipts[call.value].append(call)
                else:
                    self.drains.append((effect.channel, call))
            elif call.outcome == UNKNOWN:
                self.unknown_receives.update({each.channel for each in call.alternatives if each.kind == RECEIVE})

    def sent(self, channel: int) -> Iterator[tuple[Any, Call]]:
        """The values that were certainly sent to a channel."""
        for value, (call, index) in self.offers.items():
            if call.outcome == CHOSEN and call.chosen == index and call.alternatives[index].channel == channel:
                yield value, call

    def maybe_sent(self, channel: int) -> Iterator[tuple[Any, Call]]:
        """The values that were sent to a channel or may have been."""
        yield from self.sent(channel)
        for value, (call, index) in self.offers.items():
            if call.outcome == UNKNOWN and call.alternatives[index].channel == channel:
                yield value, call

    def receipt(self, value: Any) -> Call | None:
        """The first call that received a value."""
        calls = self.receipts.get(value)
        return calls[0] if calls else None

    def closed_since(self, channel: int) -> int:
        """From when on a channel was certainly closed."""
        return min((call.ended for call in self.closes[channel]), default=NEVER)

    def open_until(self, channel: int) -> int:
        """Until when a channel was certainly open."""
        closing = (call for call in self.calls if call.offers(CLOSE, channel) and call.outcome in (CHOSEN, UNKNOWN))
        return min((call.began for call in closing), default=NEVER)

    def others(self, call: Call, kind: str, channel: int) -> bool:
        """Whether other calls that offer that overlap with ``call``."""
        return any(
            other is not call and other.offers(kind, channel) and other.began < call.ended and other.ended > call.began
            for other in self.calls
        )


# ---- the rules -----------------------------------------------------------------------------------------


def received_once(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """A value is received at most once."""
    for value, calls in facts.receipts.items():
        if len(calls) > 1:
            yield f"{value} was received {len(calls)} times: by {' and '.join(call.who for call in calls)}"


def received_is_sent(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """What is received was sent to that channel, before the receive ended; a call takes effect in one way."""
    for value, calls in facts.receipts.items():
        call, index = facts.offers.get(value, (None, 0))
        channel = calls[0].alternatives[calls[0].chosen].channel
        if call is None or call.alternatives[index].channel != channel:
            yield f"{value} was received from channel {channel}, to which nobody sent it"
        elif call.outcome == CHOSEN and call.chosen != index:
            yield f"{value} was received, but its select had committed to another alternative: {call}"
        elif call.outcome in (NOTHING, CLOSED):
            yield f"{value} was received, but its send had not taken effect: {call}"
        elif call.began > calls[0].ended:
            yield f"{value} was received before it was sent"


def sent_is_received(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """What was sent is received by somebody, unless somebody who may have received it cannot be asked."""
    for channel in range(len(capacities)):
        lost = [value for value, _ in facts.sent(channel) if value not in facts.receipts]
        if len(lost) > facts.unknown_receives[channel]:
            yield f"{lost} were sent to channel {channel} and never received"


def in_order(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """Of two values, the one whose send had ended before the other's began is received first.

    A value that was on its way to a process that died comes back late: there the order is not known.
    """
    for channel in range(len(capacities)):
        if facts.unknown_receives[channel]:
            continue
        sends = [(value, call, facts.receipt(value)) for value, call in facts.sent(channel)]
        for first, send, receive in sends:
            for second, next_send, next_receive in sends:
                if send.ended < next_send.began and receive and next_receive and next_receive.ended < receive.began:
                    yield f"{second} was received before {first}, which had been sent first, from channel {channel}"


def within_capacity(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """Between its send's end and its receive's beginning a value is stored: never more than fit."""
    for channel, capacity in enumerate(capacities):
        changes = []
        for value, send in facts.sent(channel):
            receive = facts.receipt(value)
            if receive is not None and receive.began > send.ended:
                changes += [(send.ended, 1, value), (receive.began, -1, value)]
        stored = 0
        for _, change, value in sorted(changes):
            stored += change
            if stored > capacity:
                yield f"{value} was sent to channel {channel} although {capacity} values were stored already"
                break


def closed_once_and_for_all(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """One close succeeds; after it no send does; ChannelClosed is raised for a closed channel only."""
    for channel in range(len(capacities)):
        if len(facts.closes[channel]) > 1:
            yield f"channel {channel} was closed twice"
        since = facts.closed_since(channel)
        for value, call in facts.sent(channel):
            if call.began > since:
                yield f"{value} was sent to channel {channel} after its close"
    for call in facts.calls:
        refusing = [each.channel for each in call.alternatives if each.kind != RECEIVE]
        if call.outcome == CLOSED and all(facts.open_until(channel) > call.ended for channel in refusing):
            yield f"ChannelClosed although no channel was closed: {call}"


def drained_at_the_end(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """``ok`` is False on a closed channel only, and nothing is sent or received after it."""
    for channel, drain in facts.drains:
        if facts.open_until(channel) > drain.ended:
            yield f"channel {channel} was open when it was told to be drained: {drain}"
        for value, send in facts.sent(channel):
            receive = facts.receipt(value)
            if send.began > drain.ended or (receive is not None and receive.began > drain.ended):
                yield f"{value} was sent or received after channel {channel} was drained: {drain}"


def not_refused_when_ready(facts: Facts, capacities: Sequence[int]) -> Iterator[str]:
    """A call that does not wait ends with nothing only if there was a moment at which none of its alternatives was
    ready. Only what is certain counts: others at the same channel end may have been first."""
    for call in facts.calls:
        if call.waits or call.outcome != NOTHING:
            continue
        for each in call.alternatives:
            if each.kind == SEND and _could_send(facts, call, each.channel, capacities[each.channel]):
                yield f"channel {each.channel} could have been sent to all the time: {call}"
            if each.kind == RECEIVE and _could_receive(facts, call, each.channel):
                yield f"channel {each.channel} could have been received from all the time: {call}"


def _could_send(facts: Facts, call: Call, channel: int, capacity: int) -> bool:
    if facts.closed_since(channel) < call.began:
        return True
    if facts.others(call, SEND, channel):
        return False
    here = 0
    for value, send in facts.maybe_sent(channel):
        here += send.began < call.ended and not _gone(facts, value, call)
    return here < capacity


def _gone(facts: Facts, value: Any, call: Call) -> bool:
    """Whether the value had been received when ``call`` began."""
    receive = facts.receipt(value)
    return receive is not None and receive.ended <= call.began


def _could_receive(facts: Facts, call: Call, channel: int) -> bool:
    if facts.others(call, RECEIVE, channel):
        return False
    if facts.closed_since(channel) < call.began:
        return all(_gone(facts, value, call) for value, _ in facts.maybe_sent(channel))
    for value, send in facts.sent(channel):
        receive = facts.receipt(value)
        if send.ended < call.began and receive is not None and receive.began > call.ended:
            return True
    return False


RULES: tuple[Callable[[Facts, Sequence[int]], Iterator[str]], ...] = (
    received_once,
    received_is_sent,
    sent_is_received,
    in_order,
    within_capacity,
    closed_once_and_for_all,
    drained_at_the_end,
    not_refused_when_ready,
)


def violations(log: Log, capacities: Sequence[int]) -> list[str]:
    """What in a history cannot be, in words; empty if all is well."""
    facts = Facts(log.calls)
    return [text for rule in RULES for text in rule(facts, capacities)]
