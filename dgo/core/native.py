"""What the compiled build has to be told about a class (see ``setup.py``); interpreted it means nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: Any) -> Callable[[type], type]:
        """The compiler reads the arguments; nobody else does."""
        return lambda cls: cls


__all__ = ["mypyc_attr"]
