"""Goroutines that are given back and go elsewhere, under many schedules."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing


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
def test_a_goroutine_that_is_given_back_still_needs_its_labels(seed):
    with dgo.testing.LocalCluster(nodes=4, seed=seed) as cluster:
        first, second, _unlabelled = cluster.nodes[1:]
        loads = cluster.coordinator.placement.loads
        for node in (first, second):
            loads[node.id].labels["zone"] = "a"

        def body():
            loads[second.id].open = False
            first.host.carriers.pump = lambda: None  # it starts nothing
            labelled = dgo.go.options(labels={"zone": "a"})
            spawned = [labelled(lambda: dgo.current().worker) for _ in range(4)]
            dgo.sleep(1)
            loads[first.id].open, loads[second.id].open = False, True
            first.host.give_back(4)
            del first.host.carriers.pump
            return [goroutine.result() for goroutine in spawned]

        assert cluster.run(body) == [second.name] * 4
