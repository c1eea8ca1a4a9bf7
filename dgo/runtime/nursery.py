"""Goroutines that goroutines of this process have spawned, and that have not started: which is next, which is stolen.

A goroutine that spawns children and waits for them goes on when they have ended. Served in the order in which they were
spawned, a tree would be unfolded whole, level by level, before its first leaf is done. So the deepest is next: a tree
of goroutines needs no more memory than its depth times its breadth. Among equals it is first come, first served: a loop
that spawns does so on one level, and its goroutines start in order.

Now and then the turn is that of the shallowest, so that nobody starves whose neighbours spawn for ever. Not more
often than that needs: a large subtree that has begun cannot be stolen any more.

Who steals gets from the shallowest level, the oldest first: those are the large subtrees, and half of them are enough.

Invariants:

1. A task in the nursery has not started, and stands in the level of its ``depth``, which is at least 1.
2. No level beyond ``deepest`` has a task. (It may be too high: others may have been taken out.)
3. Only the hub's thread calls ``add`` and ``take``. Any thread may steal, remove, and look.
"""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["MAX_DEPTH", "Nursery"]

MAX_DEPTH = 63  # all that are deeper are equals
SHALLOW_TURN = 1024  # every so many starts one of the shallowest
TICK_COUNTS = 16  # as that many starts: they may be long


class Nursery:
    """The levels. ``bool()`` is True if there may be a task.

    Attributes:
        deepest: no level beyond it has a task; 0: there is none at all.
        starts: since the last one of the shallowest.
    """

    __slots__ = ("_levels", "deepest", "starts")

    def __init__(self) -> None:
        self._levels: list[deque[Any]] = [deque() for _ in range(MAX_DEPTH + 1)]
        self.deepest = 0
        self.starts = 0

    def __bool__(self) -> bool:
        return self.deepest > 0

    def __len__(self) -> int:
        return sum(map(len, self._levels)) if self.deepest else 0

    def add(self, task: Any) -> None:
        """A task was spawned, ``task.depth`` generations from one that came from elsewhere."""
        depth = task.depth
        self._levels[depth].append(task)
        if depth > self.deepest:
            self.deepest = depth

    def tick(self) -> None:
        """Time has passed. (A signal's handler may call this: a start that it hides is none to speak of.)"""
        self.starts += TICK_COUNTS

    def take(self) -> Any:
        """The task that starts now; None if there is none."""
        levels = self._levels
        self.starts += 1
        if self.starts >= SHALLOW_TURN:
            self.starts = 0
            for level in levels:
                if level:
                    try:
                        return level.popleft()
                    except IndexError:  # another thread has taken it
                        continue
        while self.deepest:
            level = levels[self.deepest]
            try:
                task = level.popleft()
            except IndexError:
                self.deepest -= 1
                continue
            if not level:
                self.deepest -= 1  # the next look finds the nursery empty at once, if it is
            return task
        return None

    def steal(self, count: int) -> list[Any]:
        """Up to ``count`` of the oldest tasks of the shallowest level, but no more than half of that level."""
        for level in self._levels:
            if level:
                return _first(level, min(count, (len(level) + 1) // 2))
        return []

    def empty(self) -> list[Any]:
        """Takes all out, the shallowest first."""
        return [task for level in self._levels for task in _first(level, len(level))]

    def remove(self, task: Any) -> bool:
        """Takes a task out; False if it is not here (any more)."""
        try:
            self._levels[task.depth].remove(task)
        except ValueError:
            return False
        return True

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for depth, level in enumerate(self._levels):
            assert all(task.depth == depth > 0 and task.carrier is None for task in level), "1: its level"
            assert not level or depth <= self.deepest, "2: beyond the deepest"


def _first(level: deque[Any], count: int) -> list[Any]:
    found: list[Any] = []
    try:
        while len(found) < count:
            found.append(level.popleft())
    except IndexError:  # another thread has taken the rest
        pass
    return found
