"""Exceptions on their way from the process where they ended a goroutine to the one that asks.

Invariant: neither direction raises. What cannot be kept of an exception becomes text in a ``RemoteError``.
"""

from __future__ import annotations

import traceback

from dgo.errors import RemoteError
from dgo.wire.snapshot.payload import Frozen, freeze, thaw

__all__ = ["ExceptionRecord", "RemoteTraceback", "freeze_exception", "thaw_exception"]

ExceptionRecord = tuple[Frozen | None, str, str, str]
"""The frozen exception (None if it cannot travel), its type's name, its message, its formatted traceback."""


class RemoteTraceback(Exception):
    """Cause of an exception that came from another process: ``str()`` is the traceback over there."""


def freeze_exception(error: BaseException) -> ExceptionRecord:
    """Takes a snapshot of an exception; its causes, contexts and notes are in the traceback text."""
    kind = type(error)
    try:
        frozen: Frozen | None = freeze(error, "exception")
    except Exception:  # noqa: BLE001  whatever the user's reduction raised, the text is what is left of it
        frozen = None
    return frozen, f"{kind.__module__}.{kind.__qualname__}", _message(error), _formatted(error)


def thaw_exception(record: ExceptionRecord) -> BaseException:
    """The exception, new at every call, with a :class:`RemoteTraceback` as its cause.

    If it cannot be rebuilt here: a ``RemoteError`` with the same texts.
    """
    frozen, type_name, message, text = record
    error: object = None
    if frozen is not None:
        try:
            error = thaw(frozen)
        except Exception:  # noqa: BLE001, S110  whatever it was, the RemoteError below says what is known
            pass
    if not isinstance(error, BaseException):
        error = RemoteError(f"{type_name}: {message}", type_name, text)
    error.__cause__ = RemoteTraceback(text)
    return error


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001  a user's __str__ may raise anything; this must not
        return f"<its __str__ raised {type(problem).__name__}>"


def _formatted(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as problem:  # noqa: BLE001  as above: notes, causes and attributes are the user's
        return f"{type(error).__qualname__}: <formatting its traceback raised {type(problem).__name__}>\n"
