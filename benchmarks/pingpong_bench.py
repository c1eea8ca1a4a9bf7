"""The round trip over unbuffered channels between goroutines of two workers.

It depends on where the kernel puts the two processes: on one processor a round trip is several times
shorter than across two, whoever makes it. So each placement is a comparison of its own, with all threads of
both processes pinned, and one more leaves it to the kernel. The first comparison is a select over two channels
with different homes, which no peer has. Peers that cannot be pinned are in the unpinned comparison only."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import _bench
import _elsewhere
import _raw
import _streams
from _bench import Peer

import dgo

COUNT = 5_000

Trip = Callable[[set[int], set[int], int], float]


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


def placements() -> list[tuple[str, set[int], set[int]]]:
    """Names, and the processors of the two processes; the unpinned one first, so that nothing is pinned yet."""
    cpus = sorted(os.sched_getaffinity(0))
    found = [("unpinned", set(cpus), set(cpus)), ("on one processor", {cpus[0]}, {cpus[0]})]
    return [*found, ("across two processors", {cpus[0]}, {cpus[1]})] if len(cpus) > 1 else found


def placed(trip: Trip, count: int, number: int) -> _bench.Samples:
    """A sample of a peer in the placement of this number."""
    _, one, other = placements()[number]
    return {"value": trip(one, other, count)}


def unpinned(trip: Callable[[int], float], count: int, _: int) -> _bench.Samples:
    """A sample of a peer that places its processes itself."""
    return {"value": trip(count)}


PINNED = (
    Peer("raw pyzmq DEALER/ROUTER", functools.partial(placed, _streams.zmq_round_trip)),
    Peer("multiprocessing.Pipe", functools.partial(placed, _streams.pipe_round_trip)),
    Peer("multiprocessing.Queue", functools.partial(placed, _streams.queue_round_trip)),
    Peer("faster-fifo", functools.partial(placed, _streams.fifo_round_trip), ("faster_fifo",)),
)
UNPINNED = (
    Peer("mpi4py", functools.partial(unpinned, _streams.mpi_round_trip), ("mpi4py",), ("mpiexec",)),
    Peer("ray actor", functools.partial(unpinned, _streams.ray_round_trip), ("ray",), part=0.2, heavy=True),
    Peer("dask actor", functools.partial(unpinned, _streams.dask_round_trip), ("distributed",), part=0.05, heavy=True),
)


def measure(run: _bench.Run) -> None:
    """Measures every placement."""
    count = run.options.amount(COUNT)
    with run.cluster(2):
        for number, (where, one, other) in enumerate(placements()):
            run.compare(
                f"unbuffered round trip between two workers p50, {where}",
                "µs",
                dgo=functools.partial(dgo_round_trip, one, other, count),
                peers=PINNED if number else (*PINNED, *UNPINNED),
                amounts=(count, number),
                more_is_better=False,
            )
            if number == 0 and run.options.with_dgo:
                run.compare(
                    "round trip between two workers p50, one way a select over both homes, unpinned",
                    "µs",
                    dgo=lambda: dgo_select_trip(count),
                    more_is_better=False,
                )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, (*PINNED, *UNPINNED))
