"""Closing a channel (contract section 4, Go's rules of close)."""

from __future__ import annotations

import pytest

import dgo

from .places import (
    LIMIT,
    drain,
    elsewhere,
    outcome_of_recv,
    outcome_of_send,
    send_all,
    send_all_and_close,
    take,
)


def test_a_send_on_a_closed_channel_raises_channel_closed(everywhere, home):
    def body(make):
        for capacity in (0, 2):
            ch = make(capacity)
            ch.close()
            with pytest.raises(dgo.ChannelClosed):
                ch.send(1, timeout=LIMIT)
            with pytest.raises(dgo.ChannelClosed):
                ch.send_nowait(1)

    everywhere(body, home)


def test_a_receive_from_a_closed_and_drained_channel_raises_channel_closed(everywhere, home):
    def body(make):
        for capacity in (0, 2):
            ch = make(capacity)
            ch.close()
            with pytest.raises(dgo.ChannelClosed):
                ch.recv(timeout=LIMIT)
            with pytest.raises(dgo.ChannelClosed):
                ch.recv_nowait()

    everywhere(body, home)


def test_recv_ok_of_a_closed_and_drained_channel_is_none_and_false_each_time(everywhere, home):
    def body(make):
        ch = make()
        ch.close()
        assert [ch.recv_ok(timeout=LIMIT) for _ in range(3)] == [(None, False)] * 3

    everywhere(body, home)


def test_closing_twice_raises_channel_closed(everywhere, home):
    def body(make):
        ch = make()
        ch.close()
        with pytest.raises(dgo.ChannelClosed):
            ch.close()

    everywhere(body, home)


def test_of_several_that_close_one_succeeds(everywhere, home):
    def close(ch):
        try:
            ch.close()
        except dgo.ChannelClosed:
            return "refused"
        return "closed"

    def body(make):
        ch = make()
        closers = [elsewhere(close, ch) for _ in range(4)]
        outcomes = sorted(closer.result(timeout=LIMIT) for closer in closers)
        assert outcomes == ["closed", "refused", "refused", "refused"]

    everywhere(body, home)


def test_values_stored_before_the_close_are_received_after_it(everywhere, home):
    def body(make):
        ch = make(3)
        send_all_and_close(ch, [1, 2, 3])
        assert [ch.recv(timeout=LIMIT), ch.recv_ok(timeout=LIMIT), ch.recv_nowait()] == [1, (2, True), 3]
        assert ch.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)


def test_a_channel_with_a_value_never_would_block_while_it_is_closed(everywhere, home):
    def body(make):
        for _ in range(10):
            ch = make(1)
            ch.send(1, timeout=LIMIT)
            closer = elsewhere(ch.close)
            assert ch.recv_nowait() == 1
            closer.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_close_is_seen_after_every_send_that_had_completed(everywhere, home):
    def body(make):
        ch = make(100)
        sender = elsewhere(send_all, ch, range(50))
        sender.result(timeout=LIMIT)
        elsewhere(ch.close).result(timeout=LIMIT)
        assert drain(ch) == list(range(50))

    everywhere(body, home)


def test_a_close_releases_every_receiver(everywhere, home):
    def body(make):
        ch = make()
        receivers = [elsewhere(outcome_of_recv, ch) for _ in range(4)]
        ch.close()
        assert [receiver.result(timeout=LIMIT) for receiver in receivers] == ["ChannelClosed"] * 4

    everywhere(body, home)


def test_a_close_by_a_goroutine_releases_the_body_that_receives(everywhere, home):
    def body(make):
        ch = make()
        elsewhere(ch.close)
        assert ch.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)


def test_a_close_makes_every_blocked_sender_raise_channel_closed(everywhere, home):
    def body(make):
        ch = make()
        senders = [elsewhere(outcome_of_send, ch, i) for i in range(4)]
        ch.close()
        assert [sender.result(timeout=LIMIT) for sender in senders] == ["ChannelClosed"] * 4
        assert ch.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)


def test_a_value_of_a_sender_that_the_close_refused_is_never_received(everywhere, home):
    def body(make):
        ch = make(2)
        send_all(ch, ["a", "b"])
        sender = elsewhere(outcome_of_send, ch, "refused")
        ch.close()
        assert sender.result(timeout=LIMIT) == "ChannelClosed"
        assert drain(ch) == ["a", "b"]

    everywhere(body, home)


def test_the_body_that_is_blocked_in_a_send_raises_when_a_goroutine_closes(everywhere, home):
    def body(make):
        ch = make()
        elsewhere(ch.close)
        with pytest.raises(dgo.ChannelClosed):
            ch.send(1, timeout=LIMIT)

    everywhere(body, home)


def test_iteration_ends_when_the_channel_is_closed_and_drained(everywhere, home):
    def body(make):
        for capacity in (0, 4):
            ch = make(capacity)
            elsewhere(send_all_and_close, ch, range(20))
            assert list(ch) == list(range(20))

    everywhere(body, home)


def test_iteration_over_a_closed_channel_is_empty(everywhere, home):
    def body(make):
        ch = make()
        ch.close()
        assert list(ch) == []

    everywhere(body, home)


def test_several_that_iterate_share_the_values(everywhere, home):
    def collect(ch):
        return list(ch)

    def body(make):
        ch = make(2)
        readers = [elsewhere(collect, ch) for _ in range(3)]
        send_all_and_close(ch, range(30))
        parts = [reader.result(timeout=LIMIT) for reader in readers]
        assert sorted(value for part in parts for value in part) == list(range(30))
        for part in parts:
            assert part == sorted(part)

    everywhere(body, home)


def test_closed_is_false_before_and_true_after_the_close(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send(1, timeout=LIMIT)
        assert not ch.closed
        ch.close()
        assert ch.closed
        assert len(ch) == 1
        assert take(ch, 1) == [1]
        assert ch.closed

    everywhere(body, home)


def test_the_sending_view_closes_the_channel(everywhere, home):
    def body(make):
        ch = make()
        ch.sender().close()
        assert ch.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)
