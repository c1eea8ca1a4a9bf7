"""Lumps: large buffers of frozen values that do not lie in the interpreter's heap.

Where processes share memory, the snapshot of a large buffer is made there (``dgo.runtime.memory`` says how), and what
travels is its name. Here is what snapshots need to know of it; without a keeper every buffer is ``bytes`` or
``bytearray``.

A lump never changes after it was made. What is rebuilt from it must not change it either: ``private`` gives memory
that may be written to, of which nobody else sees anything.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

__all__ = ["LUMP_BYTES", "Lump", "keep", "set_keeper"]

LUMP_BYTES = 1 << 19
"""Buffers of at least this size are kept as lumps. For smaller ones opening and mapping costs about what the copies
cost that it saves; in one process it costs more."""

Keeper = Callable[[memoryview], "Lump | None"]


class Lump(abc.ABC):
    """One buffer at one moment.

    Attributes:
        nbytes: its size.
        readonly: the original could not be written to.
    """

    __slots__ = ("nbytes", "readonly")

    nbytes: int
    readonly: bool

    @abc.abstractmethod
    def private(self, *, last: bool = False) -> memoryview:
        """Memory with these contents, for the caller alone; writing to it changes no other's.

        Args:
            last: the lump is not used again, so the memory may be its own.

        Raises:
            OSError: the system refuses the memory.
        """

    @abc.abstractmethod
    def shared(self) -> memoryview:
        """The contents, read-only and without a copy. The lump lives as long as the view."""

    def __len__(self) -> int:
        return self.nbytes

    def __bytes__(self) -> bytes:
        return bytes(self.shared())


_keeper: Keeper | None = None


def set_keeper(keeper: Keeper | None) -> None:
    """Says where this process's large buffers are kept; None: as ``bytes`` and ``bytearray``."""
    global _keeper
    _keeper = keeper


def keep(view: memoryview) -> Lump | None:
    """A copy of a large buffer as a lump; None: it has to be copied in the usual way."""
    return None if _keeper is None else _keeper(view)
