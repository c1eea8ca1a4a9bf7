"""What happened in a simulation, in a form that a person can read.

A line is one event: when (virtual milliseconds), in which process, which goroutine, what. ``Chan.send`` is the
begin of an operation; ``waits`` and ``goes on`` are about the goroutine's last operation; between two lines of a
goroutine others may have run, and did if their lines stand there.
"""

from __future__ import annotations

from collections import deque
from types import FrameType
from typing import Any

from dgo.ids import object_name
from dgo.runtime.node import Node
from dgo.runtime.shared import Shared
from dgo.runtime.task import Task
from dgo.selection import Case

__all__ = ["Trace", "operation_of"]

LIMIT = 100_000  # lines that are kept

Event = tuple[float, str, Any, str]


class Trace:
    """The last events of one simulation."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._events: deque[Event] = deque(maxlen=limit)

    def add(self, node: Node, task: Any, what: str) -> None:
        """One event; ``task`` is whoever runs now."""
        who = (task.spawner, task.number, task.name) if type(task) is Task else None
        self._events.append((node.clock(), node.name, who, what))

    def lines(self, last: int | None = None) -> list[str]:
        """The events as text, oldest first: all, or the last so many."""
        events = list(self._events)
        if last is not None:
            events = events[max(0, len(events) - last) :]
        return [_line(*event) for event in events]


def _line(moment: float, node: str, who: Any, what: str) -> str:
    name = "main" if who is None else f"{object_name(who[0], who[1])} {who[2].rpartition('.')[2]}"
    return f"{moment * 1000:10.3f} ms  {node:9} {name:24} {what}"


def operation_of(frame: FrameType, node: Node) -> str:
    """The operation whose outermost frame this is: ``Chan.send of Chan(7f3a-12)``."""
    names = frame.f_locals
    method = frame.f_code.co_name
    owner = names.get("self")
    if isinstance(owner, Shared):
        return named(owner, method, node)
    if owner is not None:  # dgo.go, and what is built from objects
        about = names.get("fn")
        kind = type(owner).__name__
        method = kind.lower() if method == "__call__" else f"{kind}.{method}"
    else:
        about = names.get("cases", names.get("fn"))
    if isinstance(about, tuple):
        return f"{method} over {', '.join(_case(case, node) for case in about)}"
    return method if about is None else f"{method} {getattr(about, '__name__', type(about).__name__)}"


def named(handle: Shared, method: str, node: Node) -> str:
    """An operation of an object."""
    if method in ("__init__", "_rebuild"):
        return f"{type(handle).__name__} is made"  # it may lack its parts still
    return f"{type(handle).__name__}.{method} of {_label(handle, node)}"


def _case(case: Any, node: Node) -> str:
    if not isinstance(case, Case):
        return type(case).__name__
    channel = case.channel
    return f"{'send' if case.sending else 'recv'} {'nil' if channel is None else _label(channel, node)}"


def _label(handle: Shared, node: Node) -> str:
    name = getattr(handle, "_name", None)
    if isinstance(name, str):
        return repr(name)
    ref = handle._ref
    if ref is not None:
        return object_name(ref.home, ref.number)
    return object_name(node.id, node.values.number(handle._core))
