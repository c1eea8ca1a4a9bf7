"""Goroutines that run again because the process that ran them was killed."""

from __future__ import annotations

import os
import signal
from typing import Any

import dgo

LIMIT = 30


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(last: Any) -> tuple[int, int]:
    """Kills its process, but not the second one; returns the pids of both."""
    before = last.swap(os.getpid())
    if not before:
        die()
    return before, os.getpid()


def test_a_goroutine_whose_process_is_killed_runs_again_in_another(start: Any) -> None:
    start(2)
    first, second = dgo.go.options(retries=1)(die_once, dgo.Atomic(0)).result(timeout=LIMIT)
    assert first != second
    assert dgo.num_goroutine() == 1


def test_one_that_kills_every_process_that_runs_it_is_lost_in_the_end(start: Any) -> None:
    start(2)
    error = dgo.go.options(retries=1)(die).exception(timeout=LIMIT)
    assert isinstance(error, dgo.WorkerLost)
    assert "tried 2 times" in str(error)
