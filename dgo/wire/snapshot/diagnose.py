"""Why something cannot travel: the deepest object that refuses, and the way to it.

Only runs after a pickling has failed. From the value downwards, the first part that cannot be pickled by
itself is the way to go; an object of which every part can be pickled is the offender.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from dgo.wire.snapshot.parts import is_leaf, parts_of
from dgo.wire.snapshot.pickling import dump
from dgo.wire.snapshot.raw import is_constant

__all__ = ["described", "refusal", "refuses"]

MAX_NODES = 10_000
MAX_DEPTH = 100


def refusal(value: object, what: str, error: Exception) -> str:
    """The message for a value whose pickling raised `error`; never raises.

    Args:
        value: what could not be pickled.
        what: names it, e.g. ``"argument 2"``.
        error: what pickling it raised.
    """
    try:
        way, offender, error = _Search().find(value, error)
    except Exception:  # noqa: BLE001  parts are got by running the user's code; `error` is told anyway
        way, offender = (), value
    subject = f"cannot send {what.removesuffix(' sent')} to a goroutine"
    if isinstance(error.__cause__, RecursionError) or isinstance(error, RecursionError):
        return f"{subject}: it is nested too deeply to be pickled. Flatten it, or send it in parts."
    where = " -> ".join(way) or "it"
    return (
        f"{subject}: {where} is {_kind(offender)}, which cannot travel between processes "
        f"({described(error)}). "
        "Create it inside the goroutine, or pass what is needed to create it."
    )


def described(error: BaseException) -> str:
    """Type and message of an exception; never raises, whatever its ``__str__`` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  a user's __str__ may raise anything
        return type(error).__name__


def refuses(value: object) -> Exception | None:
    """What pickling the value raises, or None."""
    if is_constant(value):
        return None
    try:
        dump(value)
    except Exception as error:  # noqa: BLE001  the error is the answer
        return error
    return None


class _Search:
    """One search. `seen` holds every object looked at, so that ids stay theirs and cycles end."""

    def __init__(self) -> None:
        self.seen: dict[int, object] = {}

    def find(self, value: object, error: Exception) -> tuple[tuple[str, ...], object, Exception]:
        """The way to the offender, the offender, and what pickling it raises."""
        way: tuple[str, ...] = ()
        trail: list[tuple[tuple[str, ...], object, Exception]] = []
        todo: list[tuple[tuple[str, ...], object, Exception]] = [(way, value, error)]
        # Depth first. A node without a refusing part is the offender, unless one of its parts leads back into
        # the way here: then its refusal may be that of a sibling which is still to come.
        while todo:
            way, value, error = todo.pop()
            refusing, leads_back = self._refusing_parts(way, value)
            if not refusing and not leads_back:
                return way, value, error
            trail.append((way, value, error))
            todo.extend(reversed(refusing))
        return max(trail, key=lambda entry: len(entry[0]))

    def _refusing_parts(
        self, way: tuple[str, ...], value: object
    ) -> tuple[list[tuple[tuple[str, ...], object, Exception]], bool]:
        self.seen[id(value)] = value
        refusing: list[tuple[tuple[str, ...], object, Exception]] = []
        leads_back = False
        if is_leaf(value) or len(way) >= MAX_DEPTH:
            return refusing, leads_back
        for step, part in _safely(parts_of, value):
            if is_constant(part) or len(self.seen) >= MAX_NODES:
                continue
            if id(part) in self.seen:
                leads_back = True
                continue
            self.seen[id(part)] = part
            error = refuses(part)
            if error is not None:
                refusing.append(((*way, step), part, error))
                if not self._may_lead_back(part):
                    break  # the first one that refuses is enough
        return refusing, leads_back

    def _may_lead_back(self, value: object) -> bool:
        return not is_leaf(value) and any(id(part) in self.seen for _, part in _safely(parts_of, value))


def _safely(parts: Callable[[object], list[tuple[str, Any]]], value: object) -> list[tuple[str, Any]]:
    try:
        return parts(value)
    except Exception:  # noqa: BLE001  an object that refuses to be taken apart is the offender itself
        return []


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {reprlib.repr(value.__qualname__)}"
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name.lstrip('_')[:1].lower() in 'aeiou' else 'a'} {name}"
