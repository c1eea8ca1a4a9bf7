"""Operations that are withdrawn while their answer is on its way, under many schedules."""

from __future__ import annotations

import random

import pytest

import dgo
import dgo.testing

LIMIT = 60


def take_impatiently(ch, seed):
    chance = random.Random(seed)
    taken = []
    while True:
        try:
            value, ok = ch.recv_ok(timeout=chance.uniform(1e-4, 2e-3))
        except dgo.Timeout:
            continue
        if not ok:
            return taken
        taken.append(value)


@pytest.mark.parametrize("capacity", [0, 3])
@pytest.mark.parametrize("seed", range(20))
def test_a_value_is_received_once_though_receives_time_out(seed, capacity):
    def body():
        ch, chance = dgo.Chan(capacity), random.Random(seed)
        takers = [dgo.go.options(spread=True)(take_impatiently, ch, seed + number) for number in range(2)]
        for value in range(30):
            ch.send(value, timeout=LIMIT)
            with pytest.raises(dgo.Timeout):
                dgo.Chan().recv(timeout=chance.uniform(0, 2e-3))
        ch.close()
        return [value for taker in takers for value in taker.result(timeout=LIMIT)]

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        assert sorted(cluster.run(body)) == list(range(30))
