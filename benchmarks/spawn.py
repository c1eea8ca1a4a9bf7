"""No-op goroutines from the driver, each with its handle awaited: how many a second, and the round trip of
one."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.pool import Pool

import _bench
import _raw

import dgo

WORKERS = 2
MANY = 20_000
SINGLE = 1_000


def noop(_: int = 0) -> None:
    """Does nothing."""


def dgo_rate(count: int) -> float:
    """Goroutines a second."""
    started = time.perf_counter()
    goroutines = [dgo.go(noop) for _ in range(count)]
    for goroutine in goroutines:
        goroutine.result()
    return count / (time.perf_counter() - started)


def imap_rate(pool: Pool, count: int) -> float:
    """Calls a second of ``Pool.imap``, one in a message."""
    started = time.perf_counter()
    for _ in pool.imap(noop, range(count), chunksize=1):
        pass
    return count / (time.perf_counter() - started)


def executor_rate(executor: ProcessPoolExecutor, count: int) -> float:
    """Calls a second of ``ProcessPoolExecutor.submit``."""
    started = time.perf_counter()
    futures = [executor.submit(noop) for _ in range(count)]
    for future in futures:
        future.result()
    return count / (time.perf_counter() - started)


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Measures the rate and the round trip."""
    many, single = options.amount(MANY), options.amount(SINGLE)
    with contextlib.ExitStack() as stack:
        # The peers start first, so that their processes hold nothing of dgo's.
        crew = stack.enter_context(_raw.crew(WORKERS))
        pool = stack.enter_context(_raw.SPAWN.Pool(WORKERS))
        executor = stack.enter_context(ProcessPoolExecutor(WORKERS, mp_context=_raw.SPAWN))
        pool.map(noop, range(WORKERS), chunksize=1)
        executor_rate(executor, 10 * WORKERS)
        if options.with_dgo:
            cluster = stack.enter_context(dgo.init(workers=WORKERS))
            cluster.wait_for_workers(WORKERS, timeout=60)
            dgo_rate(100)
        return _bench.compare(
            "no-op goroutines from the driver, all awaited",
            "1/s",
            {
                _bench.DGO: lambda: dgo_rate(many),
                "raw pyzmq, one by one": lambda: crew.rate(many),
                "multiprocessing.Pool.imap": lambda: imap_rate(pool, many),
                "ProcessPoolExecutor": lambda: executor_rate(executor, many // 4),
            },
            options,
            more_is_better=True,
        ) + _bench.compare(
            "one goroutine and its result, round trip p50",
            "µs",
            {
                _bench.DGO: lambda: _raw.median_microseconds(lambda: dgo.go(noop).result(), single),
                "raw pyzmq": lambda: crew.round_trip(single),
                "multiprocessing.Pool.apply": lambda: _raw.median_microseconds(lambda: pool.apply(noop), single),
                "ProcessPoolExecutor": lambda: _raw.median_microseconds(lambda: executor.submit(noop).result(), single),
            },
            options,
            more_is_better=False,
        )


if __name__ == "__main__":
    _bench.main(__doc__, figures)
