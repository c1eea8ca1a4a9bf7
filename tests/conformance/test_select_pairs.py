"""Selects that meet selects, and programs that are made of selects (contract section 4, design section 7)."""

from __future__ import annotations

import pytest

import dgo

from .places import (
    LIMIT,
    NOTHING,
    chosen,
    come_to_rest,
    elsewhere,
    empty,
    full,
    parts,
    select_receive,
    select_send,
    send_all_and_close,
    take,
)


def cross(name, to, source):
    """Offers its name on one channel or receives from the other: ``(0, None)`` or ``(1, partner's name)``."""
    return chosen(dgo.send(to, name), dgo.recv(source))[:2]


def report(name, to, source, reports):
    reports.send((name, *cross(name, to, source)), timeout=LIMIT)


# ---- a select never meets itself -------------------------------------------------------------------


def test_a_select_on_both_ends_of_a_channel_does_not_meet_itself(everywhere, home):
    def body(make):
        ch = make()
        with pytest.raises(dgo.Timeout):
            dgo.select(dgo.send(ch, "mine"), dgo.recv(ch), timeout=NOTHING)
        assert dgo.select(dgo.recv(ch), dgo.send(ch, "mine"), default=True).index == dgo.DEFAULT
        assert empty(ch)
        assert full(ch)

    everywhere(body, home)


def test_a_select_on_both_ends_of_a_channel_serves_a_receiver(everywhere, home):
    def body(make):
        ch = make()
        receiver = elsewhere(take, ch, 1)
        assert cross("mine", ch, ch) == (0, None)
        assert receiver.result(timeout=LIMIT) == ["mine"]

    everywhere(body, home)


def test_a_select_on_both_ends_of_a_channel_serves_a_sender(everywhere, home):
    def body(make):
        ch = make()
        sender = elsewhere(ch.send, "theirs")
        assert cross("mine", ch, ch) == (1, "theirs")
        sender.result(timeout=LIMIT)

    everywhere(body, home)


def test_two_selects_on_both_ends_of_a_channel_meet_each_other(everywhere, home):
    def body(make):
        for _ in range(10):
            ch = make()
            one, two = elsewhere(cross, "one", ch, ch), elsewhere(cross, "two", ch, ch)
            results = (one.result(timeout=LIMIT), two.result(timeout=LIMIT))
            assert results in [((0, None), (1, "one")), ((1, "two"), (0, None))]
            assert empty(ch)

    everywhere(body, home)


@pytest.mark.parametrize("many", [4, 7])
def test_of_many_selects_on_both_ends_of_a_channel_each_sender_meets_one_receiver(everywhere, home, many):
    def body(make):
        ch = make()
        goroutines = [elsewhere(cross, number, ch, ch) for number in range(many)]
        if many % 2:
            elsewhere(ch.send, "odd")
        results = [goroutine.result(timeout=LIMIT) for goroutine in goroutines]
        senders = {number for number, (index, _) in enumerate(results) if index == 0}
        received = [value for index, value in results if index == 1]
        assert len(received) == (many + 1) // 2
        assert set(received) == senders | ({"odd"} if many % 2 else set())

    everywhere(body, home)


# ---- crossed roles and rings -------------------------------------------------------------------------


def test_crossed_selects_meet_on_one_of_their_channels(everywhere, homes):
    def body(make):
        a, b = make(0, 0)
        for _ in range(10):
            one, two = elsewhere(cross, "one", a, b), elsewhere(cross, "two", b, a)
            results = (one.result(timeout=LIMIT), two.result(timeout=LIMIT))
            assert results in [((0, None), (1, "one")), ((1, "two"), (0, None))]
            assert empty(a)
            assert empty(b)

    everywhere(body, homes)


def test_the_body_and_a_goroutine_meet_with_crossed_roles(everywhere, homes):
    def body(make):
        a, b = make(0, 0)
        for _ in range(10):
            other = elsewhere(cross, "other", b, a)
            mine = cross("mine", a, b)
            assert (mine, other.result(timeout=LIMIT)) in [((0, None), (1, "mine")), ((1, "other"), (0, None))]

    everywhere(body, homes)


@pytest.mark.parametrize("turned", [False, True])
def test_a_select_of_sends_meets_a_select_of_receives_whatever_their_order(everywhere, homes, turned):
    def body(make):
        channels = make(0, 0, 0)
        for value in range(10):
            sending = elsewhere(select_send, value, *channels)
            order = channels[::-1] if turned else channels
            index, got, ok = select_receive(*order)
            assert (got, ok) == (value, True)
            assert channels[sending.result(timeout=LIMIT)] == order[index]
            assert all(empty(ch) and full(ch) for ch in channels)

    everywhere(body, homes)


def test_in_a_ring_of_three_two_meet_and_the_third_waits_on(everywhere, homes):
    def body(make):
        ring, reports = make(0, 0, 0), dgo.Chan(3)
        for _ in range(5):
            for name in range(3):
                elsewhere(report, name, ring[name], ring[name - 1], reports)
            pair = sorted(take(reports, 2), key=lambda each: each[1])
            (sender, role, nothing), (receiver, other_role, got) = pair
            assert (role, nothing, other_role) == (0, None, 1)
            assert got == sender == (receiver - 1) % 3
            (third,) = {0, 1, 2} - {sender, receiver}
            ring[third - 1].send("rescue", timeout=LIMIT)
            assert take(reports, 1) == [(third, 1, "rescue")]

    everywhere(body, homes)


def test_in_a_ring_of_six_everyone_ends_once_their_partners_are_found(everywhere, homes):
    def body(make):
        ring, reports = make(*[0] * 6), dgo.Chan(6)
        for name in range(6):
            elsewhere(report, name, ring[name], ring[name - 1], reports)
        ended = {}
        while len(ended) < 6:  # three pairs meet, or two, and two that are not neighbours wait on
            if len(ended) >= 4:
                for name in set(range(6)) - set(ended):
                    try:
                        ring[name - 1].send("rescue", timeout=NOTHING)
                    except dgo.Timeout:
                        continue  # it has met its partner meanwhile, or has not come yet
            for name, index, value in take(reports, 1):
                ended[name] = (index, value)
        for name, (index, value) in ended.items():
            if index == 1 and value != "rescue":
                assert value == (name - 1) % 6
                assert ended[value] == (0, None)
        received = [value for index, value in ended.values() if index == 1 and value != "rescue"]
        assert sorted(received) == sorted(name for name, (index, _) in ended.items() if index == 0)

    everywhere(body, homes)


def test_a_waiting_select_is_ready_for_a_select_with_default(simulated, homes):
    def body(make):
        a, b = make(0, 0)
        other = elsewhere(cross, "other", a, b)
        come_to_rest()
        index, value, ok = parts(dgo.select(dgo.recv(a), dgo.send(b, "mine"), default=True))
        assert ok
        assert (index, value, other.result(timeout=LIMIT)) in [(0, "other", (0, None)), (1, None, (1, "mine"))]

    simulated(body, homes)


def test_selects_with_default_that_meet_agree_and_none_blocks(everywhere, homes):
    def try_often(to, source):
        outcomes = [dgo.select(dgo.send(to, i), dgo.recv(source), default=True).index for i in range(20)]
        return outcomes.count(0), outcomes.count(1)

    def body(make):
        a, b = make(0, 0)
        one, two = elsewhere(try_often, a, b), elsewhere(try_often, b, a)
        (sent, received), (others_sent, others_received) = one.result(timeout=LIMIT), two.result(timeout=LIMIT)
        assert (sent, received) == (others_received, others_sent)

    everywhere(body, homes)


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_selecting_senders_and_selecting_receivers_pass_every_value_once(everywhere, homes, capacity):
    def send_many(name, channels):
        return [select_send((name, i), *channels) for i in range(20)]

    def receive_many(channels):
        return [select_receive(*channels)[:2] for _ in range(20)]

    def body(make):
        channels = make(capacity, capacity, capacity)
        receivers = [elsewhere(receive_many, channels[turn:] + channels[:turn]) for turn in range(3)]
        senders = [elsewhere(send_many, name, channels) for name in range(3)]
        got = [value for receiver in receivers for _, value in receiver.result(timeout=LIMIT)]
        assert sorted(got) == [(name, i) for name in range(3) for i in range(20)]
        for sender in senders:
            sender.result(timeout=LIMIT)
        assert all(empty(ch) for ch in channels)

    everywhere(body, homes)


# ---- programs ------------------------------------------------------------------------------------------


def test_fibonacci_until_told_to_quit(everywhere, homes):
    def fibonacci(numbers, quit_):
        x, y = 0, 1
        while chosen(dgo.send(numbers, x), dgo.recv(quit_))[0] == 0:
            x, y = y, x + y

    def body(make):
        numbers, quit_ = make(0, 0)
        goroutine = elsewhere(fibonacci, numbers, quit_)
        got = take(numbers, 10)
        quit_.send(None, timeout=LIMIT)
        goroutine.result(timeout=LIMIT)
        return got

    assert everywhere(body, homes) == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]


def test_a_merge_turns_closed_inputs_into_nil_channels(everywhere, homes):
    def merge(a, b, out):
        while a is not None or b is not None:
            index, value, ok = chosen(dgo.recv(a), dgo.recv(b))
            if ok:
                out.send((index, value), timeout=LIMIT)
            elif index == 0:
                a = None
            else:
                b = None
        out.close()

    def body(make):
        a, b, out = make(0, 2, 1)
        elsewhere(merge, a, b, out)
        elsewhere(send_all_and_close, a, range(20))
        elsewhere(send_all_and_close, b, range(30))
        got = list(out)
        assert [value for index, value in got if index == 0] == list(range(20))
        assert [value for index, value in got if index == 1] == list(range(30))

    everywhere(body, homes)


def test_a_buffer_goroutine_receives_and_sends_in_one_select(everywhere, homes):
    def buffer(source, sink):
        queue = []
        while source is not None or queue:
            first = dgo.send(sink, queue[0]) if queue else dgo.send(None, None)
            index, value, ok = chosen(first, dgo.recv(source))
            if index == 0:
                queue.pop(0)
            elif ok:
                queue.append(value)
            else:
                source = None
        sink.close()

    def body(make):
        source, sink = make(0, 0)
        elsewhere(buffer, source, sink)
        send_all_and_close(source, range(50))  # nobody receives yet: the goroutine keeps them
        assert list(sink) == list(range(50))

    everywhere(body, homes)


def test_a_token_goes_round_a_ring_of_selecting_goroutines(everywhere, homes):
    def pass_on(left, right, stop):
        passed = 0
        while True:
            index, token, _ = chosen(dgo.recv(left), dgo.recv(stop))
            if index == 1:
                return passed
            passed += 1
            if chosen(dgo.send(right, token + 1), dgo.recv(stop))[0] == 1:
                return passed

    def body(make):
        ring, stop = make(0, 0, 0, 1), dgo.Chan()
        goroutines = [elsewhere(pass_on, ring[i], ring[i + 1], stop) for i in range(3)]
        ring[0].send(0, timeout=LIMIT)
        for lap in range(1, 11):
            token = ring[3].recv(timeout=LIMIT)
            assert token == 3 * lap
            ring[0].send(token, timeout=LIMIT)
        assert ring[3].recv(timeout=LIMIT) == 33
        stop.close()
        assert [goroutine.result(timeout=LIMIT) for goroutine in goroutines] == [11, 11, 11]

    everywhere(body, homes)
