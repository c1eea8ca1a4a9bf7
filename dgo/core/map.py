"""A map that many goroutines share (Go's ``sync.Map``).

A key is there once: keys are equal as Python has it. ``entries`` leads from the key, as an object of the home
that is shown to nobody, to what is given away: the frozen key and the frozen value. Each method is one step.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

__all__ = ["Map"]


class Map:
    """The state of one map, at its home. Frozen keys and values are opaque.

    The methods take the key, its frozen form and the values; they return what is found, and whether it was there.
    """

    __slots__ = ("__weakref__", "entries", "number")

    def __init__(self) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.entries: dict[Hashable, tuple[Any, Any]] = {}

    def load(self, key: Hashable, frozen: Any) -> tuple[Any, bool]:
        """The value of a key."""
        entry = self.entries.get(key)
        return (None, False) if entry is None else (entry[1], True)

    def contains(self, key: Hashable, frozen: Any) -> tuple[None, bool]:
        """Whether the key is there."""
        return None, key in self.entries

    def store(self, key: Hashable, frozen: Any, value: Any) -> tuple[None, bool]:
        """Sets the value of a key; the key that was there first stays, as in a dict."""
        entry = self.entries.get(key)
        self.entries[key] = (frozen if entry is None else entry[0], value)
        return None, entry is not None

    def load_or_store(self, key: Hashable, frozen: Any, value: Any) -> tuple[Any, bool]:
        """The value of a key; if there was none, ``value`` from now on."""
        new = (frozen, value)
        entry = self.entries.setdefault(key, new)
        return entry[1], entry is not new

    def load_and_delete(self, key: Hashable, frozen: Any) -> tuple[Any, bool]:
        """Removes a key; the value that it had."""
        entry = self.entries.pop(key, None)
        return (None, False) if entry is None else (entry[1], True)

    def delete(self, key: Hashable, frozen: Any) -> tuple[None, bool]:
        """Removes a key, whose value nobody wants."""
        return None, self.entries.pop(key, None) is not None

    def clear(self) -> None:
        """Removes all keys."""
        self.entries.clear()

    def pairs(self) -> list[tuple[Any, Any]]:
        """The frozen keys and values of one moment, in the order in which the keys came."""
        return list(self.entries.values())
