"""A value that is read and changed in one step (Go's ``sync/atomic``).

The value is frozen: immutable, or a pickle that is opaque here. Each method is one step; what needs the
equality or the sum of values that are opaque is worked out by the caller, which then says ``replace``.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Atomic"]


class Atomic:
    """The state of one atomic value, at its home."""

    __slots__ = ("__weakref__", "number", "value")

    def __init__(self, value: Any) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.value = value

    def swap(self, value: Any) -> Any:
        """Stores ``value``; returns what was there."""
        old, self.value = self.value, value
        return old

    def replace(self, seen: Any, value: Any) -> bool:
        """Stores ``value`` if ``seen`` itself is still there: what was worked out from it holds."""
        if self.value is not seen:
            return False
        self.value = value
        return True
