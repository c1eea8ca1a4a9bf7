"""The code in the tables of constructs, and whether the operations in it exist with those arguments."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dgo

ROW = re.compile(r"^\|(.*)\|$", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")

#: What the short names of the tables stand for; the page says so too.
KINDS: dict[str, type] = {
    "ch": dgo.Chan,
    "g": dgo.Goroutine,
    "chosen": dgo.Selected,
    "timer": dgo.Timer,
    "ticker": dgo.Ticker,
    "wg": dgo.WaitGroup,
    "mutex": dgo.Mutex,
    "rw": dgo.RWMutex,
    "once": dgo.Once,
    "cond": dgo.Cond,
    "m": dgo.Map,
    "n": dgo.Atomic,
    "ctx": dgo.Context,
    "group": dgo.ErrGroup,
    "flights": dgo.SingleFlight,
    "sem": dgo.Semaphore,
    "executor": dgo.Executor,
}
#: Names for anything.
ANYTHING = (
    "f",
    "x",
    "v",
    "i",
    "k",
    "ok",
    "old",
    "loaded",
    "shared",
    "out",
    "source",
    "values",
    "when",
    "cancel",
    "print",
)
MODULES = {"dgo": dgo, "os": os, "sys": sys}


class Cell(NamedTuple):
    """Code of a table.

    Attributes:
        line: the table's line in its page.
        code: one span of a cell.
        claimed: it stands in the column of dgo, so it has to be code that compiles.
    """

    line: int
    code: str
    claimed: bool


def cells(page: Path) -> Iterator[Cell]:
    """The code in the second and third columns of a page's tables of three columns."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        columns = line.strip("|").split(" | ") if line.startswith("| ") else []
        if len(columns) == 3:
            for column in (1, 2):
                for code in SPAN.findall(columns[column]):
                    yield Cell(number, code, column == 1)


def unknown(code: str) -> list[str]:
    """What is wrong with a piece of code: names that do not exist, calls that would not be accepted."""
    wrong = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and node.id not in {*KINDS, *ANYTHING, *MODULES} and not _builtin(node.id):
            wrong.append(f"{node.id} stands for nothing")
        if isinstance(node, (ast.Attribute, ast.Call)):
            try:
                _resolve(node)
            except (AttributeError, TypeError) as error:
                wrong.append(f"{ast.unparse(node)}: {error}")
    return wrong


def _builtin(name: str) -> bool:
    import builtins

    return hasattr(builtins, name)


#: A value of which nothing is known.
OPAQUE = object()


class Instance(NamedTuple):
    """A value of which the type is known."""

    kind: type


def _resolve(node: ast.expr) -> Any:
    """What an expression stands for: an object, an ``Instance``, or ``OPAQUE``."""
    if isinstance(node, ast.Name):
        if node.id in MODULES:
            return MODULES[node.id]
        return Instance(KINDS[node.id]) if node.id in KINDS else OPAQUE
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value)
        if owner is OPAQUE:
            return OPAQUE
        if isinstance(owner, Instance):
            return _member(owner.kind, node.attr)
        return getattr(owner, node.attr)
    if isinstance(node, ast.Call):
        return _called(_resolve(node.func), node)
    return OPAQUE


def _member(kind: type, name: str) -> Any:
    member = inspect.getattr_static(kind, name)
    if inspect.isfunction(member):
        return member.__get__(object())  # bound: without its self
    return OPAQUE


def _called(callee: Any, node: ast.Call) -> Any:
    if callee is OPAQUE or callee is getattr(os, "cpu_count", None):
        return OPAQUE
    if isinstance(callee, Instance):
        raise TypeError(f"a {callee.kind.__name__} is not called")
    if not any(isinstance(arg, ast.Starred) for arg in node.args):
        keywords = {keyword.arg: OPAQUE for keyword in node.keywords if keyword.arg is not None}
        inspect.signature(callee).bind(*[OPAQUE] * len(node.args), **keywords)
    if isinstance(callee, type):
        return Instance(callee)
    return dgo.go if callee == dgo.go.options else OPAQUE


def typed_module(page: Path) -> str:
    """A module in which each piece of claimed code is a function of its own, for a type checker."""
    declared = ", ".join([f"{name}: dgo.{kind.__name__}{_parameters(kind)}" for name, kind in KINDS.items()])
    anything = ", ".join(f"{name}: Any" for name in ANYTHING if name != "print")
    lines = ["import os", "import sys", "from typing import Any", "", "import dgo", ""]
    for number, cell in enumerate(cell for cell in cells(page) if cell.claimed):
        lines += [f"def line_{cell.line}_{number}({declared}, {anything}) -> Any:", f"    {cell.code}"]
    return "\n".join(lines) + "\n"


def _parameters(kind: type) -> str:
    if kind is dgo.Map:
        return "[Any, Any]"
    return "[Any]" if kind in (dgo.Chan, dgo.Goroutine, dgo.Atomic, dgo.Selected) else ""
