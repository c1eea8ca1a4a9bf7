"""Handles: what dgo shares by reference instead of copying."""

from __future__ import annotations

__all__ = ["Handle"]


class Handle:
    """Base of everything that is the same object in every process (channels, groups, goroutine handles ...).

    A snapshot keeps a handle as itself; the layer above says how one travels between processes.
    """

    __slots__ = ("__weakref__",)
