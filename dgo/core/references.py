"""Who holds a handle to an object of this process: when an exported object may be freed.

An object that never left its process is ordinary garbage. Once a handle to it travels, its home keeps it
alive while some other process holds a handle, or while one is on its way.

* ``holders``: each process that holds at least one handle is on the object's list once. It joins with its
  first handle and leaves when its last handle is collected, or when it dies.
* **Pins**: whoever sends a handle keeps its own until the receiver says that it is registered at the home.
  A pin is a number given by the sender, with the handles it keeps.

Invariants: an object is exported exactly while it has a holder, or has been pinned by its own home;
a pin is released once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

__all__ = ["Exports", "Pins"]


class _Export:
    __slots__ = ("holders", "number", "obj", "pinned")

    def __init__(self, number: int, obj: Any) -> None:
        self.number = number
        self.obj = obj
        self.holders: set[int] = set()
        self.pinned = 0


class Exports:
    """The exported objects of one home."""

    def __init__(self) -> None:
        self._exports: dict[int, _Export] = {}

    def get(self, number: int) -> Any:
        """The object with that number, or None if it is not exported (any more)."""
        export = self._exports.get(number)
        return None if export is None else export.obj

    def pin(self, number: int, obj: Any) -> None:
        """A handle to ``obj`` leaves: keep it until ``unpin``."""
        export = self._exports.get(number)
        if export is None:
            export = self._exports[number] = _Export(number, obj)
        export.pinned += 1

    def unpin(self, number: int) -> None:
        """The receiver of one handle has registered (or died)."""
        export = self._exports[number]
        assert export.pinned > 0
        export.pinned -= 1
        self._free_if_unused(export)

    def join(self, number: int, node: int) -> bool:
        """``node`` holds a handle from now on; False if there is no such object (any more)."""
        export = self._exports.get(number)
        if export is None:
            return False
        export.holders.add(node)
        return True

    def leave(self, number: int, node: int) -> None:
        """``node`` has dropped its last handle."""
        export = self._exports.get(number)
        if export is not None:
            export.holders.discard(node)
            self._free_if_unused(export)

    def lost(self, node: int) -> None:
        """``node`` died: it is on no list any more."""
        for export in list(self._exports.values()):
            if node in export.holders:
                export.holders.discard(node)
                self._free_if_unused(export)

    def all(self) -> list[Any]:
        """The exported objects."""
        return [export.obj for export in self._exports.values()]

    def holders(self, number: int) -> frozenset[int]:
        """The processes that hold a handle (for dumps and deadlock reports)."""
        export = self._exports.get(number)
        return frozenset() if export is None else frozenset(export.holders)

    def _free_if_unused(self, export: _Export) -> None:
        if not export.holders and not export.pinned:
            del self._exports[export.number]

    def __len__(self) -> int:
        return len(self._exports)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for number, export in self._exports.items():
            assert number == export.number
            assert export.holders or export.pinned


class Pins:
    """What this process keeps alive for receivers that have not registered yet.

    Invariant: ``_of[receiver]`` are the numbers of that receiver's pins; a receiver without pins is not in it.
    """

    def __init__(self) -> None:
        self._next = 0
        self._pins: dict[int, tuple[Hashable, Any]] = {}
        self._of: dict[Hashable, set[int]] = {}

    def add(self, receiver: Hashable, kept: Any) -> int:
        """Keeps ``kept`` for ``receiver``; returns the pin's number (never 0)."""
        self._next += 1
        self._pins[self._next] = (receiver, kept)
        self._of.setdefault(receiver, set()).add(self._next)
        return self._next

    def get(self, pin: int) -> Any:
        """What a pin keeps, or None if it was released."""
        entry = self._pins.get(pin)
        return None if entry is None else entry[1]

    def release(self, pin: int) -> Any:
        """Forgets a pin; returns what it kept, or None if it was released before."""
        entry = self._pins.pop(pin, None)
        if entry is None:
            return None
        receiver, kept = entry
        others = self._of[receiver]
        others.discard(pin)
        if not others:
            del self._of[receiver]
        return kept

    def lost(self, receiver: Hashable) -> Iterable[Any]:
        """Forgets all pins of a receiver that died; returns what they kept."""
        numbers = self._of.pop(receiver, None)
        if numbers is None:  # most have none; this is asked at the end of every goroutine
            return ()
        return [self._pins.pop(pin)[1] for pin in numbers]

    def __len__(self) -> int:
        return len(self._pins)
