"""Large values between simulated processes: some can open the segments of the others, some cannot."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

import dgo
import dgo.testing
from dgo.runtime.memory import Memory
from dgo.wire.messages import Msg
from dgo.wire.snapshot.lumps import set_keeper

from .blocks import Block

NEAR_OR_NOT = list(itertools.product([True, False], repeat=3))


@pytest.fixture
def shared() -> Iterator[Any]:
    """``shared(cluster, who)``: gives the nodes of a simulated cluster memory; ``who`` says which of them can open it.

    All of them make their snapshots in one memory, as one process does; each opens what it is told of with its own.
    """
    made: list[Memory] = []

    def share(cluster: Any, who: Any) -> list[Memory]:
        keeper = Memory()
        made.append(keeper)
        set_keeper(keeper.keep)
        for node, near in zip(cluster.nodes, who, strict=True):
            memory = Memory()
            made.append(memory)
            node.values.nearby.memory = memory
            if not near:
                memory.can_open = lambda *_: False
                memory.open = _out_of_reach
        return made

    yield share
    set_keeper(None)
    for memory in made:
        memory.close()


def _out_of_reach(*_: Any) -> Any:
    raise FileNotFoundError("another host's")


def messages(cluster: Any) -> list[int]:
    """The types of the messages that nodes get from now on."""
    got: list[int] = []

    def noted(node: Any) -> None:
        deliver = node.links._deliver

        def note(peer: int, message: list[Any], frames: list[bytes]) -> None:
            got.append(message[0])
            deliver(peer, message, frames)

        node.links._deliver = note

    for node in cluster.nodes:
        noted(node)
    return got


def settle(cluster: Any) -> None:
    """Everything that is garbage is said to be, and heard."""

    def look() -> None:
        gc.collect()
        for _ in range(20):
            dgo.sleep(0.1)

    cluster.run(look)


def nothing_is_kept(cluster: Any, made: list[Memory]) -> None:
    settle(cluster)
    for node in cluster.nodes:
        assert len(node.values.pins) == 0
        assert node.values.nearby.held == 0
        assert node.values.nearby._absent == {}
    for memory in made:
        memory.sweep()
        assert memory._own.in_use == memory._opened.in_use == 0


def change(block: Any) -> tuple[int, int]:
    seeds: tuple[int, int] = block.seeds
    block.data[:] = bytes(len(block.data))
    return seeds


def echo(block: Any) -> Any:
    block.data[0] += 1
    return block


@pytest.mark.parametrize("who", NEAR_OR_NOT)
@pytest.mark.parametrize("seed", range(3))
def test_arguments_results_and_sent_values_arrive_wherever_their_reader_is(shared, who, seed):
    def program() -> None:
        spread = dgo.go.options(spread=True)
        there, back = dgo.Chan(1), dgo.Chan()

        def pass_on() -> None:
            for block in there:
                block.data[0] += 1
                back.send(block)

        group = dgo.WaitGroup()
        for _ in range(2):
            group.go(pass_on)
        for turn in range(1, 6):
            block = Block.made(turn)
            assert spread(echo, block).result().seeds == (turn + 1, turn)
            there.send(block)
            assert back.recv().seeds == (turn + 1, turn)
            assert block.seeds == (turn, turn)
        there.close()
        group.wait()

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        made = shared(cluster, who)
        cluster.run(program)
        nothing_is_kept(cluster, made)


@pytest.mark.parametrize("seed", range(4))
def test_what_no_worker_can_open_is_fetched_from_the_spawner(shared, seed):
    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        made = shared(cluster, (True, False, False))
        got = messages(cluster)
        cluster.run(lambda: [dgo.go(change, Block.made(n)).result() for n in (1, 2, 3)])
        assert got.count(Msg.FETCH) == got.count(Msg.FETCHED) == 3
        nothing_is_kept(cluster, made)


@pytest.mark.parametrize("seed", range(4))
def test_near_workers_fetch_nothing_and_hold_what_they_use(shared, seed):
    def keep(block: Any) -> dgo.Chan[Any]:
        ch = dgo.Chan(1)
        ch.send(block)  # within the worker: it outlives the goroutine
        return ch

    def program() -> None:
        ch = dgo.go(keep, Block.made(1)).result()
        for seed in (2, 3, 4):
            dgo.go(change, Block.made(seed)).result()
        assert ch.recv().seeds == (1, 1)

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        made = shared(cluster, (True, True))
        got = messages(cluster)
        cluster.run(program)
        assert Msg.FETCH not in got
        assert got.count(Msg.HOLD) == 4
        nothing_is_kept(cluster, made)


@pytest.mark.parametrize("seed", range(6))
def test_stolen_goroutines_take_their_arguments_along(shared, seed):
    def work(block: Any) -> int:
        dgo.sleep(0.01)
        return block.seeds[0]

    def program() -> None:
        group = [dgo.go(work, Block.made(n)) for n in range(24)]
        assert [goroutine.result() for goroutine in group] == list(range(24))

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        made = shared(cluster, (True, True, False, True))
        cluster.run(program)
        nothing_is_kept(cluster, made)


@pytest.mark.parametrize("seed", range(6))
def test_a_goroutine_that_is_run_again_gets_its_argument_unchanged(shared, seed):
    def work(block: Any, started: Any, first: Any) -> tuple[int, int]:
        seeds = change(block)
        started.send(1)
        if first.add(1) == 1:
            dgo.sleep(3600)
        return seeds

    def program() -> Any:
        started, first = dgo.Chan(), dgo.Atomic(0)
        goroutine = dgo.go.options(retries=1)(work, Block.made(7), started, first)
        started.recv()
        victim = cluster.nodes[1] if cluster.nodes[1].execution.live else cluster.nodes[2]
        cluster.kill(cluster.nodes.index(victim))
        started.recv()
        return goroutine.result()

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        shared(cluster, (True, True, True))
        assert cluster.run(program) == (7, 7)


@pytest.mark.parametrize("seed", range(6))
def test_a_value_that_dies_with_its_sender_counts_as_not_sent(shared, seed):
    """The end of a goroutine has left its worker, but nobody can open the value any more: the worker is lost."""

    def program() -> Any:
        dgo.go.options(spread=True)(change, Block.made(1)).result()  # now they know that they are near
        dgo.go.options(spread=True)(change, Block.made(1)).result()
        dgo.sleep(1)
        cluster.nodes[0].values.nearby.memory.open = _out_of_reach
        cluster.nodes[0].values.nearby.memory.can_open = lambda *_: False
        ended = dgo.go(Block.made, 5)
        dgo.sleep(1)
        assert not ended.done()
        for index in (1, 2):
            cluster.kill(index)
        return ended.exception()

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        shared(cluster, (True, True, True))
        assert isinstance(cluster.run(program), dgo.WorkerLost)


def test_a_value_that_the_system_refuses_is_an_error_of_that_value_only(shared):
    def refuse(*_: Any) -> Any:
        raise OSError(24, "Too many open files")

    def program() -> None:
        dgo.go(change, Block.made(1)).result()
        dgo.sleep(1)
        memory = cluster.nodes[0].values.nearby.memory
        opens, memory.open = memory.open, refuse
        with pytest.raises(dgo.SerializationError, match="Too many open files"):
            dgo.go(Block.made, 5).result()
        memory.open = opens
        assert dgo.go(Block.made, 6).result().seeds == (6, 6)

    with dgo.testing.LocalCluster(nodes=2, seed=1) as cluster:
        shared(cluster, (True, True))
        cluster.run(program)
