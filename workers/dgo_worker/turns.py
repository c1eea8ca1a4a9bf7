"""One goroutine after the other: imports that have to ask.

The import system knows what to do when two threads import modules that import each other: one of the two gets
a half-made module, rather than both waiting for ever. Among threads that is rare. Here it would happen at every
start, when the first goroutines of a program all import its modules, and each waits for the driver in the
middle of an import. So while one goroutine is *asking*, a goroutine that begins an import waits.

Invariants:

1. ``builtins.__import__`` is ours only while somebody asks: at all other times an import costs what it costs.
2. Whoever waits here holds no module lock (it is inside no import), and whoever asks waits for nothing but a
   driver's answer. So nobody waits in a circle.

What is asked about and loaded by ``importlib.import_module`` takes no turn.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from dgo.core.ticket import DONE, Ticket
from dgo.runtime.node import Node

__all__ = ["ImportTurns"]

IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


class ImportTurns:
    """The turns of one worker's goroutines."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asking = 0
        self._waiting: list[Ticket] = []
        self._plain_import: Any = None
        self._own_import = self._import  # one object, to be recognised

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While this lasts, no other goroutine begins an import."""
        if not self._asking:
            self._plain_import, builtins.__import__ = builtins.__import__, self._own_import
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._end()

    def _end(self) -> None:
        if builtins.__import__ is self._own_import:  # else somebody has put theirs in front, which calls ours
            builtins.__import__ = self._plain_import
        waiting, self._waiting = self._waiting, []
        with self._node.lock:
            for ticket in waiting:
                if ticket.state != DONE:  # not cancelled meanwhile
                    ticket.complete()

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        while self._asking and self._may_wait(sys._getframe(1)):
            self._wait(name)
        module: ModuleType = self._plain_import(name, globals, locals, fromlist, level)
        return module

    def _may_wait(self, frame: FrameType | None) -> bool:
        node = self._node
        if node.host.current() is None or node.lock._is_owned():  # type: ignore[attr-defined] # as in modules
            return False
        while frame is not None and frame.f_code.co_filename != IMPORT_SYSTEM:
            frame = frame.f_back
        return frame is None

    def _wait(self, name: str) -> None:
        node = self._node
        with node.lock:
            ticket = node.host.ticket()
            self._waiting.append(ticket)
        node.wait(ticket, "module", name)
