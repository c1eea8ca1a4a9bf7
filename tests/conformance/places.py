"""Where things of a test body live: importable by every process, so that a body can name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import dgo

#: Seconds after which a wait that should have ended is a failure. Nothing in a passing test waits that long.
LIMIT = 30
#: Seconds of waiting that show that nothing comes. A passing test waits exactly that long.
NOTHING = 0.05


def _make(capacity: int) -> Any:
    return dgo.Chan(capacity)


def here(capacity: int = 0) -> Any:
    """Returns a channel that the calling body made itself."""
    return dgo.Chan(capacity)


def away(capacity: int = 0) -> Any:
    """Returns a channel that a goroutine made which the coordinator has placed."""
    return elsewhere(_make, capacity).result(timeout=LIMIT)


def elsewhere(fn: Callable[..., Any], *args: Any) -> Any:
    """Spawns a goroutine on a process of the coordinator's choice, not on the caller's own by habit."""
    return dgo.go.options(spread=True)(fn, *args)


def send_all(ch: Any, values: Iterable[Any]) -> None:
    """Sends the values in order."""
    for value in values:
        ch.send(value, timeout=LIMIT)


def send_all_and_close(ch: Any, values: Iterable[Any]) -> None:
    """Sends the values in order, then closes the channel."""
    send_all(ch, values)
    ch.close()


def take(ch: Any, count: int) -> list[Any]:
    """Receives so many values."""
    return [ch.recv(timeout=LIMIT) for _ in range(count)]


def drain(ch: Any) -> list[Any]:
    """Receives until the channel is closed and drained."""
    got = []
    while True:
        value, ok = ch.recv_ok(timeout=LIMIT)
        if not ok:
            return got
        got.append(value)


def outcome_of_send(ch: Any, value: Any) -> str:
    """Sends one value and returns ``"sent"`` or the name of the error."""
    try:
        ch.send(value, timeout=LIMIT)
    except dgo.DgoError as error:
        return type(error).__name__
    return "sent"


def outcome_of_recv(ch: Any) -> Any:
    """Receives one value and returns it, or the name of the error."""
    try:
        return ch.recv(timeout=LIMIT)
    except dgo.DgoError as error:
        return type(error).__name__


def _refuse() -> None:
    raise ValueError("this object refuses to be rebuilt")


class Unbuildable:
    """Can be pickled; its pickle cannot be loaded."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return (_refuse, ())


class OddError(Exception):
    """An exception class of a user's module."""


def build(kind: Callable[..., Any], *args: Any) -> Any:
    """An object that lives where this runs."""
    return kind(*args)


def build_away(kind: Callable[..., Any], *args: Any) -> Any:
    """An object that lives in another goroutine's process."""
    return elsewhere(build, kind, *args).result(timeout=LIMIT)


def come_true(condition: Callable[[], bool]) -> None:
    """Looks again and again, letting others run (and virtual time pass) in between, until it is so."""
    for _ in range(int(LIMIT / 0.01)):
        if condition():
            return
        try:
            dgo.Chan().recv(timeout=0.01)
        except dgo.Timeout:
            pass
    raise AssertionError("it did not come true")
