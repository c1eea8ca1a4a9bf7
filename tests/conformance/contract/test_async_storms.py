"""The storms of ``conformance/test_async_storms.py``, longer and with many seeds."""

from __future__ import annotations

import asyncio

import pytest

import dgo
from dgo.testing import LocalCluster

from ..async_places import (
    HOMES,
    WAYS,
    plain_receives,
    plain_sends,
    storm_of_receives,
    storm_of_selects,
    storm_of_sends,
)
from ..places import elsewhere

HOME = pytest.mark.parametrize("home", list(HOMES))
#: Receivers that are called off take far longer to drain a channel; the fewer senders, the more is withdrawn.
ROUNDS = 300


async def over_one_channel(home, capacity, seed, rounds, ways=()):
    """Async and plain goroutines and two tasks of this one's loop; returns what was sent and what received."""
    ch = await HOMES[home](capacity)
    receivers = [elsewhere(storm_of_receives, ch, seed + number, ways) for number in range(2)]
    receivers.append(elsewhere(plain_receives, ch, seed))
    senders = [elsewhere(storm_of_sends, ch, name, rounds, seed + number, ways) for number, name in enumerate("ab", 3)]
    senders.append(elsewhere(plain_sends, ch, "plain", rounds, seed))
    own = asyncio.create_task(storm_of_receives(ch, seed + 5, ways))
    sent = await storm_of_sends(ch, "own", rounds, seed + 6, ways)
    for sender in senders:
        sent += await sender
    ch.close()
    got = await own
    for receiver in receivers:
        got += await receiver
    return sorted(sent), sorted(got)


async def over_selects(seed, rounds):
    """Selects between channels of several processes; returns what was sent and what received."""
    first, second, out = await HOMES["here"](), await HOMES["away"](2), await HOMES["away"]()
    selecting = [
        elsewhere(storm_of_selects, [first, second], out, name, number) for number, name in enumerate("xy", seed)
    ]
    collector = elsewhere(storm_of_receives, out, seed + 3)
    senders = [
        elsewhere(storm_of_sends, first, "first", rounds, seed + 4),
        elsewhere(plain_sends, second, "second", rounds, seed + 5),
    ]
    sent = [value for sender in senders for value in await sender]
    first.close()
    second.close()
    got = []
    for goroutine in selecting:
        received, passed_on = await goroutine
        got += received
        sent += passed_on
    out.close()
    return sorted(sent), sorted(got + await collector)


@HOME
@pytest.mark.parametrize("capacity", [0, 2])
@pytest.mark.parametrize("seed", range(12))
def test_a_simulated_storm_loses_and_doubles_nothing(home, capacity, seed):
    with LocalCluster(nodes=3, seed=seed) as nodes:
        sent, got = nodes.run(over_one_channel, home, capacity, seed, 100)
    assert sent == got
    assert len(sent) > 50


@pytest.mark.parametrize("seed", range(12))
def test_a_simulated_storm_of_selects_loses_and_doubles_nothing(seed):
    with LocalCluster(nodes=4, seed=seed) as nodes:
        sent, got = nodes.run(over_selects, seed, 60)
    assert sent == got
    assert len(sent) > 10


@HOME
@pytest.mark.parametrize("capacity", [0, 2])
@pytest.mark.parametrize("way", list(WAYS))
def test_a_long_storm_of_one_kind_of_cancellation_loses_and_doubles_nothing(cluster, home, capacity, way):
    sent, got = asyncio.run(over_one_channel(home, capacity, 1, ROUNDS, (way,)))
    assert sent == got
    assert len(sent) > 50


@HOME
@pytest.mark.parametrize("seed", range(3))
def test_a_long_storm_seen_from_a_goroutine_loses_and_doubles_nothing(cluster, home, seed):
    sent, got = dgo.go(over_one_channel, home, 1, seed, ROUNDS).result()
    assert sent == got
    assert len(sent) > 50


@pytest.mark.parametrize("seed", range(5))
def test_a_long_storm_of_selects_loses_and_doubles_nothing(cluster, seed):
    sent, got = asyncio.run(over_selects(seed, ROUNDS))
    assert sent == got
    assert len(sent) > 10
