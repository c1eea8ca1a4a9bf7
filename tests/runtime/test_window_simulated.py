"""The window of goroutines that have not started: it opens again, wherever they were placed and however they ended."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing
from dgo.runtime import spawner


def nothing():
    pass


def spread_many(cancelled):
    for _ in range(100):
        handle = dgo.go.options(spread=True)(nothing)
        if cancelled:
            handle.cancel()
    return "all spawned"


def come_to_rest():
    with pytest.raises(dgo.Timeout):
        dgo.Chan().recv(timeout=1)  # of virtual time


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_a_full_window_opens_when_goroutines_end_that_the_coordinator_placed_where_they_were_spawned(
    monkeypatch, seed, cancelled
):
    monkeypatch.setattr(spawner, "WINDOW", 10)
    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        assert cluster.run(lambda: dgo.go(spread_many, cancelled).result(timeout=60)) == "all spawned"
        cluster.run(come_to_rest)
        assert [node.spawner._unstarted for node in cluster.nodes] == [0, 0]


def block():
    dgo.Chan().recv()


@pytest.mark.parametrize("seed", range(5))
def test_the_time_of_a_goroutine_runs_while_its_spawn_waits_for_the_window(monkeypatch, seed):
    monkeypatch.setattr(spawner, "WINDOW", 2)

    def body():
        nowhere = dgo.go.options(labels={"kind": "none has it"}, timeout=1)
        begin = cluster.clock.now
        for _ in range(2):
            nowhere(block)
        late = dgo.go.options(timeout=0.5)(block)  # blocks for a (virtual) second
        assert isinstance(late.exception(timeout=60), dgo.DeadlineExceeded)
        assert 1 <= cluster.clock.now - begin < 1.2

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        cluster.run(body)
