"""Rarely met corners of coroutines as goroutines."""

from __future__ import annotations

import asyncio

import dgo

from ..async_places import arest, outcome
from ..places import LIMIT, Unbuildable, elsewhere


async def call(fn, *args):
    return fn(*args)


def test_asyncio_run_inside_a_coroutine_is_the_runtime_error_that_it_always_is(async_everywhere):
    async def body():
        coroutine = asyncio.sleep(0)
        try:
            return await outcome(call(asyncio.run, coroutine))
        finally:
            coroutine.close()

    assert async_everywhere(body) == "RuntimeError"


def test_a_task_that_outlives_its_goroutine_is_cancelled_and_may_clean_up(async_everywhere):
    async def late(log):
        try:
            await asyncio.sleep(3 * LIMIT)
        except asyncio.CancelledError:
            log.send_nowait("cancelled")
            raise

    async def leave(log):
        task = asyncio.ensure_future(late(log))
        await asyncio.sleep(0)
        return task.done()

    async def body():
        log = dgo.Chan(1)
        return await dgo.go(leave, log), await log.arecv(timeout=LIMIT)

    assert async_everywhere(body) == (False, "cancelled")


def test_cancels_of_many_goroutines_on_one_loop_reach_each_its_own(async_everywhere):
    async def sit(ready, gate):
        await ready.asend(None)
        return await outcome(gate.arecv())

    async def body():
        ready, gate = dgo.Chan(40), dgo.Chan()
        handles = [dgo.go(sit, ready, gate) for _ in range(40)]
        for _ in handles:
            await ready.arecv(timeout=LIMIT)
        for handle in handles[::2]:
            handle.cancel()
        await arest()
        gate.close()
        for handle in handles:
            await asyncio.wait([asyncio.ensure_future(outcome(_await(handle)))])
        return [handle.cancelled() for handle in handles]

    assert async_everywhere(body) == [True, False] * 20


async def _await(handle):
    return await handle


def test_a_value_that_cannot_be_rebuilt_is_an_error_for_that_receive_only(async_everywhere):
    async def send(ch):
        await ch.asend(Unbuildable())
        await ch.asend("good")

    async def body():
        ch = dgo.Chan(2)
        goroutine = elsewhere(send, ch)
        got = [await outcome(ch.arecv(timeout=LIMIT)) for _ in range(2)]
        await goroutine
        return got

    assert async_everywhere(body) == ["SerializationError", "good"]
