"""``gather``, ``as_completed`` and ``map`` pass on what the functions return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import dgo


def name(number: int) -> str:
    return str(number)


def join(number: int, word: str) -> bytes:
    return f"{number}{word}".encode()


def three(a: int, b: str, c: float) -> complex:
    return a + len(b) + c * 1j


def four(a: int, b: int, c: int, d: int) -> int:
    return a + b + c + d


async def fetch(url: str) -> bytes:
    return url.encode()


def gathered() -> None:
    first, second, third = dgo.go(name, 1), dgo.go(join, 1, "a"), dgo.go(fetch, "a")
    assert_type(dgo.gather(first), tuple[str])
    assert_type(dgo.gather(first, second, third), tuple[str, bytes, bytes])
    handles = [dgo.go(name, n) for n in range(3)]
    assert_type(dgo.gather(*handles), list[str])
    assert_type(dgo.gather(first, *handles), list[str])


def completed() -> None:
    handles = [dgo.go(name, n) for n in range(3)]
    assert_type(dgo.as_completed(handles, timeout=1), Iterator[dgo.Goroutine[str]])
    assert_type([g.result() for g in dgo.as_completed(handles, progress=True)], list[str])
    assert_type([g.result() for g in dgo.as_completed({dgo.go(fetch, "a")}, progress="label")], list[bytes])


def mapped() -> None:
    assert_type(dgo.map(name, [1, 2]), Iterator[str])
    assert_type(dgo.map(name, range(3), limit=2, ordered=False, progress=True), Iterator[str])
    assert_type(dgo.map(join, range(3), "abc", progress="joining"), Iterator[bytes])
    assert_type(dgo.map(three, [1], ["a"], [1.0]), Iterator[complex])
    assert_type(dgo.map(four, [1], [2], [3], [4]), Iterator[int])
    assert_type(dgo.map(fetch, ["a", "b"]), Iterator[bytes])
    assert_type(dgo.map(lambda n: n + 1, [1, 2]), Iterator[int])
    assert_type(dgo.map(int, ["1", "2"]), Iterator[int])
