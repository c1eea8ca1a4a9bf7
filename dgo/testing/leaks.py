"""``no_leaks``: a block that leaves no goroutine behind."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager

import dgo.time
from dgo.runtime import current
from dgo.runtime.census import Seen
from dgo.runtime.durations import seconds_of
from dgo.runtime.node import Node

__all__ = ["no_leaks"]

SHORTEST, LONGEST = 0.005, 0.2  # seconds between two looks
LISTED = 50  # goroutines in a message


@contextmanager
def no_leaks(timeout: float = 5.0) -> Iterator[None]:
    """``with dgo.testing.no_leaks():`` every goroutine of the program that is started inside ends, or it is an error.

    On leaving it blocks until they have ended, ``timeout`` seconds at most. Works in the driver and in goroutines, on
    real and on simulated clusters. If the block raises, that error passes, and nobody is waited for.

    Args:
        timeout: seconds that they have for their end, once the block is over.

    Raises:
        AssertionError: you: some have not ended; it lists them, with the worker and what each waits on.
        TypeError: you: ``timeout`` is no number.
        ValueError: you: ``timeout`` is NaN.
    """
    timeout = seconds_of(timeout, "no_leaks()")
    node = current.get()
    task = node.host.current()
    job = task.job if task is not None else node.spawner.job
    before = node.census.take(job)
    yield
    left = _wait_for_ends(node, job, before.keys(), timeout)
    if left:
        lines = [f"  {seen}" for seen in left[:LISTED]]
        if len(left) > LISTED:
            lines.append(f"  and {len(left) - LISTED} more")
        raise AssertionError(
            f"{len(left)} goroutine(s) were left behind, {timeout:g} s after the block that started them:\n"
            + "\n".join(lines)
        )


def _wait_for_ends(node: Node, job: int, before: Container[tuple[int, int]], timeout: float) -> list[Seen]:
    """Those that are alive at last and were not before."""
    deadline = node.clock() + timeout
    pause = SHORTEST
    while True:
        left = [seen for key, seen in node.census.take(job).items() if key not in before]
        rest = deadline - node.clock()
        if not left or rest <= 0:
            return left
        dgo.time.sleep(min(pause, rest))
        pause = min(2 * pause, LONGEST)
