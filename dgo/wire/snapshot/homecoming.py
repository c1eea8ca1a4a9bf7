"""Classes of ``__main__`` that come back to the process that defined them.

cloudpickle gives such a class an identity, so that it is the same class when it comes back, but it also sets
the class's attributes again: a stale copy would overwrite the class under its owner's feet, its methods with
copies that read other globals. Rule: the process that defined a class keeps it; elsewhere the latest
snapshot holds.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["leaves", "set_class_state"]

# Invariant: a class is in at most one of the two.
_defined_here: weakref.WeakSet[type] = weakref.WeakSet()
_rebuilt_here: weakref.WeakSet[type] = weakref.WeakSet()


def leaves(cls: type) -> None:
    """Notes that a class is about to be pickled by value."""
    if cls not in _rebuilt_here:
        _defined_here.add(cls)


def set_class_state(cls: type, state: tuple[Callable[[type, Any], Any], Any]) -> type:
    """Gives a rebuilt class its attributes, unless it was defined in this process."""
    if cls not in _defined_here:
        set_state, attributes = state
        _rebuilt_here.add(cls)
        set_state(cls, attributes)
    return cls
