"""Calls at one moment: a function split into its code and its captured data, and its arguments.

Three forms of a call, from cheap to dear:

* the function by key, the arguments as themselves (all are immutable): no payload;
* the function by key, ``(args, kwargs)`` in the payload;
* no key: ``(fn, args, kwargs)`` in one payload, so that what closure and arguments share stays shared;
  code objects are named by hash (``codes``), everything captured is in the pickle.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from dgo.errors import SerializationError
from dgo.wire.snapshot.code import CallPickler, CodeStore
from dgo.wire.snapshot.diagnose import refusal, refuses
from dgo.wire.snapshot.payload import Payload, unpack
from dgo.wire.snapshot.pickling import dump
from dgo.wire.snapshot.plans import plan_for
from dgo.wire.snapshot.raw import ATOMS, is_raw

__all__ = ["NO_KEYWORDS", "Call", "snapshot_call", "thaw_call"]

NO_KEYWORDS: dict[str, Any] = {}  # one object for all calls without; not to be changed


class Call:
    """A call as it was when it was made; not to be changed.

    Attributes:
        name: the function's name for people.
        key: content hash of the function if it is shareable, else None.
        fn: what to call in this process if it is shareable, else None: the function itself, or a copy if
            something that it reads could be bound anew before the call runs.
        args: the arguments if they are all immutable and the function is shareable, else None.
        kwargs: likewise.
        payload: everything that has to be thawed, else None.
        codes: hashes of the code objects that the payload needs.
    """

    __slots__ = ("args", "codes", "fn", "key", "kwargs", "name", "payload")

    def __init__(
        self,
        name: str,
        key: bytes | None,
        fn: Callable[..., Any] | None,
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any] | None,
        payload: Payload | None,
        codes: tuple[bytes, ...],
    ) -> None:
        self.name = name
        self.key = key
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.payload = payload
        self.codes = codes

    def __repr__(self) -> str:
        by = "by value" if self.key is None else self.key.hex()[:8]
        return f"Call({self.name}, {by}, {self.payload or 'no payload'})"


def snapshot_call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Takes a snapshot of a call: nothing that the caller does afterwards is seen by it.

    Raises:
        TypeError: `fn` cannot be called.
        SerializationError: something captured or passed cannot travel; the message gives the way to it.
    """
    plan = plan_for(fn, display_name)
    if plan is None:
        return _whole_call(fn, args, kwargs)
    if not args and not kwargs:
        bare: Call | None = plan.bare
        if bare is None:
            bare = plan.bare = Call(plan.name, plan.key, plan.run, (), NO_KEYWORDS, None, ())
        return bare
    for value in args:
        if type(value) not in ATOMS and not is_raw(value):
            break
    else:
        if not kwargs or all(map(is_raw, kwargs.values())):
            return Call(plan.name, plan.key, plan.run, args, kwargs.copy() if kwargs else NO_KEYWORDS, None, ())
    payload, codes = _pack((args, kwargs), fn, args, kwargs)
    return Call(plan.name, plan.key, plan.run, None, None, payload, codes)


def thaw_call(
    key: bytes | None,
    args: tuple[Any, ...] | None,
    kwargs: dict[str, Any] | None,
    payload: Payload | None,
    store: CodeStore,
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """What to call, and with what.

    A function that has a key is the same object every time; anything else is new at every thaw.

    Raises:
        LookupError: code that ``store.missing()`` named was not added.
        SerializationError: something cannot be rebuilt in this process; the reason is its cause.
    """
    if key is None:
        if payload is None:
            raise ValueError("a call has a key, a payload, or both")
        whole: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
        whole = unpack(payload, find_code=store.find)  # type: ignore[assignment]  # as _whole_call packed it
        return whole
    fn: Callable[..., Any] = store.find(key)
    if payload is not None:
        args, kwargs = unpack(payload, find_code=store.find)  # type: ignore[misc]  # as snapshot_call packed it
    return fn, args or (), kwargs or {}


def display_name(fn: Callable[..., Any]) -> str:
    """The name of a callable for people."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None)
    if type(name) is not str:
        name = type(fn).__qualname__
    return name.replace("<locals>.", "")


def _whole_call(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    if not callable(fn):
        hint = "; pass the function and its arguments, not the call" if inspect.iscoroutine(fn) else ""
        raise TypeError(f"dgo.go() needs a function or another callable, got {type(fn).__qualname__}{hint}")
    payload, codes = _pack((fn, args, kwargs), fn, args, kwargs)
    return Call(display_name(fn), None, None, None, None, payload, codes)


def _pack(
    value: object, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Payload, tuple[bytes, ...]]:
    try:
        pickled = dump(value, CallPickler)
    except Exception as error:
        raise SerializationError(_blame(fn, args, kwargs, error)) from error
    return Payload(pickled.data, pickled.buffers, pickled.handles), pickled.codes


def _blame(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> str:
    """The message about the first part of the call that cannot travel."""
    parts: list[tuple[str, object]] = [(f"function {display_name(fn)!r}", fn)]
    parts += [(f"argument {number}", value) for number, value in enumerate(args, 1)]
    parts += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    for what, part in parts:
        own_error = refuses(part)
        if own_error is not None:
            return refusal(part, what, own_error)
    return refusal(parts, f"the call of {display_name(fn)!r}", error)
