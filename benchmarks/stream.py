"""Small values a second through a buffered channel, from a goroutine on one worker to one on another."""

from __future__ import annotations

import contextlib

import _bench
import _elsewhere
import _raw

import dgo

CAPACITIES = (100, 1000)
COUNT = 100_000


def send(values: dgo.Chan[int], count: int) -> None:
    """Sends the values one by one."""
    for value in range(count):
        values.send(value)


def receive(capacity: int, count: int) -> float:
    """Starts the sender on the other worker, receives all values, and returns how many came in a second.

    The channel lives here, with its receiver.
    """
    values: dgo.Chan[int] = dgo.Chan(capacity)
    sender = _elsewhere.elsewhere(send, values, count)
    rate = _raw.receive_rate(values.recv, count)
    sender.result()
    return rate


def dgo_rate(capacity: int, count: int) -> float:
    """Values a second between two workers."""
    rate: float = dgo.go(receive, capacity, count).result()
    return rate


def compared(capacity: int, count: int, options: _bench.Options) -> list[_bench.Figure]:
    """The figures of one capacity."""
    return _bench.compare(
        f"values between two workers, capacity {capacity}",
        "1/s",
        {
            _bench.DGO: lambda: dgo_rate(capacity, count),
            "raw pyzmq PUSH/PULL, one by one": lambda: _raw.zmq_stream(capacity, count),
            "multiprocessing.Queue": lambda: _raw.queue_stream(capacity, count),
        },
        options,
        more_is_better=True,
    )


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Measures every capacity."""
    count = options.amount(COUNT)
    with contextlib.ExitStack() as stack:
        if options.with_dgo:
            cluster = stack.enter_context(dgo.init(workers=2))
            cluster.wait_for_workers(2, timeout=60)
        return [figure for capacity in CAPACITIES for figure in compared(capacity, count, options)]


if __name__ == "__main__":
    _bench.main(__doc__, figures)
