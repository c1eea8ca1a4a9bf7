"""The pickler: cloudpickle, with dgo's own rules for handles, classes, exceptions and buffers.

The only module that imports cloudpickle. What it adds:

* A handle becomes its index in a list beside the pickle (``reducer_override`` is not called for plain data,
  so plain data pays nothing for this).
* A buffer of 16 KiB or more leaves the pickle and is copied once, at the dump; a large one perhaps into shared
  memory (``lumps``).
* A class of ``__main__`` is never overwritten in the process that defined it by a copy that comes home.
* Code objects may be left out and named by hash (:class:`CodelessPickler`).
* An open file is refused (cloudpickle would send its contents).
"""

from __future__ import annotations

import abc
import io
import pickle
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

from dgo.wire.snapshot import homecoming
from dgo.wire.snapshot.context_variables import reduce_context_variable
from dgo.wire.snapshot.exceptions import reduce_exception
from dgo.wire.snapshot.facts import facts_of
from dgo.wire.snapshot.handles import Compound, Handle
from dgo.wire.snapshot.importable import is_by_value_module, is_importable
from dgo.wire.snapshot.lumps import LUMP_BYTES, Lump, keep
from dgo.wire.snapshot.raw import is_small_and_plain

__all__ = ["OUT_OF_BAND_BYTES", "CodelessPickler", "FindBlob", "Pickled", "ValuePickler", "dump", "load"]

OUT_OF_BAND_BYTES = 16 * 1024
NO_FILE_NAME = "<dynamic-code>"
_reduce_code: Callable[[CodeType], tuple[Any, tuple[Any, ...]]] = cloudpickle.Pickler.dispatch_table[CodeType]
"""Buffers of at least this size travel beside the pickle; for smaller ones a frame costs more than a copy."""

FindBlob = Callable[[bytes], CodeType]
"""Gives the code object with a content hash; LookupError if it is not here."""

_loading: ContextVar[tuple[tuple[Handle, ...], FindBlob | None]] = ContextVar("dgo_loading")
# A context variable: loading may import modules, and an import may switch to another goroutine that loads
# (tests/wire/test_snapshot_payload.py, "nested").


@dataclass(slots=True)
class Pickled:
    """A pickle and what lies beside it. `codes` are the hashes of the code objects left out."""

    data: bytes
    buffers: tuple[bytes | bytearray | Lump, ...]
    handles: tuple[Handle, ...]
    codes: tuple[bytes, ...]


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle ships no annotations
    """Pickles one value; code objects are embedded."""

    def __init__(self, file: io.BytesIO, keep_buffer: Callable[[pickle.PickleBuffer], bool]) -> None:
        super().__init__(file, protocol=5, buffer_callback=keep_buffer)
        self.handles: list[Handle] = []
        self.codes: dict[bytes, None] = {}
        self.plain: set[type] = set()  # types met before for which pickle's own way is right

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in self.plain:
            return NotImplemented
        if issubclass(kind, Handle) and not issubclass(kind, Compound):
            self.handles.append(obj)
            return _handle_at, (len(self.handles) - 1,)
        if kind is FunctionType:
            return self.reduce_function(obj)
        if issubclass(kind, type):
            return self.reduce_class(obj)
        if kind is CodeType:
            return self.reduce_code(obj)
        if issubclass(kind, BaseException):
            return reduce_exception(obj)
        if kind is ContextVar:
            return reduce_context_variable(obj)
        if issubclass(kind, io.IOBase) or kind in (type(sys.stdout), type(sys.stderr)):
            return _reduce_stream(obj)
        self.plain.add(kind)
        return NotImplemented

    def reduce_function(self, function: FunctionType) -> Any:
        if is_by_value_module(function.__module__):
            cloudpickle.register_pickle_by_value(sys.modules[function.__module__])
        reduced = super().reducer_override(function)
        if reduced is not NotImplemented:
            # cloudpickle sees what function bodies read, but not what class bodies inside them read.
            captured, world = reduced[2][1]["__globals__"], function.__globals__
            for name in facts_of(function.__code__).names:
                if name in world and name not in captured:
                    captured[name] = world[name]
        return reduced

    def reduce_class(self, cls: type) -> Any:
        if is_by_value_module(getattr(cls, "__module__", None)):
            cloudpickle.register_pickle_by_value(sys.modules[cls.__module__])
        reduced = super().reducer_override(cls)
        if reduced is NotImplemented or len(reduced) < 6:
            return reduced
        homecoming.leaves(cls)
        make, arguments, state, _, _, set_state = reduced
        return make, arguments, (set_state, state), None, None, homecoming.set_class_state

    def reduce_code(self, code: CodeType) -> Any:
        # From 3.1.3 on cloudpickle leaves out the name of the file, without which a traceback shows no source lines.
        make, arguments = _reduce_code(code)
        return make, tuple(code.co_filename if part == NO_FILE_NAME else part for part in arguments)


class CodelessPickler(ValuePickler, metaclass=abc.ABCMeta):
    """Pickles one value; code objects are named by hash.

    Subclass and give :meth:`hash_code`.
    """

    @abc.abstractmethod
    def hash_code(self, code: CodeType) -> bytes:
        """The name of ``code``; its blob is kept where it can be asked for."""

    def reduce_code(self, code: CodeType) -> Any:
        name = self.hash_code(code)
        self.codes[name] = None
        return _code_named, (name,)


class FunctionPickler(ValuePickler):
    """Pickles one shareable function, complete in itself."""

    def reduce_function(self, function: FunctionType) -> Any:
        reduced = super().reduce_function(function)
        if reduced is not NotImplemented:
            # An annotation may name a class of __main__, whose state would be frozen for ever with the
            # function. Nothing that runs needs it, so only what means the same everywhere is kept.
            slots = reduced[2][1]
            kept = {k: v for k, v in slots["__annotations__"].items() if type(v) is str or is_importable(v)}
            slots["__annotations__"] = kept
        return reduced


def dump(value: object, pickler_class: type[ValuePickler] = ValuePickler) -> Pickled:
    """Pickles a value; raises whatever that raises."""
    if is_small_and_plain(value):
        return Pickled(pickle.dumps(value, 5), (), (), ())  # no rule of ours applies: 1 µs instead of 5
    file = io.BytesIO()
    buffers: list[bytes | bytearray | Lump] = []

    def keep_buffer(buffer: pickle.PickleBuffer) -> bool:  # true: pickle it in band
        view = buffer.raw()
        if view.nbytes < OUT_OF_BAND_BYTES:
            return True
        lump = keep(view) if view.nbytes >= LUMP_BYTES else None
        if lump is not None:
            buffers.append(lump)
            return False
        buffers.append(bytes(view) if view.readonly else bytearray(view))
        return False

    # keep_buffer does not refer to the pickler: a cycle would keep the pickled objects until the next gc.
    pickler = pickler_class(file, keep_buffer)
    pickler.dump(value)
    return Pickled(file.getvalue(), tuple(buffers), tuple(pickler.handles), tuple(pickler.codes))


def load(
    data: bytes,
    buffers: tuple[bytes | bytearray | memoryview, ...] = (),
    handles: tuple[Handle, ...] = (),
    find_code: FindBlob | None = None,
) -> Any:
    """Loads what :func:`dump` made; raises whatever that raises."""
    token = _loading.set((handles, find_code))
    try:
        return pickle.loads(data, buffers=buffers)
    finally:
        _loading.reset(token)


def _handle_at(index: int) -> Handle:
    return _loading.get()[0][index]


def _code_named(name: bytes) -> CodeType:
    find_code = _loading.get()[1]
    if find_code is None:
        raise LookupError("this payload belongs to a call: it is thawed with thaw_call()")
    return find_code(name)


def _reduce_stream(stream: Any) -> Any:
    for name in ("stdout", "stderr"):
        if stream is getattr(sys, name):
            return getattr, (sys, name)
    if isinstance(stream, io.TextIOWrapper):
        raise TypeError(f"cannot pickle '{type(stream).__name__}' object")
    return NotImplemented
