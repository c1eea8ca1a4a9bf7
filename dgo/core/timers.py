"""A heap of deadlines. Time is an argument (seconds of any monotonic clock).

Invariants: no cancelled timer's action is ever run; an action is run once; equal deadlines run in the
order in which they were set. Cancelled timers stay in the heap until they reach its top, or until they are
more than half of it: then the heap is rebuilt.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["Timer", "Timers"]


class Timer:
    """One deadline; ``cancel()`` it through :meth:`Timers.cancel`."""

    __slots__ = ("action", "order", "when")

    def __init__(self, when: float, order: int, action: Callable[[], object]) -> None:
        self.when = when
        self.order = order
        self.action: Callable[[], object] | None = action

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)


class Timers:
    """The pending deadlines of one process."""

    __slots__ = ("_cancelled", "_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._order = 0
        self._cancelled = 0

    def set(self, when: float, action: Callable[[], object]) -> Timer:
        """Has ``action`` run once ``when`` has passed."""
        self._order += 1
        timer = Timer(when, self._order, action)
        heapq.heappush(self._heap, timer)
        return timer

    def cancel(self, timer: Timer) -> bool:
        """Returns True if the action had not run and now never will."""
        if timer.action is None:
            return False
        timer.action = None
        self._cancelled += 1
        if self._cancelled * 2 > len(self._heap) + 16:
            self._heap = [entry for entry in self._heap if entry.action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
        return True

    def next_deadline(self) -> float | None:
        """When the earliest pending action is due; None if there is none."""
        heap = self._heap
        while heap and heap[0].action is None:
            heapq.heappop(heap)
            self._cancelled -= 1
        return heap[0].when if heap else None

    def due(self, now: float) -> list[Callable[[], object]]:
        """The actions whose time has come, in order; the caller runs them."""
        actions: list[Callable[[], object]] = []
        while (when := self.next_deadline()) is not None and when <= now:
            timer = heapq.heappop(self._heap)
            assert timer.action is not None
            actions.append(timer.action)
            timer.action = None
        return actions

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled
