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
