"""Which worker gets a goroutine.

The coordinator keeps what has no worker yet and hands a worker no more than a *window* of goroutines that
it has not started: what it keeps has certainly not started, can go to whoever is free first, and survives
a worker's death. A started goroutine, even a blocked one, does not count against the window, so nested
spawns cannot fill a worker up.

The window grows while a worker runs dry between two reports (short goroutines) and shrinks while it is slow
to start what it has (long ones).

Choice: among the workers that fit (alive, labels, free resources, window) the one with the fewest runnable
goroutines, then the fewest live ones, then the one that got work longest ago. ``spread`` asks for the fewest
live ones first.

Invariants:

1. ``unstarted >= 0`` and ``live >= 0`` for each worker; ``used`` never exceeds its resources.
2. A goroutine is in ``waiting`` exactly while no worker has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

__all__ = ["Assignment", "Load", "Placement", "Waiting"]

FIRST_WINDOW = 16
MAX_WINDOW = 4096
SLOW_START = 0.02  # seconds for one goroutine to start that make a worker slow


class Waiting:
    """A goroutine that has no worker yet. ``item`` is opaque."""

    __slots__ = ("item", "labels", "number", "origin", "resources", "spread")

    def __init__(
        self,
        origin: Any,
        number: int,
        item: Any,
        spread: bool = False,
        labels: dict[str, str] | None = None,
        resources: dict[str, float] | None = None,
    ) -> None:
        self.origin = origin
        self.number = number
        self.item = item
        self.spread = spread
        self.labels = labels
        self.resources = resources


class Load:
    """What the coordinator knows of a worker's load."""

    __slots__ = (
        "labels", "last", "live", "node", "open", "resources", "runnable", "sent", "turn", "unstarted", "used",
        "window",
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
        self.turn = 0

    def fits(self, goroutine: Waiting) -> bool:
        """True if the goroutine may be placed here now."""
        if not self.open or self.unstarted >= self.window:
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


Assignment = tuple[int, list[Waiting]]


class Placement:
    """The goroutines without a worker, and the workers' loads."""

    def __init__(self) -> None:
        self.loads: dict[int, Load] = {}
        self.waiting: deque[Waiting] = deque()
        self._turn = 0

    # ---- workers ---------------------------------------------------------------------------------

    def add_worker(self, node: int, labels: dict[str, str], resources: dict[str, float], now: float) -> None:
        """A worker joins, idle."""
        self.loads[node] = Load(node, labels, resources, now)

    def close_worker(self, node: int) -> None:
        """The worker drains: it gets nothing more."""
        if node in self.loads:
            self.loads[node].open = False

    def remove_worker(self, node: int) -> None:
        """The worker left or died."""
        self.loads.pop(node, None)

    def report(
        self,
        node: int,
        received: int,
        unstarted: int,
        runnable: int,
        live: int,
        freed: dict[str, float],
        now: float,
    ) -> None:
        """A worker tells what it has, when it had received ``received`` goroutines in its life."""
        load = self.loads.get(node)
        if load is None:
            return
        travelling = max(0, load.sent - received)
        unstarted += travelling
        runnable += travelling
        live += travelling
        started = max(0, load.unstarted - unstarted)
        if started:
            if not unstarted:
                load.window = min(MAX_WINDOW, load.window * 2)
            elif (now - load.last) / started > SLOW_START:
                load.window = max(2, load.window // 2)
        load.last = now
        load.unstarted = unstarted
        load.runnable = runnable
        load.live = live
        for name, amount in freed.items():
            load.used[name] = max(0.0, load.used.get(name, 0.0) - amount)

    def victim(self, thief: int) -> tuple[int, int] | None:
        """Who should give unstarted goroutines back because ``thief`` is idle, and how many."""
        if self.waiting:
            return None
        richest = max(
            (load for load in self.loads.values() if load.node != thief and load.open),
            key=lambda load: load.unstarted,
            default=None,
        )
        if richest is None or richest.unstarted < 2:
            return None
        return richest.node, richest.unstarted // 2

    # ---- goroutines ------------------------------------------------------------------------------

    def submit(self, goroutines: Iterable[Waiting]) -> None:
        """Goroutines come from their spawners, or back from a worker."""
        self.waiting.extend(goroutines)

    def drop(self, origin: Any) -> list[Waiting]:
        """Forgets what ``origin`` submitted (its job has ended); returns it."""
        dropped = [goroutine for goroutine in self.waiting if goroutine.origin == origin]
        self.waiting = deque(goroutine for goroutine in self.waiting if goroutine.origin != origin)
        return dropped

    def withdraw(self, origin: Any, numbers: set[int]) -> list[int]:
        """Forgets those of ``numbers`` from ``origin`` that no worker has (they are cancelled); returns them."""
        kept: deque[Waiting] = deque()
        withdrawn = []
        for goroutine in self.waiting:
            if goroutine.number in numbers and goroutine.origin == origin:
                withdrawn.append(goroutine.number)
            else:
                kept.append(goroutine)
        self.waiting = kept
        return withdrawn

    def assign(self) -> list[Assignment]:
        """Takes from ``waiting`` what can be placed now; in order, but none waits for another's resources."""
        batches: dict[int, list[Waiting]] = {}
        passed_over: list[Waiting] = []
        while self.waiting and self._has_room():
            goroutine = self.waiting.popleft()
            load = self._choose(goroutine)
            if load is None:
                passed_over.append(goroutine)
            else:
                self._place(goroutine, load)
                batches.setdefault(load.node, []).append(goroutine)
        self.waiting.extendleft(reversed(passed_over))
        return list(batches.items())

    def _has_room(self) -> bool:
        return any(load.open and load.unstarted < load.window for load in self.loads.values())

    def _choose(self, goroutine: Waiting) -> Load | None:
        best: Load | None = None
        best_rank: tuple[int, int, int] | None = None
        for load in self.loads.values():
            if load.fits(goroutine):
                if goroutine.spread:
                    rank = (load.live, load.runnable, load.turn)
                else:
                    rank = (load.runnable, load.live, load.turn)
                if best_rank is None or rank < best_rank:
                    best, best_rank = load, rank
        return best

    def _place(self, goroutine: Waiting, load: Load) -> None:
        self._turn += 1
        load.turn = self._turn
        load.sent += 1
        load.unstarted += 1
        load.runnable += 1
        load.live += 1
        for name, amount in (goroutine.resources or {}).items():
            load.used[name] = load.used.get(name, 0.0) + amount

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for load in self.loads.values():
            assert load.unstarted >= 0
            assert load.live >= 0
            for name, amount in load.used.items():
                assert amount <= load.resources.get(name, 0.0) + 1e-6
