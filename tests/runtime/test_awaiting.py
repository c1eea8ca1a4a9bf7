"""What a coroutine gets when its ``await`` ends and its task is cancelled in the same turn of the loop."""

from __future__ import annotations

import asyncio
import sys

import pytest

import dgo
from dgo.runtime import current
from dgo.testing import LocalCluster

SEEDS = (1, 7, 42)


@pytest.fixture(params=SEEDS)
def run(request):
    """Runs a coroutine function as the main program of a simulated cluster."""
    with LocalCluster(nodes=3, seed=request.param) as cluster:
        yield cluster.run


def test_a_value_received_before_the_cancellation_is_kept_and_the_next_await_is_cancelled(run):
    async def main():
        ch = dgo.Chan()
        seen = []

        async def take():
            seen.append(await ch.arecv())
            seen.append("went on")
            await asyncio.sleep(3600)

        task = asyncio.create_task(take())
        await asyncio.sleep(0)
        ch.send_nowait("value")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen, task.cancelled()

    assert run(main) == (["value", "went on"], True)


def test_a_timeout_that_comes_with_the_value_ends_with_its_block(run):
    async def main():
        ch = dgo.Chan()

        async def take():
            async with asyncio.timeout(3600) as limit:
                limits.append(limit)
                value = await ch.arecv()
            await asyncio.sleep(1)  # not cancelled: the time that ran out was that of the block
            return value, asyncio.current_task().cancelling()

        limits = []
        task = asyncio.create_task(take())
        await asyncio.sleep(0)
        ch.send_nowait("value")
        limits[0].reschedule(0)
        return await task

    assert run(main) == ("value", 0)


def test_a_cancelled_receive_takes_nothing(run):
    async def main():
        ch = dgo.Chan()
        task = asyncio.create_task(ch.arecv())
        await asyncio.sleep(0)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task
        with pytest.raises(dgo.WouldBlock):
            ch.send_nowait("nobody receives")
        return len(current.get().waits)

    assert run(main) == 0


def test_a_closed_coroutine_leaves_nothing_waiting(run):
    async def main():
        ch = dgo.Chan()
        waiting = ch.arecv()
        waiting.send(None)
        assert len(current.get().waits) == 1
        waiting.close()
        with pytest.raises(dgo.WouldBlock):
            ch.send_nowait("nobody receives")
        return len(current.get().waits)

    assert run(main) == 0


def test_an_exception_thrown_into_a_waiting_coroutine_ends_its_wait(run):
    async def main():
        ch = dgo.Chan()
        waiting = ch.arecv()
        waiting.send(None)
        with pytest.raises(LookupError):
            waiting.throw(LookupError("thrown"))
        return len(current.get().waits)

    assert run(main) == 0


def test_await_without_a_loop_says_what_to_do():
    with LocalCluster(nodes=2, seed=1) as cluster:

        def main():
            with pytest.raises(dgo.MisuseError, match=r"asyncio\.run"):
                dgo.Chan().arecv().send(None)

        cluster.run(main)


def test_tasks_that_a_goroutine_leaves_running_end_with_it(run):
    async def main():
        ended = dgo.Chan(1)

        async def leaves():
            async def child():
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.send_nowait("child")

            kept.append(asyncio.create_task(child()))
            await asyncio.sleep(0)
            return "parent"

        kept = []
        return await dgo.go(leaves), await ended.arecv(timeout=60)

    assert run(main) == ("parent", "child")


def test_the_hooks_of_asynchronous_generators_belong_to_the_loop_that_runs(run):
    async def main():
        async def hooks():
            mine = sys.get_asyncgen_hooks()
            await asyncio.sleep(1)
            return mine.firstiter is not None and sys.get_asyncgen_hooks() == mine

        here, there = dgo.go(hooks), dgo.go.options(spread=True)(hooks)
        return await here, await there, await hooks()

    before = sys.get_asyncgen_hooks()
    assert run(main) == (True, True, True)
    assert sys.get_asyncgen_hooks() == before


def test_asyncio_run_in_a_plain_goroutine_of_a_simulation_parks_it_in_virtual_time(run):
    def plain(ch):
        async def main():
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.sleep(1000)
            value = await ch.arecv()
            ch.send("blocking")
            return value, loop.time() - began >= 1000

        return asyncio.run(main())

    async def main():
        channels = [dgo.Chan() for _ in range(3)]
        goroutines = [dgo.go(plain, ch) for ch in channels]
        for n, ch in enumerate(channels):
            await ch.asend(n)
        said = [await ch.arecv() for ch in channels]
        return said, [await goroutine for goroutine in goroutines]

    assert run(main) == (["blocking"] * 3, [(0, True), (1, True), (2, True)])
