"""Goroutines that are cancelled at any moment, while they wait, move, start, run and end, under many schedules."""

from __future__ import annotations

import random

import pytest

import dgo
import dgo.testing
from dgo.runtime import spawner

SEEDS = range(60)
LIMIT = 60


def wait_at(gate):
    gate.recv_ok(timeout=LIMIT)
    return "through"


def compute(steps):
    for _ in range(steps):
        dgo.gosched()
    return "computed"


def wait_for_ever(gate):
    gate.recv()


def with_ticks(cluster, seed):
    """Has workers return to their input between goroutines now and then, so that unstarted ones can be stolen."""
    chance = random.Random(seed)
    for node in cluster.nodes[1:]:
        carriers = node.host.carriers

        def run(item, carriers=carriers, plain=carriers._run):
            if chance.random() < 0.5:
                carriers.tick = True
            plain(item)

        carriers._run = run


def spawn_and_cancel(seed, count):
    """Somewhere: spawns goroutines beside itself, cancels some, and counts how they ended."""
    chance = random.Random(seed)
    gate = dgo.Chan()
    handles = [dgo.go(wait_at, gate) if chance.random() < 0.5 else dgo.go(compute, 3) for _ in range(count)]
    cancelled = [handle for handle in handles if chance.random() < 0.5]
    for handle in cancelled:
        if chance.random() < 0.3:
            dgo.gosched()
        handle.cancel()
    gate.close()
    ends = [how_it_ended(handle) for handle in handles]
    assert all(end != "cancelled" for handle, end in zip(handles, ends, strict=True) if handle not in cancelled)
    return len(ends)


def how_it_ended(handle):
    try:
        return handle.result(timeout=LIMIT)
    except dgo.CancelledError:
        assert handle.cancelled()
        return "cancelled"


def assert_nothing_is_left(cluster):
    for node in cluster.nodes:
        assert not node.waits
        assert not node.spawner.ledger
        if node.execution is not None:
            assert not node.execution.live
            assert not node.execution.stopping
            assert (node.execution.unstarted, node.execution.unstarted_local) == (0, 0)
    assert not cluster.coordinator.placement.waiting


@pytest.mark.parametrize("seed", SEEDS)
def test_each_goroutine_ends_once_whenever_it_is_cancelled(seed):
    chance = random.Random(seed)

    def body():
        ended = []
        group, gate = dgo.WaitGroup(), dgo.Chan()
        go = (dgo.go, dgo.go.options(spread=True))
        handles = []
        for number in range(30):
            group.add(1)
            if chance.random() < 0.5:
                handle = chance.choice(go)(wait_at, gate)
            elif chance.random() < 0.5:
                handle = chance.choice(go)(compute, 5)
            else:
                handle = chance.choice(go)(spawn_and_cancel, seed + number, 8)
            handle.add_done_callback(lambda handle: (ended.append(handle.id), group.done()))
            handles.append(handle)
            for _ in range(chance.randrange(4)):
                dgo.gosched()
            if chance.random() < 0.5:
                for _ in range(chance.randrange(1, 3)):
                    chance.choice(handles).cancel()
        for handle in handles:
            if chance.random() < 0.3:
                handle.cancel()
        gate.close()
        ends = [how_it_ended(handle) for handle in handles]
        group.wait(timeout=LIMIT)
        assert sorted(ended) == sorted(handle.id for handle in handles)
        assert set(ends) <= {"through", "computed", "cancelled", 8}
        rest = dgo.num_goroutine()  # the children of a goroutine that was cancelled run on
        for _ in range(100):
            if rest == 1:
                break
            dgo.gosched()
            rest = dgo.num_goroutine()
        assert rest == 1

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        with_ticks(cluster, seed)
        cluster.run(body)
        assert cluster.panics == []
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_cancel_is_lost_on_the_way_to_a_goroutine_that_moves(seed):
    chance = random.Random(seed)

    def crowd(gate, count):
        """On a worker, where they wait to be started or stolen."""
        go = (dgo.go, dgo.go.options(spread=True))
        handles = [chance.choice(go)(wait_for_ever, gate) for _ in range(count)]
        order = list(handles)
        chance.shuffle(order)
        for handle in order:
            handle.cancel()
            if chance.random() < 0.2:
                dgo.gosched()
        return handles

    def body():
        gate = dgo.Chan()
        crowds = [dgo.go(crowd, gate, 10) for _ in range(4)]
        handles = [handle for each in crowds for handle in each.result(timeout=LIMIT)]
        handles += [dgo.go.options(spread=True)(wait_for_ever, gate) for _ in range(20)]
        for handle in handles[-20:]:
            if chance.random() < 0.2:
                dgo.gosched()
            handle.cancel()
        for handle in handles:
            assert how_it_ended(handle) == "cancelled"
        assert dgo.num_goroutine() == 1
        assert len(gate) == 0

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        with_ticks(cluster, seed)
        cluster.run(body)
        assert_nothing_is_left(cluster)


def send_and_wait(out):
    mine = dgo.Chan()
    out.send(mine, timeout=LIMIT)
    mine.send("value", timeout=LIMIT)
    dgo.Chan().recv()


def pause(seconds):
    with pytest.raises(dgo.Timeout):
        dgo.Chan().recv(timeout=seconds)


@pytest.mark.parametrize("seed", range(60))
def test_a_cancel_that_comes_too_late_for_one_operation_is_raised_in_the_next(seed):
    chance = random.Random(seed)

    def body():
        out = dgo.Chan()
        sender = dgo.go.options(spread=True)(send_and_wait, out)
        mine = out.recv(timeout=LIMIT)
        receiver = dgo.go.options(spread=True)(lambda: mine.recv_ok(timeout=1))
        pause(chance.uniform(0, 4e-3))
        sender.cancel()
        assert how_it_ended(sender) == "cancelled"
        receiver.cancel()
        receiver.wait(timeout=LIMIT)

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)


@pytest.mark.interpreted("it replaces a method")
@pytest.mark.parametrize("seed", range(10))
def test_one_that_is_given_back_and_finds_no_other_worker_is_dropped(seed):
    def body():
        arrived = dgo.Chan(1)

        def stop_when_there():  # the worker starts nothing
            if len(worker.host.carriers.queue) == 5:
                arrived._core.try_send(None)

        worker = cluster.nodes[1]
        handles = [dgo.go(compute, 1) for _ in range(5)]
        dgo.gosched()  # now they leave
        worker.host.carriers.pump = stop_when_there
        arrived.recv(timeout=LIMIT)
        cluster.coordinator.placement.close_worker(worker.id)
        with worker.lock:
            worker.host.give_back(5)
        for handle in handles:
            handle.cancel()  # the word goes to a worker that has given them back
        for handle in handles:
            assert how_it_ended(handle) == "cancelled"

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        cluster.run(body)
        assert not cluster.coordinator.placement.waiting


@pytest.mark.parametrize("seed", range(10))
def test_what_waits_at_the_coordinator_is_dropped_there(seed):
    def body():
        nowhere = dgo.go.options(labels={"kind": "none has it"})
        handles = [nowhere(compute, 1) for _ in range(5)]
        for handle in handles[:4]:
            handle.cancel()
        assert [how_it_ended(handle) for handle in handles[:4]] == ["cancelled"] * 4
        assert dgo.num_goroutine() == 2
        handles[4].cancel()
        handles[4].wait(timeout=LIMIT)
        assert dgo.num_goroutine() == 1

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)
        assert not cluster.coordinator.placement.waiting


@pytest.mark.parametrize("seed", range(10))
def test_the_resources_of_a_cancelled_goroutine_are_free_again(seed):
    def body():
        one = dgo.go.options(resources={"seat": 1.0})
        gate = dgo.Chan()
        for _ in range(5):
            handles = [one(wait_at, gate) for _ in range(3)]
            dgo.gosched()
            for handle in handles:
                handle.cancel()
                handle.wait(timeout=LIMIT)

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        cluster.coordinator.placement.loads[cluster.nodes[1].id].resources["seat"] = 1.0
        cluster.run(body)


@pytest.mark.parametrize("seed", range(20))
def test_a_goroutine_whose_worker_dies_while_it_is_cancelled_ends_once(seed):
    def body():
        gate = dgo.Chan()
        handles = [dgo.go.options(spread=True)(wait_at, gate) for _ in range(12)]
        for _ in range(seed % 5):
            dgo.gosched()
        for index, handle in enumerate(handles):
            handle.cancel()
            if index == 5:
                cluster.kill(1)
        for handle in handles:
            error = None
            try:
                error = handle.exception(timeout=LIMIT)
            except dgo.CancelledError:
                continue
            assert isinstance(error, dgo.WorkerLost)
        assert dgo.num_goroutine() == 1

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)


def test_a_full_window_opens_when_goroutines_of_this_process_start(monkeypatch):
    monkeypatch.setattr(spawner, "WINDOW", 10)

    def many():
        for _ in range(100):
            dgo.go(compute, 0)
        return "all spawned"

    with dgo.testing.LocalCluster(nodes=2, seed=1) as cluster:
        assert cluster.run(lambda: dgo.go(many).result(timeout=LIMIT)) == "all spawned"
