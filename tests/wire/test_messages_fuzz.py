"""What a body may be: whatever comes in, only ProtocolError comes out."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dgo.wire import messages
from dgo.wire.messages import FIELDS, Body, Msg, ProtocolError, decode_body, encode_body

SETTINGS = settings(max_examples=200, deadline=None, print_blob=True)
MANY = settings(max_examples=20_000, deadline=None, print_blob=True)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
OF_KIND: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64 - 1),
    str: st.text(),
    bytes: st.binary(),
    bool: st.booleans(),
    list: st.lists(ANYTHING, max_size=4),
    dict: st.dictionaries(st.text(max_size=3), ANYTHING, max_size=3),
    object: ANYTHING,
}
MESSAGES = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda kind: st.tuples(st.just(int(kind)), *(OF_KIND[field] for field in FIELDS[kind])).map(list)
)
BODIES = st.lists(MESSAGES, max_size=4)


def survive(data: bytes) -> Body | None:
    """Decodes; the only way to fail is a ProtocolError. What is accepted obeys FIELDS."""
    try:
        body = decode_body(data)
    except ProtocolError as refusal:
        text = str(refusal)
    else:
        text = ""
    assert len(text) < 500, "the text of the peer is not copied into ours"
    if text:
        return None
    for kind, *fields in body:
        assert len(fields) == len(FIELDS[kind])
        assert all(isinstance(field, its) for field, its in zip(fields, FIELDS[kind], strict=True))
    return body


@SETTINGS
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x90")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\x91\x92\x01\xa1\xff")  # a str that is no UTF-8
@example(b"\x91\x81\x01\x02")  # a dict with an int key
@example(b"\x91" * 5000)  # too deep
@example(b"\x90\x90")  # two bodies
def test_random_bytes_give_a_body_or_a_protocol_error(data):
    survive(data)


@pytest.mark.slow
@MANY
@given(st.binary(max_size=400))
def test_random_bytes_give_a_body_or_a_protocol_error_in_many_runs(data):
    survive(data)


@SETTINGS
@given(ANYTHING)
def test_any_msgpack_gives_a_body_or_a_protocol_error(value):
    survive(msgpack.packb(value))
    survive(msgpack.packb([value]))


@SETTINGS
@given(BODIES)
def test_a_good_body_comes_back_as_it_was(body):
    assert survive(encode_body(body)) == body


@SETTINGS
@given(BODIES, st.data())
def test_a_damaged_body_gives_a_body_or_a_protocol_error(body, data):
    encoded = bytearray(encode_body(body))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] = data.draw(st.integers(0, 255))
    survive(bytes(encoded))
    survive(bytes(encoded[: data.draw(st.integers(0, len(encoded)))]))


@SETTINGS
@given(MESSAGES, st.data())
def test_a_message_with_one_ill_typed_field_is_refused(message, data):
    wrong = {int: "text", str: 1, bytes: "text", bool: 1, list: {}, dict: []}
    fields = FIELDS[message[0]]
    places = [at for at, kind in enumerate(fields) if kind is not object]
    if places:
        at = data.draw(st.sampled_from(places))
        message[at + 1] = wrong[fields[at]]
        with pytest.raises(ProtocolError, match=Msg(message[0]).name):
            decode_body(encode_body([message]))


@SETTINGS
@given(MESSAGES, st.booleans())
def test_a_message_with_a_field_too_many_or_too_few_is_refused(message, more):
    if more or len(message) == 1:
        message.append(1)
    else:
        message.pop()
    with pytest.raises(ProtocolError, match="fields"):
        decode_body(encode_body([message]))


@pytest.mark.parametrize("kind", [0, -1, 255, 2**63, True, 1.0, "1", None, [], [1], {}])
def test_an_unknown_message_type_is_refused(kind):
    with pytest.raises(ProtocolError):
        decode_body(encode_body([[kind, 1]]))


@pytest.mark.parametrize("body", [None, 1, "text", b"bytes", {}, {"a": []}, [1], [[]], [None]])
def test_what_is_no_list_of_messages_is_refused(body):
    with pytest.raises(ProtocolError):
        decode_body(encode_body(body))


def test_every_message_type_has_its_fields():
    assert set(FIELDS) == set(Msg)


def test_an_empty_body_is_a_body():
    assert decode_body(encode_body([])) == []


def test_an_extension_type_is_refused():
    with pytest.raises(ProtocolError):
        decode_body(msgpack.packb([[int(Msg.DONE), 1, msgpack.ExtType(5, b"x"), True]]))


def test_the_extension_type_timestamp_is_refused_like_any_other():
    with pytest.raises(ProtocolError):
        decode_body(msgpack.packb([[int(Msg.DONE), 1, msgpack.Timestamp(1, 0), True]]))


def test_a_message_type_that_is_nested_as_deep_as_msgpack_allows_is_refused():
    for depth in (100, 500, 900, 990, 1000, 1010, 1020):
        with pytest.raises(ProtocolError):
            decode_body(b"\x91" * (depth + 2) + b"\x01")


def test_a_body_over_the_limit_is_refused_before_it_is_decoded(monkeypatch):
    body = encode_body([[int(Msg.OUTPUT), 1, "x" * 100]])
    monkeypatch.setattr(messages, "MAX_BODY", len(body))
    assert decode_body(body)
    monkeypatch.setattr(messages, "MAX_BODY", len(body) - 1)
    monkeypatch.setattr(messages.msgpack, "unpackb", None)
    with pytest.raises(ProtocolError, match="exceeds the limit"):
        decode_body(body)


def test_a_length_that_the_bytes_do_not_bear_out_is_refused_without_room_being_made_for_it():
    for head in (b"\xdd", b"\xdf", b"\xdb", b"\xc6"):  # array, map, str, bin, with 32-bit lengths
        with pytest.raises(ProtocolError):
            decode_body(b"\x91\x92\x01" + head + struct.pack(">I", 2**32 - 1) + b"x")


def test_a_body_that_cannot_be_encoded_does_not_spoil_the_next_one():
    for bad in (2**64, "\ud800", object()):
        with pytest.raises((OverflowError, UnicodeEncodeError, TypeError)):
            encode_body([[int(Msg.DONE), 1, bad, True]])
        assert decode_body(encode_body([[int(Msg.DRAIN)]])) == [[int(Msg.DRAIN)]]


def test_a_body_may_come_as_a_memoryview():
    assert decode_body(memoryview(encode_body([[int(Msg.DRAIN)]]))) == [[int(Msg.DRAIN)]]
