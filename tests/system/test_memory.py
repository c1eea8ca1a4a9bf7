"""Memory stays where it was, and tables become empty again."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

import dgo

from . import measures

LIMIT = 120
FEW_MEGABYTES = 6.0


def use_and_drop(count: int) -> float:
    """Makes, uses and drops so many channels, one after the other; returns its process's memory."""
    for i in range(count):
        ch = dgo.Chan(1)
        ch.send(i)
        assert ch.recv() == i
    del ch
    return measures.state().megabytes


def echo(there: Any, back: Any) -> None:
    for ch in there:
        back.send(ch, timeout=LIMIT)


def length(ch: Any) -> int:
    return len(ch)


def ask_twice(ch: Any) -> list[int]:
    return dgo.gather(dgo.go(length, ch), dgo.go(length, ch))


def send_abroad(there: Any, count: int) -> None:
    for _ in range(count):
        there.send(dgo.Chan(1), timeout=LIMIT)


def travel(there: Any, back: Any, count: int) -> tuple[int, int]:
    """Has so many new channels come back from another process and uses each; returns its pid and the number."""
    sender = dgo.go(send_abroad, there, count)
    came = 0
    for _ in range(count):
        ch = back.recv(timeout=LIMIT)
        ch.send(came)
        came += ch.recv(timeout=LIMIT) == came
        del ch
    sender.result(timeout=LIMIT)
    return os.getpid(), came


def journeys(there: Any, back: Any, count: int) -> dict[int, measures.State]:
    """Sends so many channels abroad and returns what both workers are like afterwards."""
    assert dgo.go.options(spread=True)(travel, there, back, count).result(timeout=LIMIT)[1] == count
    return measures.workers(2)


def nothing() -> None:
    pass


def spawn_in_chunks(count: int, chunk: int = 5_000) -> None:
    for _ in range(count // chunk):
        dgo.gather(*[dgo.go(nothing) for _ in range(chunk)])


@pytest.mark.slow
def test_a_million_channels_of_one_worker_leave_its_memory_flat(start) -> None:
    start(1)
    before = dgo.go(use_and_drop, 100_000).result(timeout=LIMIT)
    after = dgo.go(use_and_drop, 1_000_000).result(timeout=LIMIT)
    assert after - before < FEW_MEGABYTES
    assert measures.empty_soon(1) == {}


def test_an_ended_goroutine_keeps_none_of_its_arguments(start) -> None:
    start(1)
    ch = dgo.Chan(1)
    dgo.go(ask_twice, ch).result(timeout=LIMIT)
    del ch
    assert measures.empty_soon(1) == {}


def test_no_table_keeps_anything_of_channels_that_travelled(start) -> None:
    start(2)
    spread, there, back = dgo.go.options(spread=True), dgo.Chan(20), dgo.Chan(20)
    abroad = spread(echo, there, back)
    assert spread(travel, there, back, 300).result(timeout=LIMIT)[1] == 300
    there.close()
    abroad.result(timeout=LIMIT)
    del there, back, abroad
    assert measures.empty_soon(2) == {}


@pytest.mark.slow
def test_a_hundred_thousand_channels_that_travelled_leave_memory_flat(start) -> None:
    start(2)
    spread, there, back = dgo.go.options(spread=True), dgo.Chan(200), dgo.Chan(200)
    abroad = spread(echo, there, back)

    journeys(there, back, 10_000)
    before = journeys(there, back, 10_000)
    journeys(there, back, 50_000)
    after = journeys(there, back, 50_000)
    there.close()
    abroad.result(timeout=LIMIT)
    assert {pid: after[pid].megabytes - before[pid].megabytes < FEW_MEGABYTES for pid in after} == dict.fromkeys(
        after, True
    ), (before, after)
    del there, back, abroad
    assert measures.empty_soon(2) == {}


@pytest.mark.slow
def test_300_000_goroutines_in_chunks_leave_every_process_flat(start) -> None:
    cluster = start(1)
    coordinator = cluster._processes.pid

    def sizes() -> dict[str, float]:
        (worker,) = measures.workers(1).values()
        return {
            "driver": measures.state().megabytes,
            "coordinator": measures.megabytes(coordinator),
            "worker": worker.megabytes,
        }

    spawn_in_chunks(50_000)
    before = sizes()
    spawn_in_chunks(300_000)
    after = sizes()
    assert {name for name in after if after[name] - before[name] > FEW_MEGABYTES} == set(), (before, after)
    assert measures.empty_soon(1) == {}


async def await_at(gate: Any, started: Any) -> None:
    started.done()
    async for _ in gate:
        pass


def wait_at(gate: Any, started: Any) -> None:
    started.done()
    for _ in gate:
        pass


def garbage_of(function: Any, count: int) -> int:
    """How many objects only the garbage collector finds once so many goroutines have waited and ended."""
    gc.collect()
    gc.disable()
    try:
        for number in (10, count):  # what comes with the first is not counted
            gate, started, everyone = dgo.Chan(), dgo.WaitGroup(), dgo.WaitGroup()
            started.add(number)
            for _ in range(number):
                everyone.go(function, gate, started)
            started.wait()
            gate.close()
            everyone.wait()
            garbage = gc.collect()
        return garbage
    finally:
        gc.enable()


@pytest.mark.parametrize("function", [wait_at, await_at])
def test_goroutines_that_have_ended_leave_nothing_for_the_garbage_collector(start, function) -> None:
    start(1)
    assert dgo.go(garbage_of, function, 1000).result(timeout=LIMIT) < 100
