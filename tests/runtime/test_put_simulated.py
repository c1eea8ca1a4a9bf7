"""Values that were put, under many schedules: asked for once, freed in the end, and no wait without an end."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import dgo
import dgo.testing

SEEDS = range(8)


def asked(cluster: Any) -> list[str]:
    """Notes each ``get`` that a node is asked for from now on."""
    got: list[str] = []

    def noted(node: Any) -> None:
        serve = node._handlers[30]  # OP

        def note(peer: int, frames: list[bytes], number: int, target: int, name: str, args: list[Any]) -> None:
            if name == "get":
                got.append(node.name)
            serve(peer, frames, number, target, name, args)

        node._handlers[30] = note

    for node in cluster.nodes:
        noted(node)
    return got


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_asks_once_however_many_goroutines_get_the_value(seed):
    def read(ref, gate):
        gate.recv_ok()
        return [ref.get() for _ in range(3)]

    def program():
        gate, ref = dgo.Chan(), dgo.put(["value"])
        readers = [dgo.go.options(spread=True)(read, ref, gate) for _ in range(12)]
        dgo.sleep(1)
        gate.close()
        for reader in readers:
            assert reader.result() == [["value"]] * 3
        assert ref.statistics().shipped == 2

    with dgo.testing.LocalCluster(nodes=3, seed=seed, explore=True) as cluster:
        got = asked(cluster)
        cluster.run(program)
        assert got == ["driver", "driver"], "once for each worker"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_is_freed_when_no_handle_exists_anywhere(seed):
    def read(ref):
        return len(ref.get())

    def program():
        ref = dgo.go(dgo.put, ["value"]).result()
        assert [dgo.go.options(spread=True)(read, ref).result() for _ in range(4)] == [1] * 4
        assert sum(len(node.values.exports) for node in cluster.nodes) == 1
        del ref
        for _ in range(20):
            gc.collect()
            dgo.sleep(0.2)
        assert [len(node.values.exports) for node in cluster.nodes] == [0, 0, 0]

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(program)


def stay(back, gate):
    back.send(dgo.put(["value"]))
    gate.recv_ok()


def home_of(cluster: Any, ref: Any) -> int:
    return next(index for index, node in enumerate(cluster.nodes) if node.id == ref._ref.home)


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_waits_for_a_value_hears_of_the_death_of_its_home(seed):
    def read(ref):
        return ref.get()

    def program():
        back, gate = dgo.Chan(), dgo.Chan()
        dgo.go(stay, back, gate)
        ref = back.recv()
        home = home_of(cluster, ref)
        cluster.nodes[home]._handlers[30] = lambda *_: None  # it does not come to answer
        readers = [dgo.go.options(spread=True)(read, ref) for _ in range(4)]
        with pytest.raises(dgo.Timeout):
            ref.get(timeout=0.5)
        cluster.kill(home)
        with pytest.raises(dgo.ChannelLost, match="died"):
            ref.get()
        errors = [type(reader.exception()) for reader in readers]
        assert set(errors) <= {dgo.ChannelLost, dgo.WorkerLost, type(None)}  # those at its home had it
        assert dgo.ChannelLost in errors, "those on the other worker"
        with pytest.raises(dgo.ChannelLost, match="Put values where they outlive their users"):
            ref.get(timeout=1)

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(program)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_that_has_come_outlives_its_home(seed):
    def program():
        back, gate = dgo.Chan(), dgo.Chan()
        dgo.go(stay, back, gate)
        ref = back.recv()
        assert ref.get() == ["value"]
        cluster.kill(home_of(cluster, ref))
        dgo.sleep(5)
        assert ref.get() == ["value"]

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(program)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wait_that_is_cancelled_or_runs_out_leaves_the_others_waiting(seed):
    def read(ref, timeout=None):
        return ref.get(timeout=timeout)

    async def aread(ref, timeout=None):
        return await ref.aget(timeout=timeout)

    def program():
        ref = dgo.put(["value"])
        serve, held = cluster.nodes[0]._handlers[30], []
        cluster.nodes[0]._handlers[30] = lambda *call: held.append(call)
        patient = [dgo.go(read, ref), dgo.go(aread, ref)]
        hasty = [dgo.go(read, ref, 0.1), dgo.go(aread, ref, 0.1)]
        stopped = [dgo.go(read, ref), dgo.go(aread, ref)]
        for goroutine in hasty:
            assert isinstance(goroutine.exception(), dgo.Timeout)
        dgo.sleep(1)
        for goroutine in stopped:
            goroutine.cancel()
            goroutine.wait()
            assert goroutine.cancelled()
        assert not any(goroutine.done() for goroutine in patient)
        cluster.nodes[0]._handlers[30] = serve
        for call in held:
            serve(*call)
        assert [goroutine.result() for goroutine in patient] == [["value"]] * 2

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        cluster.run(program)
