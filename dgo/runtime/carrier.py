"""What a goroutine runs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import greenlet

__all__ = ["Carrier"]


class Carrier(greenlet):  # type: ignore[misc] # greenlet ships no annotations
    """A greenlet that runs goroutines; ``task`` is the one it runs now."""

    __slots__ = ("task",)

    task: Any

    def __init__(self, run: Callable[[], None], parent: greenlet) -> None:
        super().__init__(run, parent)
        self.task = None
