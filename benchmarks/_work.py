"""What the tasks of every contender do. Nothing is imported here: the workers of all peers load this module."""

from __future__ import annotations

import time


def noop(_: int = 0) -> None:
    """Does nothing."""


def spin(loops: int) -> None:
    """Computes, holding the processor, for a time that :func:`loops_a_millisecond` knows."""
    for _ in range(loops):
        pass


def loops_a_millisecond() -> int:
    """How many loops this machine makes in a millisecond of processor time: the best of a few trials."""
    best = 0.0
    for _ in range(5):
        started = time.thread_time()
        spin(400_000)
        best = max(best, 400_000 / (time.thread_time() - started))
    return int(best / 1000)
