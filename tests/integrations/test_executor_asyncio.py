"""``dgo.Executor`` under asyncio."""

from __future__ import annotations

import asyncio

import pytest

import dgo

from .calls import OddError, arrive, fail, pass_gate, square

pytestmark = pytest.mark.usefixtures("cluster")


def test_run_in_executor_gives_results_and_exceptions():
    async def main():
        loop = asyncio.get_running_loop()
        with dgo.Executor() as executor:
            found = await asyncio.gather(*(loop.run_in_executor(executor, square, value) for value in range(10)))
            with pytest.raises(OddError, match="because"):
                await loop.run_in_executor(executor, fail, "because")
            return found

    assert asyncio.run(main()) == [value * value for value in range(10)]


def test_cancelling_the_wait_for_a_pending_call_cancels_it():
    async def main():
        loop = asyncio.get_running_loop()
        arrivals, gate = dgo.Chan(5), dgo.Chan()
        with dgo.Executor(max_workers=1) as executor:
            running = loop.run_in_executor(executor, arrive, arrivals, gate, "running")
            pending = loop.run_in_executor(executor, arrive, arrivals, gate, "pending")
            pending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pending
            gate.close()
            assert await running == "running"
        return len(arrivals)

    assert asyncio.run(main()) == 1


def test_the_loop_goes_on_while_a_call_runs():
    async def main():
        loop = asyncio.get_running_loop()
        gate = dgo.Chan()
        with dgo.Executor() as executor:
            waiting = loop.run_in_executor(executor, pass_gate, gate, "through")
            await asyncio.sleep(0)
            gate.close()
            return await waiting

    assert asyncio.run(main()) == "through"
