"""Handles: what dgo shares by reference instead of copying."""

from __future__ import annotations

__all__ = ["Compound", "Handle"]


class Handle:
    """Base of everything that is the same object in every process (channels, groups, goroutine handles ...).

    A snapshot keeps a handle as itself; the layer above says how one travels between processes.
    """

    __slots__ = ("__weakref__",)


class Compound(Handle):
    """Base of what is made of handles and frozen values, and never changes (a context, an ErrGroup).

    Within a process it is its own snapshot, as a handle is; between processes its parts travel: it is pickled
    as its ``__reduce__`` says.
    """

    __slots__ = ()
