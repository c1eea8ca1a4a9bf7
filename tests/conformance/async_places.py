"""Helpers of the tests of asyncio: importable by every process, so that a body can name them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import dgo

from .places import LIMIT, elsewhere

#: What an attempt gives that was called off before it took effect.
WITHDRAWN = "withdrawn"


async def away(capacity: int = 0) -> Any:
    """A channel that a goroutine made which the coordinator has placed."""
    return await elsewhere(dgo.Chan, capacity)


async def here(capacity: int = 0) -> Any:
    """A channel that the calling body made itself."""
    return dgo.Chan(capacity)


HOMES = {"here": here, "away": away}


async def asend_all(ch: Any, values: Iterable[Any]) -> None:
    """Sends the values in order."""
    for value in values:
        await ch.asend(value, timeout=LIMIT)


async def asend_all_and_close(ch: Any, values: Iterable[Any]) -> None:
    """Sends the values in order, then closes the channel."""
    await asend_all(ch, values)
    ch.close()


async def atake(ch: Any, count: int) -> list[Any]:
    """Receives so many values."""
    return [await ch.arecv(timeout=LIMIT) for _ in range(count)]


async def adrain(ch: Any) -> list[Any]:
    """Receives until the channel is closed and drained."""
    return [value async for value in ch]


async def turns(count: int) -> None:
    """Lets the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def arest() -> None:
    """Lets time pass until what was begun has settled: virtual where time is, else some turns of the loop."""
    try:
        await dgo.Chan().arecv(timeout=0.05)
    except dgo.Timeout:
        return


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """What it gave, or the name of the error that it raised."""
    try:
        return await awaitable
    except Exception as error:  # its name is what the test looks at  # noqa: BLE001
        return type(error).__name__


# The ways in which asyncio calls off what a coroutine awaits. Each returns the operation's own result if it took
# effect and WITHDRAWN if it did not: that there is no third outcome is what the storms show.


async def _by_timeout(rng: random.Random, operation: Callable[[], Awaitable[Any]]) -> Any:
    try:
        async with asyncio.timeout(_delay(rng)):
            return await operation()
    except TimeoutError:
        return WITHDRAWN


async def _by_timeout_and_on(rng: random.Random, operation: Callable[[], Awaitable[Any]]) -> Any:
    result = WITHDRAWN
    try:
        async with asyncio.timeout(_delay(rng)):
            result = await operation()
    except TimeoutError:
        assert result == WITHDRAWN
    await asyncio.sleep(0)  # the block is left: no cancellation of it may come out here
    return result


async def _by_wait_for(rng: random.Random, operation: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await asyncio.wait_for(operation(), _delay(rng))
    except TimeoutError:
        return WITHDRAWN


async def _by_cancelling_the_bare_task(rng: random.Random, operation: Callable[[], Awaitable[Any]]) -> Any:
    task = asyncio.ensure_future(operation())
    await _pause(rng)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return WITHDRAWN


async def _by_cancelling_a_task_around_it(rng: random.Random, operation: Callable[[], Awaitable[Any]]) -> Any:
    results: list[Any] = []

    async def around() -> None:
        results.append(await operation())
        await asyncio.sleep(0)

    task = asyncio.ensure_future(around())
    await _pause(rng)
    for _ in range(rng.randrange(1, 3)):
        task.cancel()
        await _pause(rng)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return results[0] if results else WITHDRAWN


WAYS = {
    "timeout": _by_timeout,
    "timeout and on": _by_timeout_and_on,
    "wait_for": _by_wait_for,
    "bare task": _by_cancelling_the_bare_task,
    "task around": _by_cancelling_a_task_around_it,
}


def _delay(rng: random.Random) -> float:
    return rng.choice((0.0, rng.random() * 0.001, rng.random() * 0.01))


async def _pause(rng: random.Random) -> None:
    if rng.randrange(2):
        await turns(rng.randrange(4))
    else:
        await asyncio.sleep(_delay(rng))


async def attempt(rng: random.Random, operation: Callable[[], Awaitable[Any]], ways: tuple[str, ...] = ()) -> Any:
    """Begins the operation and calls it off some random moment later; its result, or WITHDRAWN."""
    return await WAYS[rng.choice(ways or tuple(WAYS))](rng, operation)


async def storm_of_sends(ch: Any, name: str, count: int, seed: int, ways: tuple[str, ...] = ()) -> list[Any]:
    """Tries to send so many values, each once and called off at random; returns those that were sent."""
    rng, sent = random.Random(seed), []
    for number in range(count):
        value = (name, number)
        try:
            if await attempt(rng, lambda value=value: ch.asend(value), ways) != WITHDRAWN:
                sent.append(value)
        except dgo.ChannelClosed:
            break
    return sent


async def storm_of_receives(ch: Any, seed: int, ways: tuple[str, ...] = ()) -> list[Any]:
    """Receives with receives that are called off at random, until the channel is closed and drained."""
    rng, got = random.Random(seed), []
    while True:
        try:
            value = await attempt(rng, ch.arecv, ways)
        except dgo.ChannelClosed:
            return got
        if value != WITHDRAWN:
            got.append(value)


async def storm_of_selects(ins: list[Any], out: Any, name: str, seed: int, ways: tuple[str, ...] = ()) -> Any:
    """Selects, called off at random, between a receive of each of ``ins`` and a send to ``out``.

    Ends when all of ``ins`` are closed and drained. Returns (what was received, what was sent).
    """
    rng, got, sent, number = random.Random(seed), [], [], 0
    left: list[Any] = list(ins)
    while any(ch is not None for ch in left):
        value = (name, number)
        number += 1
        cases = [dgo.recv(ch) for ch in left] + [dgo.send(out if rng.randrange(4) == 0 else None, value)]
        selected = await attempt(rng, lambda cases=cases: dgo.aselect(*cases), ways)
        if selected == WITHDRAWN:
            continue
        if selected.index == len(left):
            sent.append(value)
        elif selected.ok:
            got.append(selected.value)
        else:
            left[selected.index] = None
    return got, sent


def plain_sends(ch: Any, name: str, count: int, seed: int) -> list[Any]:
    """As ``storm_of_sends``, by a plain goroutine whose sends time out at random."""
    rng, sent = random.Random(seed), []
    for number in range(count):
        try:
            ch.send((name, number), timeout=rng.random() * 0.01)
        except dgo.Timeout:
            continue
        sent.append((name, number))
    return sent


def plain_receives(ch: Any, seed: int) -> list[Any]:
    """As ``storm_of_receives``, by a plain goroutine whose receives time out at random."""
    rng, got = random.Random(seed), []
    while True:
        try:
            value, ok = ch.recv_ok(timeout=rng.random() * 0.01)
        except dgo.Timeout:
            continue
        if not ok:
            return got
        got.append(value)
