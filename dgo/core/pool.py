"""Which segments of memory are in use and which lie idle: what may be taken again, made, and has to be freed.

A segment costs much to make (the kernel clears and maps each page) and little to use again, so one that is no longer
used is kept for a while. It is named by a number; what it consists of is the runtime's affair::

                 ┌──────── fit, take ────────┐
    add ──> IN USE ────── give_back ──────> IDLE ──> freed

Invariants:

1. A segment is either in use or idle.
2. The idle ones have ``idle_bytes`` bytes at most together; none is idle for longer than ``idle_seconds`` once
   ``expire`` was called.
3. There are at most ``most`` segments, unless ``add`` was called without ``room``.
4. What is freed was idle; what is in use stays.
"""

from __future__ import annotations

__all__ = ["Pool", "rounded"]

STEPS = 8  # sizes between a power of two and the next
PAGE = 4096


def rounded(nbytes: int) -> int:
    """The size of a segment for a value of ``nbytes``: few different ones, so that they can be used again.

    It is a whole number of pages and at most an eighth, or a page, larger than the value.
    """
    step = max(PAGE, 1 << max(0, (nbytes - 1).bit_length() - 1) >> 3)
    return -(-nbytes // step) * step


class Pool:
    """The segments of one process.

    Args:
        most: how many there may be.
        idle_bytes: how many bytes may lie idle.
        idle_seconds: for how long.
    """

    def __init__(self, most: int, idle_bytes: int, idle_seconds: float) -> None:
        self.most = most
        self.idle_bytes = idle_bytes
        self.idle_seconds = idle_seconds
        self._sizes: dict[int, int] = {}
        self._idle: dict[int, float] = {}  # since when; the oldest first

    def fit(self, nbytes: int) -> int | None:
        """Takes the smallest idle segment that holds ``nbytes`` and is not more than twice as large."""
        best, size = None, 2 * nbytes + 1
        for number in self._idle:
            if nbytes <= self._sizes[number] < size:
                best, size = number, self._sizes[number]
        if best is not None:
            del self._idle[best]
        return best

    def take(self, number: int) -> None:
        """Segment ``number`` is used (again)."""
        self._idle.pop(number, None)

    def room(self) -> list[int] | None:
        """Whether one more may be made.

        Returns:
            the idle segments to be freed for it; None: all are in use.
        """
        if len(self._sizes) < self.most:
            return []
        return [self._free(next(iter(self._idle)))] if self._idle else None

    def add(self, number: int, size: int) -> None:
        """A new segment, in use."""
        assert number not in self._sizes
        self._sizes[number] = size

    def give_back(self, number: int, now: float) -> list[int]:
        """Segment ``number`` is no longer used; returns those to be freed because too much lies idle."""
        assert number in self._sizes
        assert number not in self._idle
        self._idle[number] = now
        freed = []
        total = sum(self._sizes[idle] for idle in self._idle)
        while total > self.idle_bytes:
            oldest = next(iter(self._idle))
            total -= self._sizes[oldest]
            freed.append(self._free(oldest))
        return freed

    def expire(self, now: float) -> list[int]:
        """Returns the segments to be freed because nobody has wanted them for long enough."""
        return [self._free(n) for n, since in list(self._idle.items()) if now - since >= self.idle_seconds]

    def clear(self) -> list[int]:
        """Returns all that are idle: they are to be freed."""
        return [self._free(number) for number in list(self._idle)]

    def discard(self, number: int) -> bool:
        """Forgets an idle segment; False if it is in use, or not known (any more)."""
        if number not in self._idle:
            return False
        self._free(number)
        return True

    def _free(self, number: int) -> int:
        del self._idle[number]
        del self._sizes[number]
        return number

    @property
    def in_use(self) -> int:
        """How many segments are used."""
        return len(self._sizes) - len(self._idle)

    @property
    def idle(self) -> int:
        """How many bytes lie idle."""
        return sum(self._sizes[number] for number in self._idle)

    def __len__(self) -> int:
        return len(self._sizes)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self._idle.keys() <= self._sizes.keys()
        assert self.idle <= self.idle_bytes
        assert list(self._idle.values()) == sorted(self._idle.values())
