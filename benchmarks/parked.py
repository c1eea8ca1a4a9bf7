"""Ten thousand parked goroutines in one worker: memory of each, time to create and park, time to wake and
end.

Every sample is taken in a process that has parked nothing before, because memory that an earlier round gave
back to the allocator would make the next round look free."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import _bench

import dgo

COUNT = 10_000
THREADS = 1_000  # more of them make the kernel the subject


def resident() -> int:
    """The bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Stages:
    """The moments and sizes of one sample: before, all parked, all ended."""

    def __init__(self) -> None:
        self._resident = resident()
        self._started = time.perf_counter()

    def parked(self) -> None:
        """All of them wait."""
        self._parked = time.perf_counter()
        self._grown = resident() - self._resident
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


def park_goroutines(count: int) -> dict[str, float]:
    """Parks goroutines beside itself, in its own worker."""
    gate: dgo.Chan[None] = dgo.Chan()
    started, all_of_them = dgo.WaitGroup(), dgo.WaitGroup()
    started.add(count)
    stages = Stages()
    for _ in range(count):
        all_of_them.go(wait_at, gate, started)
    started.wait()
    stages.parked()
    gate.close()
    all_of_them.wait()
    return stages.ended(count)


def with_dgo(count: int) -> dict[str, float]:
    """One worker, so that none of them can be elsewhere."""
    with dgo.init(workers=1):
        dgo.go(park_goroutines, 1).result()  # what is loaded at the first use is not counted
        sample: dict[str, float] = dgo.go(park_goroutines, count).result()
        return sample


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


def with_threads(_: int) -> dict[str, float]:
    """Threads that wait for an event; a thousand are enough."""
    gate = threading.Event()
    stages = Stages()
    threads = [threading.Thread(target=gate.wait) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    stages.parked()
    gate.set()
    for thread in threads:
        thread.join()
    return stages.ended(THREADS)


CHILDREN: dict[str, Callable[[int], dict[str, float]]] = {
    _bench.DGO: with_dgo,
    "gevent": with_gevent,
    "asyncio task": lambda count: asyncio.run(with_asyncio(count)),
    "thread": with_threads,
}


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Takes every sample in a fresh interpreter."""
    contenders: dict[str, Callable[[], dict[str, float]]] = {}
    for who in CHILDREN:
        contenders[who] = functools.partial(_bench.child, __file__, who, COUNT)
    whats: dict[str, tuple[str, bool | None]] = {
        "bytes": (f"memory of each of {COUNT:,} parked [bytes]", False),
        "park": ("to create and park one [ns]", False),
        "wake": ("to wake and end one [ns]", False),
    }
    return _bench.compare_several(whats, contenders, options)


if __name__ == "__main__":
    _bench.main(__doc__, figures, CHILDREN)
