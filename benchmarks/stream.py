"""Small values a second through a buffered channel between processes.

From a goroutine on one worker to one on another, from the driver to a worker, and from four senders to four
receivers that are spread over two workers. The channel lives with its receiver, or with the first of them. The peers
stream from one process to another."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import _bench
import _elsewhere
import _raw
import _streams
from _bench import Peer

import dgo

CAPACITIES = (1000, 100, 10_000)
COUNT = 200_000
SIDE = 4


def send(values: dgo.Chan[int], count: int) -> None:
    """Sends the values one by one."""
    for value in range(count):
        values.send(value)


def receive(capacity: int, count: int) -> float:
    """Starts the sender on the other worker, receives all values, and returns how many came in a second."""
    values: dgo.Chan[int] = dgo.Chan(capacity)
    sender = _elsewhere.elsewhere(send, values, count)
    rate = _raw.receive_rate(values.recv, count)
    sender.result()
    return rate


def between_workers(capacity: int, count: int) -> float:
    """Values a second between two workers."""
    return dgo.go(receive, capacity, count).result()


def receive_here(homes: dgo.Chan[dgo.Chan[int]], capacity: int, count: int) -> float:
    """Makes the channel, tells it, receives all values, and returns how many came in a second."""
    values: dgo.Chan[int] = dgo.Chan(capacity)
    homes.send(values)
    return _raw.receive_rate(values.recv, count)


def from_driver(capacity: int, count: int) -> float:
    """Values a second from the driver to a worker."""
    homes: dgo.Chan[dgo.Chan[int]] = dgo.Chan()
    receiver = dgo.go(receive_here, homes, capacity, count)
    send(homes.recv(), count)
    return receiver.result()


def send_after(gate: dgo.Chan[None], values: dgo.Chan[int], count: int) -> None:
    """Sends when the gate is closed."""
    gate.recv_ok()
    send(values, count)


def receive_after(gate: dgo.Chan[None], values: dgo.Chan[int], count: int) -> None:
    """Receives so many when the gate is closed."""
    gate.recv_ok()
    for _ in range(count):
        values.recv()


def crowd(capacity: int, count: int) -> float:
    """Four send, four receive, half of each on the other worker; returns values a second in all."""
    gate: dgo.Chan[None] = dgo.Chan()
    values: dgo.Chan[int] = dgo.Chan(capacity)
    share = count // SIDE
    half = [work for work in (send_after, receive_after) for _ in range(SIDE // 2)]
    crew = [dgo.go(work, gate, values, share) for work in half]
    crew += [_elsewhere.elsewhere(work, gate, values, share) for work in half]
    started = time.perf_counter()
    gate.close()
    dgo.gather(*crew)
    return share * SIDE / (time.perf_counter() - started)


def many_to_many(capacity: int, count: int) -> float:
    """Values a second from four to four on two workers."""
    return dgo.go(crowd, capacity, count).result()


def sample(stream: Callable[[int, int], float], count: int, capacity: int) -> _bench.Samples:
    """A sample of a peer."""
    return {"value": stream(capacity, count)}


PEERS = (
    Peer("raw pyzmq PUSH/PULL, one by one", functools.partial(sample, _streams.zmq_stream)),
    Peer("multiprocessing.Queue", functools.partial(sample, _streams.queue_stream), part=0.5),
    Peer("multiprocessing.Pipe", functools.partial(sample, _streams.pipe_stream), part=0.5),
    Peer("faster-fifo", functools.partial(sample, _streams.fifo_stream), ("faster_fifo",), part=0.5),
    Peer("mpi4py", functools.partial(sample, _streams.mpi_stream), ("mpi4py",), ("mpiexec",)),
    Peer("ray.util.queue", functools.partial(sample, _streams.ray_stream), ("ray",), part=0.005, heavy=True),
    Peer("dask Queue", functools.partial(sample, _streams.dask_stream), ("distributed",), part=0.003, heavy=True),
)
FLOOR = PEERS[:1]
SMALL = PEERS[:5]  # those for which a capacity means something, or that are fast


def measure(run: _bench.Run) -> None:
    """Measures every capacity and every direction; the slow peers only once."""
    count = run.options.amount(COUNT, 10 * SIDE)
    with run.cluster(2):
        for place, capacity in enumerate(CAPACITIES):
            run.compare(
                f"values between two workers, capacity {capacity:,}",
                "1/s",
                dgo=functools.partial(between_workers, capacity, count),
                peers=SMALL if place else PEERS,
                amounts=(count, capacity),
                more_is_better=True,
            )
        capacity = CAPACITIES[0]
        for what, stream in (
            (f"values from the driver to a worker, capacity {capacity:,}", from_driver),
            (f"values from 4 to 4 on two workers, capacity {capacity:,}", many_to_many),
        ):
            run.compare(
                what,
                "1/s",
                dgo=functools.partial(stream, capacity, count),
                own={"dgo, one to one between workers": functools.partial(between_workers, capacity, count)},
                peers=FLOOR,
                amounts=(count, capacity),
                more_is_better=True,
            )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
