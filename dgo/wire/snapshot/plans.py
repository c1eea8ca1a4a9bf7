"""Which functions are shareable, and whether what was found out is still true.

A function is shareable when everything that it reads is immutable all through: then its blob is made once
and every call after that sends a hash. Python lets anybody bind a global or a closure variable anew, so
a plan carries a *guard*: the objects that were captured, to be compared by identity before each use.

Invariant: while a plan's guard holds, its blob is what the function would be pickled to now.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType
from typing import Any

from dgo.wire.snapshot.code import publish_function
from dgo.wire.snapshot.facts import facts_of
from dgo.wire.snapshot.importable import is_importable, is_importable_module
from dgo.wire.snapshot.raw import is_constant
from dgo.wire.snapshot.recent import Recent

__all__ = ["Plan", "plan_for"]

MAX_VARIANTS = 32
"""Blobs made for one code object with different captured data. A lambda in a loop captures something new each
time: from then on the data travels with the call, and only the code is shared."""

_ABSENT = object()

_variants: Recent[CodeType, set[bytes]] = Recent(4096)


@dataclass(slots=True)
class Guard:
    """What must still be the same objects."""

    functions: list[tuple[FunctionType, CodeType, object, tuple[tuple[str, object], ...]]] = field(default_factory=list)
    names: list[tuple[dict[str, Any], str, object]] = field(default_factory=list)
    cells: list[tuple[CellType, object]] = field(default_factory=list)

    def holds(self) -> bool:
        # Plain loops: this runs at every call of a shareable function; a generator would cost more.
        for function, code, defaults, kwdefaults in self.functions:
            if function.__code__ is not code or function.__defaults__ is not defaults or function.__dict__:
                return False
            now = function.__kwdefaults__
            if (now or kwdefaults) and not _same(now, kwdefaults):
                return False
        for namespace, name, value in self.names:
            if namespace.get(name, _ABSENT) is not value:
                return False
        for cell, value in self.cells:  # noqa: SIM110  see above
            if _content(cell) is not value:
                return False
        return True


@dataclass(slots=True)
class Plan:
    """A shareable function: how calls name it (`key`), and what calls in this process run (`run`).

    `bare` is for who makes the calls: the one without arguments, once there was one."""

    guard: Guard
    name: str
    key: bytes
    run: Callable[..., Any]
    bare: Any = None


_plans: Recent[object, Plan] = Recent(4096)


def plan_for(fn: Callable[..., Any], name_of: Callable[[Callable[..., Any]], str]) -> Plan | None:
    """The plan of a callable; None if it is not shareable now."""
    entry = _plans.young.get(id(fn))  # Recent.get() by hand: the hot path
    plan = _plans.get(fn) if entry is None else entry[1]
    if plan is not None and plan.guard.holds():
        return plan
    try:
        if is_importable(fn):
            plan = _plan_by_reference(fn, name_of(fn))
        elif type(fn) is FunctionType:
            plan = _plan_by_value(fn, name_of(fn))
        else:
            return None
    except Exception:  # noqa: BLE001  what cannot be planned is pickled whole, which reports its own errors
        return None
    if plan is not None:
        _plans.put(fn, plan)
    return plan


def _plan_by_reference(fn: Callable[..., Any], name: str) -> Plan:
    key, run = publish_function(fn, itself=True)
    guard = Guard()
    if "." not in fn.__qualname__:
        guard.names.append((vars(sys.modules[fn.__module__]), fn.__qualname__, fn))
    return Plan(guard, name, key, run)


def _plan_by_value(fn: FunctionType, name: str) -> Plan | None:
    variants = _variants.get(fn.__code__)
    if variants is None:
        variants = set()
        _variants.put(fn.__code__, variants)
    if len(variants) >= MAX_VARIANTS:
        return None
    guard = _capture(fn)
    if guard is None:
        return None
    key, run = publish_function(fn, itself=_reads_nothing(guard))
    if not guard.holds():  # another thread has bound something anew while the blob was made
        return None
    variants.add(key)
    return Plan(guard, name, key, run)


def _reads_nothing(guard: Guard) -> bool:
    # Builtins aside. Otherwise calls here run a copy: the caller may bind a variable anew before they start.
    return len(guard.functions) == 1 and not guard.cells and all(v is _ABSENT for _, _, v in guard.names)


def _capture(fn: FunctionType) -> Guard | None:
    """All that the function and the functions it uses read; None if something of it may change."""
    guard = Guard()
    seen = {id(fn)}
    todo = [fn]
    while todo:
        function = todo.pop()
        facts = facts_of(function.__code__)
        if not facts.pure or function.__dict__:
            return None
        for value in _take(function, facts.names, guard):
            if value is _ABSENT or is_constant(value) or is_importable_module(value) or is_importable(value):
                continue
            if type(value) is not FunctionType:
                return None
            if id(value) not in seen:
                seen.add(id(value))
                todo.append(value)
    return guard


def _take(function: FunctionType, names: tuple[str, ...], guard: Guard) -> list[object]:
    """Adds to the guard what one function reads, and lists it."""
    namespace = function.__globals__
    globals_read = [(namespace, name, namespace.get(name, _ABSENT)) for name in names]
    cells = [(cell, _content(cell)) for cell in function.__closure__ or ()]
    kwdefaults = tuple((function.__kwdefaults__ or {}).items())
    guard.functions.append((function, function.__code__, function.__defaults__, kwdefaults))
    guard.names.extend(globals_read)
    guard.cells.extend(cells)
    values = [value for *_, value in globals_read] + [value for _, value in cells]
    return [*values, *(function.__defaults__ or ()), *(value for _, value in kwdefaults)]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is bound to the variable yet
        return _ABSENT


def _same(now: dict[str, Any] | None, then: tuple[tuple[str, object], ...]) -> bool:
    now = now or {}
    return len(now) == len(then) and all(now.get(name, _ABSENT) is value for name, value in then)
