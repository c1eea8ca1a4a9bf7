"""Random programs of goroutines that select, send, receive and close, and the history of what they saw.

A simulated cluster is one process: its goroutines all write to the same log, which ``run`` starts anew.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import dgo

from .history import CHOSEN, CLOSE, CLOSED, NOTHING, RECEIVE, SEND, UNKNOWN, Alternative, Call, Log
from .places import LIMIT, away, elsewhere, here

#: Seconds of virtual time: a message takes 0.01 to 1 ms.
TIMEOUTS = (0.0003, 0.001, 0.003, 0.01, 0.1)
#: After a death, until every home has learnt of it.
GRACE = 1.0
DRAINING = "main"

_log = Log()


@dataclass(frozen=True)
class Step:
    """One call of a goroutine, after a pause."""

    pause: float
    alternatives: tuple[Alternative, ...]
    timeout: float | None  # None: it does not wait
    plain: bool  # a send or receive, not a select of one case


@dataclass(frozen=True)
class Plan:
    """A program."""

    capacities: tuple[int, ...]
    away: tuple[bool, ...]
    scripts: tuple[tuple[Step, ...], ...]
    doom: float  # when a worker is killed, if one is


def plan(seed: int) -> Plan:
    """The program of that seed."""
    rng = random.Random(seed)
    channels = rng.randint(2, 4)
    capacities = tuple(rng.choice([0, 0, 1, 2, 3]) for _ in range(channels))
    closes = rng.random() < 0.5
    scripts = tuple(
        tuple(_step(rng, f"g{goroutine}", number, channels, closes) for number in range(rng.randint(6, 14)))
        for goroutine in range(rng.randint(3, 7))
    )
    return Plan(capacities, tuple(rng.random() < 0.6 for _ in capacities), scripts, rng.uniform(0.001, 0.02))


def stream_plan(seed: int) -> Plan:
    """The program of that seed, of goroutines that send or receive many values in a row: channels are leased."""
    rng = random.Random(seed)
    capacities = tuple(rng.choice([2, 4, 7]) for _ in range(rng.choice([1, 1, 2])))
    closes = rng.random() < 0.3
    others = rng.choice([0.0, 0.05, 0.2])
    scripts = []
    for goroutine in range(rng.randint(2, 6)):
        channel = rng.randrange(len(capacities))
        sends = rng.random() < 0.5
        steps = []
        for number in range(rng.randint(10, 40)):
            if rng.random() < others:
                steps.append(_step(rng, f"g{goroutine}", number, len(capacities), closes))
                continue
            each = Alternative(SEND, channel, f"g{goroutine}.{number}.0") if sends else Alternative(RECEIVE, channel)
            steps.append(Step(rng.choice([0] * 9 + [0.001]), (each,), 0.1, True))
        scripts.append(tuple(steps))
    return Plan(capacities, tuple(rng.random() < 0.6 for _ in capacities), tuple(scripts), rng.uniform(0.001, 0.02))


def _step(rng: random.Random, who: str, number: int, channels: int, closes: bool) -> Step:
    pause = rng.choice([0, 0, 0, 0.0005, 0.002])
    if closes and rng.random() < 0.03:
        return Step(pause, (Alternative(CLOSE, rng.randrange(channels)),), None, True)
    alternatives = []
    for position in range(rng.choice([1, 1, 2, 2, 3, 4])):
        channel = rng.randrange(channels)
        if rng.random() < 0.5:
            alternatives.append(Alternative(SEND, channel, f"{who}.{number}.{position}"))
        else:
            alternatives.append(Alternative(RECEIVE, channel))
    timeout = None if rng.random() < 0.25 else rng.choice(TIMEOUTS)
    return Step(pause, tuple(alternatives), timeout, len(alternatives) == 1 and rng.random() < 0.7)


def perform(who: str, script: tuple[Step, ...], channels: list[Any]) -> None:
    """Runs a script. Made for goroutines."""
    idle = dgo.Chan()
    for step in script:
        if step.pause:
            _pause(idle, step.pause)
        call = _log.begin(who, step.alternatives, step.timeout is not None)
        try:
            index, value, ok = _take_step(step, channels)
        except (dgo.Timeout, dgo.WouldBlock):
            _log.end(call, NOTHING)
        except dgo.ChannelClosed:
            _log.end(call, CLOSED)
        except dgo.ChannelLost:
            _log.end(call, UNKNOWN)
        else:
            _note(call, index, value, ok)


def _note(call: Call, index: int, value: Any, ok: bool) -> None:
    if index == dgo.DEFAULT:
        _log.end(call, NOTHING)
    else:
        _log.end(call, CHOSEN, index, value, ok)


def _pause(idle: Any, seconds: float) -> None:
    try:
        idle.recv(timeout=seconds)
    except dgo.Timeout:
        return


def _take_step(step: Step, channels: list[Any]) -> tuple[int, Any, bool]:
    if not step.plain:
        cases = [
            dgo.send(channels[each.channel], each.value) if each.kind == SEND else dgo.recv(channels[each.channel])
            for each in step.alternatives
        ]
        selected = dgo.select(*cases, default=step.timeout is None, timeout=step.timeout)
        return selected.index, selected.value, selected.ok
    (each,) = step.alternatives
    ch = channels[each.channel]
    if each.kind == CLOSE:
        ch.close()
        return 0, None, True
    if each.kind == SEND:
        ch.send_nowait(each.value) if step.timeout is None else ch.send(each.value, timeout=step.timeout)
        return 0, None, True
    if step.timeout is not None:
        return (0, *ch.recv_ok(timeout=step.timeout))
    try:
        return 0, ch.recv_nowait(), True
    except dgo.ChannelClosed:
        return 0, None, False


def drain(number: int, ch: Any) -> None:
    """Receives what is left, into the log; fails if goroutines that have ended still wait there."""
    receive = (Alternative(RECEIVE, number),)
    while True:
        call = _log.begin(DRAINING, receive, waits=False)
        try:
            value = ch.recv_nowait()
        except dgo.WouldBlock:
            _log.end(call, NOTHING)
            break
        except dgo.ChannelClosed:
            _log.end(call, CHOSEN, 0, None, False)
            return
        except dgo.ChannelLost:
            _log.end(call, UNKNOWN)
            return
        _log.end(call, CHOSEN, 0, value)
    for _ in range(ch.capacity):
        ch.send_nowait("fits")
    try:
        ch.send_nowait("does not fit")
    except dgo.WouldBlock:
        return
    raise AssertionError(f"channel {number} takes more than it holds: a goroutine that has ended still waits there")


def run(program: Plan, kill: Any = None) -> Log:
    """Runs the program as the driver's main program; returns its complete history.

    Args:
        program: what to run.
        kill: ``kill(goroutines)`` ends a worker at the program's moment of doom and returns the numbers of the
            goroutines that died with it.
    """
    global _log
    _log = Log()
    channels = [
        (away if far else here)(capacity) for capacity, far in zip(program.capacities, program.away, strict=True)
    ]
    goroutines = [elsewhere(perform, f"g{number}", script, channels) for number, script in enumerate(program.scripts)]
    if kill is not None:
        _pause(dgo.Chan(), program.doom)
        kill()
    died = []
    for number, goroutine in enumerate(goroutines):
        try:
            goroutine.result(timeout=LIMIT)
        except dgo.WorkerLost:
            died.append(f"g{number}")
    if kill is not None:
        _pause(dgo.Chan(), GRACE)
    for number, ch in enumerate(channels):
        drain(number, ch)
    for who in died:
        _log.forget(who)
    return _log
