"""Messages about what cannot travel: what it is, and the way to it."""

from __future__ import annotations

import functools
import io
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dgo.errors import SerializationError
from dgo.wire.snapshot import freeze, snapshot_call


class Conn:
    def __init__(self) -> None:
        self.sock = socket.socket()

    def __del__(self) -> None:
        self.sock.close()

    def ping(self) -> None: ...


class Slotted:
    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()


class RefusesItself:
    def __init__(self) -> None:
        self.harmless = [1]

    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


def complaint(fn: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SerializationError) as caught:
        snapshot_call(fn, args, kwargs)
    assert caught.value.__cause__ is not None
    return str(caught.value)


def complaint_of(value: object, what: str = "value") -> str:
    with pytest.raises(SerializationError) as caught:
        freeze(value, what)
    return str(caught.value)


def test_the_message_has_the_argument_the_way_the_reason_and_the_advice() -> None:
    assert complaint(print, 1, {"conn": Conn()}) == (
        "cannot send argument 2 to a goroutine: dict value of key 'conn' -> attribute 'sock' "
        "is a socket.socket, which cannot travel between processes "
        "(TypeError: cannot pickle 'socket' object). "
        "Create it inside the goroutine, or pass what is needed to create it."
    )


def test_a_keyword_argument_is_named() -> None:
    assert "cannot send argument 'end' to a goroutine: it is" in complaint(print, end=threading.Lock())


def test_a_closure_variable_is_named() -> None:
    conn = Conn()
    assert "closure variable 'conn' -> attribute 'sock' is a socket.socket" in complaint(lambda: conn)


def test_a_global_is_named() -> None:
    world: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock()}
    exec("def f(): return lock", world)
    assert "cannot send function 'f' to a goroutine: global 'lock' is a _thread.lock" in complaint(world["f"])


def test_a_default_is_named() -> None:
    def f(a: int = 1, b: Any = threading.Lock()) -> None: ...  # noqa: B008  that is what is tested

    assert "default of 'b' is a _thread.lock" in complaint(f)


def test_the_way_goes_through_a_helper_function() -> None:
    conn = Conn()

    def helper() -> Any:
        return conn

    assert "closure variable 'helper' -> closure variable 'conn' -> attribute 'sock'" in complaint(lambda: helper())


def test_the_object_of_a_bound_method_is_named() -> None:
    assert "the method's object -> attribute 'sock'" in complaint(Conn().ping)


def test_an_argument_of_a_partial_is_named() -> None:
    assert "argument 1 of the partial -> attribute 'sock'" in complaint(functools.partial(print, Conn()))


@pytest.mark.parametrize(
    ("value", "way"),
    [
        ([1, 2, threading.Lock()], "item 2 is"),
        ({threading.Lock(): 1}, "dict key <unlocked"),
        ({"a": {"b": threading.Lock()}}, "dict value of key 'a' -> dict value of key 'b' is"),
        ({threading.Lock()}, "set element is"),
        (Slotted(), "attribute 'lock' is"),
        ((1, [Slotted()]), "item 1 -> item 0 -> attribute 'lock' is"),
    ],
)
def test_containers_and_attributes_give_the_way(value: object, way: str) -> None:
    assert f"goroutine: {way}" in complaint_of(value)


def test_an_object_that_refuses_itself_is_the_offender() -> None:
    assert "item 0 is a " in complaint_of([RefusesItself()])
    assert "RefusesItself, which cannot travel between processes (RuntimeError: not me)" in complaint_of(
        [RefusesItself()]
    )


def test_a_class_made_here_is_searched_too() -> None:
    class Local:
        lock = threading.Lock()

    assert "its class -> class attribute 'lock' is a _thread.lock" in complaint_of(Local())


def test_a_cycle_does_not_hide_the_offender() -> None:
    conn: Any = Conn()
    other: Any = Slotted.__new__(Slotted)
    other.lock = conn
    conn.__dict__ = {"other": other, **conn.__dict__}
    assert "goroutine: attribute 'sock' is a socket.socket" in complaint_of(conn)


def _generate() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (threading.Lock, "a _thread.lock"),
        (threading.Thread, "a threading.Thread"),
        (_generate, "a generator"),
        (lambda: open(__file__), "an _io.TextIOWrapper"),  # noqa: SIM115  closed by the test
        (lambda: open(__file__, "rb"), "an _io.BufferedReader"),  # noqa: SIM115  closed by the test
    ],
)
def test_files_locks_threads_and_generators_are_refused_by_name(make: Any, kind: str) -> None:
    value = make()
    assert f"item 0 is {kind}, which cannot travel" in complaint_of([value])
    if isinstance(value, io.IOBase):
        value.close()


def test_a_text_in_memory_and_the_standard_streams_can_travel() -> None:
    freeze([io.StringIO("x"), io.BytesIO(b"x")])


def test_a_value_nested_too_deeply_is_told_so() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert "nested too deeply" in complaint_of(value)


def test_a_sent_value_is_named_in_plain_words() -> None:
    assert complaint_of(threading.Lock(), "value sent").startswith("cannot send value to a goroutine: it is")
