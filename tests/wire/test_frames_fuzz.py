"""What a header may be: whatever comes in, only ProtocolError comes out."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dgo.wire.frames import Header, Kind, decode_header, encode_header
from dgo.wire.messages import PROTOCOL, ProtocolError

SETTINGS = settings(max_examples=200, deadline=None, print_blob=True)
WORDS = st.integers(0, 2**64 - 1)
KINDS = st.sampled_from(Kind)
SIZE = len(encode_header(Kind.ACK, 1, 2))


def survive(frame: bytes) -> None:
    try:
        header = decode_header(frame)
    except ProtocolError:
        return
    assert header.kind in set(Kind)


@SETTINGS
@given(st.binary(max_size=2 * SIZE) | st.binary(min_size=SIZE, max_size=SIZE))
@example(b"")
@example(b"\0" * SIZE)
def test_random_bytes_give_a_header_or_a_protocol_error(frame):
    survive(frame)


@SETTINGS
@given(KINDS, WORDS, WORDS, WORDS, WORDS)
def test_a_good_header_comes_back_as_it_was(kind, source, destination, seq, ack):
    frame = encode_header(kind, source, destination, seq, ack)
    assert decode_header(frame) == Header(kind, source, destination, seq, ack)
    assert decode_header(memoryview(frame)) == Header(kind, source, destination, seq, ack)


@SETTINGS
@given(KINDS, st.integers(0, SIZE - 1), st.integers(0, 255))
def test_a_damaged_header_gives_a_header_or_a_protocol_error(kind, at, byte):
    frame = bytearray(encode_header(kind, 1, 2, 3, 4))
    frame[at] = byte
    survive(bytes(frame))


@pytest.mark.parametrize("cut", [0, 1, SIZE - 1])
def test_a_header_that_was_cut_short_is_refused(cut):
    with pytest.raises(ProtocolError, match="bytes"):
        decode_header(encode_header(Kind.ACK, 1, 2)[:cut])


def test_another_magic_is_refused():
    with pytest.raises(ProtocolError, match="not a dgo header"):
        decode_header(b"xx" + encode_header(Kind.ACK, 1, 2)[2:])


@pytest.mark.parametrize("kind", [0, max(Kind) + 1, 255])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(ProtocolError, match="unknown kind"):
        decode_header(encode_header(kind, 1, 2))


@pytest.mark.parametrize("kind", Kind)
def test_another_version_is_refused_except_where_a_refusal_must_be_understood(kind):
    frame = bytearray(encode_header(kind, 1, 2))
    frame[2] = PROTOCOL + 1
    if kind in (Kind.JOIN, Kind.REFUSED):
        assert decode_header(bytes(frame)).kind == kind
    else:
        with pytest.raises(ProtocolError, match="version"):
            decode_header(bytes(frame))
