"""The smallest grain of a task at which the workers still do useful work half of their time (METG).

Tasks spin for a known processor time and are submitted one by one. A coarse grain shows what two workers can do
at the moment (all of the time, on a quiet machine); then the grain is halved until they do less than half of the
best so far. Between the last two grains the half-way point is read off a straight line on a logarithmic scale
(Slaughter et al., "Task Bench", 2020)."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable

import _bench
import _tasks
from _bench import Peer
from _work import loops_a_millisecond, spin

import dgo

IDEAL_SECONDS = 0.1  # what a step would take without any cost
MOST_TASKS = 20_000
FEWEST_TASKS = 20
COARSE_MICROSECONDS = 2000  # dgo's first grain
SMALLEST_GRAIN = 0.5
WARM_UP = 200


def efficiency(many: Callable[[int, int], object], grain: float, loops: int, seconds: float) -> float:
    """The part of the workers' time that is spent spinning, at a grain in µs."""
    count = min(MOST_TASKS, max(FEWEST_TASKS, int(_tasks.WORKERS * seconds * 1e6 / grain)))
    each = max(1, round(grain * loops / 1000))
    started = time.perf_counter()
    many(count, each)
    taken = time.perf_counter() - started
    return count * grain / 1e6 / _tasks.WORKERS / taken


def smallest_grain(many: Callable[[int, int], object], coarse: float, loops: int, seconds: float) -> float:
    """The grain in µs with half of the best efficiency that a coarser one has.

    Args:
        many: runs so many tasks with so many loops each.
        coarse: a grain in µs that is surely efficient.
        loops: of a millisecond.
        seconds: that a step would take at best.
    """
    grain, reached, best = coarse, efficiency(many, coarse, loops, seconds), 0.0
    while True:
        best = max(best, reached)
        above, reached_above = grain, reached
        grain /= 2
        if grain < SMALLEST_GRAIN:
            return above
        reached = efficiency(many, grain, loops, seconds)
        if reached < best / 2:
            break
    if reached_above <= best / 2:  # a better grain came after it, on a machine that is not quiet
        return above
    slope = (best / 2 - reached) / (reached_above - reached)
    return math.exp(math.log(grain) + slope * math.log(above / grain))


def dgo_many(count: int, loops: int) -> None:
    """Goroutines, one by one."""
    for goroutine in [dgo.go(spin, loops) for _ in range(count)]:
        goroutine.result()


def peer_grain(peer: _tasks.TaskPeer, milliseconds: int, loops: int) -> _bench.Samples:
    """The grain of a peer."""
    with peer.open() as tasks:
        tasks.many(FEWEST_TASKS, 0)
        return {"value": smallest_grain(tasks.many, peer.coarse_microseconds, loops, milliseconds / 1000)}


PEERS = tuple(
    Peer(peer.who, functools.partial(peer_grain, peer), peer.needs, heavy=peer.heavy) for peer in _tasks.TASK_PEERS
)


def measure(run: _bench.Run) -> None:
    """Measures the grain, with one calibration for all."""
    loops = loops_a_millisecond()
    milliseconds = run.options.amount(int(IDEAL_SECONDS * 1000), 5)
    with run.cluster(_tasks.WORKERS):
        if run.options.with_dgo:
            dgo_many(WARM_UP, 0)
        run.compare(
            "smallest grain with half efficiency, submitted one by one",
            "µs",
            dgo=lambda: smallest_grain(dgo_many, COARSE_MICROSECONDS, loops, milliseconds / 1000),
            peers=PEERS,
            amounts=(milliseconds, loops),
            more_is_better=False,
        )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
