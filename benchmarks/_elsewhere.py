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
    candidate says where it is, and is told whether to go on.

    Raises:
        RuntimeError: every candidate came to this process. There may be only one worker.
    """
    spread = dgo.go.options(spread=True)
    for _ in range(ATTEMPTS):
        places: dgo.Chan[int] = dgo.Chan()
        verdicts: dgo.Chan[bool] = dgo.Chan()
        candidate = spread(_candidate, places, verdicts, fn, args)
        good = places.recv() != os.getpid()
        verdicts.send(good)
        if good:
            return candidate
        candidate.wait()
    raise RuntimeError(f"{ATTEMPTS} goroutines in a row were placed on this worker (process {os.getpid()})")


def _candidate(places: dgo.Chan[int], verdicts: dgo.Chan[bool], fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    places.send(os.getpid())
    return fn(*args) if verdicts.recv() else None
