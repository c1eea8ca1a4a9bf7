"""Two processes of MPI: ``mpiexec -n 2 python _mpi.py stream|trips|array AMOUNT``."""

from __future__ import annotations

import sys
import time

import _processes
from _raw import median_microseconds, receive_rate
from mpi4py import MPI

WORLD = MPI.COMM_WORLD
HERE, THERE = WORLD.rank, 1 - WORLD.rank


def stream(count: int) -> float | None:
    """Small values one by one, pickled; values a second."""
    if HERE == 0:
        return receive_rate(lambda: WORLD.recv(source=THERE), count)
    for value in range(count):
        WORLD.send(value, THERE)
    return None


def trips(count: int) -> float | None:
    """One asks, the other answers; the median in µs."""
    if HERE == 0:

        def once() -> None:
            WORLD.send(12345678, THERE)
            WORLD.recv(source=THERE)

        return median_microseconds(once, count)
    for _ in range(count):
        WORLD.send(WORLD.recv(source=THERE), THERE)
    return None


def array(megabytes: int) -> float | None:
    """An array as a buffer, into one that is there already; the best of some, in GB/s."""
    import numpy

    data = numpy.ones(megabytes * 125_000)
    best = 0.0
    for _ in range(5):
        WORLD.Barrier()
        started = time.perf_counter()
        if HERE == 0:
            WORLD.Recv(data, source=THERE)
        else:
            WORLD.Send(data, THERE)
        best = max(best, data.nbytes / 1e9 / (time.perf_counter() - started))
    return best if HERE == 0 else None


if __name__ == "__main__":
    value = {"stream": stream, "trips": trips, "array": array}[sys.argv[1]](int(sys.argv[2]))
    if value is not None:
        _processes.answer_with({"value": value})
