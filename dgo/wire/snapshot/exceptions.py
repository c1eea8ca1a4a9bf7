"""Exceptions that survive pickling whatever their constructors look like.

Python rebuilds an exception by calling its class with ``args``, which fails, or adds a prefix twice, when the
class's ``__init__`` takes something else than it passes on. Here the user's ``__init__`` is not called: the
builtin base's is, then the attributes are restored.
"""

from __future__ import annotations

from types import WrapperDescriptorType
from typing import Any

__all__ = ["reduce_exception"]

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by Python code


def reduce_exception(error: BaseException) -> Any:
    """Reduces an exception, unless its class says how (``__reduce__`` in Python), which is respected."""
    kind = type(error)
    for base in kind.__mro__:
        if "__reduce__" in vars(base) or "__reduce_ex__" in vars(base):
            if base.__flags__ & _HEAP_TYPE:
                return NotImplemented
            break
    if not kind.__flags__ & _HEAP_TYPE:
        return NotImplemented
    reduced = error.__reduce__()
    if type(reduced) is not tuple or reduced[0] is not kind:
        return NotImplemented
    state = reduced[2] if len(reduced) > 2 else None
    # The state is set by pickle after the object is known, so that it may refer back to the exception.
    return _rebuild, (kind, *reduced[1]), state


def _rebuild(kind: type[BaseException], *args: object) -> BaseException:
    error = kind.__new__(kind, *args)
    _builtin_init(kind)(error, *args)
    return error


def _builtin_init(kind: type[BaseException]) -> Any:
    for base in kind.__mro__:
        init = vars(base).get("__init__")
        if type(init) is WrapperDescriptorType:
            return init
    return BaseException.__init__
