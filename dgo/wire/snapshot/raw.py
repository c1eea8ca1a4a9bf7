"""Which values are their own snapshot: immutable all through."""

from __future__ import annotations

from typing import Any

from dgo.wire.snapshot.handles import Handle

__all__ = ["ATOMS", "is_constant", "is_raw", "is_small_and_plain"]

_CONTAINERS: frozenset[type] = frozenset({list, tuple, set, frozenset, dict})
_SMALL = 64  # parts: looking at so many costs less than a pickler of our own

ATOMS: frozenset[type] = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})
"""Exact types of immutable values without parts. A subclass may carry attributes, so it is not one."""


def is_raw(value: object) -> bool:
    """Whether the value is an atom, a handle, or tuples and frozensets of these."""
    kind = type(value)
    if kind in ATOMS:
        return True
    if kind is tuple or kind is frozenset:
        for part in value:  # type: ignore[attr-defined]  # it is a tuple or a frozenset
            if type(part) not in ATOMS:
                return _all_parts(value, handles_too=True)
        return True
    return issubclass(kind, Handle)


def is_constant(value: object) -> bool:
    """As :func:`is_raw`, but without handles: the value means the same for ever, everywhere."""
    kind = type(value)
    if kind in ATOMS:
        return True
    return (kind is tuple or kind is frozenset) and _all_parts(value, handles_too=False)


def _all_parts(container: object, *, handles_too: bool) -> bool:
    # A loop, not a recursion: tuples may be nested deeper than the stack. `seen` holds containers only;
    # it keeps a container that is shared many times from being walked many times.
    seen: set[int] = set()
    todo = [container]
    while todo:
        for part in todo.pop():  # type: ignore[attr-defined]  # only tuples and frozensets are put there
            kind = type(part)
            if kind in ATOMS:
                continue
            if kind is tuple or kind is frozenset:
                if id(part) not in seen:
                    seen.add(id(part))
                    todo.append(part)
            elif not (handles_too and issubclass(kind, Handle)):
                return False
    return True


def is_small_and_plain(value: object) -> bool:
    """Whether the value is a builtin container of a few atoms and such containers, and nothing else."""
    todo: list[Any] = [value]
    left = _SMALL
    while todo:
        container = todo.pop()
        kind = type(container)
        if kind not in _CONTAINERS:
            return False
        left -= len(container) + 1  # a cycle ends here too
        if left < 0:
            return False
        parts = [*container, *container.values()] if kind is dict else container
        for part in parts:
            if type(part) not in ATOMS:
                todo.append(part)
    return True
