"""Values: freeze and thaw."""

from __future__ import annotations

import enum
import gc
import weakref
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from dgo.errors import SerializationError
from dgo.wire.snapshot import Handle, Payload, freeze, thaw


class Channel(Handle):
    __slots__ = ()


@dataclass
class Box:
    content: Any


class Stage(enum.Enum):
    FIRST = 1


class Nested:
    """Its state is itself a frozen value: thawing it thaws inside a thaw."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getstate__(self) -> dict[str, Any]:
        frozen = freeze(self.inner)
        assert isinstance(frozen, Payload)
        return {"data": frozen.data, "handles": [*frozen.handles]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.inner = thaw(Payload(state["data"], (), tuple(state["handles"])))


class RefusesToLoad:
    def __reduce__(self) -> Any:
        return _raise, ("no room",)


def _raise(message: str) -> None:
    raise OSError(message)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        2.5,
        1j,
        "text",
        b"bytes",
        ...,
        (),
        (1, ("a", (None,))),
        frozenset({1, (2, 3)}),
        pytest.param(Channel(), id="a channel"),
    ],
    ids=repr,
)
def test_an_immutable_value_is_its_own_snapshot(value: object) -> None:
    assert freeze(value) is value
    assert thaw(value) is value


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}, (1, [2]), bytearray(b"x"), Box(1), Stage.FIRST, range(3)])
def test_anything_else_becomes_a_payload_and_comes_back_equal(value: object) -> None:
    frozen = freeze(value)
    assert type(frozen) is Payload
    assert thaw(frozen) == value


def test_a_subclass_of_an_atom_is_copied_because_it_may_carry_attributes() -> None:
    class Name(str):
        pass

    name = Name("x")
    name.seen = [1]  # type: ignore[attr-defined]
    frozen = freeze(name)
    assert type(frozen) is Payload
    assert thaw(frozen).seen == [1]  # type: ignore[attr-defined]


def test_a_tuple_nested_deeper_than_the_stack_is_its_own_snapshot() -> None:
    deep: object = ()
    for _ in range(100_000):
        deep = (deep,)
    assert freeze(deep) is deep


def test_a_tuple_that_shares_its_parts_many_times_is_walked_once() -> None:
    shared: object = (1,)
    for _ in range(200):
        shared = (shared, shared)
    assert freeze(shared) is shared


def test_mutation_after_the_freeze_is_not_seen() -> None:
    value = {"a": [1]}
    frozen = freeze(value)
    value["a"].append(2)
    value["b"] = []
    assert thaw(frozen) == {"a": [1]}


def test_two_thaws_share_nothing() -> None:
    frozen = freeze([[1]])
    first: Any = thaw(frozen)
    first[0].append(2)
    assert thaw(frozen) == [[1]]


def test_identity_inside_one_value_is_kept() -> None:
    part: list[int] = []
    first, second = thaw(freeze([part, part]))  # type: ignore[misc]
    assert first is second


def test_a_cycle_comes_back_as_a_cycle() -> None:
    value: list[Any] = []
    value.append(value)
    back: Any = thaw(freeze(value))
    assert back[0] is back


def test_handles_come_back_as_the_same_objects_in_the_order_met() -> None:
    first, second = Channel(), Channel()
    frozen = freeze([first, {"k": second}, first])
    assert isinstance(frozen, Payload)
    assert frozen.handles == (first, second)
    back: Any = thaw(frozen)
    assert back[0] is first
    assert back[1]["k"] is second
    assert back[2] is first


def test_a_payload_keeps_its_handles_alive() -> None:
    channel = Channel()
    alive = weakref.ref(channel)
    frozen = freeze([channel])
    del channel
    gc.collect()
    assert alive() is not None
    del frozen
    gc.collect()
    assert alive() is None


def test_freezing_leaves_no_cycle_behind() -> None:
    channel = Channel()
    alive = weakref.ref(channel)
    gc.disable()
    try:
        freeze([channel, Box(1)])
        del channel
        assert alive() is None
    finally:
        gc.enable()


def test_a_nested_thaw_has_its_own_handles() -> None:
    outer, inner, last = Channel(), Channel(), Channel()
    back: Any = thaw(freeze([outer, Nested([inner]), last]))
    assert back[0] is outer
    assert back[1].inner[0] is inner
    assert back[2] is last


def test_a_value_that_cannot_be_rebuilt_raises_with_its_cause() -> None:
    frozen = freeze([RefusesToLoad()])
    with pytest.raises(SerializationError, match="cannot be rebuilt here: OSError: no room") as caught:
        thaw(frozen)
    assert isinstance(caught.value.__cause__, OSError)


def test_an_error_that_cannot_be_printed_is_still_reported() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    class Refuses:
        def __reduce__(self) -> Any:
            raise Mute

    with pytest.raises(SerializationError, match=r"Refuses, which cannot travel between processes \(Mute\)"):
        freeze([Refuses()])


def test_a_function_of_a_module_made_by_hand_travels_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_by_hand")
    exec("def f(): return 5", vars(module))
    monkeypatch.setitem(__import__("sys").modules, "made_by_hand", module)
    frozen = freeze([module.f])
    monkeypatch.undo()
    back: Any = thaw(frozen)
    assert back[0]() == 5


def test_the_size_of_a_payload_counts_its_buffers() -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)
    frozen = freeze(numpy.zeros(100_000, dtype="u1"))
    assert isinstance(frozen, Payload)
    assert frozen.nbytes == len(frozen.data) + 100_000


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("writable", [True, False])
def test_a_thawed_array_is_writable_as_the_original_was(size: int, writable: bool) -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)
    array = numpy.arange(size)
    array.flags.writeable = writable
    back: Any = thaw(freeze(array))
    assert back.flags.writeable is writable
    assert (back == array).all()


def test_only_buffers_of_16_kib_and_more_leave_the_pickle() -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)
    small, large = freeze(numpy.zeros(16 * 1024 - 1, "u1")), freeze(numpy.zeros(16 * 1024, "u1"))
    assert isinstance(small, Payload)
    assert isinstance(large, Payload)
    assert len(small.buffers) == 0
    assert len(large.buffers) == 1


def test_arrays_are_isolated_from_the_original_and_from_each_other() -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)
    array = numpy.zeros(100_000)
    frozen = freeze(array)
    array[0] = 1
    first: Any = thaw(frozen)
    first[0] = 2
    second: Any = thaw(frozen)
    assert second[0] == 0


def test_the_last_thaw_hands_out_the_buffers_themselves() -> None:
    numpy = pytest.importorskip("numpy", exc_type=ImportError)
    frozen = freeze(numpy.zeros(100_000))
    assert isinstance(frozen, Payload)
    back: Any = thaw(frozen, last=True)
    assert numpy.shares_memory(back, numpy.frombuffer(frozen.buffers[0]))
