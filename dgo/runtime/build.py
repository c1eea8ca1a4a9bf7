"""Which build this is: pure Python, or one whose hot modules are C extensions (``setup.py``)."""

from __future__ import annotations

from dgo.core import ticket

__all__ = ["compiled"]

_COMPILED = not (ticket.__file__ or "").endswith(".py")


def compiled() -> bool:
    """Whether the hot modules are compiled."""
    return _COMPILED
