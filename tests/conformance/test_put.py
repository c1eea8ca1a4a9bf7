"""dgo.put and Ref: one value for many goroutines."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import dgo

from .places import LIMIT, build, build_away, elsewhere


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


class Block:
    """So many bytes beside the pickle."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Block, (pickle.PickleBuffer(self.data),)


def test_what_was_put_is_what_everybody_gets(everywhere, make):
    def read(ref):
        return ref.get(timeout=LIMIT)

    def body(make):
        for value in (None, 1, "a", (1, "b"), [1, [2]], {"a": {1}}, 10**30):
            ref = make(dgo.put, value)
            assert ref.get(timeout=LIMIT) == value
            assert elsewhere(read, ref).result(timeout=LIMIT) == value
            assert elsewhere(read, ref).result(timeout=LIMIT) == value

    everywhere(body, make)


def test_a_value_is_as_it_was_when_it_was_put(everywhere):
    def body():
        value = [1]
        ref = dgo.put(value)
        value.append(2)
        assert ref.get() == [1]

    everywhere(body)


def test_each_get_gives_an_object_of_its_own(everywhere, make):
    def change(ref):
        got = ref.get(timeout=LIMIT)
        got["a"].append(2)
        return ref.get(timeout=LIMIT)

    def body(make):
        ref = make(dgo.put, {"a": [1]})
        assert elsewhere(change, ref).result(timeout=LIMIT) == {"a": [1]}
        assert change(ref) == {"a": [1]}

    everywhere(body, make)


@pytest.mark.parametrize("nbytes", [20_000, 3_000_000])
def test_large_buffers_are_shared_and_read_only(everywhere, make, nbytes):
    def read(ref):
        first, second = ref.get(timeout=LIMIT), ref.get(timeout=LIMIT)
        views = [memoryview(first.data), memoryview(second.data)]
        return [view.readonly for view in views], [view[-1] for view in views], first is second

    def body(make, nbytes):
        ref = make(dgo.put, Block(bytearray(b"\7" * nbytes)))
        for _ in range(2):
            assert read(ref) == ([True, True], [7, 7], False)
            assert elsewhere(read, ref).result(timeout=LIMIT) == ([True, True], [7, 7], False)

    everywhere(body, make, nbytes)


def test_handles_in_a_value_that_was_put_are_the_same_objects(everywhere, make):
    def send(ref):
        ch, word = ref.get(timeout=LIMIT)
        ch.send(word, timeout=LIMIT)

    def body(make):
        ch = dgo.Chan(1)
        ref = make(dgo.put, [ch, "hello"])
        elsewhere(send, ref).result(timeout=LIMIT)
        assert ch.recv(timeout=LIMIT) == "hello"
        assert ref.get(timeout=LIMIT)[0] == ch

    everywhere(body, make)


def test_a_ref_goes_through_channels_closures_and_results(everywhere):
    def body():
        ref = dgo.put(["x"])
        ch = dgo.Chan(1)
        ch.send(ref)

        def read():
            return ref.get(timeout=LIMIT), ref

        value, back = elsewhere(read).result(timeout=LIMIT)
        assert value == ["x"]
        assert back == ref == ch.recv(timeout=LIMIT)
        assert {back: 1}[ref] == 1

    everywhere(body)


def test_coroutines_await_the_value(everywhere, make):
    async def read(ref):
        return await ref.aget(timeout=LIMIT), await ref.aget()

    def body(make):
        ref = make(dgo.put, [1])
        assert elsewhere(read, ref).result(timeout=LIMIT) == ([1], [1])

    everywhere(body, make)


def test_repr_and_statistics_say_how_large_it_is_and_where(everywhere):
    def describe(ref):
        before = ref.statistics()
        ref.get(timeout=LIMIT)
        return before, ref.statistics(), repr(ref)

    def body():
        ref = build_away(dgo.put, "x" * 1234)
        assert "1,234 bytes, elsewhere)" in repr(ref)
        before, after, text = describe(ref)
        assert (before.nbytes, before.here, before.shipped) == (1234, False, None)
        assert (after.here, after.shipped) == (True, None)
        assert "a copy is here" in text
        own = dgo.put("y")
        assert own.statistics() == (1, True, 0)
        assert "here, sent to others 0 times" in repr(own)

    everywhere(body)


def test_what_cannot_travel_is_refused_at_once(everywhere):
    def body():
        with pytest.raises(dgo.SerializationError, match="the value put"):
            dgo.put([(n for n in ())])

    everywhere(body)


def test_a_ref_is_made_by_put_only():
    with pytest.raises(TypeError, match=r"dgo\.put"):
        dgo.Ref()
