"""What the tests of this folder have executed: importable by every process."""

from __future__ import annotations

import os
import signal
from typing import Any

import dgo

LIMIT = 30


class Unloadable:
    """Can be pickled, and cannot be rebuilt."""

    def __reduce__(self):
        return _refuse, ("no, not here",)


class UnloadableError(Exception):
    """An exception of that kind."""

    def __reduce__(self):
        return _refuse, ("no, not here",)


def _refuse(text: str) -> None:
    raise RuntimeError(text)


class OddError(Exception):
    """Nobody else raises it."""


def identity(value: Any) -> Any:
    return value


def square(value: int) -> int:
    return value * value


def report(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def fail(text: str) -> None:
    raise OddError(text)


def fail_at(bad: int, value: int) -> int:
    if value == bad:
        raise OddError(f"at {value}")
    return value


def pass_gate(gate: Any, value: Any = None) -> Any:
    """Waits until the gate is closed."""
    gate.recv_ok(timeout=LIMIT)
    return value


def arrive(arrivals: Any, gate: Any, value: Any = None) -> Any:
    """Says that it runs, then waits until the gate is closed."""
    arrivals.send(value, timeout=LIMIT)
    return pass_gate(gate, value)


def tell(channel: Any, value: Any) -> Any:
    channel.send(value, timeout=LIMIT)
    return value


def make_unpicklable() -> Any:
    return dgo.current, open(os.devnull)


def make_unloadable() -> Any:
    return Unloadable()


def raise_unloadable() -> None:
    raise UnloadableError("a text")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pid(_: Any = None) -> int:
    return os.getpid()


def measure(now: Any, most: Any, gate: Any) -> None:
    """Notes how many of its kind there are at once."""
    count = now.add(1)
    while (seen := most.load()) < count and not most.compare_and_swap(seen, count):
        pass
    gate.recv_ok(timeout=LIMIT)
    now.add(-1)
