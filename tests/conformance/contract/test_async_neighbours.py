"""What one async goroutine does to its loop does not reach its neighbours on the same worker."""

from __future__ import annotations

import asyncio
import sys

import pytest

import dgo

from ..async_places import turns
from ..places import LIMIT


def stop_the_loop():
    asyncio.get_running_loop().stop()


def close_the_loop():
    asyncio.get_running_loop().close()


def exit_in_a_callback():
    asyncio.get_running_loop().call_soon(sys.exit, 3)


def interrupt():
    raise KeyboardInterrupt


def interrupt_in_a_callback():
    asyncio.get_running_loop().call_soon(interrupt)


def fail_in_a_callback():
    asyncio.get_running_loop().call_soon(int, "expected by the test")


def exit_in_a_task():
    task = asyncio.ensure_future(call(sys.exit))
    task.add_done_callback(lambda _: None)


def interrupt_in_a_task():
    task = asyncio.ensure_future(call(interrupt))
    task.add_done_callback(lambda _: None)


def goexit_in_a_task():
    task = asyncio.ensure_future(call(dgo.goexit))
    task.add_done_callback(lambda _: None)


def fail_in_a_task():
    task = asyncio.ensure_future(call(int, "expected by the test"))
    task.add_done_callback(lambda _: None)


def cancel_all_other_tasks():
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def call(fn, *args):
    return fn(*args)


DEEDS = {
    deed.__name__: deed
    for deed in (
        stop_the_loop,
        close_the_loop,
        exit_in_a_callback,
        interrupt_in_a_callback,
        fail_in_a_callback,
        exit_in_a_task,
        interrupt_in_a_task,
        goexit_in_a_task,
        fail_in_a_task,
        cancel_all_other_tasks,
    )
}


async def wait(ready, gate):
    await ready.asend(None)
    await asyncio.sleep(0.001)
    return await gate.arecv()


async def do(deed):
    try:
        DEEDS[deed]()
        await turns(5)
    except BaseException as error:  # what it does to itself is its own affair  # noqa: BLE001
        return type(error).__name__


@pytest.fixture(scope="module")
def one_worker():
    with dgo.init(workers=1) as running:
        running.wait_for_workers(1, timeout=LIMIT)
        yield running


@pytest.mark.parametrize("deed", list(DEEDS))
def test_a_neighbour_goes_on_and_the_worker_takes_new_goroutines(one_worker, deed):
    ready, gate = dgo.Chan(), dgo.Chan()
    neighbours = [dgo.go(wait, ready, gate) for _ in range(2)]
    plain = dgo.go(gate.recv)
    for _ in neighbours:
        ready.recv(timeout=LIMIT)
    dgo.go(do, deed).wait(timeout=LIMIT)
    fresh = dgo.go(wait, ready, gate)
    ready.recv(timeout=LIMIT)
    for _ in range(4):
        gate.send("value", timeout=LIMIT)
    assert [each.result(timeout=LIMIT) for each in (*neighbours, plain, fresh)] == ["value"] * 4
