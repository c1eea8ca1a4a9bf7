"""Values on their way to a receiver whose time runs out, under many schedules."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing


@pytest.mark.parametrize("capacity", [0, 2])
@pytest.mark.parametrize("seed", range(12))
def test_a_value_that_meets_a_timeout_on_its_way_is_received_once(seed, capacity):
    def take(ch, seconds):
        got = []
        for _ in range(60):
            try:
                got.append(ch.recv(timeout=seconds))
            except dgo.Timeout:
                continue
        return got

    def body():
        ch, sent = dgo.Chan(capacity), []
        spread = dgo.go.options(spread=True)
        takers = [spread(take, ch, seconds) for seconds in (0.0007, 0.001)]  # about what a message takes
        for value in range(40):
            try:
                ch.send(value, timeout=0.002)
            except dgo.Timeout:
                continue
            sent.append(value)
        got = [value for taker in takers for value in taker.result()]
        while len(ch):
            got.append(ch.recv_nowait())
        assert sorted(got) == sent

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        cluster.run(body)
