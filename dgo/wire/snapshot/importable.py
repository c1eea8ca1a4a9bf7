"""Which functions and classes are found by name in every process."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

__all__ = ["is_by_value_module", "is_importable", "is_importable_module"]


def is_importable(thing: object) -> bool:
    """Whether a function, builtin or class is found again under its module and qualified name.

    False for anything in ``__main__`` or in a module that no other process could import.
    """
    kind = type(thing)
    if not (kind is FunctionType or kind is BuiltinFunctionType or issubclass(kind, type)):
        return False
    module_name = getattr(thing, "__module__", None)
    path = getattr(thing, "__qualname__", None)
    if type(module_name) is not str or type(path) is not str:
        return False
    if module_name == "__main__" or is_by_value_module(module_name):
        return False
    found: object = sys.modules.get(module_name)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is thing


def is_importable_module(thing: object) -> bool:
    """Whether the object is a module that another process could import (``__main__`` is not)."""
    if not isinstance(thing, ModuleType):
        return False
    name = thing.__name__
    return sys.modules.get(name) is thing and name != "__main__" and not is_by_value_module(name)


def is_by_value_module(name: str | None) -> bool:
    """Whether a loaded module (``__main__`` aside) was made by hand or is another name of ``__main__``."""
    if name is None or name == "__main__":
        return False
    if name == "__mp_main__":
        return name in sys.modules
    module = sys.modules.get(name)
    if module is None or getattr(module, "__spec__", None) is not None:
        return False
    return getattr(module, "__file__", None) is None and getattr(module, "__loader__", None) is None
