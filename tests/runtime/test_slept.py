"""Nobody is blamed for the time in which this process itself did nothing."""

from __future__ import annotations

import pytest

import dgo
from dgo.testing import LocalCluster


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_a_simulated_program_may_sleep_longer_than_a_coordinator_may_be_silent(seed):
    def main():
        dgo.sleep(1000)
        return dgo.go(pow, 2, 3).result()

    with LocalCluster(nodes=3, seed=seed) as cluster:
        assert cluster.run(main) == 8


def test_everything_that_sleeps_for_ever_after_a_long_time_is_a_deadlock():
    def main():
        dgo.sleep(1000)
        dgo.Chan().recv()

    with LocalCluster(nodes=3, seed=1) as cluster, pytest.raises(dgo.Deadlock):
        cluster.run(main)
