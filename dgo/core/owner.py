"""Who holds a lock: a goroutine, or a thread of a process."""

from __future__ import annotations

from typing import TypeAlias

from dgo.ids import node_name, object_name

__all__ = ["Owner", "owner_name", "owner_text"]

Owner: TypeAlias = "tuple[int, int, int]"
"""``(node, spawner, number)``: the process, and the goroutine's id; ``(node, 0, thread)`` of a thread."""


def owner_name(owner: Owner) -> str:
    """For people: the goroutine's id, or whose thread it is."""
    node, spawner, number = owner
    return object_name(spawner, number) if spawner else f"a thread of process {node_name(node)}"


def owner_text(owner: Owner) -> str:
    """The same within a sentence."""
    return f"goroutine {owner_name(owner)}" if owner[1] else owner_name(owner)
