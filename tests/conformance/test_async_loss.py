"""A worker process that dies under async goroutines: all that await something of it are told."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

import dgo

from .async_places import atake, outcome
from .conftest import eventually
from .places import LIMIT, elsewhere


@pytest.fixture(autouse=True)
def cluster():
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


async def die_when_told(ready, told):
    own = dgo.Chan(1)
    await ready.asend((os.getpid(), own))
    await told.arecv()
    os.kill(os.getpid(), signal.SIGKILL)


async def stay(ready, gate):
    await ready.asend(os.getpid())
    return await outcome(gate.arecv())


def test_all_that_await_the_goroutines_of_a_killed_worker_get_worker_lost_and_the_others_go_on():
    async def main():
        ready, told, gate = dgo.Chan(), dgo.Chan(1), dgo.Chan()
        killer = elsewhere(die_when_told, ready, told)
        doomed, _ = await ready.arecv(timeout=LIMIT)
        others = [elsewhere(stay, ready, gate) for _ in range(8)]
        tasks = [asyncio.create_task(outcome(_await(other))) for other in others]
        pids = await atake(ready, 8)
        await told.asend(None)
        lost = [await outcome(_await(killer)), await outcome(_await(killer))]
        gate.close()
        return doomed, pids, lost, await asyncio.gather(*tasks)

    doomed, pids, lost, outcomes = asyncio.run(main())
    assert lost == ["WorkerLost", "WorkerLost"]
    assert sorted(outcomes) == sorted("WorkerLost" if pid == doomed else "ChannelClosed" for pid in pids)
    assert {pid == doomed for pid in pids} == {True, False}


async def _await(handle):
    return await handle


@pytest.mark.slow
def test_all_that_await_a_channel_of_a_killed_worker_get_channel_lost():
    async def main():
        ready, told = dgo.Chan(), dgo.Chan(1)
        killer = elsewhere(die_when_told, ready, told)
        _, ch = await ready.arecv(timeout=LIMIT)
        await ch.asend("it is full")
        waits = {
            "asend": ch.asend(1),
            "aselect": dgo.aselect(dgo.send(ch, 1), dgo.recv(dgo.Chan())),
            "another goroutine": _await(elsewhere(ch.asend, 2)),
        }
        tasks = {name: asyncio.create_task(outcome(wait)) for name, wait in waits.items()}
        await told.asend(None)
        await outcome(_await(killer))
        told = {name: await task for name, task in tasks.items()}
        return told, await outcome(ch.arecv()), await outcome(_iterate(ch))

    told, after, iterated = asyncio.run(main())
    # The other goroutine may itself have been on the worker that died.
    assert told.pop("another goroutine") in ("ChannelLost", "WorkerLost")
    assert set(told.values()) == {"ChannelLost"}
    assert (after, iterated) == ("ChannelLost", "ChannelLost")


async def _iterate(ch):
    return [value async for value in ch]


@pytest.mark.slow
def test_a_task_group_over_goroutines_of_a_killed_worker_ends_with_worker_lost():
    async def main():
        ready, told, gate = dgo.Chan(), dgo.Chan(1), dgo.Chan()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_await(elsewhere(die_when_told, ready, told)))
                await ready.arecv(timeout=LIMIT)
                tasks.create_task(gate.arecv())
                await told.asend(None)
        except ExceptionGroup as group:
            return [type(error).__name__ for error in group.exceptions]

    assert asyncio.run(main()) == ["WorkerLost"]
