"""An Atomic agrees with a variable, a Map with a dict."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dgo.core.atomic import Atomic
from dgo.core.map import Map

from .tools import run

KEYS = st.sampled_from([0, 1, True, 1.0, "a", None, (1, 2)])  # some of them are equal
VALUES = st.integers(0, 3)


class MapModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.map = Map()
        self.dict: dict[Any, Any] = {}

    @rule(key=KEYS)
    def load(self, key: Any) -> None:
        assert self.map.load(key, key) == (self.dict.get(key), key in self.dict)

    @rule(key=KEYS)
    def contains(self, key: Any) -> None:
        assert self.map.contains(key, key) == (None, key in self.dict)

    @rule(key=KEYS, value=VALUES)
    def store(self, key: Any, value: int) -> None:
        assert self.map.store(key, key, value) == (None, key in self.dict)
        self.dict[key] = value

    @rule(key=KEYS, value=VALUES)
    def load_or_store(self, key: Any, value: int) -> None:
        loaded = key in self.dict
        assert self.map.load_or_store(key, key, value) == (self.dict.setdefault(key, value), loaded)

    @rule(key=KEYS)
    def load_and_delete(self, key: Any) -> None:
        loaded = key in self.dict
        assert self.map.load_and_delete(key, key) == (self.dict.pop(key, None), loaded)

    @rule(key=KEYS)
    def delete(self, key: Any) -> None:
        assert self.map.delete(key, key) == (None, self.dict.pop(key, None) is not None)

    @rule()
    def clear(self) -> None:
        self.map.clear()
        self.dict.clear()

    @invariant()
    def it_agrees(self) -> None:
        assert self.map.pairs() == list(self.dict.items())
        assert [repr(key) for key, _ in self.map.pairs()] == [repr(key) for key in self.dict]


def test_a_map_agrees_with_a_dict():
    run(MapModel)


def test_a_swap_returns_what_was_there():
    atomic = Atomic("a")
    assert atomic.swap("b") == "a"
    assert atomic.value == "b"


def test_what_was_worked_out_from_an_old_value_is_refused():
    first, second = object(), object()
    atomic = Atomic(first)
    assert atomic.replace(first, second)
    assert not atomic.replace(first, "third")
    assert atomic.value is second
