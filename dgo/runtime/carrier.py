"""What a goroutine runs in."""

from __future__ import annotations

from typing import Any

from greenlet import greenlet

__all__ = ["Carrier"]


class Carrier(greenlet):  # type: ignore[misc] # greenlet ships no annotations
    """A greenlet that runs goroutines; ``task`` is the one it runs now."""

    task: Any = None
