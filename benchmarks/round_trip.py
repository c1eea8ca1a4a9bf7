"""One goroutine and its result, from the driver: the median round trip."""

from __future__ import annotations

import functools

import _bench
import _tasks
from _bench import Peer
from _raw import median_microseconds
from _work import noop

import dgo

SINGLE = 2_000


def peer_trip(peer: _tasks.TaskPeer, count: int) -> _bench.Samples:
    """The median in µs of one task of a peer."""
    with peer.open() as tasks:
        assert tasks.one is not None
        tasks.one()
        return {"value": median_microseconds(tasks.one, count)}


PEERS = tuple(
    Peer(
        peer.who.removesuffix(", one by one").replace("Pool.imap", "Pool.apply"),
        functools.partial(peer_trip, peer),
        peer.needs,
        part=0.05 if peer.heavy else 1.0,
        heavy=peer.heavy,
    )
    for peer in _tasks.TASK_PEERS
    if peer.open is not _tasks.joblib
)


def measure(run: _bench.Run) -> None:
    """Measures the round trip."""
    single = run.options.amount(SINGLE)
    with run.cluster(_tasks.WORKERS):
        run.compare(
            "one goroutine and its result, round trip p50",
            "µs",
            dgo=lambda: median_microseconds(lambda: dgo.go(noop).result(), single),
            peers=PEERS,
            amounts=(single,),
            more_is_better=False,
        )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
