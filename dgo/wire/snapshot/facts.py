"""What a code object, with the code nested in it, does to the world outside its function."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from types import CodeType

from dgo.wire.snapshot.recent import Recent

__all__ = ["Facts", "facts_of"]

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_REBINDS = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_REBINDS_CELL = frozenset({"STORE_DEREF", "DELETE_DEREF"})
_LOOKS_BEHIND = frozenset({"globals", "vars", "exec", "eval"})


@dataclass(frozen=True, slots=True)
class Facts:
    """Attributes: `names`: the globals (and builtins) read; `pure`: no global or outer variable is rebound
    and none is reachable by other ways than its name."""

    names: tuple[str, ...]
    pure: bool


_known: Recent[CodeType, Facts] = Recent(4096)


def facts_of(code: CodeType) -> Facts:
    """The facts of a code object; found once."""
    facts = _known.get(code)
    if facts is None:
        facts = _find(code)
        _known.put(code, facts)
    return facts


def _find(code: CodeType) -> Facts:
    names: dict[str, None] = {}
    pure = True
    outer = frozenset(code.co_freevars)
    todo = [code]
    while todo:
        part = todo.pop()
        todo.extend(const for const in part.co_consts if type(const) is CodeType)
        for step in dis.get_instructions(part):
            if step.opname in _READS:
                names[step.argval] = None
            elif step.opname in _REBINDS or (step.opname in _REBINDS_CELL and step.argval in outer):
                pure = False
    return Facts(tuple(names), pure and _LOOKS_BEHIND.isdisjoint(names))
