"""A bounded map from objects, by identity, to what was found out about them."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers the objects used lately, at most `size` of them.

    Invariants: an entry holds its object, so an id in the map is never another object's; ``old`` was full
    when it stopped growing, and ``young`` holds what was used since. Each step is one dict operation, so
    threads need no lock: the worst that a race does is to forget an entry.
    """

    __slots__ = ("half", "old", "young")

    def __init__(self, size: int) -> None:
        self.half = size // 2
        self.young: dict[int, tuple[K, V]] = {}
        self.old: dict[int, tuple[K, V]] = {}

    def get(self, key: K) -> V | None:
        entry = self.young.get(id(key))
        if entry is not None:
            return entry[1]
        entry = self.old.get(id(key))
        if entry is None:
            return None
        self.put(key, entry[1])
        return entry[1]

    def put(self, key: K, value: V) -> None:
        if len(self.young) >= self.half:
            self.old, self.young = self.young, {}
        self.young[id(key)] = (key, value)

    def __len__(self) -> int:
        return len(self.young.keys() | self.old.keys())
