"""Atomic: a value that all goroutines see and change in one step."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, overload

from dgo.core.atomic import Atomic as Core
from dgo.runtime import current
from dgo.runtime.cells import NUMBERS, change, equal, total
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import freeze, thaw

__all__ = ["Atomic"]

T = TypeVar("T")


class Atomic(SharedObject, Generic[T]):
    """A value that goroutines anywhere read and change, each operation in one step (Go's ``sync/atomic``).

    Values are copied on their way in and out: nothing mutable is shared.

    Args:
        initial: the first value.

    Example:
        >>> hits = dgo.Atomic(0)
        >>> hits.add(1)
        1
    """

    __slots__ = ()
    KIND: ClassVar[str] = "atomic"
    CORE: ClassVar[type] = Core

    def __init__(self, initial: T) -> None:
        frozen = freeze(initial, "the initial value")
        self._node = current.get()
        self._core = Core(frozen)
        self._ref = None

    def load(self) -> T:
        """The value.

        Raises:
            ChannelLost: the world: the process in which the value lived has died.
            SerializationError: the value cannot be rebuilt in this process.
        """
        core = self._core
        return thaw(core.value if core is not None else self._ask("load"))  # type: ignore[return-value] # of the type that was stored

    def store(self, value: T) -> None:
        """Sets the value.

        Raises:
            SerializationError: you: the value cannot travel.
            ChannelLost: the world: the process in which the value lived has died.
        """
        frozen = freeze(value, "the value stored")
        core = self._core
        if core is None:
            self._ask("store", frozen)
            return
        with self._node.lock:
            core.value = frozen

    @overload
    def add(self: Atomic[int], n: int) -> int: ...
    @overload
    def add(self: Atomic[float], n: float) -> float: ...
    @overload
    def add(self: Atomic[complex], n: complex) -> complex: ...
    def add(self, n: Any) -> Any:
        """Adds ``n`` to the value, which is a number; returns the new value.

        Raises:
            TypeError: you: ``n`` or the value is no number (bool, int, float, complex).
            ChannelLost: the world: the process in which the value lived has died.
        """
        if type(n) not in NUMBERS:
            raise TypeError(f"Atomic.add() takes a number, not {n!r:.80}")
        core = self._core
        if core is None:
            return thaw(self._ask("add", n))
        with self._node.lock:
            value = core.value
            if type(value) in NUMBERS:
                core.value = value = value + n
                return value
        return change(self._node, core, total, n)

    def swap(self, value: T) -> T:
        """Sets the value; returns the old one.

        Raises:
            SerializationError: you: the value cannot travel; or the old value cannot be rebuilt in this process.
            ChannelLost: the world: the process in which the value lived has died.
        """
        frozen = freeze(value, "the value stored")
        core = self._core
        if core is None:
            old = self._ask("swap", frozen)
        else:
            with self._node.lock:
                old = core.swap(frozen)
        return thaw(old, last=True)  # type: ignore[return-value] # of the type that was stored

    def compare_and_swap(self, old: T, new: T) -> bool:
        """Sets the value to ``new`` if it equals ``old`` (``==``); returns whether it did.

        Raises:
            SerializationError: you: ``old`` or ``new`` cannot travel.
            ChannelLost: the world: the process in which the value lived has died.
        """
        expected = freeze(old, "the value expected")
        frozen = freeze(new, "the value stored")
        core = self._core
        if core is None:
            return bool(self._ask("compare_and_swap", expected, frozen))
        return bool(change(self._node, core, equal, expected, frozen))

    def __repr__(self) -> str:
        if self._core is None:
            return f"Atomic({self._id_text}, elsewhere)"
        return f"Atomic({self._id_text}, {self._core.value!r:.80})"


KINDS[Atomic.KIND] = Atomic
