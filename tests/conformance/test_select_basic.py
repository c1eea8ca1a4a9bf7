"""What a select is given and what it returns: cases, default, timeout, closed and nil channels (contract section 4)."""

from __future__ import annotations

import pytest

import dgo

from .places import (
    LIMIT,
    NOTHING,
    Unbuildable,
    chosen,
    elsewhere,
    empty,
    full,
    parts,
    select_receive,
    select_send,
    send_all_and_close,
    stored,
    take,
)


def test_a_receive_case_takes_a_stored_value(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send("stored", timeout=LIMIT)
        assert chosen(dgo.recv(ch)) == (0, "stored", True)
        assert len(ch) == 0

    everywhere(body, home)


def test_a_send_case_stores_its_value_and_returns_none_and_true(everywhere, home):
    def body(make):
        ch = make(1)
        assert chosen(dgo.send(ch, "value")) == (0, None, True)
        assert ch.recv_nowait() == "value"

    everywhere(body, home)


def test_a_receive_case_takes_from_a_sender(everywhere, home):
    def body(make):
        ch = make()
        elsewhere(ch.send, "offered")
        assert chosen(dgo.recv(ch)) == (0, "offered", True)

    everywhere(body, home)


def test_a_send_case_reaches_a_receiver(everywhere, home):
    def body(make):
        ch = make()
        receiver = elsewhere(take, ch, 1)
        assert chosen(dgo.send(ch, "given")) == (0, None, True)
        assert receiver.result(timeout=LIMIT) == ["given"]

    everywhere(body, home)


def test_the_result_can_be_unpacked(everywhere):
    def body():
        ch = dgo.Chan(1)
        ch.send("value", timeout=LIMIT)
        index, value, ok = dgo.select(dgo.recv(ch), timeout=LIMIT)
        assert (index, value, ok) == (0, "value", True)

    everywhere(body)


@pytest.mark.parametrize("ready", [0, 1, 2])
def test_the_index_is_that_of_the_receive_case_that_is_ready(everywhere, homes, ready):
    def body(make):
        channels = make(1, 1, 1)
        channels[ready].send("ready", timeout=LIMIT)
        assert select_receive(*channels) == (ready, "ready", True)

    everywhere(body, homes)


@pytest.mark.parametrize("ready", [0, 1, 2])
def test_the_index_is_that_of_the_send_case_that_is_ready(everywhere, homes, ready):
    def body(make):
        channels = make(*[int(position == ready) for position in range(3)])
        assert select_send("value", *channels) == ready
        assert [len(ch) for ch in channels] == [int(position == ready) for position in range(3)]

    everywhere(body, homes)


def test_receive_and_send_cases_mix(everywhere, homes):
    def body(make):
        source, sink = make(1, 1)
        for value in range(3):
            assert chosen(dgo.recv(source), dgo.send(sink, value)) == (1, None, True)
            source.send(sink.recv_nowait(), timeout=LIMIT)
            sink.send("in the way", timeout=LIMIT)
            assert chosen(dgo.recv(source), dgo.send(sink, "no slot")) == (0, value, True)
            assert stored(sink) == ["in the way"]

    everywhere(body, homes)


def test_a_case_can_be_used_in_several_selects(everywhere, homes):
    def body(make):
        a, b = make(3, 0)
        put, get = dgo.send(a, "again"), dgo.recv(b)
        assert [chosen(put, get)[0] for _ in range(3)] == [0, 0, 0]
        assert stored(a) == ["again"] * 3

    everywhere(body, homes)


def test_a_stored_none_is_a_value(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send(None, timeout=LIMIT)
        assert chosen(dgo.recv(ch)) == (0, None, True)

    everywhere(body, home)


def test_views_are_selected_like_their_channel(everywhere, homes):
    def body(make):
        a, b = make(1, 1)
        assert chosen(dgo.send(a.sender(), 1), dgo.recv(b.receiver())) == (0, None, True)
        assert chosen(dgo.recv(a.receiver()), dgo.recv(b.receiver())) == (0, 1, True)

    everywhere(body, homes)


def test_a_case_of_the_wrong_direction_is_a_type_error(everywhere, home):
    def body(make):
        ch = make(1)
        with pytest.raises(TypeError):
            dgo.send(ch.receiver(), 1)
        with pytest.raises(TypeError):
            dgo.recv(ch.sender())

    everywhere(body, home)


def test_a_case_of_something_else_than_a_channel_is_a_type_error(everywhere):
    def body():
        with pytest.raises(TypeError):
            dgo.recv(7)
        with pytest.raises(TypeError):
            dgo.send("channel", 1)

    everywhere(body)


def test_what_is_not_a_case_is_a_type_error_and_nothing_happens(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send("stays", timeout=LIMIT)
        for wrong in (ch, None, 7, (ch, 1), ch.recv):
            with pytest.raises(TypeError):
                dgo.select(dgo.recv(ch), wrong, timeout=LIMIT)
        assert stored(ch) == ["stays"]

    everywhere(body, home)


def test_a_nil_channel_is_never_ready(everywhere):
    def body():
        with pytest.raises(dgo.Timeout):
            dgo.select(dgo.recv(None), dgo.send(None, 1), timeout=NOTHING)
        assert dgo.select(dgo.recv(None), dgo.send(None, 1), default=True).index == dgo.DEFAULT

    everywhere(body)


def test_nil_channels_beside_a_ready_case_do_not_matter(everywhere, home):
    def body(make):
        ch = make(1)
        for value in range(10):
            assert chosen(dgo.recv(None), dgo.send(ch, value), dgo.send(None, 1)) == (1, None, True)
            assert chosen(dgo.recv(None), dgo.recv(None), dgo.recv(ch)) == (2, value, True)

    everywhere(body, home)


def test_without_a_case_the_timeout_runs_out(everywhere):
    def body():
        with pytest.raises(dgo.Timeout):
            dgo.select(timeout=NOTHING)

    everywhere(body)


def test_without_a_case_the_default_is_taken(everywhere):
    def body():
        assert dgo.DEFAULT == -1
        assert dgo.select(default=True).index == -1

    everywhere(body)


def test_default_is_taken_when_no_case_is_ready_and_leaves_nothing(everywhere, homes):
    def body(make):
        a, b, c = make(0, 0, 1)
        c.send("in the way", timeout=LIMIT)
        cases = [dgo.recv(a), dgo.send(b, "unwanted"), dgo.send(c, "unwanted")]
        for _ in range(3):
            assert dgo.select(*cases, default=True).index == dgo.DEFAULT
        assert full(a)
        assert empty(b)
        assert stored(c) == ["in the way"]

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_default_is_not_taken_when_a_value_is_stored(everywhere, homes, position):
    def body(make):
        channels = make(1, 1, 1)
        for value in range(5):
            channels[position].send(value, timeout=LIMIT)
            selected = dgo.select(*[dgo.recv(ch) for ch in channels], default=True)
            assert parts(selected) == (position, value, True)

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_default_is_not_taken_when_a_slot_is_free(everywhere, homes, position):
    def body(make):
        channels = make(*[int(index == position) for index in range(3)])
        for value in range(5):
            selected = dgo.select(*[dgo.send(ch, value) for ch in channels], default=True)
            assert parts(selected) == (position, None, True)
            assert channels[position].recv_nowait() == value

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_default_is_not_taken_when_a_channel_of_a_receive_case_is_closed(everywhere, homes, position):
    def body(make):
        channels = make(0, 0)
        channels[position].close()
        for _ in range(3):
            selected = dgo.select(*[dgo.recv(ch) for ch in channels], default=True)
            assert parts(selected) == (position, None, False)

    everywhere(body, homes)


@pytest.mark.parametrize("position", [0, 1])
def test_default_is_not_taken_when_a_channel_of_a_send_case_is_closed(everywhere, homes, position):
    def body(make):
        channels = make(0, 0)
        channels[position].close()
        with pytest.raises(dgo.ChannelClosed):
            dgo.select(*[dgo.send(ch, 1) for ch in channels], default=True)

    everywhere(body, homes)


def test_default_with_a_timeout_is_a_value_error_and_nothing_happens(everywhere, home):
    def body(make):
        ch = make(1)
        for timeout in (0, 1):
            with pytest.raises(ValueError):
                dgo.select(dgo.send(ch, 1), default=True, timeout=timeout)
        assert empty(ch)

    everywhere(body, home)


def test_a_timeout_raises_and_leaves_no_offer(everywhere, homes):
    def body(make):
        a, b, c = make(0, 0, 1)
        c.send("in the way", timeout=LIMIT)
        for _ in range(2):
            with pytest.raises(dgo.Timeout):
                dgo.select(dgo.recv(a), dgo.send(b, "late"), dgo.send(c, "late"), timeout=NOTHING)
        assert full(a)
        assert empty(b)
        assert stored(c) == ["in the way"]

    everywhere(body, homes)


def test_after_a_timeout_the_channels_serve_others(everywhere, homes):
    def body(make):
        a, b = make(0, 0)
        with pytest.raises(TimeoutError):
            dgo.select(dgo.recv(a), dgo.send(b, "late"), timeout=NOTHING)
        elsewhere(a.send, "next")
        assert a.recv(timeout=LIMIT) == "next"
        receiver = elsewhere(take, b, 1)
        b.send("next", timeout=LIMIT)
        assert receiver.result(timeout=LIMIT) == ["next"]

    everywhere(body, homes)


def test_a_case_that_is_ready_is_taken_although_there_is_a_timeout(everywhere, home):
    def body(make):
        ch = make(1)
        ch.send("here", timeout=LIMIT)
        assert parts(dgo.select(dgo.recv(None), dgo.recv(ch), timeout=LIMIT)) == (1, "here", True)

    everywhere(body, home)


def test_a_receive_case_on_a_closed_channel_is_none_and_false_each_time(everywhere, homes):
    def body(make):
        a, b = make(0, 2)
        b.close()
        assert [select_receive(a, b) for _ in range(3)] == [(1, None, False)] * 3

    everywhere(body, homes)


def test_a_receive_case_on_a_closed_channel_takes_what_is_stored_first(everywhere, homes):
    def body(make):
        a, b = make(0, 3)
        send_all_and_close(b, [1, 2, 3])
        got = [select_receive(a, b) for _ in range(4)]
        assert got == [(1, 1, True), (1, 2, True), (1, 3, True), (1, None, False)]

    everywhere(body, homes)


def test_a_chosen_send_case_on_a_closed_channel_raises_channel_closed(everywhere, homes):
    def body(make):
        a, b = make(0, 2)
        b.close()
        with pytest.raises(dgo.ChannelClosed):
            dgo.select(dgo.recv(a), dgo.send(b, 1), timeout=LIMIT)
        assert full(a)

    everywhere(body, homes)


def test_the_receiver_never_shares_a_selected_value_with_its_sender(everywhere, home):
    def body(make):
        ch, value = make(1), {"list": [1]}
        chosen(dgo.send(ch, value))
        value["list"].append("by the sender")
        _, got, _ = chosen(dgo.recv(ch))
        assert got == {"list": [1]}
        got["list"].append("by the receiver")
        assert value == {"list": [1, "by the sender"]}

    everywhere(body, home)


def test_a_value_that_cannot_travel_raises_at_the_call_and_nothing_happens(everywhere, homes):
    def body(make):
        a, b = make(1, 1)
        a.send("stays", timeout=LIMIT)
        with pytest.raises(dgo.SerializationError):
            dgo.select(dgo.recv(a), dgo.send(b, (i for i in range(3))), timeout=LIMIT)
        assert stored(a) == ["stays"]
        assert empty(b)

    everywhere(body, homes)


def test_a_value_that_cannot_be_rebuilt_spoils_its_own_select_only(everywhere, homes):
    def body(make):
        a, b = make(0, 2)
        b.send(Unbuildable(), timeout=LIMIT)
        b.send("good", timeout=LIMIT)
        with pytest.raises(dgo.SerializationError):
            select_receive(a, b)
        assert select_receive(a, b) == (1, "good", True)

    everywhere(body, homes)


def test_a_select_without_a_case_blocks_for_ever(output):
    source = """
        import dgo

        def main():
            blocked = dgo.go(dgo.select)
            try:
                blocked.wait(timeout=0.2)
            except dgo.Timeout:
                print("the goroutine has not ended")
            try:
                dgo.select()
            except dgo.Deadlock:
                print("deadlock")

        if __name__ == "__main__":
            main()
    """
    assert output(source) == ["the goroutine has not ended", "deadlock"]
