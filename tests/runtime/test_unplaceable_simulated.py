"""Goroutines that no worker can ever run: whoever waits for them is told why."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing
import dgo.time
from dgo.wire.messages import Msg

LABELLED = dgo.go.options(labels={"zone": "a"})


@pytest.mark.parametrize("seed", range(3))
def test_one_that_no_worker_has_the_labels_for_is_told_of_once(seed, caplog):
    def body():
        waits = LABELLED(abs, -1)
        for number in range(20):  # the coordinator places again and again
            assert dgo.go(abs, -number).result() == number
        dgo.time.sleep(1)
        waits.cancel()

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)
    told = [record.message for record in caplog.records if "none has them yet" in record.message]
    assert len(told) == 1
    assert "labels {'zone': 'a'}" in told[0]


@pytest.mark.parametrize("seed", range(3))
def test_one_whose_only_worker_dies_before_it_could_take_it_is_told_of_then(seed, caplog):
    def told():
        return sum("none has them yet" in record.message for record in caplog.records)

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        load = cluster.coordinator.placement.loads[cluster.nodes[1].id]
        load.labels["zone"] = "a"
        cluster.coordinator.placement.close_worker(load.node)  # it drains

        def body():
            waits = LABELLED(abs, -1)
            dgo.time.sleep(1)
            before = told()
            cluster.kill("worker-1")
            assert dgo.go(abs, -2).result() == 2  # another one runs
            dgo.time.sleep(1)
            after = told()
            waits.cancel()
            return before, after

        assert cluster.run(body) == (0, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": ["zone"]},
        {"labels": {"zone": ["a"]}},
        {"resources": "gpu"},
        {"resources": {"gpu": "many"}},
    ],
    ids=["a list", "a list of labels", "a text", "an amount that is a text"],
)
def test_a_demand_that_is_none_is_refused_before_anybody_waits_behind_it(options):
    with dgo.testing.LocalCluster(nodes=2) as cluster:
        driver = cluster.nodes[0]

        def body():
            with driver.lock:
                item = [0, "f", b"key", [], None, [], options]
                driver.links.post(driver.coordinator, [Msg.SUBMIT, driver.spawner.job, [item]])
            return dgo.go(abs, -1).result(timeout=10)

        assert cluster.run(body) == 1
        assert cluster.coordinator.links.malformed == 1
        assert not cluster.coordinator.placement.waiting
