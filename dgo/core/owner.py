"""Who holds a lock: a goroutine, or a thread of a process."""

from __future__ import annotations

from typing import TypeAlias

from dgo.ids import node_name, object_name

__all__ = ["Owner", "owner_name"]

Owner: TypeAlias = "tuple[int, int, int]"
"""``(node, spawner, number)``: the process, and the goroutine's id; ``(node, 0, thread)`` of a thread."""


def owner_name(owner: Owner) -> str:
    """For people: which goroutine, or whose thread it is."""
    node, spawner, number = owner
    return f"goroutine {object_name(spawner, number)}" if spawner else f"a thread of process {node_name(node)}"
