"""No-op calls through ``concurrent.futures``: how many a second, and the round trip of one."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Executor, ProcessPoolExecutor

import _bench
import _raw

import dgo

WORKERS = 2
MANY = 20_000
SINGLE = 1_000


def noop(_: int = 0) -> None:
    """Does nothing."""


def submit_rate(executor: Executor, count: int) -> float:
    """Calls a second of ``submit``, all awaited."""
    started = time.perf_counter()
    futures = [executor.submit(noop) for _ in range(count)]
    for future in futures:
        future.result()
    return count / (time.perf_counter() - started)


def map_rate(executor: Executor, count: int) -> float:
    """Calls a second of ``map`` in chunks of 100."""
    started = time.perf_counter()
    for _ in executor.map(noop, range(count), chunksize=100):
        pass
    return count / (time.perf_counter() - started)


def go_rate(count: int) -> float:
    """Goroutines a second: what dgo's executor is made of."""
    started = time.perf_counter()
    goroutines = [dgo.go(noop) for _ in range(count)]
    for goroutine in goroutines:
        goroutine.result()
    return count / (time.perf_counter() - started)


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Measures the rates and the round trip."""
    many, single = options.amount(MANY), options.amount(SINGLE)
    with contextlib.ExitStack() as stack:
        # The peer starts first, so that its processes hold nothing of dgo's.
        peer = stack.enter_context(ProcessPoolExecutor(WORKERS, mp_context=_raw.SPAWN))
        submit_rate(peer, 10 * WORKERS)
        ours: Executor = peer
        if options.with_dgo:
            cluster = stack.enter_context(dgo.init(workers=WORKERS))
            cluster.wait_for_workers(WORKERS, timeout=60)
            ours = stack.enter_context(dgo.Executor())
            submit_rate(ours, 100)
        contenders = {_bench.DGO: lambda: submit_rate(ours, many)}
        if options.with_dgo:
            contenders["dgo.go without an executor"] = lambda: go_rate(many)
        contenders["ProcessPoolExecutor"] = lambda: submit_rate(peer, many // 4)
        return (
            _bench.compare(
                "no-op calls of Executor.submit, all awaited", "1/s", contenders, options, more_is_better=True
            )
            + _bench.compare(
                "no-op calls of Executor.map in chunks of 100",
                "1/s",
                {_bench.DGO: lambda: map_rate(ours, many), "ProcessPoolExecutor": lambda: map_rate(peer, many)},
                options,
                more_is_better=True,
            )
            + _bench.compare(
                "one call of Executor.submit and its result, round trip p50",
                "µs",
                {
                    _bench.DGO: lambda: _raw.median_microseconds(lambda: ours.submit(noop).result(), single),
                    "ProcessPoolExecutor": lambda: _raw.median_microseconds(lambda: peer.submit(noop).result(), single),
                },
                options,
                more_is_better=False,
            )
        )


if __name__ == "__main__":
    _bench.main(__doc__, figures)
