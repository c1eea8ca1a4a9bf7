"""Exports and pins agree with plain multisets of who holds what."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.references import Exports, Pins

from .tools import MANY, run

NODES = st.integers(1, 3)
NUMBERS = st.integers(1, 4)


class ExportsModel(RuleBasedStateMachine):
    """Objects are numbers; ``pins`` and ``holders`` say why each is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.exports = Exports()
        self.pins: Counter[int] = Counter()
        self.holders: set[tuple[int, int]] = set()

    def kept(self, number: int) -> bool:
        return bool(self.pins[number]) or any(number == its for its, _ in self.holders)

    @rule(number=NUMBERS)
    def pin(self, number: int) -> None:
        self.exports.pin(number, f"object {number}")
        self.pins[number] += 1

    @precondition(lambda self: +self.pins)
    @rule(data=st.data())
    def unpin(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(+self.pins)))
        self.exports.unpin(number)
        self.pins[number] -= 1

    @rule(number=NUMBERS, node=NODES)
    def join(self, number: int, node: int) -> None:
        assert self.exports.join(number, node) == self.kept(number)
        if self.kept(number):
            self.holders.add((number, node))

    @rule(number=NUMBERS, node=NODES)
    def leave(self, number: int, node: int) -> None:
        self.exports.leave(number, node)
        self.holders.discard((number, node))

    @rule(node=NODES)
    def lost(self, node: int) -> None:
        self.exports.lost(node)
        self.holders = {entry for entry in self.holders if entry[1] != node}

    @invariant()
    def an_object_is_exported_exactly_while_it_is_kept(self) -> None:
        self.exports.check()
        kept = [number for number in range(1, 5) if self.kept(number)]
        assert len(self.exports) == len(kept)
        assert sorted(self.exports.all()) == [f"object {number}" for number in kept]
        for number in range(1, 5):
            assert self.exports.get(number) == (f"object {number}" if number in kept else None)
            assert self.exports.holders(number) == {node for its, node in self.holders if its == number}


class PinsModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pins = Pins()
        self.kept: dict[int, tuple[int, str]] = {}
        self.given: list[int] = []

    @rule(receiver=NODES)
    def add(self, receiver: int) -> None:
        kept = f"kept {len(self.given)}"
        pin = self.pins.add(receiver, kept)
        assert pin
        assert pin not in self.given, "a number is never used again"
        self.given.append(pin)
        self.kept[pin] = (receiver, kept)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        pin = data.draw(st.sampled_from(self.given))
        _, kept = self.kept.pop(pin, (0, None))
        assert self.pins.release(pin) == kept

    @rule(receiver=NODES)
    def lost(self, receiver: int) -> None:
        dead = [pin for pin, (owner, _) in self.kept.items() if owner == receiver]
        assert sorted(self.pins.lost(receiver)) == sorted(self.kept.pop(pin)[1] for pin in dead)

    @invariant()
    def it_agrees(self) -> None:
        assert len(self.pins) == len(self.kept)


def test_an_object_is_exported_exactly_while_somebody_holds_or_pins_it():
    run(ExportsModel)


def test_a_pin_is_released_once():
    run(PinsModel)


@pytest.mark.slow
@pytest.mark.parametrize("model", [ExportsModel, PinsModel])
def test_references_agree_with_plain_sets_in_many_runs(model):
    run(model, MANY)
