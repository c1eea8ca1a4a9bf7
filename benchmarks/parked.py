"""Parked goroutines in one worker: memory of each, time to create and park, time to wake and end.

Every sample is taken in a process that has parked nothing before, because memory that an earlier round gave
back to the allocator would make the next round look free. ``--million`` parks 1,000,000 of each kind at once, once;
``--growth`` spawns and ends 10,000,000 in one worker, in rounds, and tells by how much it has grown after each."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import _bench
import _processes
from _bench import Peer
from _work import noop

import dgo

COUNT = 10_000
THREADS = 1_000  # more of them make the kernel the subject
MILLION = 1_000_000
MILLION_BYTES = 12_000_000_000  # that must be available for it
ROUNDS = 10
ROUND = 1_000_000
BATCH = 10_000  # goroutines of a round that live at the same time


class Stages:
    """The moments and sizes of one sample: before, all parked, all ended."""

    def __init__(self) -> None:
        self._resident = _processes.resident()
        self._started = time.perf_counter()

    def parked(self) -> None:
        """All of them wait."""
        self._parked = time.perf_counter()
        self._grown = _processes.resident() - self._resident
        self._woken = time.perf_counter()

    def ended(self, count: int) -> dict[str, float]:
        """All of them have ended: the sample."""
        return {
            "bytes": self._grown / count,
            "park": (self._parked - self._started) * 1e9 / count,
            "wake": (time.perf_counter() - self._woken) * 1e9 / count,
        }


def wait_at(gate: dgo.Chan[None], started: dgo.WaitGroup) -> None:
    """Says that it runs, then waits until the gate is closed."""
    started.done()
    gate.recv_ok()


async def await_at(gate: dgo.Chan[None], started: dgo.WaitGroup) -> None:
    """The same in a coroutine, which goes on when the gate is closed."""
    started.done()
    async for _ in gate:
        pass


def park_goroutines(fn: Callable[..., Any], count: int) -> dict[str, float]:
    """Parks goroutines beside itself, in its own worker."""
    gate: dgo.Chan[None] = dgo.Chan()
    started, all_of_them = dgo.WaitGroup(), dgo.WaitGroup()
    started.add(count)
    stages = Stages()
    for _ in range(count):
        all_of_them.go(fn, gate, started)
    started.wait()
    stages.parked()
    gate.close()
    all_of_them.wait()
    return stages.ended(count)


def with_dgo(fn: Callable[..., Any], count: int) -> dict[str, float]:
    """One worker, so that none of them can be elsewhere."""
    with dgo.init(workers=1):
        dgo.go(park_goroutines, fn, 1).result()  # what is loaded at the first use is not counted
        sample: dict[str, float] = dgo.go(park_goroutines, fn, count).result()
        return sample


def with_raw_greenlets(count: int) -> dict[str, float]:
    """Bare greenlets that have switched away once."""
    import greenlet

    main = greenlet.getcurrent()

    def wait() -> None:
        main.switch()

    stages = Stages()
    parked = [greenlet.greenlet(wait) for _ in range(count)]
    for one in parked:
        one.switch()
    stages.parked()
    for one in parked:
        one.switch()
    return stages.ended(count)


def with_gevent(count: int) -> dict[str, float]:
    """gevent's greenlets that wait for an event."""
    import gevent
    from gevent.event import Event

    gate = Event()
    stages = Stages()
    greenlets = [gevent.spawn(gate.wait) for _ in range(count)]
    gevent.idle()
    stages.parked()
    gate.set()
    gevent.joinall(greenlets)
    return stages.ended(count)


async def with_asyncio(count: int) -> dict[str, float]:
    """asyncio's tasks that wait for an event."""
    gate = asyncio.Event()
    stages = Stages()
    tasks = [asyncio.create_task(gate.wait()) for _ in range(count)]
    await asyncio.sleep(0)  # one turn of the loop: every task has run up to its wait
    stages.parked()
    gate.set()
    await asyncio.gather(*tasks)
    return stages.ended(count)


def with_raw_coroutines(count: int) -> dict[str, float]:
    """Bare coroutine objects that have begun and wait: no loop."""

    class Wait:
        def __await__(self) -> Any:
            yield

    async def park() -> None:
        await Wait()

    stages = Stages()
    parked = [park() for _ in range(count)]
    for one in parked:
        one.send(None)
    stages.parked()
    for one in parked:
        try:
            one.send(None)
        except StopIteration:
            pass
    return stages.ended(count)


def with_threads(count: int) -> dict[str, float]:
    """Threads that wait for an event."""
    gate = threading.Event()
    stages = Stages()
    threads = [threading.Thread(target=gate.wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    stages.parked()
    gate.set()
    for thread in threads:
        thread.join()
    return stages.ended(count)


def grow_once(count: int) -> float:
    """Spawns so many beside itself in batches, awaits each batch, and returns the bytes that its process has then."""
    for _ in range(count // BATCH):
        group = dgo.WaitGroup()
        for _ in range(BATCH):
            group.go(noop)
        group.wait()
    gc.collect()
    return _processes.resident()


def growth(count: int) -> dict[str, float]:
    """Bytes that one worker has gained, after a first round, by so many goroutines that have ended."""
    with dgo.init(workers=1):
        pid = dgo.go(os.getpid).result()
        first = dgo.go(grow_once, count).result()
        started = time.perf_counter()
        sizes = [dgo.go(grow_once, count).result() for _ in range(ROUNDS - 1)]
        taken = time.perf_counter() - started
        assert dgo.go(os.getpid).result() == pid
    return {
        "grown": (max(sizes) - first) / 1e6,
        "each": (sizes[-1] - first) / (count * (ROUNDS - 1)),
        "rate": count * (ROUNDS - 1) / taken,
    }


PLAIN = (
    Peer("raw greenlet", with_raw_greenlets),
    Peer("gevent", with_gevent),
    Peer("thread", with_threads, part=THREADS / COUNT),
)
ASYNC = (
    Peer("raw coroutine", with_raw_coroutines),
    Peer("asyncio task", lambda count: asyncio.run(with_asyncio(count))),
)
#: ``--child`` finds these by name; those of dgo are called by what they do.
CHILDREN = (
    *PLAIN,
    *ASYNC,
    Peer("plain", functools.partial(with_dgo, wait_at)),
    Peer("async", functools.partial(with_dgo, await_at)),
    Peer("growth", growth),
)


def of_dgo(kind: str, count: int) -> Callable[[], dict[str, float]]:
    """A sample of dgo in a fresh interpreter."""
    return functools.partial(_processes.child, __file__, kind, count, seconds=_bench.SCRIPT_SECONDS - 20)


def whats(kind: str, count: int) -> dict[str, tuple[str, str, bool | None]]:
    """What is compared."""
    return {
        "bytes": (f"memory of each of {count:,} parked, {kind}", "bytes", False),
        "park": (f"to create and park one of {count:,}, {kind}", "ns", False),
        "wake": (f"to wake and end one of {count:,}, {kind}", "ns", False),
    }


def measure(run: _bench.Run, million: bool, growth: bool) -> None:
    """Takes every sample in a fresh interpreter."""
    if growth:
        count = run.options.amount(ROUND, BATCH)
        run.compare_several(
            {
                "grown": (
                    f"growth of a worker after the first of {ROUNDS} rounds of {count:,} goroutines",
                    "MB",
                    False,
                ),
                "each": ("bytes that an ended goroutine leaves behind", "bytes", False),
                "rate": ("goroutines spawned and ended in one worker", "1/s", True),
            },
            dgo=of_dgo("growth", count),
            repeats=1,
        )
    elif million:
        count = run.options.amount(MILLION)
        if _processes.available() < MILLION_BYTES * run.options.scale:
            run.note(f"1,000,000 parked: left out, {MILLION_BYTES / 1e9:.0f} GB of memory are not available")
            return
        for kind, peers in (("plain", PLAIN[:1]), ("async", ASYNC[:1])):  # the floors: the others take minutes
            run.compare_several(whats(kind, count), dgo=of_dgo(kind, count), peers=peers, amounts=(count,), repeats=1)
    else:
        count = COUNT if run.options.scale > _bench.TINY else COUNT // 100  # fewer would measure pages, not goroutines
        for kind, peers in (("plain", PLAIN), ("async", ASYNC)):
            run.compare_several(whats(kind, count), dgo=of_dgo(kind, count), peers=peers, amounts=(count,))


if __name__ == "__main__":
    _bench.main(
        __doc__,
        __file__,
        measure,
        CHILDREN,
        {"million": "park 1,000,000 of each kind, once", "growth": "spawn and end 10,000,000, once"},
    )
