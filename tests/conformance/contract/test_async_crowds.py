"""A hundred thousand coroutines as goroutines of one worker, and plain ones beside them."""

from __future__ import annotations

import asyncio

import pytest

import dgo

from ..places import LIMIT

CROWD = 100_000
PATIENCE = 8 * LIMIT  # for a crowd, on a busy machine


@pytest.fixture(scope="module", autouse=True)
def one_worker():
    with dgo.init(workers=1) as running:
        running.wait_for_workers(1, timeout=LIMIT)
        yield running
        assert dgo.num_goroutine() == 1


def crowd_of_one_channel(spawn, count):
    """In the worker: spawns the crowd, which waits on one channel, and serves it."""
    requests, answers, started = dgo.Chan(), dgo.Chan(1000), dgo.WaitGroup()
    started.add(count)
    for number in range(count):
        spawn(number, requests, answers, started)
    started.wait(timeout=PATIENCE)
    lives = dgo.num_goroutine()
    dgo.go(send_range, requests, count)
    got = [answers.recv(timeout=PATIENCE) for _ in range(count)]
    return lives > count, sum(got), len(set(got))


def send_range(requests, count):
    for number in range(count):
        requests.send(number, timeout=PATIENCE)


async def pass_on(requests, answers, started):
    started.done()
    await answers.asend(await requests.arecv())


def pass_on_plainly(requests, answers, started):
    started.done()
    answers.send(requests.recv())


def spawn_async(_number, requests, answers, started):
    dgo.go(pass_on, requests, answers, started)


def spawn_mixed(number, requests, answers, started):
    # One plain goroutine in ten: each of them has a stack of its own.
    dgo.go(pass_on if number % 10 else pass_on_plainly, requests, answers, started)


@pytest.mark.parametrize("spawn", [spawn_async, spawn_mixed])
def test_a_crowd_parked_on_one_channel_is_served_each_once_and_ends(spawn):
    many, total, different = dgo.go(crowd_of_one_channel, spawn, CROWD).result(timeout=PATIENCE)
    assert (many, total, different) == (True, CROWD * (CROWD - 1) // 2, CROWD)


def test_a_crowd_parked_on_a_channel_of_the_driver_is_released_by_its_close():
    async def wait(gate):
        try:
            await gate.arecv()
        except dgo.ChannelClosed:
            return

    def spawn_all(gate, count):
        with dgo.WaitGroup() as group:
            for _ in range(count):
                group.go(wait, gate)
            ready.send(None, timeout=PATIENCE)
        return count

    async def main():
        crowd = dgo.go(spawn_all, gate, 10_000)
        await ready.arecv(timeout=PATIENCE)
        gate.close()
        return await crowd

    gate, ready = dgo.Chan(), dgo.Chan()
    assert asyncio.run(main()) == 10_000
