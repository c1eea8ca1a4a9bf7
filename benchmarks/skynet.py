"""Skynet: a tree of goroutines with ten children each, which add up the numbers of 1,000,000 leaves; on two workers.

The tree is Go's classic: a node makes a channel, starts its children, and receives from them. Beside it: the same
tree by results in place of channels, a lopsided tree in which one child gets nine tenths of each node's leaves, and a
nested ``dgo.map``. "Processors in use" is the processor time of the workers, divided by the time that passed: 2 is
all that there is. Times are for 1,000,000 leaves; but for the classic tree of dgo and of Go fewer are taken, and the
time is scaled up."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _bench
import _processes
import _tasks
from _bench import Peer

import dgo

LEAVES = 1_000_000
CHILDREN = 10
SMALL_SHARE = 90  # of the leaves of a lopsided node, each child but the first gets one part in so many
ROWS = 100
REPEATS = 3
TRIAL = 10_000  # leaves
MOST_SECONDS = 60  # of a sample
MILLION = 1_000_000
GO = str(Path(__file__).with_name("go") / "skynet.go")
WORKERS = _tasks.WORKERS


def correct(total: int, leaves: int) -> None:
    """Checks a sum."""
    assert total == leaves * (leaves - 1) // 2, f"the sum of {leaves} leaves came out as {total}"


def power(leaves: int) -> int:
    """The next smaller power of ten, of which a regular tree has its leaves; at least one level."""
    return max(CHILDREN, 10 ** (len(str(leaves)) - 1))


# dgo


def node(to: dgo.Chan[int], number: int, size: int) -> None:
    """A node of the classic tree."""
    if size == 1:
        to.send(number)
        return
    part = size // CHILDREN
    come: dgo.Chan[int] = dgo.Chan()
    for child in range(CHILDREN):
        dgo.go(node, come, number + child * part, part)
    to.send(sum(come.recv() for _ in range(CHILDREN)))


def by_channels(leaves: int) -> int:
    """The classic tree."""
    come: dgo.Chan[int] = dgo.Chan()
    dgo.go(node, come, 0, leaves)
    return come.recv()


def result_node(number: int, size: int) -> int:
    """A node that returns its sum."""
    if size == 1:
        return number
    part = size // CHILDREN
    children = [dgo.go(result_node, number + child * part, part) for child in range(CHILDREN)]
    return sum(child.result() for child in children)


def by_results(leaves: int) -> int:
    """The tree of results."""
    return dgo.go(result_node, 0, leaves).result()


def lopsided_node(to: dgo.Chan[int], number: int, size: int) -> None:
    """A node whose first child gets most of its leaves."""
    if size == 1:
        to.send(number)
        return
    small = max(1, size // SMALL_SHARE)
    sizes = [size - (CHILDREN - 1) * small, *[small] * (CHILDREN - 1)] if size > CHILDREN else [1] * size
    come: dgo.Chan[int] = dgo.Chan()
    for part in sizes:
        dgo.go(lopsided_node, come, number, part)
        number += part
    to.send(sum(come.recv() for _ in sizes))


def lopsided(leaves: int) -> int:
    """The lopsided tree."""
    come: dgo.Chan[int] = dgo.Chan()
    dgo.go(lopsided_node, come, 0, leaves)
    return come.recv()


def itself(number: int) -> int:
    """The number."""
    return number


def row(first: int, columns: int) -> int:
    """The sum of a row, by a map in a goroutine of a map."""
    return sum(dgo.map(itself, range(first, first + columns), ordered=False))


def nested_map(leaves: int) -> int:
    """A map of maps."""
    columns = max(1, leaves // ROWS)
    starts = range(0, leaves, columns)
    return sum(dgo.map(row, starts, [columns] * len(starts)))


def sampled(tree: Callable[[int], int], leaves: int) -> dict[str, float]:
    """A sample of dgo, with the use of the processors."""
    pids = [worker.pid for worker in dgo.cluster().workers()]
    used = sum(map(_processes.cpu_seconds, pids))
    started = time.perf_counter()
    correct(tree(leaves), leaves)
    taken = time.perf_counter() - started
    return {
        "seconds": taken * MILLION / leaves,
        "processors": (sum(map(_processes.cpu_seconds, pids)) - used) / taken,
    }


# Floor and peers


def scaled(tree: Callable[[int], int], leaves: int) -> dict[str, float]:
    """A sample of a peer."""
    leaves = power(leaves)
    started = time.perf_counter()
    correct(tree(leaves), leaves)
    return {"seconds": (time.perf_counter() - started) * MILLION / leaves}


def raw_greenlets(leaves: int) -> int:
    """Bare greenlets that switch back to their parent with what they have: no scheduler, one process."""
    from greenlet import getcurrent, greenlet

    def node(number: int, size: int) -> int:
        if size == 1:
            return number
        part = size // CHILDREN
        me = getcurrent()
        return sum(greenlet(node, me).switch(number + child * part, part) for child in range(CHILDREN))

    return node(0, leaves)


def with_gevent(leaves: int) -> int:
    """gevent's greenlets and queues, one process."""
    import gevent
    from gevent.queue import Queue

    def node(to: Any, number: int, size: int) -> None:
        if size == 1:
            to.put(number)
            return
        part = size // CHILDREN
        come = Queue()
        for child in range(CHILDREN):
            gevent.spawn(node, come, number + child * part, part)
        to.put(sum(come.get() for _ in range(CHILDREN)))

    come = Queue()
    gevent.spawn(node, come, 0, leaves)
    total: int = come.get()
    return total


async def with_asyncio(leaves: int) -> int:
    """asyncio's tasks and queues, one process."""

    async def node(to: asyncio.Queue[int], number: int, size: int) -> None:
        if size == 1:
            await to.put(number)
            return
        part = size // CHILDREN
        come: asyncio.Queue[int] = asyncio.Queue()
        tasks = [asyncio.create_task(node(come, number + child * part, part)) for child in range(CHILDREN)]
        total = 0
        for _ in tasks:
            total += await come.get()
        await to.put(total)

    come: asyncio.Queue[int] = asyncio.Queue()
    root = asyncio.create_task(node(come, 0, leaves))
    total = await come.get()
    await root
    return total


def on_uvloop(leaves: int) -> int:
    """The same on uvloop's event loop."""
    import uvloop

    return uvloop.run(with_asyncio(leaves))


def with_ray(leaves: int) -> int:
    """Ray's tasks, which wait for theirs."""
    import ray

    @ray.remote
    def node(number: int, size: int) -> int:
        if size == 1:
            return number
        part = size // CHILDREN
        return sum(ray.get([node.remote(number + child * part, part) for child in range(CHILDREN)]))

    total: int = ray.get(node.remote(0, leaves))
    return total


def ray_sample(leaves: int) -> dict[str, float]:
    """A sample of Ray."""
    with _tasks.ray_system():
        with_ray(CHILDREN)
        return scaled(with_ray, leaves)


def dask_node(number: int, size: int) -> int:
    """A node that leaves its worker's pool while it waits for its children."""
    from distributed import get_client, secede

    if size == 1:
        return number
    part = size // CHILDREN
    client = get_client()
    children = [client.submit(dask_node, number + child * part, part, pure=False) for child in range(CHILDREN)]
    secede()
    return sum(client.gather(children))


def dask_sample(leaves: int) -> dict[str, float]:
    """A sample of Dask."""
    with _tasks.dask_client() as client:
        client.submit(dask_node, 0, CHILDREN, pure=False).result()
        return scaled(lambda leaves: client.submit(dask_node, 0, leaves, pure=False).result(), leaves)


def go_sample(processors: int, leaves: int) -> dict[str, float]:
    """Go itself, with all leaves."""
    taken = _processes.answered(_processes.run(["go", "run", GO, str(power(leaves)), str(processors)]))
    return {"seconds": taken["seconds"] * MILLION / power(leaves)}


PEERS = (
    Peer("raw greenlets", functools.partial(scaled, raw_greenlets), part=0.1),
    Peer("asyncio", functools.partial(scaled, lambda leaves: asyncio.run(with_asyncio(leaves))), part=0.1),
    Peer("asyncio on uvloop", functools.partial(scaled, on_uvloop), ("uvloop",), part=0.1),
    Peer("gevent", functools.partial(scaled, with_gevent), part=0.1),
    Peer("ray", ray_sample, ("ray",), part=0.0001, heavy=True),
    Peer("dask", dask_sample, ("distributed",), part=0.001, heavy=True),
    Peer("Go, two processors", functools.partial(go_sample, 2), programs=("go",)),
    Peer("Go, one processor", functools.partial(go_sample, 1), programs=("go",)),
)


def affordable(run: _bench.Run, leaves: int) -> int:
    """As many leaves, or a tenth of them where a trial says that all of them would take too long."""
    seconds = sampled(by_channels, min(TRIAL, leaves))["seconds"] * leaves / MILLION
    if seconds <= MOST_SECONDS:
        return leaves
    run.note(f"{leaves:,} leaves would take dgo {seconds:.0f} s here: a tenth of them is taken, and the time scaled up")
    return power(leaves // 10)


def measure(run: _bench.Run) -> None:
    """Measures each tree."""
    leaves = power(run.options.amount(LEAVES))
    with run.cluster(WORKERS):
        if run.options.with_dgo:
            for tree in (by_channels, by_results, lopsided, nested_map):
                sampled(tree, 100)
            leaves = affordable(run, leaves)
        for what, tree, amount, peers in (
            ("skynet", by_channels, leaves, PEERS),
            ("skynet by results", by_results, power(leaves // 10), ()),
            ("lopsided skynet", lopsided, power(leaves // 10), ()),
            ("nested dgo.map", nested_map, power(leaves // 10), ()),
        ):
            run.compare_several(
                {
                    "seconds": (f"{what}, 1,000,000 leaves, 2 workers", "s", False),
                    "processors": (f"{what}, processors in use", "of 2", None),
                },
                dgo=functools.partial(sampled, tree, amount),
                peers=peers,
                amounts=(amount,),
                repeats=REPEATS,
            )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
