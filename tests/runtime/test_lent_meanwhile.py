"""Slots that are lent between the look at them and the question."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing
import dgo.time


@pytest.mark.parametrize("seed", range(10))
def test_slots_that_were_lent_since_the_sender_looked_are_used(seed):
    def sender(values):
        number = 0
        while not values._ref.credit:
            values.send(number)
            number += 1
            if number % 20 == 0:
                dgo.time.sleep(0.01)
        values._ask("send", [number], "chan send")  # what send() does when it has seen no credit
        values.close()
        return number

    def body():
        values = dgo.Chan(100)
        sending = dgo.go.options(spread=True)(sender, values)
        return list(values), sending.result()

    with dgo.testing.LocalCluster(nodes=2, seed=seed) as cluster:
        got, last = cluster.run(body)
        assert got == list(range(last + 1))
