"""The round trip over unbuffered channels between goroutines of two workers.

It depends on where the kernel puts the two processes: on one processor a round trip is several times
shorter than across two, whoever makes it. So each placement is a comparison of its own, with all threads of
both processes pinned, and one more leaves it to the kernel. The first comparison is a select over two channels
with different homes, which no peer has."""

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


def throw(near: dgo.Chan[int], homes: dgo.Chan[dgo.Chan[int]], returns: dgo.Chan[int], count: int) -> None:
    """Makes the second channel here, then throws balls over both in turn; each has to come back first."""
    far: dgo.Chan[int] = dgo.Chan()
    homes.send(far)
    for ball in range(count):
        (near if ball % 2 else far).send(ball)
        returns.recv()


def catch(count: int) -> float:
    """Selects over a channel of this worker and one of the other; returns the median round trip in µs."""
    near: dgo.Chan[int] = dgo.Chan()
    homes: dgo.Chan[dgo.Chan[int]] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    partner = _elsewhere.elsewhere(throw, near, homes, returns, count)
    far = homes.recv()

    def once() -> None:
        returns.send(dgo.select(dgo.recv(near), dgo.recv(far)).value)

    median = _raw.median_microseconds(once, count)
    partner.result()
    return median


def dgo_select_trip(count: int) -> float:
    """The median round trip in µs of which one way is a select over two homes."""
    median: float = dgo.go(catch, count).result()
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
            found += _bench.compare(
                "round trip between two workers p50, one way a select over both homes, unpinned",
                "µs",
                {_bench.DGO: lambda: dgo_select_trip(count)},
                options,
                more_is_better=False,
            )
        for where, (one, other) in placements().items():
            found += compared(where, one, other, count, options)
    return found


if __name__ == "__main__":
    _bench.main(__doc__, figures)
