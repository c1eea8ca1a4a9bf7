"""Large frames between hosts: what is received is not copied again before it is used."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any

import pytest

from dgo.runtime.values import _received
from dgo.transport.zeromq import VIEW_BYTES, ZmqTransport
from dgo.wire.snapshot import Payload, freeze, thaw

from .blocks import Block

SECONDS = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[ZmqTransport, Any, ZmqTransport]]:
    listening, dialling = ZmqTransport(), ZmqTransport()
    address = listening.bind("tcp://127.0.0.1:*")
    yield dialling, dialling.dial(address), listening
    dialling.close(0)
    listening.close(0)


def received(transport: ZmqTransport) -> list[Any]:
    while not transport.ready():
        readable, _, _ = select.select(transport.descriptors(), [], [], SECONDS)
        assert readable, "nothing has come"
    ((_, frames),) = transport.receive()
    return frames


def test_large_frames_come_as_views_of_their_own_memory(pair):
    sender, route, receiver = pair
    sent = [b"head" * VIEW_BYTES, bytes(VIEW_BYTES - 1), bytearray(b"x" * VIEW_BYTES), b"y" * 5_000_000]
    assert sender.send(route, sent)
    frames = received(receiver)
    assert [bytes(frame) for frame in frames] == [bytes(frame) for frame in sent]
    assert [type(frame) for frame in frames] == [bytes, bytes, memoryview, memoryview]
    frames[2][0] = 1
    assert sent[2][:1] == b"x"
    assert bytes(frames[3]) == sent[3]


def test_a_view_is_handed_out_uncopied_once_and_copied_for_each_who_may_write_to_it():
    frozen: Any = freeze(Block(bytearray(100_000)))
    memory = bytearray(b"a" * 100_000)
    payload = Payload(frozen.data, (_received(memoryview(memory), True),), ())
    first: Any = thaw(payload)
    first.data[0] = 0
    second: Any = thaw(payload, last=True)
    second.data[1] = 7
    assert bytes(memory[:3]) == b"a\7a", "the last one has the memory itself, the first one had its own"


def test_a_view_of_what_was_read_only_is_read_only_and_shared():
    frozen: Any = freeze(Block(bytes(100_000)))
    payload = Payload(frozen.data, (_received(memoryview(bytearray(100_000)), False),), ())
    first: Any = thaw(payload)
    assert memoryview(first.data).readonly
    assert _received(b"ab", False) == b"ab"
    assert type(_received(b"ab", True)) is bytearray
    assert type(_received(memoryview(b"ab"), True)) is bytearray
