"""What the coordinator does for its members, in the simulation: its processor time, and the batches that it sends and
receives. The members are real nodes with simulated transports, all in one thread, so only the coordinator's own steps
are timed. The garbage collector, which here goes through all the members' objects, has to wait for another one's."""

from __future__ import annotations

import functools
import gc
import time
from typing import Any

from _work import noop

import dgo
from dgo.testing import LocalCluster

TICKS = 20


class Metered:
    """A coordinator whose steps are timed.

    Attributes:
        seconds: of processor time, in all steps.
    """

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coordinator, name)

    def _timed(self, call: Any) -> None:
        gc.disable()
        started = time.thread_time()
        call()
        self.seconds += time.thread_time() - started
        gc.enable()

    def step(self) -> None:
        """Handles what has come."""
        self._timed(self._coordinator.step)

    def tick(self) -> None:
        """Does what is done a few times a second."""
        self._timed(self._coordinator.tick)

    def batches(self) -> int:
        """How many went over its links, both ways."""
        return sum(sent + received for _, sent, received in self._coordinator.links.counters())


class MeteredCluster(LocalCluster):
    """A simulated cluster with such a coordinator."""

    metered: Metered

    def _make(self, index: int) -> Any:
        if index == 0:
            self.metered = Metered(self.coordinator)
            self.coordinator = self.metered  # type: ignore[assignment]  # it has all that a coordinator has
        return super()._make(index)


def spawn_all(count: int) -> None:
    """The program: no-op goroutines, all awaited."""
    for goroutine in [dgo.go(noop) for _ in range(count)]:
        goroutine.result()


def sample(members: int, each: int) -> dict[str, float]:
    """What one cluster costs its coordinator.

    Args:
        members: workers of the cluster.
        each: goroutines that the driver spawns, for each member.
    """
    with MeteredCluster(nodes=members + 1) as cluster:
        coordinator = cluster.metered
        joined = coordinator.seconds
        count = members * each
        cluster.run(functools.partial(spawn_all, count))
        before, batches = coordinator.seconds, coordinator.batches()
        cluster.run(functools.partial(spawn_all, count))
        spawned, batches = coordinator.seconds - before, coordinator.batches() - batches
        before = coordinator.seconds
        for _ in range(TICKS):
            coordinator.tick()
        ticked = coordinator.seconds - before
    return {
        "join": joined * 1e6 / members,
        "goroutine": spawned * 1e6 / count,
        "batches": batches / count,
        "tick": ticked * 1e6 / TICKS / members,
    }
