"""Goroutines that run again when their worker dies, at any moment, under many schedules."""

from __future__ import annotations

import logging
import random

import pytest

import dgo
import dgo.testing
from dgo.runtime import current

LIMIT = 600  # of virtual time


def wait_at(gate):
    gate.recv_ok(timeout=LIMIT)
    return "through"


def compute(steps):
    for _ in range(steps):
        dgo.gosched()
    return "computed"


def tell_and_wait(started, gate):
    """Says where it runs, then waits."""
    started.send(dgo.current().worker, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    return dgo.current().worker


def spawn_beside(seed, count):
    """Spawns goroutines that may run beside it or be stolen, and says how they ended."""
    chance = random.Random(seed)
    gate = dgo.Chan()
    go = (dgo.go.options(retries=9), dgo.go.options(retries=9, spread=True))
    handles = [
        chance.choice(go)(wait_at, gate) if chance.random() < 0.5 else chance.choice(go)(compute, 3)
        for _ in range(count)
    ]
    pause(chance.uniform(0, 0.01))
    gate.close()
    return {handle.result(timeout=LIMIT) for handle in handles} <= {"through", "computed"}


def pause(seconds):
    with pytest.raises(dgo.Timeout):
        dgo.Chan().recv(timeout=seconds)


def come_true(condition):
    for _ in range(1000):
        if condition():
            return
        pause(0.01)
    raise AssertionError("it did not come true")


def index_of(worker):
    return int(worker.removeprefix("worker-"))


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


def assert_nothing_is_left(cluster):
    cluster.run(pause, 1)  # the news of the last death, and of the last end, are on their way
    assert not cluster.coordinator.placement.waiting
    for node in cluster.nodes:
        if node.id in cluster.dead:
            continue
        assert not node.waits
        assert not node.spawner.ledger
        assert node.spawner._unstarted == 0
        assert len(node.timers) == 0
        assert len(node.values.pins) == 0
        if node.execution is not None:
            assert not node.execution.live
            assert (node.execution.unstarted, node.execution.unstarted_local) == (0, 0)


@pytest.mark.parametrize("seed", range(100))
def test_each_goroutine_with_retries_ends_once_whenever_workers_die(seed):
    chance = random.Random(seed)
    doomed = chance.sample(range(1, 6), 3)

    def body():
        ended = []
        group, gate = dgo.WaitGroup(), dgo.Chan()
        go = (dgo.go.options(retries=9), dgo.go.options(retries=9, spread=True))
        handles = []
        for number in range(40):
            group.add(1)
            if chance.random() < 0.4:
                handle = chance.choice(go)(wait_at, gate)
            elif chance.random() < 0.4:
                handle = chance.choice(go)(compute, 5)
            else:
                handle = chance.choice(go)(spawn_beside, seed + number, 6)
            handle.add_done_callback(lambda handle: (ended.append(handle.id), group.done()))
            handles.append(handle)
            if chance.random() < 0.1:  # they leave in bursts of 10
                pause(chance.uniform(0, 0.003))
                if doomed and chance.random() < 0.5:
                    cluster.kill(doomed.pop())
        while doomed:
            cluster.kill(doomed.pop())
            pause(chance.uniform(0, 0.2))
        gate.close()
        ends = [handle.result(timeout=LIMIT) for handle in handles]
        assert set(ends) <= {"through", "computed", True}
        group.wait(timeout=LIMIT)
        assert sorted(ended) == sorted(handle.id for handle in handles)
        come_true(lambda: dgo.num_goroutine() == 1)  # what the dead had spawned elsewhere has ended too

    with dgo.testing.LocalCluster(nodes=6, seed=seed) as cluster:
        with_ticks(cluster, seed)
        cluster.run(body)
        assert cluster.panics == []
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", range(60))
def test_each_ends_once_also_if_it_is_cancelled_or_its_time_runs_out_meanwhile(seed):
    chance = random.Random(seed)

    def how_it_ended(handle):
        try:
            return handle.result(timeout=LIMIT)
        except (dgo.CancelledError, dgo.DeadlineExceeded, dgo.WorkerLost) as error:
            return type(error).__name__

    def body():
        gate, handles = dgo.Chan(), []
        for _ in range(30):
            go = dgo.go.options(
                retries=chance.randrange(3),
                timeout=chance.choice([None, 0.001, 0.01, 0.15, 1000]),
                spread=chance.random() < 0.5,
            )
            handles.append(go(wait_at, gate) if chance.random() < 0.7 else go(compute, 5))
            for _ in range(chance.randrange(3)):
                dgo.gosched()
        for index in chance.sample(range(1, 5), 3):
            for handle in chance.sample(handles, 5):
                handle.cancel()
            cluster.kill(index)
            pause(chance.uniform(0, 0.2))
        gate.close()
        ends = {how_it_ended(handle) for handle in handles}
        assert ends <= {"through", "computed", "CancelledError", "DeadlineExceeded", "WorkerLost"}
        assert dgo.num_goroutine() == 1

    with dgo.testing.LocalCluster(nodes=5, seed=seed) as cluster:
        with_ticks(cluster, seed)
        cluster.run(body)
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", range(20))
def test_those_that_had_started_on_the_dead_worker_start_again_on_another_and_no_others(seed):
    def body():
        started, gate = dgo.Chan(12), dgo.Chan()
        handles = [dgo.go.options(retries=1, spread=True)(tell_and_wait, started, gate) for _ in range(12)]
        first = [started.recv(timeout=LIMIT) for _ in handles]
        lost = first.count("worker-1")
        assert lost
        cluster.kill(1)
        second = [started.recv(timeout=LIMIT) for _ in range(lost)]
        gate.close()
        last = [handle.result(timeout=LIMIT) for handle in handles]
        assert "worker-1" not in second + last
        assert len(started) == 0

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


@pytest.mark.interpreted("it replaces a method")
@pytest.mark.parametrize("seed", range(10))
def test_those_that_had_not_started_on_the_dead_worker_run_once(seed):
    def body():
        arrived, gate, started = dgo.Chan(1), dgo.Chan(), dgo.Chan(5)

        def look_only():  # the worker starts nothing
            if len(worker.host.carriers.queue) == 5:
                arrived._core.try_send(None)

        worker = cluster.nodes[1]
        worker.host.carriers.pump = look_only
        cluster.coordinator.placement.close_worker(cluster.nodes[2].id)
        handles = [dgo.go.options(retries=1)(tell_and_wait, started, gate) for _ in range(5)]
        arrived.recv(timeout=LIMIT)
        loads = cluster.coordinator.placement.loads
        loads[cluster.nodes[2].id].open = True
        loads.changed(loads[cluster.nodes[2].id])
        cluster.kill(1)
        assert [started.recv(timeout=LIMIT) for _ in handles] == ["worker-2"] * 5
        gate.close()
        dgo.gather(*handles)
        assert len(started) == 0

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", range(10))
def test_when_the_retries_are_used_up_the_error_says_how_often_it_was_tried(seed):
    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        handle = dgo.go.options(retries=2)(tell_and_wait, started, gate)
        for _ in range(3):
            assert not handle.done()
            cluster.kill(index_of(started.recv(timeout=LIMIT)))
        error = handle.exception(timeout=LIMIT)
        assert isinstance(error, dgo.WorkerLost)
        assert "tried 3 times" in str(error)
        assert "retries=2" in str(error)

    with dgo.testing.LocalCluster(nodes=6, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", range(10))
def test_a_cancel_reaches_the_one_that_runs_again(seed):
    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        handle = dgo.go.options(retries=3)(tell_and_wait, started, gate)
        cluster.kill(index_of(started.recv(timeout=LIMIT)))
        started.recv(timeout=LIMIT)
        handle.cancel()
        handle.wait(timeout=LIMIT)
        assert handle.cancelled()

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


@pytest.mark.parametrize("seed", range(10))
def test_the_time_runs_over_all_runs(seed):
    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        begin = cluster.clock.now
        handle = dgo.go.options(retries=3, timeout=1.0)(tell_and_wait, started, gate)
        pause(0.6)
        cluster.kill(index_of(started.recv(timeout=LIMIT)))
        started.recv(timeout=LIMIT)
        assert isinstance(handle.exception(timeout=LIMIT), dgo.DeadlineExceeded)
        assert cluster.clock.now - begin < 1.1  # virtual seconds

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


def add_and_return(runs):
    return runs.add(1)


@pytest.mark.parametrize("seed", range(20))
def test_one_whose_end_was_sent_before_its_worker_died_is_not_run_again(seed):
    def body():
        runs = dgo.Atomic(0)
        handle = dgo.go.options(retries=3)(add_and_return, runs)
        come_true(lambda: runs.load() == 1)
        for _ in range(1000):
            if not cluster.nodes[1].execution.live:
                break
            dgo.gosched()
        cluster.kill(1)
        assert handle.result(timeout=LIMIT) == 1
        assert runs.load() == 1

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.coordinator.placement.close_worker(cluster.nodes[2].id)
        cluster.run(body)


def take_what_is_stored(started, gate, box):
    tell_and_wait(started, gate)
    return box.recv_nowait()


@pytest.mark.parametrize("seed", range(20))
def test_what_only_the_arguments_hold_is_still_there_for_the_next_run(seed):
    def filled():
        box = dgo.Chan(1)
        box.send("the value", timeout=LIMIT)
        return box

    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        handle = dgo.go.options(retries=3)(take_what_is_stored, started, gate, filled())
        for _ in range(2):
            cluster.kill(index_of(started.recv(timeout=LIMIT)))
        started.recv(timeout=LIMIT)
        gate.close()
        assert handle.result(timeout=LIMIT) == "the value"

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        cluster.run(body)
        assert_nothing_is_left(cluster)


def spawn_and_give_back(started, gate, count):
    """On a worker: has its goroutines stolen before they start."""
    tell_and_wait(started, gate)
    handles = [dgo.go.options(retries=1)(tell_and_wait, started, dgo.Chan()) for _ in range(count)]
    node = current.get()
    with node.lock:
        node.host.give_all_back()
    return [handle.result(timeout=LIMIT) for handle in handles]


@pytest.mark.parametrize("seed", range(20))
def test_a_stolen_one_may_run_again_on_the_worker_that_has_spawned_it(seed):
    def body():
        started, gate = dgo.Chan(4), dgo.Chan()
        parent = dgo.go(spawn_and_give_back, started, gate, 4)
        home = started.recv(timeout=LIMIT)
        thief = "worker-2" if home == "worker-1" else "worker-1"
        cluster.coordinator.placement.close_worker(cluster.nodes[index_of(home)].id)
        gate.close()
        assert [started.recv(timeout=LIMIT) for _ in range(4)] == [thief] * 4
        cluster.kill(index_of(thief))
        assert [started.recv(timeout=LIMIT) for _ in range(4)] == [home] * 4
        parent.cancel()
        parent.wait(timeout=LIMIT)
        return cluster.nodes[index_of(home)]

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        home = cluster.run(body)
        assert len(home.spawner.ledger) == 4, "they are its spawner's, and run on without their parent"
        assert [task.record is not None for task in home.execution.live.values()] == [True] * 4


@pytest.mark.parametrize("seed", range(10))
def test_one_whose_spawner_dies_too_is_not_run_again(seed):
    def body():
        started, gate = dgo.Chan(8), dgo.Chan()
        parent = dgo.go.options(labels={"kind": "the parent's"})(spread_one, started, gate)
        child = index_of(started.recv(timeout=LIMIT))
        assert child != 1
        cluster.kill(1)
        assert isinstance(parent.exception(timeout=LIMIT), dgo.WorkerLost)
        cluster.kill(child)
        pause(5)
        assert len(started) == 0
        assert dgo.num_goroutine() == 1

    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        loads = cluster.coordinator.placement.loads
        for node in cluster.nodes[1:]:
            loads[node.id].labels["kind"] = "the parent's" if node is cluster.nodes[1] else "the child's"
        cluster.run(body)
        assert_nothing_is_left(cluster)


def spread_one(started, gate):
    elsewhere = dgo.go.options(retries=3, labels={"kind": "the child's"})
    return elsewhere(tell_and_wait, started, gate).result(timeout=LIMIT)


def spread_and_leave(started, gate):
    """Has one run on the other worker, and does not wait for it."""
    dgo.go.options(retries=3, labels={"kind": "the child's"})(tell_and_wait, started, gate)


@pytest.mark.parametrize("seed", range(10))
def test_one_whose_program_has_ended_is_not_run_again(seed):
    def body():
        started, gate = dgo.Chan(8), dgo.Chan()
        dgo.go.options(labels={"kind": "the parent's"})(spread_and_leave, started, gate).result(timeout=LIMIT)
        assert started.recv(timeout=LIMIT) == "worker-2"
        spawner = cluster.nodes[1]
        with spawner.lock:
            spawner.lose(cluster.nodes[0].id, "the driver has ended")
        cluster.kill(2)
        pause(1)
        assert not spawner.spawner.ledger
        assert not spawner.spawner.queued
        assert not cluster.coordinator.placement.waiting

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        loads = cluster.coordinator.placement.loads
        loads[cluster.nodes[1].id].labels["kind"] = "the parent's"
        loads[cluster.nodes[2].id].labels["kind"] = "the child's"
        cluster.run(body)


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_was_lost_is_logged_and_is_no_panic(seed, caplog):
    caplog.set_level(logging.INFO, logger="dgo.spawner")

    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        handle = dgo.go.options(retries=1, name="worker bee")(tell_and_wait, started, gate)
        cluster.kill(index_of(started.recv(timeout=LIMIT)))
        started.recv(timeout=LIMIT)
        gate.close()
        handle.wait(timeout=LIMIT)
        return handle.id

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        name = cluster.run(body)
        assert cluster.panics == []
    (record,) = [record for record in caplog.records if record.name == "dgo.spawner"]
    assert record.levelno == logging.INFO
    for part in (name, "worker bee", "killed by the test", "0"):
        assert part in record.getMessage()
