"""A select that waits: what ends it, what its other offers leave behind, its place in line (contract section 4)."""

from __future__ import annotations

import pytest

import dgo

from .places import (
    LIMIT,
    NOTHING,
    chosen,
    come_to_rest,
    drain,
    elsewhere,
    empty,
    full,
    parts,
    select_receive,
    select_send,
    send_all,
    stored,
    take,
)

#: Seconds that are about as long as a message takes: what it ends is often under way.
SHORT = 0.001


def outcome_of_select_send(value, *channels):
    try:
        return select_send(value, *channels)
    except dgo.ChannelClosed:
        return "closed"


# ---- what ends the wait ----------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_send_from_elsewhere_ends_the_wait(everywhere, homes, position):
    def body(make):
        channels = make(0, 1, 0)
        elsewhere(channels[position].send, "sent")
        assert select_receive(*channels) == (position, "sent", True)

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_receive_from_elsewhere_ends_the_wait(everywhere, homes, position):
    def body(make):
        channels = make(0, 0, 0)
        receiver = elsewhere(take, channels[position], 1)
        assert select_send("given", *channels) == position
        assert receiver.result(timeout=LIMIT) == ["given"]

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_a_slot_that_becomes_free_ends_the_wait(everywhere, homes, position):
    def body(make):
        channels = make(1, 1)
        for ch in channels:
            ch.send("in the way", timeout=LIMIT)
        receiver = elsewhere(take, channels[position], 1)
        assert select_send("value", *channels) == position
        receiver.result(timeout=LIMIT)
        assert stored(channels[position]) == ["value"]
        assert stored(channels[1 - position]) == ["in the way"]

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_a_close_ends_the_wait_of_receive_cases(everywhere, homes, position):
    def body(make):
        channels = make(0, 2)
        elsewhere(channels[position].close)
        assert select_receive(*channels) == (position, None, False)

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_a_close_makes_a_waiting_select_of_send_cases_raise(everywhere, homes, position):
    def body(make):
        channels = make(0, 0)
        elsewhere(channels[position].close)
        with pytest.raises(dgo.ChannelClosed):
            select_send("value", *channels)
        other = channels[1 - position]
        assert empty(other)

    everywhere(body, homes)


def test_a_close_ends_the_wait_of_every_select(everywhere, homes):
    def body(make):
        a, b = make(0, 0)
        receiving = [elsewhere(select_receive, a, b) for _ in range(3)]
        b.close()
        assert [each.result(timeout=LIMIT) for each in receiving] == [(1, None, False)] * 3
        a.close()
        sending = [elsewhere(outcome_of_select_send, 1, a, b) for _ in range(3)]
        assert [each.result(timeout=LIMIT) for each in sending] == ["closed"] * 3

    everywhere(body, homes)


def test_a_select_that_nobody_can_serve_is_a_deadlock(cluster):
    a, b = dgo.Chan(), elsewhere(dgo.Chan).result(timeout=LIMIT)
    with pytest.raises(dgo.Deadlock):
        dgo.select(dgo.recv(a), dgo.send(b, 1))
    assert full(a)
    assert empty(b)


def test_in_a_simulation_a_select_that_nobody_can_serve_is_a_deadlock(simulated, homes):
    def body(make):
        a, b = make(0, 0)
        dgo.select(dgo.recv(a), dgo.send(b, 1))

    with pytest.raises(dgo.Deadlock):
        simulated(body, homes)


# ---- what the other offers leave behind --------------------------------------------------------------


def test_a_select_that_was_served_has_no_other_offer_left(everywhere, homes):
    def body(make):
        a, b, c = make(0, 0, 0)
        for value in range(5):
            elsewhere(a.send, value)
            assert chosen(dgo.recv(a), dgo.recv(b), dgo.send(c, "unwanted")) == (0, value, True)
            assert full(b)
            assert empty(c)

    everywhere(body, homes)


def test_the_offers_of_a_goroutine_whose_select_was_served_are_gone(everywhere, homes):
    def body(make):
        a, b = make(0, 0)
        for value in range(5):
            selecting = elsewhere(select_receive, a, b)
            a.send(value, timeout=LIMIT)
            assert selecting.result(timeout=LIMIT) == (0, value, True)
            assert full(b)

    everywhere(body, homes)


def test_send_cases_that_were_not_chosen_do_not_fill_a_buffer(everywhere, homes):
    def body(make):
        a, b = make(0, 1)
        b.send("in the way", timeout=LIMIT)
        receiver = elsewhere(take, a, 1)
        assert select_send("value", a, b) == 0
        assert len(b) == 1
        assert stored(b) == ["in the way"]
        assert receiver.result(timeout=LIMIT) == ["value"]

    everywhere(body, homes)


@pytest.mark.parametrize("capacity", [0, 1, 3])
def test_values_offered_on_two_channels_are_received_once(everywhere, homes, capacity):
    def offer(a, b):
        for value in range(60):
            select_send(value, a, b)
        a.close()
        b.close()

    def body(make):
        a, b = make(capacity, capacity)
        readers = [elsewhere(drain, ch) for ch in (a, b)]
        elsewhere(offer, a, b).result(timeout=LIMIT)
        got = [reader.result(timeout=LIMIT) for reader in readers]
        assert sorted(got[0] + got[1]) == list(range(60))
        assert all(part == sorted(part) for part in got)

    everywhere(body, homes)


@pytest.mark.parametrize("capacity", [0, 1, 3])
def test_receives_that_were_not_chosen_take_nothing(everywhere, homes, capacity):
    def body(make):
        a, b = make(capacity, capacity)
        elsewhere(send_all, a, range(30))
        elsewhere(send_all, b, range(30))
        got = [select_receive(a, b) for _ in range(60)]
        for position in (0, 1):
            assert [value for index, value, _ in got if index == position] == list(range(30))
        assert empty(a)
        assert empty(b)

    everywhere(body, homes)


@pytest.mark.parametrize("capacity", [0, 2])
def test_receive_selects_that_time_out_lose_nothing(everywhere, homes, capacity):
    def body(make):
        a, b = make(capacity, capacity)
        senders = [elsewhere(send_all, ch, range(20)) for ch in (a, b)]
        got = ([], [])
        while len(got[0]) + len(got[1]) < 40:
            try:
                index, value, ok = parts(dgo.select(dgo.recv(a), dgo.recv(b), timeout=SHORT))
            except dgo.Timeout:
                continue
            assert ok
            got[index].append(value)
        assert got == (list(range(20)), list(range(20)))
        for sender in senders:
            sender.result(timeout=LIMIT)

    everywhere(body, homes)


@pytest.mark.parametrize("capacity", [0, 2])
def test_send_selects_that_time_out_send_nothing(everywhere, homes, capacity):
    def body(make):
        a, b = make(capacity, capacity)
        readers = [elsewhere(drain, ch) for ch in (a, b)]
        sent = ([], [])
        for value in range(40):
            try:
                index = dgo.select(dgo.send(a, value), dgo.send(b, value), timeout=SHORT).index
            except dgo.Timeout:
                continue
            sent[index].append(value)
        a.close()
        b.close()
        assert tuple(reader.result(timeout=LIMIT) for reader in readers) == sent

    everywhere(body, homes)


# ---- its place in line -----------------------------------------------------------------------------


def test_len_does_not_count_the_offers_of_a_select(simulated, homes):
    def body(make):
        a, b = make(0, 1)
        b.send("stored", timeout=LIMIT)
        selecting = elsewhere(select_send, "offered", a, b)
        come_to_rest()
        assert (len(a), len(b)) == (0, 1)
        assert a.recv_nowait() == "offered"
        selecting.result(timeout=LIMIT)

    simulated(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_a_waiting_select_makes_one_send_without_waiting_succeed(simulated, homes, position):
    def body(make):
        channels = make(0, 0)
        selecting = elsewhere(select_receive, *channels)
        come_to_rest()
        channels[position].send_nowait("taken")
        assert full(channels[1 - position])
        assert selecting.result(timeout=LIMIT) == (position, "taken", True)

    simulated(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_a_waiting_select_makes_one_receive_without_waiting_succeed(simulated, homes, position):
    def body(make):
        channels = make(0, 0)
        selecting = elsewhere(select_send, "offered", *channels)
        come_to_rest()
        assert channels[position].recv_nowait() == "offered"
        assert empty(channels[1 - position])
        assert selecting.result(timeout=LIMIT) == position

    simulated(body, homes)


LINES = pytest.mark.parametrize("line", ["SP", "PS", "SPS", "PSP", "SSPP"])


@LINES
def test_receivers_and_selects_are_served_in_order_of_arrival(simulated, homes, line):
    def select_first(a, b):
        return select_receive(a, b)[:2]

    def receive(a, b):
        return 0, a.recv(timeout=LIMIT)

    def body(make):
        a, b = make(0, 0)
        waiting = []
        for kind in line:
            waiting.append(elsewhere(select_first if kind == "S" else receive, a, b))
            come_to_rest()
        for number in range(len(line)):
            a.send(number, timeout=LIMIT)
        assert [each.result(timeout=LIMIT) for each in waiting] == [(0, number) for number in range(len(line))]
        assert full(b)

    simulated(body, homes)


@LINES
def test_senders_and_selects_are_served_in_order_of_arrival(simulated, homes, line):
    def body(make):
        a, b = make(0, 0)
        for number, kind in enumerate(line):
            if kind == "S":
                elsewhere(select_send, number, b, a)
            else:
                elsewhere(a.send, number)
            come_to_rest()
        assert take(a, len(line)) == list(range(len(line)))
        assert empty(b)

    simulated(body, homes)


def test_a_select_in_line_that_was_served_elsewhere_or_timed_out_is_passed_over(simulated, homes):
    def time_out(a, b):
        with pytest.raises(dgo.Timeout):
            dgo.select(dgo.recv(a), dgo.recv(b), timeout=NOTHING)

    def body(make):
        a, b = make(0, 0)
        served = elsewhere(select_receive, a, b)
        come_to_rest()
        late = elsewhere(time_out, a, b)
        plain = elsewhere(take, a, 1)
        b.send("served", timeout=LIMIT)
        come_to_rest()
        a.send("passed on", timeout=LIMIT)
        assert served.result(timeout=LIMIT) == (1, "served", True)
        assert plain.result(timeout=LIMIT) == ["passed on"]
        late.result(timeout=LIMIT)

    simulated(body, homes)


def test_a_waiting_select_gets_the_slot_of_a_full_channel_in_its_turn(simulated, homes):
    def body(make):
        a, b = make(2, 0)
        send_all(a, [0, 1])
        first = elsewhere(a.send, 2)
        come_to_rest()
        selecting = elsewhere(select_send, 3, b, a)
        come_to_rest()
        last = elsewhere(a.send, 4)
        come_to_rest()
        assert take(a, 5) == [0, 1, 2, 3, 4]
        for each in (first, selecting, last):
            each.result(timeout=LIMIT)
        assert empty(b)

    simulated(body, homes)
