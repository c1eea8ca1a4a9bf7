"""What grows: workers, goroutines in flight, channels, and members of a cluster.

On a machine with two processors more than two workers share them: the subject is that nothing falls. The cost of
the coordinator is taken in the simulation, where a thousand members fit into one thread: with ``--members``."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable

import _bench
import _elsewhere
import _raw
import _simulated
import _work
import spawn
import stream
from _bench import Peer

import dgo

WORKERS = (1, 2, 4, 8, 16)
IN_FLIGHT = (10, 100, 1000, 10_000, 100_000, 1_000_000)
CHANNELS = (1, 10, 100, 1000, 10_000)
MEMBERS = (10, 100, 1000)
GOROUTINES = 50_000
VALUES = 100_000
CAPACITY = 1000
LEAST = 2000  # goroutines of a sample, in bursts if need be
IN_A_CLUSTER = 1000  # goroutines, in a simulated one
REPEATS = 3
TINY_SIZES = 2  # of each, when nothing is measured


def sizes(run: _bench.Run, usual: Iterable[int]) -> list[int]:
    """The sizes to measure; fewer with less work."""
    chosen = list(usual)
    if run.options.scale == 1:
        return chosen
    return chosen[:TINY_SIZES] if run.options.scale <= _bench.TINY else chosen[:-1]


def raw_rate(count: int, workers: int) -> _bench.Samples:
    """Bare workers."""
    with _raw.crew(workers) as crew:
        started = time.perf_counter()
        crew.many(count, 0)
        return {"value": count / (time.perf_counter() - started)}


def pool_rate(count: int, workers: int) -> _bench.Samples:
    """``multiprocessing.Pool.imap``."""
    with _raw.SPAWN.Pool(workers) as pool:
        pool.map(_work.noop, range(workers * 10), chunksize=1)
        started = time.perf_counter()
        for _ in pool.imap(_work.noop, range(count), chunksize=1):
            pass
        return {"value": count / (time.perf_counter() - started)}


PEERS = (Peer("raw pyzmq, one by one", raw_rate), Peer("multiprocessing.Pool.imap", pool_rate, part=0.4))


def with_workers(run: _bench.Run, workers: int) -> None:
    """The rate of goroutines and of a stream in a cluster of this size."""
    goroutines, values = run.options.amount(GOROUTINES), run.options.amount(VALUES)
    with run.cluster(workers):
        if run.options.with_dgo:
            spawn.dgo_rate(goroutines // 10 + 1)
        run.compare_several(
            {"value": (f"no-op goroutines from the driver, awaited, {workers} workers", "1/s", True)},
            dgo=lambda: {"value": spawn.dgo_rate(goroutines)},
            peers=PEERS,
            amounts=(goroutines, workers),
            repeats=REPEATS,
        )
        if workers > 1:
            run.compare_several(
                {"value": (f"values between two workers, capacity {CAPACITY:,}, {workers} workers", "1/s", True)},
                dgo=lambda: {"value": stream.between_workers(CAPACITY, values)},
                repeats=REPEATS,
            )


def in_flight(count: int) -> float:
    """Goroutines a second, so many at once, all handles awaited at the end."""
    bursts = max(1, LEAST // count)
    started = time.perf_counter()
    for _ in range(bursts):
        spawn.dgo_rate(count)
    return bursts * count / (time.perf_counter() - started)


def receive_all(channel: dgo.Chan[int], count: int) -> None:
    """Receives so many."""
    for _ in range(count):
        channel.recv()


def send_all(channels: list[dgo.Chan[int]], gate: dgo.Chan[None], count: int) -> None:
    """Sends so many over each channel, with a goroutine for each."""
    gate.recv_ok()
    with dgo.WaitGroup() as group:
        for channel in channels:
            group.go(stream.send, channel, count)


def over_channels(channels: int, values: int) -> float:
    """Values a second from one worker to another, over so many channels in all; each end has its goroutine."""
    gate: dgo.Chan[None] = dgo.Chan()
    made: list[dgo.Chan[int]] = [dgo.Chan(CAPACITY) for _ in range(channels)]
    each = max(1, values // channels)
    sender = _elsewhere.elsewhere(send_all, made, gate, each)
    receivers = [dgo.go(receive_all, channel, each) for channel in made]
    started = time.perf_counter()
    gate.close()
    dgo.gather(*receivers)
    taken = time.perf_counter() - started
    sender.result()
    return channels * each / taken


def members_of_a_cluster(run: _bench.Run) -> None:
    """What a coordinator costs."""
    for count in sizes(run, MEMBERS):
        run.compare_several(
            {
                "goroutine": (f"coordinator, for each goroutine, {count:,} members", "µs", False),
                "batches": (f"coordinator, batches for each goroutine, {count:,} members", "count", None),
                "join": (f"coordinator, to let a member join, {count:,} members", "µs", False),
                "tick": (f"coordinator, for each member in a round of housekeeping, {count:,} members", "µs", False),
            },
            dgo=functools.partial(_simulated.sample, count, max(1, IN_A_CLUSTER // count)),
            repeats=1 if count == MEMBERS[-1] else REPEATS,
        )


def measure(run: _bench.Run, members: bool) -> None:
    """Measures each kind of growth."""
    if members:
        members_of_a_cluster(run)
        return
    for workers in sizes(run, WORKERS):
        with_workers(run, workers)
    if not run.options.with_dgo:
        return
    with run.cluster(2):
        for count in sizes(run, IN_FLIGHT):
            run.compare_several(
                {"value": (f"goroutines of which all handles are held, {count:,} goroutines", "1/s", True)},
                dgo=lambda count=count: {"value": in_flight(count)},  # type: ignore[misc]
                repeats=REPEATS if count < IN_FLIGHT[-1] else 1,
            )
        values = run.options.amount(VALUES)
        for count in sizes(run, CHANNELS):
            run.compare_several(
                {"value": (f"values between two workers over many channels, {count:,} channels", "1/s", True)},
                dgo=lambda count=count: {"value": dgo.go(over_channels, count, values).result()},  # type: ignore[misc]
                repeats=REPEATS,
            )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS, {"members": "only what a simulated coordinator costs"})
