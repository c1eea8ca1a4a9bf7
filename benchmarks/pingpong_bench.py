"""The round trip over unbuffered channels between goroutines of two workers.

It depends on where the kernel puts the two processes: on one processor a round trip is several times
shorter than across two, whoever makes it. So each placement is a comparison of its own, with all threads of
both processes pinned, and one more leaves it to the kernel."""

from __future__ import annotations

import contextlib
import os

import _bench
import _elsewhere
import _raw

import dgo

COUNT = 5_000


def pong(balls: dgo.Chan[int], returns: dgo.Chan[int], cpus: set[int]) -> None:
    """Throws every ball back."""
    _raw.pin(cpus)
    for ball in balls:
        returns.send(ball)


def ping(one: set[int], other: set[int], count: int) -> float:
    """Plays with a partner on the other worker; returns the median round trip in µs."""
    _raw.pin(one)
    balls: dgo.Chan[int] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    partner = _elsewhere.elsewhere(pong, balls, returns, other)

    def once() -> None:
        balls.send(12345678)
        returns.recv()

    median = _raw.median_microseconds(once, count)
    balls.close()
    partner.result()
    return median


def dgo_round_trip(one: set[int], other: set[int], count: int) -> float:
    """The median round trip in µs between two workers on these processors."""
    median: float = dgo.go(ping, one, other, count).result()
    return median


def placements() -> dict[str, tuple[set[int], set[int]]]:
    """By name, the processors of the two processes."""
    cpus = sorted(os.sched_getaffinity(0))
    found = {"unpinned": (set(cpus), set(cpus)), "on one processor": ({cpus[0]}, {cpus[0]})}
    if len(cpus) > 1:
        found["across two processors"] = ({cpus[0]}, {cpus[1]})
    return found


def compared(where: str, one: set[int], other: set[int], count: int, options: _bench.Options) -> list[_bench.Figure]:
    """The figures of one placement."""
    return _bench.compare(
        f"unbuffered round trip between two workers p50, {where}",
        "µs",
        {
            _bench.DGO: lambda: dgo_round_trip(one, other, count),
            "raw pyzmq DEALER/ROUTER": lambda: _raw.zmq_round_trip(one, other, count),
            "multiprocessing.Pipe": lambda: _raw.pipe_round_trip(one, other, count),
        },
        options,
        more_is_better=False,
    )


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Measures every placement; the unpinned one first, so that nothing is pinned yet."""
    count = options.amount(COUNT)
    found = []
    with contextlib.ExitStack() as stack:
        if options.with_dgo:
            cluster = stack.enter_context(dgo.init(workers=2))
            cluster.wait_for_workers(2, timeout=60)
        for where, (one, other) in placements().items():
            found += compared(where, one, other, count, options)
    return found


if __name__ == "__main__":
    _bench.main(__doc__, figures)
