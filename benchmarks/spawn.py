"""No-op goroutines a second from one driver, each with its handle awaited."""

from __future__ import annotations

import functools
import time

import _bench
import _tasks
from _bench import Peer
from _work import noop

import dgo

MANY = 50_000
WARM_UP = 100


def dgo_rate(count: int) -> float:
    """Goroutines a second."""
    started = time.perf_counter()
    goroutines = [dgo.go(noop) for _ in range(count)]
    for goroutine in goroutines:
        goroutine.result()
    return count / (time.perf_counter() - started)


def peer_rate(peer: _tasks.TaskPeer, count: int) -> _bench.Samples:
    """Tasks a second of a peer."""
    with peer.open() as tasks:
        tasks.many(min(count, WARM_UP), 0)
        started = time.perf_counter()
        tasks.many(count, 0)
        return {"value": count / (time.perf_counter() - started)}


PEERS = tuple(
    Peer(peer.who, functools.partial(peer_rate, peer), peer.needs, part=peer.part, heavy=peer.heavy)
    for peer in _tasks.TASK_PEERS
)


def measure(run: _bench.Run) -> None:
    """Measures the rate."""
    many = run.options.amount(MANY)
    with run.cluster(_tasks.WORKERS):
        if run.options.with_dgo:
            dgo_rate(WARM_UP)
        run.compare(
            "no-op goroutines from the driver, all awaited",
            "1/s",
            dgo=lambda: dgo_rate(many),
            peers=PEERS,
            amounts=(many,),
            more_is_better=True,
        )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
