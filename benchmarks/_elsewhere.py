"""Starts a goroutine on another worker than its caller's, and makes sure of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import dgo

ATTEMPTS = 32


def elsewhere(fn: Callable[..., Any], *args: Any) -> dgo.Goroutine[Any]:
    """Starts ``fn(*args)`` as a goroutine in another process; call it in a goroutine.

    Placement is the cluster's decision, so this asks for ``spread`` until it has got what it wants: each
    candidate says where it is, and is told whether to go on. Those that came to this process stay until the end
    of the search, and so count as its load.

    Raises:
        RuntimeError: every candidate came to this process. There may be only one worker.
    """
    spread = dgo.go.options(spread=True)
    near: list[tuple[dgo.Goroutine[Any], dgo.Chan[bool]]] = []
    try:
        for _ in range(ATTEMPTS):
            places: dgo.Chan[int] = dgo.Chan()
            verdicts: dgo.Chan[bool] = dgo.Chan()
            candidate = spread(_candidate, places, verdicts, fn, args)
            if places.recv() != os.getpid():
                verdicts.send(True)
                return candidate
            near.append((candidate, verdicts))
        raise RuntimeError(f"{ATTEMPTS} goroutines in a row were placed on this worker (process {os.getpid()})")
    finally:
        for candidate, verdicts in near:
            verdicts.send(False)
            candidate.wait()


def _candidate(places: dgo.Chan[int], verdicts: dgo.Chan[bool], fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    places.send(os.getpid())
    return fn(*args) if verdicts.recv() else None
