"""How many calls of an executor are in flight: handed to the cluster, and not ended.

A fixed number if the program gave one. Otherwise the rule is that the calls in flight are work for a moment:
long enough to keep every worker busy while news travel, short enough that what waits can still be cancelled.
A *round* is as many ends as the window is wide, while others wait for a place. A round that took less than
``SHORT_SECONDS`` doubles the window, one that took more than ``LONG_SECONDS`` halves it.

Invariants: a fixed window never changes; otherwise ``PER_WORKER * workers <= size``, and ``size <= MOST``
unless there are so many workers.
"""

from __future__ import annotations

__all__ = ["LONG_SECONDS", "MOST", "PER_WORKER", "SHORT_SECONDS", "Window"]

PER_WORKER = 4
MOST = 8192
SHORT_SECONDS = 0.02
LONG_SECONDS = 0.1


class Window:
    """The width, and what is known about the present round.

    Attributes:
        size: how many calls may be in flight.
        fixed: whether the program gave the number.
    """

    __slots__ = ("_began", "_ended", "_least", "fixed", "size")

    def __init__(self, limit: int | None, workers: int) -> None:
        self.fixed = limit is not None
        self._least = PER_WORKER * workers
        self.size = self._least if limit is None else limit
        self._began: float | None = None
        self._ended = 0

    def workers(self, count: int) -> None:
        """The cluster has ``count`` workers now."""
        if not self.fixed:
            self._least = PER_WORKER * max(count, 1)
            self.size = min(max(self.size, self._least), max(MOST, self._least))

    def ended(self, count: int, now: float, waiting: bool) -> None:
        """``count`` calls have ended.

        Args:
            count: how many.
            now: seconds of any clock.
            waiting: others wait for a place; without them the pace says nothing about the width.
        """
        if self.fixed:
            return
        if not waiting or self._began is None:
            self._began = now if waiting else None
            self._ended = 0
            return
        self._ended += count
        if self._ended >= self.size:
            self._adapt(now - self._began)
            self._began = now
            self._ended = 0

    def _adapt(self, seconds: float) -> None:
        if seconds < SHORT_SECONDS:
            self.size = max(self.size, min(2 * self.size, MOST))
        elif seconds > LONG_SECONDS:
            self.size = max(self.size // 2, self._least)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.size >= 1
        assert self.fixed or self._least <= self.size <= max(MOST, self._least)
