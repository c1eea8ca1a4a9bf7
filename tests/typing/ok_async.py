"""Coroutines: what ``await`` gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import assert_type

import dgo


async def double(n: int) -> str:
    return str(2 * n)


async def main() -> None:
    numbers: dgo.Chan[int] = dgo.Chan(1)
    words: dgo.Chan[str] = dgo.Chan(1)
    assert_type(await numbers.asend(1), None)
    assert_type(await numbers.arecv(timeout=1.0), int)
    assert_type(await dgo.go(double, 1), str)
    assert_type(await dgo.go.options(timeout=3)(len, "four"), int)
    async for n in numbers:
        assert_type(n, int)
    values: AsyncIterator[int] = aiter(numbers.receiver())
    assert_type(await anext(values), int)
    chosen = await dgo.aselect(dgo.recv(numbers), dgo.recv(words), dgo.send(words, "word"))
    assert_type(chosen, dgo.Selected[int | str | None])
    assert_type(await asyncio.gather(dgo.go(double, 1), dgo.go(len, "x")), tuple[str, int])
    task = asyncio.create_task(numbers.arecv())
    assert_type(task, asyncio.Task[int])
