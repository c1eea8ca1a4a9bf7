"""Context variables travel as themselves: in each process one that stands for it, with the same name and default.

What it is set to does not travel: every goroutine begins with an empty context, as every thread does.
"""

from __future__ import annotations

import contextvars
import uuid
from typing import Any

__all__ = ["reduce_context_variable"]

# The same variables, by what they are called between processes and the other way round.
_here: dict[bytes, contextvars.ContextVar[Any]] = {}
_tokens: dict[contextvars.ContextVar[Any], bytes] = {}


def reduce_context_variable(variable: contextvars.ContextVar[Any]) -> tuple[Any, tuple[Any, ...]]:
    """As ``__reduce__``."""
    token = _tokens.get(variable)
    if token is None:
        token = uuid.uuid4().bytes
        _here[token] = variable
        _tokens[variable] = token
    try:
        default = (contextvars.Context().run(variable.get),)
    except LookupError:
        return _rebuild, (token, variable.name)
    return _rebuild, (token, variable.name, *default)


def _rebuild(token: bytes, name: str, *default: Any) -> contextvars.ContextVar[Any]:
    variable = _here.get(token)
    if variable is None:
        variable = contextvars.ContextVar(name, default=default[0]) if default else contextvars.ContextVar(name)
        variable = _here.setdefault(token, variable)
        _tokens[variable] = token
    return variable
