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
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import Any

from dgo.core.backlog import Backlog, Waiting
from dgo.core.loads import Load, Loads

__all__ = ["Assignment", "Placement"]

Assignment = tuple[int, list[Waiting]]


class Placement:
    """The goroutines without a worker, and the workers' loads."""

    def __init__(self) -> None:
        self.loads = Loads()
        self.waiting = Backlog()
        self._turn = 0
        self._now = 0.0

    # ---- workers ---------------------------------------------------------------------------------

    def add_worker(self, node: int, labels: dict[str, str], resources: dict[str, float], now: float) -> None:
        """A worker joins, idle."""
        self.loads.join(Load(node, labels, resources, now))

    def close_worker(self, node: int) -> None:
        """The worker drains: it gets nothing more."""
        load = self.loads.get(node)
        if load is not None:
            load.open = False
            self.loads.changed(load)

    def remove_worker(self, node: int) -> None:
        """The worker left or died."""
        self.loads.leave(node)

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
        self.loads.answered(load)
        travelling = max(0, load.sent - received)
        started = max(0, load.unstarted - unstarted - travelling)
        load.unstarted = unstarted + travelling
        load.runnable = runnable + travelling
        load.live = live + travelling
        if started:
            load.started(started, now)
        load.last = now
        if not load.runnable and load.meal:
            load.digest(now)
        for name, amount in freed.items():
            load.used[name] = max(0.0, load.used.get(name, 0.0) - amount)
        self.loads.changed(load)

    def victim(self, thief: int) -> tuple[int, int] | None:
        """Who should give unstarted goroutines back because ``thief`` is idle, and how many: the richest, half.

        Nobody while something waits that any worker may run.
        """
        if None in self.waiting.lanes:
            return None
        richest = self.loads.richest(thief)
        return None if richest is None else (richest.node, richest.to_spare())

    def steals(self) -> list[tuple[int, int]]:
        """Who is to be asked for unstarted goroutines because others are idle, and for how many.

        No more workers than are idle, and each once until it reports; no more goroutines than a thief has an appetite
        for. What they give back goes to whoever is idle then.
        """
        loads = self.loads
        found: list[tuple[int, int]] = []
        if len(loads.idle) <= loads.asked:
            return found
        for thief in islice(loads.idle.values(), loads.asked, None):
            steal = self.victim(thief.node)
            if steal is None:
                break
            victim, count = steal
            found.append((victim, min(count, thief.appetite)))
            loads.ask(loads[victim])
        return found

    # ---- goroutines ------------------------------------------------------------------------------

    def submit(self, goroutines: Iterable[Waiting]) -> None:
        """Goroutines come from their spawners, or back from a worker."""
        self.waiting.extend(goroutines)

    def drop(self, origin: Any) -> list[Waiting]:
        """Forgets what ``origin`` submitted (its job has ended); returns it."""
        dropped = [goroutine for goroutine in self.waiting if goroutine.origin == origin]
        self.waiting.retain(lambda goroutine: () if goroutine.origin == origin else (goroutine,))
        return dropped

    def withdraw(self, origin: Any, numbers: set[int]) -> list[int]:
        """Forgets those of ``numbers`` from ``origin`` that no worker has (they are cancelled); returns them."""
        withdrawn = []

        def rest(goroutine: Waiting) -> list[Waiting]:
            first, end = goroutine.number, goroutine.number + goroutine.count
            found = [n for n in range(first, end) if n in numbers] if goroutine.origin == origin else []
            if not found:
                return [goroutine]
            withdrawn.extend(found)
            left = []
            for number in [*found, end]:  # of a series
                if first < number:
                    left.append(goroutine.piece(first, number - first))
                first = number + 1
            return left

        self.waiting.retain(rest)
        return withdrawn

    def assign(self, now: float = 0.0) -> list[Assignment]:
        """Takes from ``waiting`` what can be placed now; in order, but none waits for another's resources."""
        self._now = now
        batches: dict[int, list[Waiting]] = {}
        lanes = self.waiting.lanes
        heads = [(lane[0].arrival, number, demand) for number, (demand, lane) in enumerate(lanes.items())]
        heapify(heads)
        while heads and self.loads.next() is not None:
            _, number, demand = heads[0]
            lane = lanes[demand]
            goroutine = lane[0]
            if goroutine.count > 1:
                left = self._deal(goroutine, batches)
                if left is not None:
                    lane[0] = left
                    continue
            else:
                load = self._choose(goroutine)
                if load is None:  # and nobody behind it finds one now
                    heappop(heads)
                    continue
                self._place(goroutine, load, 1)
                batches.setdefault(load.node, []).append(goroutine)
            lane.popleft()
            if lane:
                heapreplace(heads, (lane[0].arrival, number, demand))
            else:
                del lanes[demand]
                heappop(heads)
        return list(batches.items())

    def _choose(self, goroutine: Waiting) -> Load | None:
        loads = self.loads
        if not (goroutine.spread or goroutine.labels or goroutine.resources):
            return loads.next()
        fitting = (load for load in loads.values() if load.fits(goroutine))
        if goroutine.spread:
            return min(fitting, key=lambda load: (load.live, load.runnable, load.turn), default=None)
        return min(fitting, key=Load.rank, default=None)

    def _deal(self, series: Waiting, batches: dict[int, list[Waiting]]) -> Waiting | None:
        """Places as much of a series as the windows allow; returns what is left."""
        first, left = series.number, series.count
        for load, count in self._shares(left):
            piece = series.piece(first, count)
            self._place(piece, load, count)
            batches.setdefault(load.node, []).append(piece)
            first += count
            left -= count
        return series.piece(first, left) if left else None

    def _shares(self, left: int) -> list[tuple[Load, int]]:
        """How many of ``left`` goroutines each worker gets: always the one with the fewest runnable is next."""
        order = self.loads.first(left)  # each of those that get any gets one at least
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
        self.loads.changed(load)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        self.loads.check()
        for load in self.loads.values():
            assert load.unstarted >= 0
            assert load.live >= 0
            for name, amount in load.used.items():
                assert amount <= load.resources.get(name, 0.0) + 1e-6
        self.waiting.check()
