"""What the coordinator knows of the workers' loads, and the order in which they get work.

It is asked for each goroutine and told of each report, so nothing here looks through all workers: a change costs
O(log n) with n workers, and so do the questions who is next and who is the richest.

Invariants:

1. ``next()`` is the open worker with room in its window that has the lowest rank; None exactly if there is none.
2. ``idle`` has the open workers with nothing to run. ``richest()`` is the open worker that could give most back, of
   those that have not been asked to.
3. ``asked`` counts the workers that were asked to give something back and have not reported since.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any

from dgo.core.backlog import Waiting

__all__ = ["FIRST_WINDOW", "MAX_APPETITE", "MAX_WINDOW", "Load", "Loads"]

FIRST_WINDOW = 16
MAX_WINDOW = 4096
SHORT_MEAL = 0.0005  # seconds of work, on average, that a stolen goroutine has to bring
MEAL_TAKES = 0.004  # seconds that pass in any case, on the way there and until it reports that it is idle
FIRST_APPETITE = 16
MAX_APPETITE = 256
SLOW_START = 0.02  # seconds for one goroutine to start that make a worker slow
FEW = 64  # outdated entries of the heap are not worth a thought

Rank = tuple[int, int, int]


class Load:
    """What the coordinator knows of a worker's load."""

    __slots__ = (
        "appetite", "asked", "labels", "last", "live", "meal", "meal_at", "node", "open", "resources", "runnable",
        "sent", "serial", "state", "turn", "unstarted", "used", "window",
    )  # fmt: skip

    def __init__(self, node: int, labels: dict[str, str], resources: dict[str, float], now: float) -> None:
        self.node = node
        self.labels = labels
        self.resources = resources
        self.used: dict[str, float] = {}
        self.open = True
        self.sent = 0  # ever
        self.unstarted = 0  # sent and not yet reported as started
        self.runnable = 0  # as reported, plus what was sent since
        self.live = 0
        self.window = FIRST_WINDOW
        self.last = now
        self.turn = 0  # when it got work last
        self.asked = False  # to give some back, and it has not reported since
        self.appetite = FIRST_APPETITE
        self.meal = 0  # goroutines sent since it was idle
        self.meal_at = now  # when the first of them was sent
        self.serial = 0  # of those that have joined, which it is
        self.state = 0  # counts its changes: what stands in the order with another one is outdated

    def rank(self) -> Rank:
        """The lowest gets work first."""
        return (self.runnable, self.live, self.turn)

    def has_room(self) -> bool:
        """True if it may get one more goroutine."""
        return self.open and self.unstarted < self.window

    def to_spare(self) -> int:
        """How many unstarted goroutines it could give back.

        It keeps half of what it could run now. So one that computes may lose the only goroutine that waits behind it,
        but not the one that it is about to run.
        """
        return min(self.unstarted, self.runnable // 2)

    def fits(self, goroutine: Waiting) -> bool:
        """True if the goroutine may be placed here now."""
        if not self.has_room():
            return False
        if goroutine.labels and any(self.labels.get(k) != v for k, v in goroutine.labels.items()):
            return False
        for name, amount in (goroutine.resources or {}).items():
            if self.used.get(name, 0.0) + amount > self.resources.get(name, 0.0) + 1e-9:
                return False
        return True

    def can_ever(self, goroutine: Waiting) -> bool:
        """True if the goroutine could be placed here when this worker is idle."""
        if goroutine.labels and any(self.labels.get(k) != v for k, v in goroutine.labels.items()):
            return False
        return all(
            amount <= self.resources.get(name, 0.0) + 1e-9 for name, amount in (goroutine.resources or {}).items()
        )

    def started(self, count: int, now: float) -> None:
        """It has started so many since its last report: is its window as it should be?"""
        if not self.unstarted:
            self.window = min(MAX_WINDOW, self.window * 2)
        elif (now - self.last) / count > SLOW_START:
            self.window = max(2, self.window // 2)

    def digest(self, now: float) -> None:
        """It is idle again: was it worth while to have sent it what it has run meanwhile?"""
        if now - self.meal_at < MEAL_TAKES + SHORT_MEAL * self.meal:
            self.appetite = max(1, self.appetite // 2)
        else:
            self.appetite = min(MAX_APPETITE, self.appetite * 2)
        self.meal = 0


class Loads(dict[int, Load]):
    """The loads of the workers, by node. Whoever changes one calls ``changed``.

    Attributes:
        idle: those that have nothing to run.
        asked: how many were asked to give something back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.idle: dict[int, Load] = {}
        self.asked = 0
        # Two heaps: rank or wealth, serial, state, node. What stands there with another state is outdated.
        self._order: list[tuple[Rank, int, int, int]] = []
        self._riches: list[tuple[int, int, int, int]] = []
        self._joined = 0

    def join(self, load: Load) -> None:
        """A worker joins."""
        self.leave(load.node)
        self._joined += 1
        load.serial = self._joined
        self[load.node] = load
        self.changed(load)

    def leave(self, node: int) -> None:
        """It left or died."""
        load = self.pop(node, None)
        if load is not None:
            self.answered(load)
            self.idle.pop(node, None)

    def changed(self, load: Load) -> None:
        """Finds the place of a load that has changed."""
        node = load.node
        load.state += 1
        if load.has_room():
            heappush(self._order, (load.rank(), load.serial, load.state, node))
            self._clear(self._order)
        if load.runnable or not load.open:
            self.idle.pop(node, None)
        else:
            self.idle[node] = load
        if load.open and (spare := load.to_spare()):
            heappush(self._riches, (-spare, load.serial, load.state, node))
            self._clear(self._riches)

    def _clear(self, heap: list[Any]) -> None:
        """Not too much of a heap is outdated."""
        if len(heap) > FEW and len(heap) > 4 * len(self):
            heap[:] = [entry for entry in heap if self._holds(entry)]
            heapify(heap)

    def _holds(self, entry: tuple[Any, int, int, int]) -> bool:
        _, serial, state, node = entry
        load = self.get(node)
        return load is not None and load.serial == serial and load.state == state

    def next(self) -> Load | None:
        """The worker that gets work next, if any has room."""
        order = self._order
        while order:
            if self._holds(order[0]):
                return self[order[0][3]]
            heappop(order)
        return None

    def richest(self, but: int) -> Load | None:
        """The worker that could give most back, and has not been asked to; not ``but``."""
        riches = self._riches
        own = None
        found = None
        while riches and found is None:
            entry = riches[0]
            if not self._holds(entry) or self[entry[3]].asked:
                heappop(riches)
            elif entry[3] == but:
                own = heappop(riches)
            else:
                found = self[entry[3]]
        if own is not None:
            heappush(riches, own)
        return found

    def first(self, count: int) -> list[Load]:
        """The ``count`` workers that get work next, in order; all that have room if there are not so many."""
        if count >= len(self):
            return sorted(filter(Load.has_room, self.values()), key=_place)
        found: list[Load] = []
        taken = []
        while len(found) < count:
            load = self.next()
            if load is None:
                break
            found.append(load)
            taken.append(heappop(self._order))
        for entry in taken:
            heappush(self._order, entry)
        return found

    def ask(self, load: Load) -> None:
        """It is asked to give something back."""
        if not load.asked:
            load.asked = True
            self.asked += 1

    def answered(self, load: Load) -> None:
        """It has reported."""
        if load.asked:
            load.asked = False
            self.asked -= 1

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        roomy = sorted(filter(Load.has_room, self.values()), key=_place)
        assert self.next() is (roomy[0] if roomy else None), "1: who is next"
        assert all(self.first(count) == roomy[:count] for count in range(len(self) + 2)), "1: the order"
        assert self.idle == {node: load for node, load in self.items() if load.open and not load.runnable}, "2: idle"
        rich = [load for load in self.values() if load.open and not load.asked and load.to_spare()]
        assert self.richest(0) is max(rich, key=Load.to_spare, default=None), "2: the richest"
        assert self.asked == sum(load.asked for load in self.values()), "3: asked"


def _place(load: Load) -> tuple[Rank, int]:
    return load.rank(), load.serial
