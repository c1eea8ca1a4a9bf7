"""A notebook's kernel under test, as a notebook's server runs it; what its cells show."""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

import pytest
from jupyter_client.manager import KernelManager

from .leftovers import MARK, marked

KERNEL = "dgo-under-test"
START_SECONDS = 60
CELL_SECONDS = 60


class Shown(NamedTuple):
    """What a cell has shown.

    Attributes:
        stdout: what was printed, by the cell and by goroutines.
        stderr: the same for stderr.
        result: its last value by kind of text (``text/plain``, ``text/html``); empty without one.
        error: the name of the exception that ended it, or None.
    """

    stdout: str
    stderr: str
    result: dict[str, str]
    error: str | None

    @property
    def value(self) -> str | None:
        """Its last value's repr."""
        return self.result.get("text/plain")


def prepare(private: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kernel of this very environment, which writes nothing outside ``private``; returns its cluster's mark."""
    folder = private / "kernels" / KERNEL
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    folder.joinpath("kernel.json").write_text(json.dumps({"argv": argv, "display_name": KERNEL, "language": "python"}))
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "TMPDIR"):
        place = private / name.lower()
        place.mkdir()
        monkeypatch.setenv(name, str(place))
    monkeypatch.setenv("JUPYTER_PATH", str(private))
    for name in ("DGO_ADDRESS", "DGO_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    return mark


class Kernel:
    """A kernel that runs, and a client of it."""

    def __init__(self, mark: str, directory: Path) -> None:
        self.mark = mark
        self.manager = KernelManager(kernel_name=KERNEL)
        self.manager.start_kernel(cwd=str(directory))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=START_SECONDS)

    def processes(self) -> dict[int, str]:
        """The living processes of the kernel and its cluster, with their command lines."""
        return marked(self.mark)

    def run(self, source: str, *, interrupt_at: str | None = None) -> Shown:
        """Runs a cell.

        Args:
            source: the cell.
            interrupt_at: once this was printed, the cell is interrupted.
        """
        asked = self.client.execute(source)
        deadline = time.monotonic() + CELL_SECONDS
        streams = {"stdout": "", "stderr": ""}
        result: dict[str, str] = {}
        error = None
        while True:
            kind, content = self._next(asked, deadline)
            if kind == "stream":
                streams[content["name"]] += content["text"]
                if interrupt_at is not None and interrupt_at in streams["stdout"]:
                    interrupt_at = None
                    self.manager.interrupt_kernel()
            elif kind == "execute_result":
                result = content["data"]
            elif kind == "error":
                error = content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return Shown(streams["stdout"], streams["stderr"], result, error)

    def _next(self, asked: str, deadline: float) -> tuple[str, dict[str, Any]]:
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                pytest.fail(f"the cell did not end within {CELL_SECONDS} s")
            if message["parent_header"].get("msg_id") == asked:
                return message["msg_type"], message["content"]

    def close(self) -> None:
        """Ends it, if it has not ended."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
