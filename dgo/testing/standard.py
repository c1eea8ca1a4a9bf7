"""The standard library inside a simulated run: virtual time, and a seeded ``random``."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from greenlet import getcurrent

import dgo.time
from dgo.runtime.carrier import Carrier

__all__ = ["virtual_standard_library"]

SECOND = 1_000_000_000  # nanoseconds


@contextmanager
def virtual_standard_library(clock: Callable[[], float], wall: Callable[[], float], seed: int) -> Iterator[None]:
    """While this lasts ``time`` shows a simulation's time in the calling thread, and ``random`` begins with ``seed``.

    Args:
        clock: virtual seconds that only go forward.
        wall: virtual seconds since the epoch.
        seed: of the run.
    """
    thread = threading.get_ident()

    def here(virtual: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
        def either(*args: Any) -> Any:
            return (virtual if threading.get_ident() == thread else real)(*args)

        return either

    def nanoseconds(seconds: Callable[[], float]) -> Callable[[], int]:
        return lambda: int(seconds() * SECOND)

    def sleep(seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if type(getcurrent()) is Carrier:
            dgo.time.sleep(seconds)
        else:
            real["sleep"](seconds)

    virtual: dict[str, Callable[..., Any]] = {
        "sleep": sleep,
        "time": wall,
        "time_ns": nanoseconds(wall),
        "monotonic": clock,
        "monotonic_ns": nanoseconds(clock),
        "perf_counter": clock,
        "perf_counter_ns": nanoseconds(clock),
    }
    real = {name: getattr(time, name) for name in virtual}
    state = random.getstate()
    random.seed(seed)
    try:
        for name, function in virtual.items():
            setattr(time, name, here(function, real[name]))
        yield
    finally:
        for name, function in real.items():
            setattr(time, name, function)
        random.setstate(state)
