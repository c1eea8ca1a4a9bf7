"""When a worker's garbage collector goes through everything.

CPython does so whenever the objects that it knows have grown by a quarter. A hundred thousand parked goroutines are a
million objects, none of which is garbage, and to go through them takes a fraction of a second, in which nothing
else runs: again and again, while there come to be more of them. So the more goroutines live, the more has
to be allocated before everything is gone through: about as many objects as theirs, which is to say that the heap
may double, as by default in Go. Young objects are looked at as ever.

What a program sets itself, by ``gc.set_threshold``, is left alone.
"""

from __future__ import annotations

import gc

__all__ = ["Collector"]

OBJECTS = 12  # of a parked goroutine that the collector goes through


class Collector:
    """The collector's thresholds, as they are and as they were set here."""

    def __init__(self) -> None:
        self._first = self._set = gc.get_threshold()

    def adjust(self, goroutines: int) -> None:
        """So many live now."""
        if gc.get_threshold() != self._set:
            return
        young, middle, old = self._first
        if not young:  # it is off
            return
        old = max(old, goroutines * OBJECTS // (young * max(middle, 1)))
        if old != self._set[2]:
            self._set = (young, middle, old)
            gc.set_threshold(*self._set)
