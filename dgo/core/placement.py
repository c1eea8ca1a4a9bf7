"""Which worker gets a goroutine.

The coordinator keeps what has no worker yet and hands a worker no more than a *window* of goroutines that
it has not started: what it keeps has certainly not started, can go to whoever is free first, and survives
a worker's death. A started goroutine, even a blocked one, does not count against the window, so nested
spawns cannot fill a worker up.

The window grows while a worker runs dry between two reports (short goroutines) and shrinks while it is slow
to start what it has (long ones).

Stealing: a worker with nothing to run is a thief. How many goroutines it is given at a time is its *appetite*: it
doubles when they, and what they spawned, have kept the worker busy, and halves when they were too short to be worth the
way. Then it takes them one by one: among the oldest may be one that spawns a whole tree.

Choice: among the workers that fit (alive, labels, free resources, window) the one with the fewest runnable
goroutines, then the fewest live ones, then the one that got work longest ago. ``spread`` asks for the fewest
live ones first.

Calls of one function that any worker may run come as a *series*. It is dealt out in one step, as if its goroutines
had been placed one by one, but each worker gets its share in one piece: so the cost is that of the pieces.

Invariants:

1. ``unstarted >= 0`` and ``live >= 0`` for each worker; ``used`` never exceeds its resources.
2. A goroutine is in ``waiting`` exactly while no worker has it.
3. A series in ``waiting`` is not empty, and asks for nothing: no labels, no resources, no ``spread``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

__all__ = ["Assignment", "Load", "Placement", "Waiting"]

FIRST_WINDOW = 16
MAX_WINDOW = 4096
SHORT_MEAL = 0.0005  # seconds of work, on average, that a stolen goroutine has to bring
MEAL_TAKES = 0.004  # seconds that pass in any case, on the way there and until it reports that it is idle
FIRST_APPETITE = 16
MAX_APPETITE = 256
SLOW_START = 0.02  # seconds for one goroutine to start that make a worker slow


class Waiting:
    """A goroutine that has no worker yet, or a series of them.

    Attributes:
        origin: who submitted it.
        number: its number there; of a series the first one's.
        item: opaque.
        calls: None, or a series: what distinguishes each of its goroutines (opaque), which are numbered in a row.
    """

    __slots__ = ("calls", "item", "labels", "number", "origin", "resources", "spread")

    def __init__(
        self,
        origin: Any,
        number: int,
        item: Any,
        spread: bool = False,
        labels: dict[str, str] | None = None,
        resources: dict[str, float] | None = None,
        calls: list[Any] | None = None,
    ) -> None:
        self.origin = origin
        self.number = number
        self.item = item
        self.spread = spread
        self.labels = labels
        self.resources = resources
        self.calls = calls

    @property
    def count(self) -> int:
        """How many goroutines it is."""
        return 1 if self.calls is None else len(self.calls)

    def piece(self, first: int, count: int) -> Waiting:
        """``count`` goroutines of a series, from the one numbered ``first``."""
        assert self.calls is not None
        begin = first - self.number
        return Waiting(self.origin, first, self.item, calls=self.calls[begin : begin + count])


class Load:
    """What the coordinator knows of a worker's load."""

    __slots__ = (
        "appetite", "asked", "labels", "last", "live", "meal", "meal_at", "node", "open", "resources", "runnable",
        "sent", "turn", "unstarted", "used", "window",
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
        self.asked = False  # to give some back, and it has not reported since
        self.appetite = FIRST_APPETITE
        self.meal = 0  # goroutines sent since it was idle
        self.meal_at = now  # when the first of them was sent

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

    def digest(self, now: float) -> None:
        """It is idle again: was it worth while to have sent it what it has run meanwhile?"""
        if now - self.meal_at < MEAL_TAKES + SHORT_MEAL * self.meal:
            self.appetite = max(1, self.appetite // 2)
        else:
            self.appetite = min(MAX_APPETITE, self.appetite * 2)
        self.meal = 0

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
        self._now = 0.0

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
        load.asked = False
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
        if not runnable and load.meal:
            load.digest(now)
        for name, amount in freed.items():
            load.used[name] = max(0.0, load.used.get(name, 0.0) - amount)

    def victim(self, thief: int) -> tuple[int, int] | None:
        """Who should give unstarted goroutines back because ``thief`` is idle, and how many.

        The victim keeps half of what it could run now. So one that computes may lose the only goroutine that waits
        behind it, but not the one that it is about to run.
        """
        if self.waiting:
            return None
        richest, most = None, 0
        for load in self.loads.values():
            count = min(load.unstarted, load.runnable // 2)
            if load.node != thief and load.open and not load.asked and count > most:
                richest, most = load, count
        return None if richest is None else (richest.node, most)

    def steals(self) -> list[tuple[int, int]]:
        """Who is to be asked for unstarted goroutines because others are idle, and for how many.

        No more workers than are idle, and each once until it reports; no more goroutines than a thief has an appetite
        for. What they give back goes to whoever is idle then.
        """
        idle = [load for load in self.loads.values() if load.open and not load.runnable]
        asked = sum(load.asked for load in self.loads.values())
        found = []
        for thief in idle[asked:]:
            steal = self.victim(thief.node)
            if steal is None:
                break
            victim, count = steal
            self.loads[victim].asked = True
            found.append((victim, min(count, thief.appetite)))
        return found

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
            first, end = goroutine.number, goroutine.number + goroutine.count
            found = [n for n in range(first, end) if n in numbers] if goroutine.origin == origin else []
            if not found:
                kept.append(goroutine)
                continue
            withdrawn += found
            for number in [*found, end]:  # what is left of a series
                if first < number:
                    kept.append(goroutine.piece(first, number - first))
                first = number + 1
        self.waiting = kept
        return withdrawn

    def assign(self, now: float = 0.0) -> list[Assignment]:
        """Takes from ``waiting`` what can be placed now; in order, but none waits for another's resources."""
        self._now = now
        batches: dict[int, list[Waiting]] = {}
        passed_over: list[Waiting] = []
        while self.waiting and self._has_room():
            goroutine = self.waiting.popleft()
            if goroutine.count > 1:
                self._deal(goroutine, batches)
                continue
            load = self._choose(goroutine)
            if load is None:
                passed_over.append(goroutine)
            else:
                self._place(goroutine, load, 1)
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

    def _deal(self, series: Waiting, batches: dict[int, list[Waiting]]) -> None:
        """Places as much of a series as the windows allow; what is left is the first of those that wait."""
        first, left = series.number, series.count
        for load, count in self._shares(left):
            piece = series.piece(first, count)
            self._place(piece, load, count)
            batches.setdefault(load.node, []).append(piece)
            first += count
            left -= count
        if left:
            self.waiting.appendleft(series.piece(first, left))

    def _shares(self, left: int) -> list[tuple[Load, int]]:
        """How many of ``left`` goroutines each worker gets: always the one with the fewest runnable is next."""
        open_ones = [load for load in self.loads.values() if load.open and load.unstarted < load.window]
        order = sorted(open_ones, key=lambda load: (load.runnable, load.live, load.turn))
        shares = dict.fromkeys(order, 0)
        while left and order:
            level = min(load.runnable + shares[load] for load in order)
            lowest = [load for load in order if load.runnable + shares[load] == level]
            step = min(load.window - load.unstarted - shares[load] for load in lowest)
            higher = [load.runnable + shares[load] for load in order if load.runnable + shares[load] > level]
            if higher:
                step = min(step, min(higher) - level)
            each, rest = min((step, 0), divmod(left, len(lowest)))
            for place, load in enumerate(lowest):
                count = each + (place < rest)
                shares[load] += count
                left -= count
            order = [load for load in order if load.unstarted + shares[load] < load.window]
        return [(load, count) for load, count in shares.items() if count]

    def _place(self, goroutine: Waiting, load: Load, count: int) -> None:
        self._turn += 1
        load.turn = self._turn
        load.sent += count
        load.unstarted += count
        load.runnable += count
        load.live += count
        if not load.meal:
            load.meal_at = self._now
        load.meal += count
        for name, amount in (goroutine.resources or {}).items():
            load.used[name] = load.used.get(name, 0.0) + amount

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for load in self.loads.values():
            assert load.unstarted >= 0
            assert load.live >= 0
            for name, amount in load.used.items():
                assert amount <= load.resources.get(name, 0.0) + 1e-6
        for goroutine in self.waiting:
            if goroutine.calls is not None:
                assert goroutine.calls
                assert (goroutine.labels, goroutine.resources, goroutine.spread) == (None, None, False)
