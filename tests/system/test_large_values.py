"""A hundred megabytes as an argument, a result and a channel's value."""

from __future__ import annotations

from typing import Any

import pytest

import dgo

np = pytest.importorskip("numpy")

LIMIT = 120
WORDS = 100_000_000 // 8


def make(seed: int) -> Any:
    """A hundred megabytes that nothing else looks like."""
    return np.arange(WORDS, dtype=np.int64) * 2654435761 + seed


def fault(array: Any, seed: int) -> str:
    """What is wrong with an array that ``make`` made; "" if nothing is."""
    if array.dtype != np.int64 or array.shape != (WORDS,):
        return f"it is {array.dtype} of shape {array.shape}"
    return "" if np.array_equal(array, make(seed)) else "its values are others"


def forward(there: Any, back: Any) -> None:
    back.send(there.recv(timeout=LIMIT), timeout=LIMIT)


def send_made(ch: Any, seed: int) -> None:
    ch.send(make(seed), timeout=LIMIT)


def receive_and_check(ch: Any, seed: int) -> str:
    return fault(ch.recv(timeout=LIMIT), seed)


def scribble(array: Any) -> int:
    array[:] = 0
    return int(array.sum())


@pytest.mark.slow
def test_100_megabytes_arrive_as_an_argument(start) -> None:
    start(1)
    assert dgo.go(fault, make(1), 1).result(timeout=LIMIT) == ""


@pytest.mark.slow
def test_100_megabytes_arrive_as_a_result(start) -> None:
    start(1)
    assert fault(dgo.go(make, 2).result(timeout=LIMIT), 2) == ""


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [0, 1])
def test_100_megabytes_go_through_channels_and_come_back(start, capacity) -> None:
    start(1)
    there, back = dgo.Chan(capacity), dgo.Chan(capacity)
    goroutine = dgo.go(forward, there, back)
    there.send(make(3), timeout=LIMIT)
    assert fault(back.recv(timeout=LIMIT), 3) == ""
    goroutine.result(timeout=LIMIT)


@pytest.mark.slow
def test_100_megabytes_go_from_worker_to_worker(start) -> None:
    start(2)
    spread = dgo.go.options(spread=True)
    ch = dgo.Chan()
    receiver, sender = spread(receive_and_check, ch, 4), spread(send_made, ch, 4)
    assert receiver.result(timeout=LIMIT) == ""
    sender.result(timeout=LIMIT)


@pytest.mark.slow
def test_a_large_argument_is_the_goroutines_own(start) -> None:
    start(1)
    array = make(5)
    assert dgo.go(scribble, array).result(timeout=LIMIT) == 0
    assert fault(array, 5) == ""
