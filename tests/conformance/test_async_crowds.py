"""A hundred thousand coroutines in one worker."""

from __future__ import annotations

import asyncio

import pytest

import dgo

from .places import LIMIT

MANY = 100_000


@pytest.fixture
def one_worker():
    with dgo.init(workers=1) as cluster:
        cluster.wait_for_workers(1, timeout=LIMIT)
        yield cluster


@pytest.mark.slow
@pytest.mark.usefixtures("one_worker")
def test_a_hundred_thousand_async_goroutines_parked_on_channels_in_one_worker_are_all_served():
    async def one(numbers, doubled):
        await doubled.asend(2 * await numbers.arecv())

    async def crowd(count):
        numbers, doubled = dgo.Chan(), dgo.Chan(count)
        goroutines = [dgo.go(one, numbers, doubled) for _ in range(count)]
        while f"{count} receivers waiting" not in repr(numbers):
            await asyncio.sleep(0.05)
        for n in range(count):
            await numbers.asend(n)
        for goroutine in goroutines:
            await goroutine
        doubled.close()
        return sorted([n async for n in doubled]) == [2 * n for n in range(count)]

    assert dgo.go(crowd, MANY).result(timeout=250)


@pytest.mark.slow
@pytest.mark.usefixtures("one_worker")
def test_plain_and_async_goroutines_talk_over_one_channel():
    """Half of the senders and half of the receivers are coroutines, ten thousand goroutines in all."""

    def send(ch, n):
        ch.send(n)

    async def asend(ch, n):
        await ch.asend(n)

    def recv(ch):
        return ch.recv()

    async def arecv(ch):
        return await ch.arecv()

    async def crowd(count):
        ch = dgo.Chan()
        receivers = [dgo.go(arecv if n % 2 else recv, ch) for n in range(count)]
        for n in range(count):
            dgo.go(asend if n % 3 else send, ch, n)
        return sorted([await receiver for receiver in receivers]) == list(range(count))

    assert dgo.go(crowd, 5_000).result(timeout=250)
