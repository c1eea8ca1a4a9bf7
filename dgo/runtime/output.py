"""What goroutines print, on its way to the driver.

A goroutine's text is collected until a line is whole; whole lines travel along the worker's link to the
driver, in order with everything else that the worker sends it: so what was printed before a goroutine ended,
or before it sent, closed or was done, is there first.
"""

from __future__ import annotations

import io
import sys
from functools import partial
from typing import Any, TextIO

from dgo.runtime.node import Node, complete_unless_done
from dgo.runtime.task import Task
from dgo.wire.messages import Msg

__all__ = ["DriverOutput", "GoroutineStream", "WorkerOutput"]

STDOUT, STDERR = 1, 2
MOST_AHEAD = 2000  # writes and batches that the driver has not yet acknowledged
LOOK_AGAIN_SECONDS = 0.005
LONGEST_LINE = 1 << 16  # characters after which an unfinished line is sent as it is


class WorkerOutput:
    """Sends goroutines' lines to their drivers."""

    def __init__(self, node: Node) -> None:
        self._node = node
        node.handle(Msg.FLUSH, self._on_flush)
        assert node.execution is not None
        node.execution.before_end = self.finish
        node.execution.complain = self.complain

    def write(self, task: Task, stream: int, text: str) -> None:
        """A goroutine writes ``text``."""
        extras = task.extra()
        if extras.line is None:
            extras.line = {}
        text = extras.line.get(stream, "") + text
        whole, newline, rest = text.rpartition("\n")
        if len(rest) > LONGEST_LINE:
            whole, newline, rest = text, "", ""
        extras.line[stream] = rest
        if whole or newline:
            with self._node.lock:
                self._node.links.post(task.job, [Msg.OUTPUT, stream, _sendable(whole + newline)])
            self._hold_back(task.job)

    def complain(self, task: Task, text: str) -> None:
        """dgo itself has something to say to the goroutine's program."""
        with self._node.lock:
            self._node.links.post(task.job, [Msg.OUTPUT, STDERR, _sendable(text)])

    def _hold_back(self, driver: int) -> None:
        """Lets a goroutine that prints faster than its driver reads wait for the driver."""
        node = self._node
        while node.links.backlog(driver) > MOST_AHEAD:
            with node.lock:
                node.flush()
                ticket = node.host.ticket()
                node.timers.set(node.clock() + LOOK_AGAIN_SECONDS, partial(complete_unless_done, ticket))
            node.wait(ticket, "output window", None)

    def finish(self, task: Task) -> None:
        """The goroutine ends: what it left of a line is sent as a line."""
        extras = task.extra()
        for stream, rest in (extras.line or {}).items():
            if rest:
                self._node.links.post(task.job, [Msg.OUTPUT, stream, _sendable(rest + "\n")])
        extras.line = None

    def _on_flush(self, peer: int, frames: list[bytes], question: int) -> None:
        self._node.links.post(peer, [Msg.FLUSHED, question])


def _sendable(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


class GoroutineStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a worker: goroutines' text goes to the driver, all else where it went."""

    def __init__(self, node: Node, stream: int, original: TextIO, output: WorkerOutput) -> None:
        self._node = node
        self._stream = stream
        self._original = original
        self._output = output

    def write(self, text: str) -> int:
        """Writes text for the goroutine that calls."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        task = self._node.host.current()
        if task is None:
            return self._original.write(text)
        self._output.write(task, self._stream, text)
        return len(text)

    def flush(self) -> None:
        """Whole lines have left already."""
        if self._node.host.current() is None:
            self._original.flush()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor of the process's own stream (not seen by the driver of a remote worker)."""
        return self._original.fileno()

    def isatty(self) -> bool:
        """Never: the text goes over a link."""
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override] # a property is what TextIOBase has at run time
        """UTF-8, always."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override] # as above
        """What cannot be encoded is replaced."""
        return "replace"

    @property
    def buffer(self) -> Any:
        """The process's own binary stream."""
        return self._original.buffer


class DriverOutput:
    """Writes goroutines' lines to the driver's own streams."""

    def __init__(self, node: Node) -> None:
        node.handle(Msg.OUTPUT, self._on_output)
        self.enabled = True

    def _on_output(self, peer: int, frames: list[bytes], stream: int, text: str) -> None:
        if not self.enabled:
            return
        out = sys.stderr if stream == STDERR else sys.stdout
        if out is None:
            return
        try:
            out.write(text)
            out.flush()
        except (OSError, ValueError):  # a closed or broken stream: the program goes on without it
            self.enabled = stream == STDERR and self.enabled
