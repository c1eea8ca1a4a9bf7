"""Channels that stay open: rendezvous, buffering, order, identity and isolation (contract section 4)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, Unbuildable, away, elsewhere, outcome_of_recv, send_all, take


def test_a_receive_takes_what_a_goroutine_sent(everywhere, home):
    def body(make):
        ch = make()
        elsewhere(ch.send, "ping")
        assert ch.recv(timeout=LIMIT) == "ping"

    everywhere(body, home)


def test_a_send_reaches_a_goroutine_that_receives(everywhere, home):
    def body(make):
        ch = make()
        receiver = elsewhere(take, ch, 1)
        ch.send("pong", timeout=LIMIT)
        assert receiver.result(timeout=LIMIT) == ["pong"]

    everywhere(body, home)


def test_a_channel_works_between_any_home_sender_and_receiver(everywhere):
    def body():
        for ch in [dgo.Chan(), away(), away(), away()]:
            for _ in range(3):
                for _ in range(3):
                    receiver = elsewhere(take, ch, 2)
                    sender = elsewhere(send_all, ch, [1, 2])
                    assert receiver.result(timeout=LIMIT) == [1, 2]
                    sender.result(timeout=LIMIT)

    everywhere(body)


def test_an_unbuffered_send_does_not_complete_without_a_receiver(everywhere, home):
    def body(make):
        with pytest.raises(dgo.Timeout):
            make().send(1, timeout=NOTHING)

    everywhere(body, home)


def test_a_send_that_timed_out_leaves_nothing_in_the_channel(everywhere, home):
    def body(make):
        ch = make()
        with pytest.raises(dgo.Timeout):
            ch.send("late", timeout=NOTHING)
        elsewhere(ch.send, "next")
        assert ch.recv(timeout=LIMIT) == "next"
        with pytest.raises(dgo.WouldBlock):
            ch.recv_nowait()

    everywhere(body, home)


def test_a_receive_that_timed_out_takes_no_later_value(everywhere, home):
    def body(make):
        ch = make(1)
        with pytest.raises(dgo.Timeout):
            ch.recv(timeout=NOTHING)
        ch.send(1, timeout=LIMIT)
        assert ch.recv(timeout=LIMIT) == 1

    everywhere(body, home)


def test_a_receive_from_an_empty_channel_blocks(everywhere, home):
    def body(make):
        for capacity in (0, 1, 10):
            with pytest.raises(dgo.Timeout):
                make(capacity).recv(timeout=NOTHING)
            with pytest.raises(dgo.Timeout):
                make(capacity).recv_ok(timeout=NOTHING)

    everywhere(body, home)


def test_a_timeout_is_also_pythons_timeout_error(everywhere, home):
    def body(make):
        with pytest.raises(TimeoutError):
            make().recv(timeout=NOTHING)

    everywhere(body, home)


@pytest.mark.parametrize("capacity", [0, 1, 2, 10])
def test_exactly_capacity_sends_complete_before_any_receive(everywhere, home, capacity):
    def count_sends(ch, counted):
        for i in range(capacity + 3):
            ch.send(i, timeout=LIMIT)
            counted.send(i, timeout=LIMIT)

    def body(make):
        ch, counted = make(capacity), dgo.Chan(100)
        sender = elsewhere(count_sends, ch, counted)
        assert take(counted, capacity) == list(range(capacity))
        with pytest.raises(dgo.Timeout):
            counted.recv(timeout=NOTHING)
        assert take(ch, capacity + 3) == list(range(capacity + 3))
        sender.result(timeout=LIMIT)

    everywhere(body, home)


@pytest.mark.parametrize("capacity", [0, 1, 10])
def test_exactly_capacity_sends_without_waiting_succeed(everywhere, home, capacity):
    def body(make):
        ch = make(capacity)
        for i in range(capacity):
            ch.send_nowait(i)
        with pytest.raises(dgo.WouldBlock):
            ch.send_nowait("too many")
        assert [ch.recv_nowait() for _ in range(capacity)] == list(range(capacity))
        with pytest.raises(dgo.WouldBlock):
            ch.recv_nowait()

    everywhere(body, home)


@pytest.mark.parametrize("capacity", [0, 1, 10])
def test_values_of_one_sender_keep_their_order(everywhere, home, capacity):
    def body(make):
        ch = make(capacity)
        elsewhere(send_all, ch, range(100))
        assert take(ch, 100) == list(range(100))

    everywhere(body, home)


def test_values_of_each_of_several_senders_keep_their_order(everywhere, home):
    def body(make):
        ch = make(3)
        for name in range(4):
            elsewhere(send_all, ch, [(name, i) for i in range(25)])
        got = take(ch, 100)
        for name in range(4):
            assert [i for sender, i in got if sender == name] == list(range(25))

    everywhere(body, home)


@pytest.mark.parametrize("capacity", [0, 10])
def test_every_value_reaches_exactly_one_of_several_receivers(everywhere, home, capacity):
    def body(make):
        ch = make(capacity)
        receivers = [elsewhere(take, ch, 25) for _ in range(4)]
        for name in range(4):
            elsewhere(send_all, ch, [(name, i) for i in range(25)])
        got = [value for receiver in receivers for value in receiver.result(timeout=LIMIT)]
        assert sorted(got) == [(name, i) for name in range(4) for i in range(25)]

    everywhere(body, home)


def test_a_blocked_sender_fills_the_slot_that_a_receive_frees(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send(1, timeout=LIMIT)
        sender = elsewhere(send_all, ch, [2])
        assert take(ch, 1) == [1]
        sender.result(timeout=LIMIT)
        assert len(ch) == 1
        assert ch.recv_nowait() == 2

    everywhere(body, home)


def test_len_and_capacity_are_gos_len_and_cap(everywhere, home):
    def body(make):
        for capacity in (0, 1, 5):
            ch = make(capacity)
            assert (len(ch), ch.capacity) == (0, capacity)
            for i in range(capacity):
                ch.send(i, timeout=LIMIT)
                assert len(ch) == i + 1
            assert ch.capacity == capacity

    everywhere(body, home)


def test_none_and_other_false_values_travel_as_values(everywhere, home):
    def body(make):
        ch = make(4)
        for value in (None, 0, "", []):
            ch.send(value, timeout=LIMIT)
        assert ch.recv_ok(timeout=LIMIT) == (None, True)
        assert take(ch, 3) == [0, "", []]

    everywhere(body, home)


def test_a_channel_of_channels_carries_a_reply_channel(everywhere, home):
    def serve(requests):
        for question, reply in requests:
            reply.send(question * 2, timeout=LIMIT)

    def body(make):
        requests = make()
        elsewhere(serve, requests)
        for question in range(5):
            reply = make()
            requests.send((question, reply), timeout=LIMIT)
            assert reply.recv(timeout=LIMIT) == question * 2
        requests.close()

    everywhere(body, home)


def test_a_channel_can_carry_itself(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send(ch, timeout=LIMIT)
        assert ch.recv(timeout=LIMIT) == ch

    everywhere(body, home)


def test_a_channel_is_equal_to_itself_after_a_journey(everywhere, home):
    def body(make):
        ch, other = make(), make()
        back = elsewhere(lambda it: it, ch).result(timeout=LIMIT)
        assert back == ch
        assert hash(back) == hash(ch)
        assert back != other
        assert {ch: "found"}[back] == "found"

    everywhere(body, home)


def test_an_empty_channel_and_its_views_are_truthy(everywhere, home):
    def body(make):
        ch = make(3)
        assert ch
        assert ch.sender()
        assert ch.receiver()

    everywhere(body, home)


def test_a_view_equals_its_channel_and_has_its_hash(everywhere, home):
    def body(make):
        ch = make()
        assert ch.sender() == ch == ch.receiver()
        assert hash(ch.sender()) == hash(ch) == hash(ch.receiver())

    everywhere(body, home)


def test_a_view_lacks_the_methods_of_the_other_direction(everywhere, home):
    def body(make):
        ch = make()
        for name in ("recv", "recv_ok", "recv_nowait", "arecv", "__iter__", "__aiter__"):
            assert not hasattr(ch.sender(), name), name
        for name in ("send", "send_nowait", "asend", "close"):
            assert not hasattr(ch.receiver(), name), name

    everywhere(body, home)


def test_views_travel_and_work(everywhere, home):
    def double(source, sink):
        for value in source:
            sink.send(value * 2, timeout=LIMIT)
        sink.close()

    def body(make):
        numbers, doubles = make(), make()
        elsewhere(double, numbers.receiver(), doubles.sender())
        for i in range(5):
            numbers.send(i, timeout=LIMIT)
            assert doubles.recv(timeout=LIMIT) == i * 2
        numbers.close()
        assert doubles.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)


def test_the_sender_does_not_see_what_the_receiver_changes(everywhere, home):
    def body(make):
        ch, value = make(1), {"list": [1]}
        ch.send(value, timeout=LIMIT)
        ch.recv(timeout=LIMIT)["list"].append(2)
        assert value == {"list": [1]}

    everywhere(body, home)


def test_the_receiver_does_not_see_what_the_sender_changes_after_the_send(everywhere, home):
    def body(make):
        ch, value = make(1), {"list": [1]}
        ch.send(value, timeout=LIMIT)
        value["list"].append(2)
        assert ch.recv(timeout=LIMIT) == {"list": [1]}

    everywhere(body, home)


def test_objects_inside_one_value_stay_shared_with_each_other(everywhere, home):
    def body(make):
        ch, inner = make(1), [1]
        ch.send((inner, inner), timeout=LIMIT)
        first, second = ch.recv(timeout=LIMIT)
        assert first is second

    everywhere(body, home)


def test_a_value_that_cannot_travel_raises_at_the_send_and_is_not_sent(everywhere, home):
    def body(make):
        ch = make(1)
        with pytest.raises(dgo.SerializationError):
            ch.send((i for i in range(3)), timeout=LIMIT)
        with pytest.raises(TypeError):
            ch.send_nowait(i for i in range(3))
        assert len(ch) == 0

    everywhere(body, home)


def test_a_value_that_cannot_be_rebuilt_spoils_its_own_receive_only(everywhere, home):
    def body(make):
        ch = make(3)
        send_all(ch, [1, Unbuildable(), 3])
        assert ch.recv(timeout=LIMIT) == 1
        assert outcome_of_recv(ch) == "SerializationError"
        assert ch.recv(timeout=LIMIT) == 3

    everywhere(body, home)


def test_a_negative_capacity_is_a_value_error(everywhere):
    def body():
        with pytest.raises(ValueError):
            dgo.Chan(-1)

    everywhere(body)


def test_a_prime_sieve_of_chained_goroutines_finds_the_primes(everywhere):
    def generate(out):
        for i in range(2, 60):
            out.send(i, timeout=LIMIT)
        out.close()

    def filter_multiples(source, out, prime):
        for i in source:
            if i % prime:
                out.send(i, timeout=LIMIT)
        out.close()

    def body():
        ch, primes = dgo.Chan(), []
        dgo.go(generate, ch)
        while True:
            prime, ok = ch.recv_ok(timeout=LIMIT)
            if not ok:
                return primes
            primes.append(prime)
            rest = dgo.Chan()
            dgo.go(filter_multiples, ch, rest, prime)
            ch = rest

    assert everywhere(body) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]


def test_a_chain_of_a_hundred_goroutines_hands_a_value_through(everywhere):
    def hand_on(left, right):
        left.send(1 + right.recv(timeout=LIMIT), timeout=LIMIT)

    def body():
        first = right = dgo.Chan()
        for _ in range(100):
            left, right = right, dgo.Chan()
            dgo.go(hand_on, left, right)
        right.send(0, timeout=LIMIT)
        assert first.recv(timeout=LIMIT) == 100

    everywhere(body)
