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


def _make_all(capacities: tuple[int, ...]) -> list[Any]:
    return [dgo.Chan(capacity) for capacity in capacities]


def _make_and_stay(capacity: int, back: Any, gate: Any) -> None:
    back.send((dgo.Chan(capacity), dgo.current().worker), timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)


def all_here(*capacities: int) -> list[Any]:
    """Returns channels that the calling body made itself."""
    return _make_all(capacities)


def all_away(*capacities: int) -> list[Any]:
    """Returns channels that one goroutine made which the coordinator has placed: one home for all."""
    return elsewhere(_make_all, capacities).result(timeout=LIMIT)


def here_and_away(*capacities: int) -> list[Any]:
    """Returns channels with the homes here, away, here, away, ..."""
    return [(away if position % 2 else here)(capacity) for position, capacity in enumerate(capacities)]


def apart(*capacities: int) -> list[Any]:
    """Returns channels made by goroutines of the workers, neighbours always by different workers."""
    channels: list[Any] = []
    back, gate = dgo.Chan(), dgo.Chan()
    last = ""
    makers = []  # each stays until all is done: the coordinator counts it and turns to the other workers
    for capacity in capacities:
        for _ in range(20):
            makers.append(elsewhere(_make_and_stay, capacity, back, gate))
            ch, worker = back.recv(timeout=LIMIT)
            if worker != last:
                break
        assert worker != last, f"every goroutine was placed on {worker}"
        channels.append(ch)
        last = worker
    gate.close()
    for maker in makers:
        maker.result(timeout=LIMIT)
    return channels


#: Every mixture of homes for the channels of one select, by name.
MIXTURES = {"all here": all_here, "all away": all_away, "here and away": here_and_away, "apart": apart}


def come_to_rest() -> None:
    """In a simulation: lets (virtual) time pass until every other goroutine has ended or waits."""
    try:
        dgo.Chan().recv(timeout=1)
    except dgo.Timeout:
        return


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


def empty(ch: Any) -> bool:
    """Whether nothing can be received: no value is stored and no sender waits."""
    try:
        ch.recv_nowait()
    except dgo.WouldBlock:
        return True
    return False


def full(ch: Any) -> bool:
    """Whether nothing can be sent: no slot is free and no receiver waits."""
    try:
        ch.send_nowait("nobody should get this")
    except dgo.WouldBlock:
        return True
    return False


def stored(ch: Any) -> list[Any]:
    """Receives all that can be received without waiting."""
    got = []
    while True:
        try:
            got.append(ch.recv_nowait())
        except dgo.WouldBlock:
            return got


def parts(selected: Any) -> tuple[int, Any, bool]:
    """``(index, value, ok)`` of a select's result."""
    return selected.index, selected.value, selected.ok


def chosen(*cases: Any) -> tuple[int, Any, bool]:
    """Selects among the cases and returns ``(index, value, ok)``; a failure if it takes too long."""
    return parts(dgo.select(*cases, timeout=LIMIT))


def select_receive(*channels: Any) -> tuple[int, Any, bool]:
    """Selects over a receive of each channel; made for goroutines."""
    return chosen(*[dgo.recv(ch) for ch in channels])


def select_send(value: Any, *channels: Any) -> int:
    """Selects over a send of the value to each channel and returns the index; made for goroutines."""
    return chosen(*[dgo.send(ch, value) for ch in channels])[0]
