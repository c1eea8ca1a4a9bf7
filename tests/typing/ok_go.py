"""``dgo.go`` gives a handle on what the function returns, whatever kind of function it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import dgo


def describe(number: int, *, unit: str = "") -> str:
    return f"{number} {unit}"


async def fetch(url: str, retries: int = 0) -> bytes:
    return url.encode()


def anything(number: int) -> Any:
    return number


class Scaler:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def scale(self, value: int) -> float:
        return value * self.factor

    async def later(self) -> int:
        return 1

    @staticmethod
    def zero() -> int:
        return 0

    @classmethod
    def unit(cls) -> Scaler:
        return cls(1.0)

    def __call__(self, text: str) -> list[int]:
        return [len(text)]


def functions() -> None:
    assert_type(dgo.go(describe, 1), dgo.Goroutine[str])
    assert_type(dgo.go(describe, 1).result(), str)
    assert_type(dgo.go(describe, number=1, unit="m").result(timeout=2), str)
    assert_type(dgo.go(describe, 1).exception(), BaseException | None)
    assert_type(dgo.go(describe, 1).wait(), None)
    assert_type(dgo.go(len, "abc").result(), int)
    assert_type(dgo.go(print, "a", "b", sep=""), dgo.Goroutine[None])
    assert_type(dgo.go(sorted, [2, 1]).result(), list[int])


def lambdas() -> None:
    assert_type(dgo.go(lambda: 1).result(), int)
    assert_type(dgo.go(lambda text: print(text), "going"), dgo.Goroutine[None])


def methods_and_objects(scaler: Scaler) -> None:
    assert_type(dgo.go(scaler.scale, 1).result(), float)
    assert_type(dgo.go(Scaler.scale, scaler, 1).result(), float)
    assert_type(dgo.go(Scaler.zero).result(), int)
    assert_type(dgo.go(Scaler.unit).result(), Scaler)
    assert_type(dgo.go(scaler, "text").result(), list[int])
    assert_type(dgo.go(Scaler, 2.0).result(), Scaler)


def coroutine_functions(scaler: Scaler) -> None:
    assert_type(dgo.go(fetch, "a"), dgo.Goroutine[bytes])
    assert_type(dgo.go(fetch, "a", retries=1).result(), bytes)
    assert_type(dgo.go(scaler.later).result(), int)


def options() -> None:
    go = dgo.go.options(name="describer", resources={"gpu": 1}, labels={"zone": "a"}, spread=True)
    assert_type(go(describe, 1, unit="m").result(), str)
    assert_type(go(fetch, "a").result(), bytes)


def untyped(function: Any, loose: Callable[..., Any]) -> None:
    assert_type(dgo.go(function, 1, two=2), dgo.Goroutine[Any])
    assert_type(dgo.go(loose, 1, two=2), dgo.Goroutine[Any])
    assert_type(dgo.go(anything, 1), dgo.Goroutine[Any])


def a_handle_can_stand_for_one_of_a_wider_type(handle: dgo.Goroutine[bool]) -> dgo.Goroutine[int]:
    def ended(g: dgo.Goroutine[int]) -> None:
        assert_type(g.result(), int)

    handle.add_done_callback(ended)
    return handle


def handles_are_passed_to_goroutines(handle: dgo.Goroutine[int]) -> None:
    def wait_for(other: dgo.Goroutine[int]) -> int:
        return other.result()

    assert_type(dgo.go(wait_for, handle).result(), int)
