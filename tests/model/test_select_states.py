"""Every state of small programs of selects: what must hold does, and without a rule it would not."""

from __future__ import annotations

import random
from typing import Any

import pytest

import dgo.core.channel as channel_module
from dgo.core.channel import Channel
from dgo.core.distant import Distant
from dgo.core.match import Match
from dgo.core.select import Select
from dgo.core.ticket import DONE, HELD, WAITING
from dgo.runtime.homes import Homes
from dgo.wire.messages import Msg

from .explore import Violation, explore, wander
from .programs import ALWAYS_READY, ALWAYS_READY_HERE, DEFAULT, LARGE, NEVER_READY, SMALL, P, Q, R, select, world

pytestmark = pytest.mark.interpreted("its states are pickled, and its mutations replace methods")

# ---- what holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_no_state_of_a_small_program_breaks_a_rule(name, record_property):
    found = explore(world(SMALL[name]))
    record_property("found", str(found))
    assert found.ends
    assert found.acyclic, "a cycle of states: the protocol might go on for ever"


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_no_state_of_a_larger_program_breaks_a_rule(name, record_property):
    found = explore(world(LARGE[name]))
    record_property("found", str(found))
    assert found.ends
    assert found.acyclic, "a cycle of states: the protocol might go on for ever"


def indexes(program: dict[str, Any]) -> set[int]:
    """What the select of the second goroutine has returned in some run."""
    return {outcome[1][0][0][0] for outcome in explore(world(program)).outcomes}


@pytest.mark.parametrize("program", [ALWAYS_READY, ALWAYS_READY_HERE], ids=["homes elsewhere", "one home here"])
def test_default_is_not_taken_while_one_of_two_homes_is_ready_at_every_moment(program):
    assert indexes(program) == {0, 1}


def test_default_is_taken_when_nothing_is_ready():
    assert indexes(NEVER_READY) == {-1}


@pytest.mark.parametrize("block", range(4))
def test_no_random_program_breaks_a_rule(block):
    for seed in range(block * 250, block * 250 + 250):
        wander(random_world(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_no_random_program_of_many_breaks_a_rule(block):
    for seed in range(10_000 + block * 5000, 10_000 + block * 5000 + 5000):
        wander(random_world(seed), seed)


@pytest.mark.parametrize("block", range(2))
def test_no_longer_random_program_breaks_a_rule(block):
    for seed in range(block * 100, block * 100 + 100):
        wander(random_world(seed, long=True), seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_no_longer_random_program_of_many_breaks_a_rule(block):
    for seed in range(10_000 + block * 5000, 10_000 + block * 5000 + 5000):
        wander(random_world(seed, long=True), seed)


def random_world(seed: int, long: bool = False) -> Any:
    """Up to seven goroutines on up to four processes, with selects, plain operations, closes, deaths.

    The long ones have up to twelve of more operations, buffers that are lent, operations that do not wait, waits
    that are interrupted, and two deaths.
    """
    choose = random.Random(seed)
    if long:
        return long_world(choose)
    processes = list(range(1, choose.randint(2, 4) + 1))
    channels = [(choose.choice(processes), choose.choice((0, 0, 1, 2))) for _ in range(choose.randint(1, 4))]
    values = iter(f"v{n}" for n in range(1000))
    goroutines = []
    for _ in range(choose.randint(2, 7)):
        program = tuple(random_operation(choose, len(channels), values) for _ in range(choose.randint(1, 3)))
        goroutines.append((choose.choice(processes), program))
    kill = (choose.choice(processes),) if choose.random() < 0.3 else ()
    return world({"channels": channels, "goroutines": goroutines}, kill=kill, last=choose.random() < 0.5)


def long_world(choose: random.Random) -> Any:
    processes = list(range(1, choose.randint(2, 5) + 1))
    channels = [(choose.choice(processes), choose.choice((0, 0, 1, 2, 6))) for _ in range(choose.randint(1, 5))]
    values = iter(f"v{n}" for n in range(1000))
    goroutines = []
    for _ in range(choose.randint(2, 12)):
        if choose.random() < 0.2:  # so many that it is lent slots
            number = choose.randrange(len(channels))
            program = tuple(("send", number, next(values)) for _ in range(choose.randint(3, 9)))
        elif choose.random() < 0.25:  # so many that values are handed ahead
            number = choose.randrange(len(channels))
            timeout = ("timeout",) if choose.random() < 0.5 else ()
            program = tuple(("recv", number, *timeout) for _ in range(choose.randint(3, 9)))
        else:
            program = tuple(long_operation(choose, len(channels), values) for _ in range(choose.randint(1, 6)))
        goroutines.append((choose.choice(processes), program))
    deaths = choose.choice((0, 0, 0, 1, 2))
    kill = tuple(choose.sample(processes, min(deaths, len(processes))))
    interrupts = tuple(number for number in range(len(goroutines)) if choose.random() < 0.15)
    return world(
        {"channels": channels, "goroutines": goroutines},
        lazy=choose.random() < 0.5,
        kill=kill,
        deaths=2,
        interrupts=interrupts,
        last=choose.random() < 0.5,
    )


def long_operation(choose: random.Random, channels: int, values: Any) -> tuple[Any, ...]:
    roll = choose.random()
    if roll < 0.08:
        return ("offer", choose.randrange(channels), next(values))
    if roll < 0.16:
        return ("poll", choose.randrange(channels))
    if roll < 0.2:
        return ("len", choose.randrange(channels))
    return random_operation(choose, channels, values)


def random_operation(choose: random.Random, channels: int, values: Any) -> tuple[Any, ...]:
    roll = choose.random()
    timeout = ("timeout",) if choose.random() < 0.2 else ()
    if roll < 0.2:
        return ("send", choose.randrange(channels), next(values), *timeout)
    if roll < 0.4:
        return ("recv", choose.randrange(channels), *timeout)
    if roll < 0.45:
        return ("close", choose.randrange(channels))
    flags = timeout or (DEFAULT if choose.random() < 0.2 else ())
    cases = [
        (choose.randrange(channels), next(values) if choose.random() < 0.5 else None)
        for _ in range(choose.randint(1, 4))
    ]
    return select(*cases, flags=flags)


def test_every_claim_on_a_withdrawn_select_is_given_up_when_its_process_dies():
    home = world({"channels": [(P, 1), (P, 1)], "goroutines": []}).processes[P]
    home.deliver(Q, [Msg.OFFER, 1, False, False, [[0, 0, True, None], [1, 1, True, None]]])
    assert len(home.selects.claims) == 2
    home.deliver(Q, [Msg.WITHDRAW, 1, False])
    home.down(Q)
    assert not home.selects.claims
    assert [channel.match for channel in home.values.exports.values()] == [None, None]


def test_an_offer_whose_second_partner_dies_too_does_not_wait():
    home = world({"channels": [(P, 0)], "goroutines": [(P, (("offer", 0, "v"),))]}).processes[P]
    home.deliver(Q, [Msg.OFFER, 1, False, False, [[0, 0, False, None]]])
    home.world.goroutines[0].begin()  # Q is asked
    home.deliver(R, [Msg.OP, 1, 0, "recv", []])
    home.down(Q)  # so the value goes to R
    home.down(R)
    assert home.world.goroutines[0].outcomes == [(None, True, "WouldBlock")]


# ---- mutations: without a rule the exploration must find a fault -----------------------------------


def test_claiming_the_sender_first_is_found(monkeypatch):
    def sender_first(self: Match, channel: Channel, sender: Any, receiver: Any) -> None:
        real(self, channel, sender, receiver)
        self.need = [party for party in (sender, receiver) if party is not None and party.select is not None]

    real = Match.__init__
    monkeypatch.setattr(Match, "__init__", sender_first)
    with pytest.raises(Violation, match="for ever"):
        explore(world(SMALL["ring of three"]))


def test_refusing_when_busy_is_found(monkeypatch):
    def claimed(self: Select, home: int, match: int, index: int, weight: int) -> None:
        if self.state == HELD:
            assert self.port is not None
            self.port.refuse(home, match)
        else:
            real(self, home, match, index, weight)

    real = Select.claimed
    monkeypatch.setattr(Select, "claimed", claimed)
    with pytest.raises(Violation):
        explore(world(SMALL["ring of three"]))


def test_believing_the_dead_is_found():
    with pytest.raises(Violation):
        explore(world(LARGE["ring of three, one may die"], tombstones=False))


def test_deciding_before_all_have_granted_is_found(monkeypatch):
    def ask(self: Channel, match: Match) -> None:
        match.need = match.need[:1]
        real(self, match)

    real = Channel._ask
    monkeypatch.setattr(Channel, "_ask", ask)
    with pytest.raises(Violation):
        explore(world(SMALL["ring of three, two processes"]))


def test_serving_a_select_that_has_died_is_found(monkeypatch):
    monkeypatch.setattr(Distant, "lost", lambda self, error: None)
    with pytest.raises(Violation):
        explore(world(SMALL["crossed, one may die"]))


def test_leaving_offers_behind_is_found(monkeypatch):
    monkeypatch.setattr(Distant, "withdraw", lambda self, confirm: None)
    with pytest.raises(Violation, match=r"who stands in the queues.*\n.*begin 0"):
        explore(world(SMALL["a close among crossed selects"]))


def test_a_cancel_of_what_is_held_is_found(monkeypatch):
    def cancel(self: Select, error: BaseException) -> bool:
        if self.state == DONE:
            return False
        self._end(None, error=error)
        return True

    monkeypatch.setattr(Select, "cancel", cancel)
    with pytest.raises(Violation):
        explore(world(SMALL["crossed, both with timeouts"]))


def test_taking_default_without_a_confirmed_withdrawal_is_found(monkeypatch):
    def withdraw(self: Select) -> None:
        if self.state == WAITING:
            self._end(None, ok=False)

    monkeypatch.setattr(Select, "_withdraw", withdraw)
    assert indexes(ALWAYS_READY) == {-1, 0, 1}


def test_a_select_that_meets_itself_is_found(monkeypatch):
    monkeypatch.setattr(channel_module, "_may_meet", lambda sender, receiver: True)
    with pytest.raises(Violation):
        explore(world(SMALL["both ends of one channel and another home"]))


def test_a_value_that_comes_back_although_it_was_taken_is_found(monkeypatch):
    def _on_cancel(self: Homes, peer: int, frames: Any, number: int) -> None:
        if (peer, number) in self.handed:
            self._on_return(peer, frames, number)
        else:
            real(self, peer, frames, number)

    real = Homes._on_cancel
    monkeypatch.setattr(Homes, "_on_cancel", _on_cancel)
    with pytest.raises(Violation, match=r"received twice|sent"):
        explore(
            world(
                {
                    "channels": [(P, 1)],
                    "goroutines": [
                        (Q, (("recv", 0, "timeout"), ("recv", 0))),
                        (P, (("send", 0, "a"),)),
                    ],
                }
            )
        )
