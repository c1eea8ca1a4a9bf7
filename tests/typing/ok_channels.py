"""Channels carry the type of their values; a channel is accepted where one of its directions is expected."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Literal, assert_type

import dgo


def produce(out: dgo.SendChan[int]) -> None:
    out.send(1)
    out.send_nowait(2)
    out.close()


def consume(source: dgo.RecvChan[int]) -> int:
    return sum(source)


def operations() -> None:
    ch: dgo.Chan[int] = dgo.Chan(3, name="numbers")
    ch.send(1, timeout=2.5)
    for each in ch:
        assert_type(each, int)
    assert_type(ch.recv(), int)
    assert_type(ch.recv(timeout=1), int)
    assert_type(ch.recv_nowait(), int)
    assert_type(list(ch), list[int])
    assert_type(len(ch), int)
    assert_type((ch.capacity, ch.closed, ch.name), tuple[int, bool, str | None])
    assert_type(dgo.Chan[bytes]().recv(), bytes)


def ok_tells_whether_there_is_a_value(ch: dgo.Chan[str]) -> None:
    got = ch.recv_ok()
    assert_type(got, tuple[str, Literal[True]] | tuple[None, Literal[False]])
    if got[1] is True:
        assert_type(got[0], str)
    else:
        assert_type(got[0], None)
    match ch.recv_ok(timeout=1):
        case (value, True):
            assert_type(value, str)
        case (nothing, False):
            assert_type(nothing, None)


def directions(ch: dgo.Chan[int]) -> None:
    assert_type(ch.sender(), dgo.SendChan[int])
    assert_type(ch.receiver(), dgo.RecvChan[int])
    assert_type(ch.receiver().recv(), int)


def a_channel_converts_to_its_directions(ch: dgo.Chan[int]) -> None:
    produce(ch)
    assert_type(consume(ch), int)
    dgo.go(produce, ch)
    dgo.go(produce, ch.sender())
    assert_type(dgo.go(consume, ch).result(), int)
    assert_type(dgo.go(consume, ch.receiver()).result(), int)
    everything: list[dgo.RecvChan[int]] = [ch, ch.receiver()]
    numbers: Iterable[int] = ch
    sized: Sized = ch
    print(everything, numbers, sized)


def who_only_receives_may_expect_a_wider_type(ch: dgo.Chan[bool]) -> dgo.RecvChan[int]:
    return ch


def who_only_sends_may_send_a_narrower_type(ch: dgo.Chan[float]) -> dgo.SendChan[int]:
    return ch


def channels_travel_over_channels(replies: dgo.Chan[dgo.Chan[str]]) -> None:
    assert_type(replies.recv().recv(), str)
