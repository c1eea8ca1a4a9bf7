"""Processes of a cluster that are killed while it works: everybody learns it, nobody waits for ever."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

import dgo

from . import measures
from .leftovers import eventually

pytestmark = pytest.mark.slow  # each test starts real programs and waits for them

LIMIT = 60
SOON = 10.0

#: A driver that waits in one way when its coordinator is killed; it prints what that wait raised.
ORPHAN = """
import sys, threading, time
import dgo

def block():
    dgo.Chan().recv()

WAITS = {
    "recv": lambda: dgo.Chan().recv(),
    "send": lambda: dgo.Chan().send(1),
    "result": lambda: dgo.go(block).result(),
    "group": lambda: group.wait(),
    "far channel": lambda: dgo.go(dgo.Chan).result(timeout=30).recv(),
    "spawn": lambda: [dgo.go(pow, 2, 2).result() for _ in range(10**9)],
    "workers": lambda: [dgo.num_workers() for _ in range(10**9)],
}

cluster = dgo.init(workers=2)
cluster.wait_for_workers(2, timeout=30)
group = dgo.WaitGroup()
group.go(block)
threading.Timer(0.5, lambda: print(cluster._processes.pid, flush=True)).start()
try:
    WAITS[sys.argv[1]]()
except BaseException as error:
    print(type(error).__name__, flush=True)
    print(error, flush=True)
"""


def produce(ch: Any, first: int, gate: Any) -> int:
    gate.recv_ok()
    sent = 0
    try:
        while True:
            ch.send((first, sent))
            sent += 1
    except dgo.ChannelClosed:
        return sent


def consume(ch: Any, gate: Any) -> list[tuple[int, int]]:
    gate.recv_ok()
    return list(ch)


def kill_under_load(start: Any, capacity: int) -> list[dgo.Goroutine[Any]]:
    """500 goroutines exchange values over channels of the driver while a worker is killed; returns their handles.

    Every channel is closed a moment later, so that each goroutine that lives has a reason to end.
    """
    cluster = start(2)
    spread = dgo.go.options(spread=True)
    gate, witness = dgo.Chan(), dgo.Chan()
    channels = [dgo.Chan(capacity) for _ in range(10)]
    handles = [spread(produce, channels[i % 10], i, gate) for i in range(250)]
    handles += [spread(consume, channels[i % 10], gate) for i in range(250)]
    handles.append(spread(produce, witness, 250, gate))
    assert eventually(lambda: sum(worker.goroutines for worker in cluster.workers()) == len(handles), LIMIT)
    gate.close()
    for _ in range(50):  # they are at work
        witness.recv(timeout=LIMIT)
    victim = cluster.workers()[0].pid
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: any(handle.done() for handle in handles), LIMIT)
    for channel in (*channels, witness):
        channel.close()
    return handles


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [0, 4])
def test_every_goroutine_ends_when_a_worker_is_killed_under_load(start, capacity) -> None:
    handles = kill_under_load(start, capacity)
    errors = [handle.exception(timeout=LIMIT) for handle in handles]
    lost = [error for error in errors if error is not None]
    assert {type(error) for error in lost} == {dgo.WorkerLost}
    assert 0 < len(lost) < len(handles)
    assert eventually(lambda: dgo.num_goroutine() == 1, SOON)


@pytest.mark.slow
def test_no_value_arrives_twice_when_a_worker_is_killed_under_load(start) -> None:
    handles = kill_under_load(start, 0)
    got: list[tuple[int, int]] = []
    for handle in handles:
        if handle.exception(timeout=LIMIT) is None and handle.name == "consume":
            got += handle.result()
    assert len(got) == len(set(got)) > 0


@pytest.mark.slow
def test_no_table_keeps_anything_of_a_worker_that_was_killed_under_load(start) -> None:
    handles = kill_under_load(start, 0)
    for handle in handles:
        handle.exception(timeout=LIMIT)
    del handles, handle
    assert measures.empty_soon(2) == {}


@pytest.mark.parametrize("wait", ["recv", "send", "result", "group", "far channel", "spawn", "workers"])
def test_a_blocked_driver_learns_that_its_coordinator_was_killed(driver, wait) -> None:
    running = driver(ORPHAN, wait)
    os.kill(int(running.line()), signal.SIGKILL)
    name = running.line(seconds=SOON)
    assert name == "ClusterError", running.line()
    running.wait(SOON)


def test_nothing_is_left_when_the_coordinator_was_killed(driver) -> None:
    running = driver(ORPHAN, "recv")
    os.kill(int(running.line()), signal.SIGKILL)
    running.line(seconds=SOON)
    running.wait(SOON)
    assert running.left(SOON) == []
