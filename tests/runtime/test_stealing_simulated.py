"""Goroutines that are given back and go elsewhere, under many schedules."""

from __future__ import annotations

import sys

import pytest

import dgo
import dgo.testing
import dgo.time


@pytest.mark.parametrize("seed", range(60))
def test_a_handle_in_a_goroutine_s_arguments_outlives_its_being_stolen(seed):
    def body():
        group = dgo.WaitGroup()
        spread = dgo.go.options(spread=True)
        for _ in range(5):
            group.add(3)
            for _ in range(3):
                spread(group.done)
            group.wait(timeout=30)

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)
        assert cluster.panics == []


@pytest.mark.parametrize("seed", range(5))
def test_a_goroutine_that_is_given_back_still_needs_its_labels(seed, monkeypatch):
    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        first, second, _unlabelled = cluster.nodes[1:]
        placement = cluster.coordinator.placement
        for node in (first, second):
            placement.loads[node.id].labels["zone"] = "a"
        placement.close_worker(second.id)

        def give_back():
            placement.close_worker(first.id)
            placement.loads[second.id].open = True
            placement.loads.changed(placement.loads[second.id])
            first.host.give_back(4)

        # A goroutine's function is a copy: it finds this one, which runs in the same process, by name.
        monkeypatch.setattr(sys, "give_back_for_a_test", give_back, raising=False)

        def body():
            labelled = dgo.go.options(labels={"zone": "a"})
            labelled(lambda: sys.give_back_for_a_test())
            spawned = [labelled(lambda: dgo.current().worker) for _ in range(4)]
            return [goroutine.result() for goroutine in spawned]

        assert set(cluster.run(body)) <= {first.name, second.name}  # those that had not come yet stay


@pytest.mark.parametrize("seed", range(10))
def test_a_worker_whose_goroutines_all_wait_is_known_to_be_idle(seed):
    def body():
        gates = [dgo.Chan() for _ in range(4)]
        waiting = [dgo.go.options(spread=True)(gate.recv_ok) for gate in gates]
        dgo.time.sleep(1)
        loads = [(load.live, load.runnable) for load in placement.loads.values()]
        for gate in gates:
            gate.close()
        dgo.gather(*waiting)
        dgo.time.sleep(1)
        return loads, [(load.live, load.runnable) for load in placement.loads.values()]

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        placement = cluster.coordinator.placement
        assert cluster.run(body) == ([(2, 0), (2, 0)], [(0, 0), (0, 0)])


@pytest.mark.interpreted("it replaces a method")
@pytest.mark.parametrize("seed", range(5))
def test_the_oldest_are_given_back_and_no_more_than_were_asked_for(seed, monkeypatch):
    given = []

    def parent(node):
        spawned = [dgo.go(abs, number) for number in range(100)]
        node.host.give_back(3)
        return [goroutine.result() for goroutine in spawned]

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        worker = cluster.nodes[1]
        return_tasks = worker.execution.return_tasks

        def note(tasks):
            given.append([task.call.args for task in tasks])
            return_tasks(tasks)

        worker.execution.return_tasks = note
        monkeypatch.setattr(sys, "worker_for_a_test", worker, raising=False)
        assert cluster.run(lambda: dgo.go(lambda: parent(sys.worker_for_a_test)).result()) == list(range(100))
    assert given[0] == [(0,), (1,), (2,)]
