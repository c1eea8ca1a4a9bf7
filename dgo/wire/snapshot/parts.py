"""The parts of an object as pickling sees them, each with a name for people."""

from __future__ import annotations

import copyreg
import functools
import io
import reprlib
import threading
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from dgo.wire.snapshot.facts import facts_of
from dgo.wire.snapshot.handles import Handle
from dgo.wire.snapshot.importable import is_importable

__all__ = ["is_leaf", "parts_of"]

Part = tuple[str, Any]

_NOT_STATE = frozenset({"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__slots__"})


def is_leaf(value: object) -> bool:
    """Whether to name the object itself rather than something inside it that says less to a person."""
    return isinstance(value, threading.Thread | io.IOBase | ModuleType | Handle) or is_importable(value)


def parts_of(value: object) -> list[Part]:
    """The named parts of an object; raises what its own pickling methods raise."""
    kind = type(value)
    for known, parts in _KNOWN:
        if issubclass(kind, known):
            return list(parts(value))
    return list(_reduced(value))


def _function(function: FunctionType) -> Iterator[Part]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"closure variable {name!r}", cell.cell_contents
        except ValueError:  # nothing is bound to the variable yet
            continue
    world = function.__globals__
    yield from ((f"global {name!r}", world[name]) for name in facts_of(function.__code__).names if name in world)
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    named = zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True)
    yield from ((f"default of {name!r}", default) for name, default in named)
    yield from ((f"default of {name!r}", value) for name, value in (function.__kwdefaults__ or {}).items())
    yield from _attributes(function.__dict__)
    yield from ((f"annotation of {n!r}", value) for n, value in function.__annotations__.items())


def _method(method: MethodType) -> Iterator[Part]:
    yield "the method's object", method.__self__
    yield "the method's function", method.__func__


def _builtin_method(method: BuiltinMethodType) -> Iterator[Part]:
    yield "the method's object", method.__self__


def _partial(partial: functools.partial[Any]) -> Iterator[Part]:
    yield "function of the partial", partial.func
    yield from ((f"argument {number} of the partial", v) for number, v in enumerate(partial.args, 1))
    yield from ((f"argument {name!r} of the partial", v) for name, v in partial.keywords.items())


def _cell(cell: CellType) -> Iterator[Part]:
    try:
        yield "content", cell.cell_contents
    except ValueError:  # nothing is bound to the variable yet
        return


def _items(items: Iterable[Any]) -> Iterator[Part]:
    yield from ((f"item {index}", item) for index, item in enumerate(items))


def _elements(elements: Iterable[Any]) -> Iterator[Part]:
    yield from (("set element", element) for element in elements)


def _entries(entries: dict[Any, Any]) -> Iterator[Part]:
    for key, value in entries.items():
        shown = reprlib.repr(key)
        yield f"dict key {shown}", key
        yield f"dict value of key {shown}", value


def _class(cls: type) -> Iterator[Part]:
    yield from (("base class", base) for base in cls.__bases__)
    yield from ((f"class attribute {n!r}", v) for n, v in vars(cls).items() if n not in _NOT_STATE)


def _wrapped(descriptor: Any) -> Iterator[Part]:
    yield "its function", descriptor.__func__


def _property(descriptor: property) -> Iterator[Part]:
    functions = {"getter": descriptor.fget, "setter": descriptor.fset, "deleter": descriptor.fdel}
    yield from functions.items()


def _attributes(attributes: dict[Any, Any]) -> Iterator[Part]:
    yield from ((f"attribute {name!r}", value) for name, value in attributes.items())


def _reduced(value: object) -> Iterator[Part]:
    """What the object's own reduction gives, in the order in which a person would look for it."""
    reducer = copyreg.dispatch_table.get(type(value))
    reduced = reducer(value) if reducer is not None else value.__reduce_ex__(5)
    if isinstance(reduced, str):
        return
    _, arguments, state, items, entries, *_ = (*reduced, None, None, None)
    yield from _state(state)
    if isinstance(value, list | tuple | set | frozenset | dict):
        builtin = next(parts for known, parts in _CONTAINERS if isinstance(value, known))
        yield from builtin(value)
    else:
        yield from _items(items or ())
        yield from _entries(dict(entries or ()))
    if not is_importable(type(value)):
        yield "its class", type(value)
    yield from ((f"constructor argument {number}", v) for number, v in enumerate(arguments, 1))


def _state(state: object) -> Iterator[Part]:
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):  # __dict__ and __slots__
        yield from _state(state[0])
        yield from _attributes(state[1])
    elif isinstance(state, dict):
        yield from _attributes(state)
    elif state is not None:
        yield "state", state


_CONTAINERS: tuple[tuple[type, Callable[[Any], Iterable[Part]]], ...] = (
    (list, _items),
    (tuple, _items),
    (set, _elements),
    (frozenset, _elements),
    (dict, _entries),
)

_KNOWN: tuple[tuple[type, Callable[[Any], Iterable[Part]]], ...] = (
    (FunctionType, _function),
    (MethodType, _method),
    (BuiltinMethodType, _builtin_method),
    (functools.partial, _partial),
    (CellType, _cell),
    (type, _class),
    (staticmethod, _wrapped),
    (classmethod, _wrapped),
    (property, _property),
)
