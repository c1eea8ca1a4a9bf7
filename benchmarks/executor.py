"""No-op calls through ``concurrent.futures``: how many a second, and the round trip of one."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Executor, ProcessPoolExecutor

import _bench
import _raw
from _bench import Peer
from _work import noop

import dgo

WORKERS = 2
MANY = 20_000
SINGLE = 1_000
CHUNK = 100


def submit_rate(executor: Executor, count: int) -> float:
    """Calls a second of ``submit``, all awaited."""
    started = time.perf_counter()
    futures = [executor.submit(noop) for _ in range(count)]
    for future in futures:
        future.result()
    return count / (time.perf_counter() - started)


def map_rate(executor: Executor, count: int) -> float:
    """Calls a second of ``map`` in chunks."""
    started = time.perf_counter()
    for _ in executor.map(noop, range(count), chunksize=CHUNK):
        pass
    return count / (time.perf_counter() - started)


def everything(executor: Executor, count: int, single: int) -> _bench.Samples:
    """One sample of each."""
    return {
        "submit": submit_rate(executor, count),
        "map": map_rate(executor, count),
        "trip": _raw.median_microseconds(lambda: executor.submit(noop).result(), single),
    }


def go_rate(count: int) -> float:
    """Goroutines a second: what dgo's executor is made of."""
    started = time.perf_counter()
    goroutines = [dgo.go(noop) for _ in range(count)]
    for goroutine in goroutines:
        goroutine.result()
    return count / (time.perf_counter() - started)


def process_pool_executor(count: int, single: int) -> _bench.Samples:
    """The standard library's."""
    with ProcessPoolExecutor(WORKERS, mp_context=_raw.SPAWN) as executor:
        submit_rate(executor, 10 * WORKERS)
        return everything(executor, count, single)


def loky(count: int, single: int) -> _bench.Samples:
    """loky's."""
    from loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=WORKERS)
    submit_rate(executor, 10 * WORKERS)
    try:
        return everything(executor, count, single)
    finally:
        executor.shutdown(wait=True, kill_workers=True)


PEERS = (
    Peer("ProcessPoolExecutor", process_pool_executor, part=0.25),
    Peer("loky", loky, ("loky",), part=0.25),
)


def measure(run: _bench.Run) -> None:
    """Measures the rates and the round trip."""
    many, single = run.options.amount(MANY), run.options.amount(SINGLE)
    with contextlib.ExitStack() as stack:
        stack.enter_context(run.cluster(WORKERS))
        ours: Executor | None = None
        if run.options.with_dgo:
            ours = stack.enter_context(dgo.Executor())
            submit_rate(ours, 100)
        run.compare_several(
            {
                "submit": ("no-op calls of Executor.submit, all awaited", "1/s", True),
                "map": (f"no-op calls of Executor.map in chunks of {CHUNK}", "1/s", True),
                "trip": ("one call of Executor.submit and its result, round trip p50", "µs", False),
            },
            dgo=(lambda executor=ours: everything(executor, many, single)) if ours else None,  # type: ignore[misc]
            own={"dgo.go without an executor": lambda: {"submit": go_rate(many)}},
            peers=PEERS,
            amounts=(many, single),
        )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
