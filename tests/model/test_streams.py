"""Streams through leased channels: their histories are those of plain channels, whatever crosses what."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from conformance.history import (
    CHOSEN,
    CLOSED,
    NOTHING,
    RECEIVE,
    SEND,
    UNKNOWN,
    Alternative,
    Call,
    Log,
    violations,
)

import dgo.core.lease as lease_module
from dgo.core.channel import Channel
from dgo.core.lease import Lease
from dgo.core.stock import Stock
from dgo.runtime.loans import Loans
from dgo.runtime.stocks import Stocks
from dgo.wire.messages import Msg

from .explore import Violation, explore, wander
from .programs import P, Q, R, select
from .world import Goroutine, World

pytestmark = pytest.mark.interpreted("a process of the model stands for a Node, which compiled code does not take")

# ---- random programs -------------------------------------------------------------------------------


def stream_world(seed: int) -> World:
    """Goroutines on up to four processes that send and receive many values on one or two channels, and now and then
    do what could tell that slots were lent or values were handed ahead."""
    choose = random.Random(seed)
    processes = list(range(1, choose.randint(2, 4) + 1))
    channels = [(choose.choice(processes), choose.choice((2, 3, 5, 8))) for _ in range(choose.choice((1, 1, 2)))]
    values = iter(f"v{n}" for n in range(1000))
    goroutines = []
    others = choose.choice((0.0, 0.0, 0.1, 0.25))
    for _ in range(choose.randint(2, 7)):
        home = choose.randrange(len(channels))
        sends = choose.random() < 0.5
        program = tuple(
            _other(choose, len(channels), values)
            if choose.random() < others
            else ("send", home, next(values))
            if sends
            else ("recv", home, *(("timeout",) if choose.random() < 0.1 else ()))
            for _ in range(choose.randint(4, 14))
        )
        goroutines.append((choose.choice(processes), program))
    deaths = choose.choice((0, 0, 0, 1))
    kill = tuple(choose.sample(processes, deaths))
    interrupts = tuple(number for number in range(len(goroutines)) if choose.random() < 0.1)
    return World(channels, goroutines, kill=kill, deaths=deaths, interrupts=interrupts, lazy=choose.random() < 0.7)


def _other(choose: random.Random, channels: int, values: Any) -> tuple[Any, ...]:
    number = choose.randrange(channels)
    kind = choose.choice(("poll", "poll", "offer", "len", "close", "select", "default"))
    if kind in ("poll", "len", "close"):
        return (kind, number)
    if kind == "offer":
        return ("offer", number, next(values))
    cases = [(choose.randrange(channels), next(values) if choose.random() < 0.4 else None) for _ in range(2)]
    return select(*cases, flags=("default",) if kind == "default" else ("timeout",))


class Watcher:
    """Writes down what goroutines do."""

    def __init__(self) -> None:
        self.log = Log()
        self.calls: dict[int, Call] = {}  # by goroutine

    def began(self, goroutine: Goroutine) -> None:
        operation = goroutine.operation
        name = operation[0]
        if name == "select":
            offers = [Alternative(RECEIVE if value is None else SEND, number, value) for number, value in operation[1]]
        elif name in ("send", "offer"):
            offers = [Alternative(SEND, operation[1], operation[2])]
        else:
            offers = [Alternative(RECEIVE if name in ("recv", "poll") else name, operation[1])]
        polls = name in ("offer", "poll", "len") or (name == "select" and "default" in operation[2])
        self.calls[goroutine.number] = self.log.begin(f"g{goroutine.number}", offers, not polls)

    def ended(self, goroutine: Goroutine, result: Any, ok: bool, error: str | None) -> None:
        call = self.calls.pop(goroutine.number)
        if error in ("Timeout", "WouldBlock"):
            self.log.end(call, NOTHING)
        elif error == "ChannelClosed":
            self.log.end(call, CLOSED)
        elif error is not None:
            self.log.end(call, UNKNOWN)
        elif goroutine.operation[0] == "select":
            index, value = result
            self.log.end(call, CHOSEN if index >= 0 else NOTHING, index, value, ok)
        else:
            self.log.end(call, CHOSEN, 0, result, ok)


def run(world: World, seed: int) -> list[str]:
    """Runs it to its end; returns what in its history cannot be."""
    watcher = world.watcher = Watcher()
    wander(world, seed)
    if world.dead and world.dead[0] in world.homes:
        return []  # its values are lost with it
    for number, home in enumerate(world.homes):
        _drain(world, number, home)
    log = watcher.log
    for goroutine in world.goroutines:
        if goroutine.process in world.dead:
            log.forget(f"g{goroutine.number}")
    return violations(log, [world.channel(home, number).capacity for number, home in enumerate(world.homes)])  # type: ignore[union-attr] # it exists


def _drain(world: World, number: int, home: int) -> None:
    """Somebody receives what is left, so that the history is complete."""
    goroutine = Goroutine(world, len(world.goroutines), home, (("poll", number),) * 200)
    world.goroutines.append(goroutine)
    while goroutine.operation is not None:
        goroutine.begin()
        while goroutine.ticket is not None:
            actions = [action for action in world.actions() if action[0] in ("deliver", "flush", "down", "ring")]
            world.act(actions[0])
        if goroutine.outcomes[-1][2] is not None or not goroutine.outcomes[-1][1]:
            goroutine.at = len(goroutine.program)
    world.check(False)


def check(seeds: range) -> Counter[str]:
    """Runs the programs of these seeds; returns how often each message was sent."""
    posted: Counter[str] = Counter()
    for seed in seeds:
        world = stream_world(seed)
        post = world.post

        def count(source: int, target: int, message: list[Any], post: Any = post) -> None:
            posted[Msg(message[0]).name] += 1
            post(source, target, message)

        world.post = count  # type: ignore[method-assign] # to see what is sent
        found = run(world, seed)
        assert not found, f"seed {seed}: {found}\n{world.watcher.log}"
    return posted


@pytest.mark.parametrize("worth", [1, lease_module.WORTH])
@pytest.mark.parametrize("block", range(4))
def test_no_stream_shows_that_anything_was_leased(monkeypatch, block, worth):
    monkeypatch.setattr(lease_module, "WORTH", worth)  # 1: turns also in streams as short as these
    posted = check(range(block * 100, block * 100 + 100))
    for name in ("LEND", "SEND_LENT", "RECALL", "STOCK", "STOCK_TAKEN", "STOCK_RECALL", "STOCK_BACK", "SERVED"):
        assert posted[name] > 5, f"{name} was sent {posted[name]} times: this shows nothing"


@pytest.mark.slow
@pytest.mark.parametrize("worth", [1, lease_module.WORTH])
@pytest.mark.parametrize("block", range(6))
def test_no_stream_of_many_shows_that_anything_was_leased(monkeypatch, block, worth):
    monkeypatch.setattr(lease_module, "WORTH", worth)
    check(range(10_000 + block * 3000, 10_000 + block * 3000 + 3000))


# ---- mutations: without a rule some stream must show it ----------------------------------------------


def is_found(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, mutant: Any) -> bool:
    """Whether one of the programs shows a fault with a method replaced."""
    monkeypatch.setattr(owner, name, mutant)
    for seed in range(600):
        try:
            if run(stream_world(seed), seed):
                return True
        except (Violation, AssertionError):
            return True
    return False


def test_receiving_beside_a_stock_is_found(monkeypatch):
    def before(self: Stock, action: Any, origin: int = 0, key: Any = None) -> None:
        if key is not None:  # a receive
            action()
        else:
            real(self, action, origin, key)

    real = Stock.before
    assert is_found(monkeypatch, Stock, "before", before)


def test_sending_beside_a_loan_is_found(monkeypatch):
    def when_returned(self: Loans, channel: Channel, operation: Any, ticket: Any, *args: Any, origin: int = 0) -> None:
        operation(channel, ticket, *args)

    assert is_found(monkeypatch, Loans, "when_returned", when_returned)


def test_calling_back_for_the_holder_s_own_operations_only_is_found(monkeypatch):
    def before(self: Lease, action: Any, origin: int = 0, key: Any = None) -> None:
        if origin == self.holder:
            action()
        else:
            real(self, action, origin, key)

    real = Lease.before
    assert is_found(monkeypatch, Lease, "before", before)


def test_believing_an_answer_about_an_earlier_lease_is_found(monkeypatch):
    def back(self: Lease, origin: int, epoch: int) -> bool:
        return real(self, origin, self.epoch)

    real = Lease.back
    assert is_found(monkeypatch, Lease, "back", back)


def test_taking_what_was_given_back_is_found(monkeypatch):
    def _on_stock(self: Stocks, peer: int, frames: Any, number: int, epoch: int, wires: Any) -> None:
        ref = self._node.values.imported(peer, number)
        if ref is not None:
            ref.shut = 0
        real(self, peer, frames, number, epoch, wires)

    real = Stocks._on_stock
    assert is_found(monkeypatch, Stocks, "_on_stock", _on_stock)


def test_counting_what_was_handed_ahead_as_taken_is_found(monkeypatch):
    def give_back(self: Stocks, ref: Any) -> None:
        ref.taken += len(ref.stock)
        real(self, ref)

    real = Stocks.give_back
    assert is_found(monkeypatch, Stocks, "give_back", give_back)


def test_keeping_the_stock_during_a_select_is_found(monkeypatch):
    assert is_found(monkeypatch, Stocks, "_drop", lambda self, ref, epoch: self.tell(ref))


# ---- every state of small programs -------------------------------------------------------------------


def sends(*values: str, channel: int = 0) -> tuple[Any, ...]:
    return tuple(("send", channel, value) for value in values)


def recvs(count: int, channel: int = 0) -> tuple[Any, ...]:
    return (("recv", channel),) * count


SMALL: dict[str, dict[str, Any]] = {
    "a stock and a second receiver": {
        "channels": [(P, 4)],
        "goroutines": [(Q, recvs(3)), (R, recvs(1)), (P, sends("a", "b", "c", "d"))],
        "eager": (R,),
    },
    "a stock whose holder may die": {
        "channels": [(P, 4)],
        "goroutines": [(Q, recvs(4)), (P, (*sends("a", "b", "c"), ("poll", 0)))],
        "kill": (Q,),
    },
    "a stock and a close": {
        "channels": [(P, 4)],
        "goroutines": [(Q, recvs(4)), (P, (*sends("a", "b", "c"), ("close", 0), ("recv", 0)))],
    },
    "a loan at one end and a stock at the other": {
        "channels": [(P, 3)],
        "goroutines": [(R, sends("a", "b", "c", "d")), (Q, recvs(3))],
        "eager": (Q, R),
    },
    "two goroutines of one process receive": {
        "channels": [(P, 4)],
        "goroutines": [(Q, recvs(3)), (Q, recvs(2)), (P, sends("a", "b", "c", "d", "e"))],
        "eager": (Q,),
    },
    "a stock, a receive that may time out, and what does not wait": {
        "channels": [(P, 3)],
        "goroutines": [
            (Q, (*recvs(2), ("recv", 0, "timeout"))),
            (P, sends("a", "b", "c")),
            (P, (("offer", 0, "x"),)),
        ],
    },
    "a select of the holder itself": {
        "channels": [(P, 3), (R, 0)],
        "goroutines": [
            (Q, (*recvs(2), select((0, None), (1, None)), *recvs(1))),
            (P, sends("a", "b", "c", "d")),
        ],
        "eager": (Q,),
    },
}


@pytest.mark.parametrize("name", SMALL)
def test_no_state_of_a_small_stream_breaks_a_rule(name, record_property):
    found = explore(World(**SMALL[name]))
    record_property("found", str(found))
    assert found.ends
    assert found.acyclic, "a cycle of states: the protocol might go on for ever"
