"""Several cases of a select are ready: one takes effect, chosen at random with equal chances (contract section 4)."""

from __future__ import annotations

import pytest

import dgo

from .places import (
    LIMIT,
    away,
    chosen,
    come_to_rest,
    elsewhere,
    empty,
    parts,
    select_receive,
    select_send,
    stored,
    take,
)

#: Selects for a rough look at the chances: 17 % off is six standard deviations of two equal chances.
FEW = 300
#: Selects for a close look: 5 % off is six standard deviations of two equal chances.
MANY = 4_000

REAL = pytest.mark.parametrize("everywhere", ["driver", "goroutine"], indirect=True)


def test_of_two_ready_receive_cases_one_takes_a_value_and_the_other_leaves_it(everywhere, homes):
    def body(make):
        for value in range(10):
            channels = make(1, 1)
            for ch in channels:
                ch.send(value, timeout=LIMIT)
            index, got, ok = select_receive(*channels)
            assert (got, ok) == (value, True)
            assert len(channels[index]) == 0
            assert stored(channels[1 - index]) == [value]

    everywhere(body, homes)


def test_of_two_ready_send_cases_one_stores_its_value(everywhere, homes):
    def body(make):
        for value in range(10):
            a, b = channels = make(1, 1)
            index, _, _ = chosen(dgo.send(a, ("a", value)), dgo.send(b, ("b", value)))
            assert stored(channels[index]) == [("ab"[index], value)]
            assert empty(channels[1 - index])

    everywhere(body, homes)


def test_of_a_ready_receive_case_and_a_ready_send_case_one_takes_effect(everywhere, homes):
    def body(make):
        for value in range(10):
            source, sink = make(1, 1)
            source.send("there", timeout=LIMIT)
            index, _, _ = chosen(dgo.recv(source), dgo.send(sink, value))
            assert len(source) == index
            assert len(sink) == index

    everywhere(body, homes)


def test_selects_empty_the_channels_each_in_its_order(everywhere, homes):
    def body(make):
        channels = make(1, 2, 3)
        for ch in channels:
            for value in range(ch.capacity):
                ch.send(value, timeout=LIMIT)
        got = [select_receive(*channels) for _ in range(6)]
        for position, ch in enumerate(channels):
            assert [value for index, value, _ in got if index == position] == list(range(ch.capacity))
            assert empty(ch)

    everywhere(body, homes)


def test_exactly_as_many_send_cases_take_effect_as_slots_are_free(everywhere, homes):
    def body(make):
        channels = make(1, 2, 3)
        where = [select_send(value, *channels) for value in range(6)]
        assert dgo.select(*[dgo.send(ch, "too many") for ch in channels], default=True).index == dgo.DEFAULT
        for position, ch in enumerate(channels):
            assert stored(ch) == [value for value in range(6) if where[value] == position]

    everywhere(body, homes)


def test_a_send_case_and_a_receive_case_of_a_buffered_channel_move_its_values_one_at_a_time(everywhere, home):
    def body(make):
        ch, values = make(3), 0
        expected = []
        for _ in range(40):
            index, value, ok = chosen(dgo.send(ch, values), dgo.recv(ch))
            assert ok
            if index == 0:
                expected.append(values)
                values += 1
            else:
                assert value == expected.pop(0)
            assert len(ch) == len(expected) <= 3
        assert stored(ch) == expected

    everywhere(body, home)


def test_the_same_channel_in_two_cases_gives_one_value_to_one_of_them(everywhere, home):
    def body(make):
        ch = make(2)
        for value in range(10):
            ch.send(value, timeout=LIMIT)
            ch.send("next", timeout=LIMIT)
            index, got, _ = chosen(dgo.recv(ch), dgo.recv(ch))
            assert index in (0, 1)
            assert got == value
            assert stored(ch) == ["next"]

    everywhere(body, home)


def test_of_two_send_cases_on_the_same_channel_one_sends(everywhere, home):
    def body(make):
        ch = make(2)
        for _ in range(10):
            index, _, _ = chosen(dgo.send(ch, "first"), dgo.send(ch, "second"))
            assert stored(ch) == [["first", "second"][index]]

    everywhere(body, home)


def test_a_send_case_on_a_closed_channel_beside_a_ready_case_is_chosen_now_and_then(everywhere, homes):
    def body(make):
        closed, sink = make(0, 1)
        closed.close()
        outcomes = set()
        for _ in range(60):
            try:
                assert chosen(dgo.send(closed, 1), dgo.send(sink, 2)) == (1, None, True)
                assert stored(sink) == [2]
                outcomes.add("sent")
            except dgo.ChannelClosed:
                assert empty(sink)
                outcomes.add("closed")
        assert outcomes == {"sent", "closed"}

    everywhere(body, homes)


def test_waiting_partners_are_ready_and_one_of_them_is_served(simulated, homes):
    def body(make):
        a, b = channels = make(0, 0)
        senders = [elsewhere(ch.send, name) for ch, name in ((a, "a"), (b, "b"))]
        come_to_rest()
        index, value, ok = parts(dgo.select(dgo.recv(a), dgo.recv(b), default=True))
        assert (value, ok) == ("ab"[index], True)
        assert channels[1 - index].recv_nowait() == "ab"[1 - index]
        for sender in senders:
            sender.result(timeout=LIMIT)

    simulated(body, homes)


def test_waiting_receivers_are_ready_and_one_of_them_is_served(simulated, homes):
    def body(make):
        channels = make(0, 0)
        receivers = [elsewhere(take, ch, 1) for ch in channels]
        come_to_rest()
        index = dgo.select(*[dgo.send(ch, "selected") for ch in channels], default=True).index
        channels[1 - index].send_nowait("sent")
        assert receivers[index].result(timeout=LIMIT) == ["selected"]
        assert receivers[1 - index].result(timeout=LIMIT) == ["sent"]

    simulated(body, homes)


# ---- chances -------------------------------------------------------------------------------------


def count(cases, again, rounds):
    """How often each case was chosen; ``again(index)`` makes the chosen one ready again."""
    counts = [0] * len(cases)
    for _ in range(rounds):
        index = dgo.select(*cases, timeout=LIMIT).index
        counts[index] += 1
        again(index)
    return counts


def count_stored(channels, rounds):
    for ch in channels:
        ch.send("ready", timeout=LIMIT)
    return count([dgo.recv(ch) for ch in channels], lambda i: channels[i].send("ready", timeout=LIMIT), rounds)


def count_free(channels, rounds):
    return count([dgo.send(ch, "stored") for ch in channels], lambda i: channels[i].recv(timeout=LIMIT), rounds)


def count_closed(channels, rounds):
    for ch in channels:
        ch.close()
    return count([dgo.recv(ch) for ch in channels], lambda i: None, rounds)


def count_mixed(channels, rounds):
    source, *sinks = channels
    source.send("ready", timeout=LIMIT)

    def again(index):
        if index == 0:
            source.send("ready", timeout=LIMIT)
        else:
            sinks[index - 1].recv(timeout=LIMIT)

    return count([dgo.recv(source), *[dgo.send(ch, "stored") for ch in sinks]], again, rounds)


WAYS = pytest.mark.parametrize("way", [count_stored, count_free, count_closed, count_mixed])


@WAYS
def test_two_ready_cases_are_both_chosen_often(everywhere, homes, way):
    counts = everywhere(lambda: way(homes(1, 1), FEW))
    assert min(counts) > 0.33 * FEW, counts


@WAYS
def test_three_ready_cases_are_all_chosen_often(everywhere, homes, way):
    counts = everywhere(lambda: way(homes(1, 1, 1), FEW))
    assert 0.17 * FEW < min(counts) <= max(counts) < 0.50 * FEW, counts


@pytest.mark.slow
@REAL
@WAYS
def test_each_of_two_ready_cases_is_chosen_half_the_time(everywhere, homes, way):
    counts = everywhere(lambda: way(homes(1, 1), MANY))
    assert 0.45 * MANY <= min(counts) <= max(counts) <= 0.55 * MANY, counts


@pytest.mark.slow
@REAL
@WAYS
def test_each_of_three_ready_cases_is_chosen_a_third_of_the_time(everywhere, homes, way):
    counts = everywhere(lambda: way(homes(1, 1, 1), MANY))
    assert 0.283 * MANY <= min(counts) <= max(counts) <= 0.383 * MANY, counts


def count_twice(channels, rounds):
    """A channel that is listed twice beside one that is listed once."""
    for ch in channels:
        ch.send("ready", timeout=LIMIT)
    a, b = channels
    cases = [dgo.recv(a), dgo.recv(b), dgo.recv(a)]
    return count(cases, lambda i: channels[i % 2].send("ready", timeout=LIMIT), rounds)


def test_a_channel_that_is_listed_twice_is_chosen_more_often(everywhere, homes):
    first, other, second = everywhere(lambda: count_twice(homes(1, 1), FEW))
    assert 0.50 * FEW < first + second < 0.83 * FEW, (first, other, second)


@pytest.mark.slow
@REAL
def test_a_channel_that_is_listed_twice_counts_double(everywhere, homes):
    counts = everywhere(lambda: count_twice(homes(1, 1), MANY))
    assert 0.283 * MANY <= min(counts) <= max(counts) <= 0.383 * MANY, counts


def test_channels_whose_senders_wait_are_both_chosen_often(simulated, homes):
    rounds = 100

    def body(make):
        channels = make(0, 0)
        for ch in channels:
            elsewhere(ch.send, None)

        def again(index):
            elsewhere(channels[index].send, None)
            come_to_rest()

        come_to_rest()
        counts = count([dgo.recv(ch) for ch in channels], again, rounds)
        for ch in channels:
            ch.recv(timeout=LIMIT)
        return counts

    counts = simulated(body, homes)
    assert min(counts) > 0.28 * rounds, counts


# ---- default speaks of one moment ------------------------------------------------------------------


def move(a, b, moving, stop):
    """Moves a value to and fro between two channels: it is in one of them at every moment."""
    source, target = a, b
    for moves in range(500):
        target.send("here", timeout=LIMIT)
        try:
            source.recv_nowait()
        except dgo.WouldBlock:
            break  # the select has taken it
        source, target = target, source
        if moves == 1:
            moving.send(None, timeout=LIMIT)
        if stop.closed:
            break
        dgo.gosched()


def moments(make, rounds):
    """Selects with ``default`` while the value moves; returns how often default was taken."""
    defaults = 0
    for _ in range(rounds):
        a, b = make(3, 3)
        moving, stop = dgo.Chan(1), dgo.Chan()
        a.send("here", timeout=LIMIT)
        mover = elsewhere(move, a, b, moving, stop)
        moving.recv(timeout=LIMIT)
        defaults += dgo.select(dgo.recv(a), dgo.recv(b), default=True).index == dgo.DEFAULT
        stop.close()
        mover.result(timeout=LIMIT)
    return defaults


def test_default_is_not_taken_while_a_value_moves_between_the_channels(everywhere, homes):
    assert everywhere(moments, homes, 20) == 0


@pytest.mark.slow
@REAL
def test_default_is_never_taken_while_a_value_moves_between_the_channels(everywhere, homes):
    assert everywhere(moments, homes, 500) == 0


def test_default_is_not_taken_while_a_slot_moves_between_the_channels(everywhere):
    def move_slot(a, b, moving, stop):
        source, target = a, b  # the free slot is in ``source``
        for moves in range(200):
            target.recv_nowait()
            try:
                source.send_nowait("in the way")
            except dgo.WouldBlock:
                break  # the select has taken it
            source, target = target, source
            if moves == 1:
                moving.send(None, timeout=LIMIT)
            if stop.closed:
                break
            dgo.gosched()

    def body():
        for _ in range(10):
            a, b = dgo.Chan(1), away(1)
            b.send("in the way", timeout=LIMIT)
            moving, stop = dgo.Chan(1), dgo.Chan()
            mover = elsewhere(move_slot, a, b, moving, stop)
            moving.recv(timeout=LIMIT)
            assert dgo.select(dgo.send(a, 1), dgo.send(b, 1), default=True).index != dgo.DEFAULT
            stop.close()
            mover.result(timeout=LIMIT)

    everywhere(body)
