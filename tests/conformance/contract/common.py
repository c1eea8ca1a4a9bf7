"""Helpers of these tests: importable by every process, so that a body can name them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import dgo

from ..places import LIMIT, NOTHING, OddError, elsewhere

#: So long does nothing that a test waits for in vain: hours where time is virtual, never reached where it is real.
LONG = 3600


def made(home: str, make: Callable[..., Any], *args: Any) -> Any:
    """Returns what ``make(*args)`` makes: here, or in a goroutine that the coordinator has placed ("away")."""
    if home == "here":
        return make(*args)
    return elsewhere(make, *args).result(timeout=LIMIT)


def come_to_rest() -> None:
    """Where time is virtual: lets it pass until every other goroutine has ended or waits."""
    with pytest.raises(dgo.Timeout):
        dgo.Chan().recv(timeout=1)


def nothing_comes(ch: Any) -> bool:
    """Whether a short wait on the channel ends with a timeout."""
    try:
        ch.recv_ok(timeout=NOTHING)
    except dgo.Timeout:
        return True
    return False


def closes(ch: Any) -> bool:
    """Waits for what the channel has to tell, and returns whether it is that it is closed."""
    return bool(ch.recv_ok(timeout=LIMIT) == (None, False))


class Room:
    """Counts who is inside, wherever they come from: a value that travels, around a shared counter."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.inside = dgo.Atomic(0)

    def visit(self) -> None:
        """Enters, lets others run, leaves; fails when more are inside than there are places."""
        assert self.inside.add(1) <= self.places
        dgo.gosched()
        assert self.inside.add(-1) < self.places


def outcome(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the call returned, or the name of the error that it raised."""
    try:
        return fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - its name is what the test looks at
        return type(error).__name__


def fail(text: str = "expected by the test") -> None:
    """Raises an error of a user's class."""
    raise OddError(text)


def unreached() -> None:
    """Must not be called."""
    raise AssertionError("a function ran that must not run")


def cannot_travel() -> Any:
    """A generator: no pickle can hold it."""
    return (i for i in range(3))


def die() -> None:
    """Ends the process that runs this, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_when_told(ready: Any, told: Any) -> None:
    """Says that all is prepared, waits for the word and dies. The word goes through a buffered channel."""
    ready.send(os.getpid(), timeout=LIMIT)
    told.recv(timeout=LIMIT)
    die()


def cancel_pair(parent: Any) -> tuple[Any, Any]:
    """A cancellable context that lives where this runs, and its cancel function."""
    ctx, cancel = dgo.with_cancel(parent)
    return ctx, cancel
