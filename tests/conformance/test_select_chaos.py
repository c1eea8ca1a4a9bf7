"""Many goroutines of several processes select at once: every value arrives once (contract section 4).

The chaos is that of the select stress test that Go runs on itself, spread over three processes.
"""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, away, chosen, elsewhere, here

CAPACITIES = (0, 0, 2, 3)
LANES = range(len(CAPACITIES))
#: Seconds without any progress that are a failure, where many goroutines share few cores.
PATIENCE = 120


def homes():
    """The four channels: two here, the others on two workers."""
    return [make(capacity) for make, capacity in zip((here, away, away, here), CAPACITIES, strict=True)]


# ---- senders and receivers, some of which select --------------------------------------------------------


def send_lane(ch, lane, count):
    """Sends ``count`` values to one channel."""
    for i in range(count):
        ch.send((lane, "plain", i), timeout=PATIENCE)


def receive_lane(ch, count):
    """Receives ``count`` values from one channel."""
    return [ch.recv(timeout=PATIENCE) for _ in range(count)]


def select_lanes_to_send(channels, count):
    """Sends ``count`` values to each channel, in an order that selects find."""
    left = [count] * len(channels)
    while any(left):
        cases = [
            dgo.send(ch if left[lane] else None, (lane, "select", count - left[lane]))
            for lane, ch in enumerate(channels)
        ]
        left[dgo.select(*cases, timeout=PATIENCE).index] -= 1


def select_lanes_to_receive(channels, count):
    """Receives ``count`` values from each channel, in an order that selects find."""
    got = [[] for _ in channels]
    while any(len(each) < count for each in got):
        cases = [dgo.recv(ch if len(got[lane]) < count else None) for lane, ch in enumerate(channels)]
        selected = dgo.select(*cases, timeout=PATIENCE)
        assert selected.ok
        got[selected.index].append(selected.value)
    return got


def chaos(count):
    """Half of each channel's ``count`` values are sent by a select, half are received by one."""
    half = count // 2
    channels = homes()
    receivers = [elsewhere(receive_lane, channels[lane], half) for lane in LANES]
    selecting_receiver = elsewhere(select_lanes_to_receive, channels, half)
    senders = [elsewhere(send_lane, channels[lane], lane, half) for lane in LANES]
    senders.append(elsewhere(select_lanes_to_send, channels, half))
    plain = [receiver.result(timeout=2 * PATIENCE) for receiver in receivers]
    selected = selecting_receiver.result(timeout=2 * PATIENCE)
    for sender in senders:
        sender.result(timeout=PATIENCE)
    for lane in LANES:
        expected = [(lane, source, i) for source in ("plain", "select") for i in range(half)]
        assert sorted(plain[lane] + selected[lane]) == expected
        for part in (plain[lane], selected[lane]):
            for source in ("plain", "select"):
                order = [i for _, origin, i in part if origin == source]
                assert order == sorted(order), f"channel {lane}: the {source} sender's values are out of order"
        assert len(channels[lane]) == 0


@pytest.mark.parametrize("run", range(2))
def test_plain_and_selecting_goroutines_pass_every_value_once(cluster, run):
    chaos(300)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(20))
def test_plain_and_selecting_goroutines_pass_ten_thousand_values_a_channel_once(cluster, run):
    chaos(10_000)


def test_plain_and_selecting_goroutines_pass_every_value_once_in_a_simulation(simulated):
    simulated(chaos, 100)


# ---- forwarders -----------------------------------------------------------------------------------------


def forward(source, sink, begun):
    """Hands values on until the channel is closed; returns how many."""
    begun.send(None, timeout=PATIENCE)
    count = 0
    while True:
        value, ok = source.recv_ok(timeout=PATIENCE)
        if not ok:
            return count
        sink.send(value, timeout=PATIENCE)
        count += 1


def collect(sink, count):
    """Receives ``count`` values; returns which came twice and which were not among those that were offered."""
    seen = bytearray(count)
    wrong = []
    for _ in range(count):
        value = sink.recv(timeout=PATIENCE)
        if not 0 <= value < count or seen[value]:
            wrong.append(value)
        else:
            seen[value] = 1
    return wrong


def offer_everywhere(count):
    """Offers each number on four channels at once; it must come out of one of them, once."""
    channels, sink = homes(), away(100)
    begun = dgo.Chan(len(channels))  # a lane whose goroutine begins when all is over would get nothing
    forwarders = [elsewhere(forward, ch, sink, begun) for ch in channels]
    collector = elsewhere(collect, sink, count)
    for _ in forwarders:
        begun.recv(timeout=PATIENCE)
    chosen_lanes = [0] * len(channels)
    for i in range(count):
        index, value, ok = chosen(*[dgo.send(ch, i) for ch in channels])
        assert (value, ok) == (None, True)
        chosen_lanes[index] += 1
    assert collector.result(timeout=PATIENCE) == []
    for ch in channels:
        ch.close()
    assert [forwarder.result(timeout=LIMIT) for forwarder in forwarders] == chosen_lanes
    with pytest.raises(dgo.WouldBlock):
        sink.recv_nowait()
    assert min(chosen_lanes) > 0, chosen_lanes


def test_a_value_that_is_offered_on_four_channels_arrives_once(cluster):
    offer_everywhere(2_000)


@pytest.mark.slow
def test_a_hundred_thousand_values_that_are_offered_on_four_channels_arrive_once(cluster):
    offer_everywhere(100_000)


def test_a_value_that_is_offered_on_four_channels_arrives_once_in_a_simulation(simulated):
    simulated(offer_everywhere, 300)


def test_a_value_that_a_goroutine_offers_on_four_channels_arrives_once(cluster):
    elsewhere(offer_everywhere, 1_000).result(timeout=LIMIT)
