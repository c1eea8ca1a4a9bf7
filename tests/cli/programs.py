"""Starting dgo's programs in tests, and reading what they log. Waiting is on output or on a process's end."""

from __future__ import annotations

import json
import os
import queue
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0  # more than anything here takes on a loaded machine


def environment(**more: str) -> dict[str, str]:
    """This process's environment without dgo's variables, with the source tree importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DGO_")}
    kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "workers")])
    kept["PYTHONUNBUFFERED"] = "1"
    return kept | more


class Program:
    """A process whose two streams are read line by line into ``lines``."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in a line that was not looked at before."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                line = self._coming.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                break
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"no line matches {pattern!r} in:\n" + "\n".join(self.lines))

    def signal(self, number: int) -> None:
        """Sends a signal to this process only."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Waits for the end; the exit status. All output is in ``lines`` then."""
        status = self.process.wait(SECONDS)
        while (line := self._coming.get(timeout=SECONDS)) is not None:
            self.lines.append(line)
        return status

    @property
    def output(self) -> str:
        """What was read so far."""
        return "\n".join(self.lines)


class Programs:
    """Starts programs and kills what is left."""

    def __init__(self) -> None:
        self._started: list[Program] = []

    def start(self, *argv: str, before: Sequence[str] = (), **variables: str) -> Program:
        """Python with ``argv``, in the background; ``before`` is a command that starts it."""
        program = Program([*before, sys.executable, *argv], environment(**variables))
        self._started.append(program)
        return program

    def module(self, module: str, *argv: str, before: Sequence[str] = (), **variables: str) -> Program:
        """``python -m module``, in the background."""
        return self.start("-m", module, *argv, before=before, **variables)

    def run(self, module: str, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """``python -m module`` to its end."""
        return subprocess.run(
            [sys.executable, "-m", module, *argv],
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def kill(self) -> None:
        """Ends all; their worker processes end with them."""
        for program in self._started:
            if program.process.poll() is None:
                program.process.kill()
        for program in self._started:
            program.process.wait(SECONDS)


class Cluster:
    """A coordinator and what joins it."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self.coordinator = programs.module("dgo.cli.coordinator", "--bind", "tcp://127.0.0.1:0")
        self.address = self.coordinator.wait_for(r"listening at (tcp://127\.0\.0\.1:\d+)").group(1)

    def worker(self, *argv: str, before: Sequence[str] = ()) -> Program:
        """A worker daemon called ``w`` whose processes have joined."""
        procs = argv[argv.index("--procs") + 1] if "--procs" in argv else "1"
        if "--procs" not in argv:
            argv = ("--procs", "1", *argv)
        program = self._programs.module(
            "dgo_worker.cli", "--address", self.address, "--name", "w", *argv, before=before
        )
        for _ in range(int(procs)):
            self.coordinator.wait_for(r"worker w/\d joined")
        return program

    def driver(self, script: Path, *argv: str) -> Program:
        """A Python program attached to the cluster."""
        return self._programs.start(str(script), *argv, DGO_ADDRESS=self.address)

    def status(self) -> dict[str, Any]:
        """What ``dgo status --json`` says."""
        done = self._programs.run("dgo.cli.main", "status", "--address", self.address, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pids(self) -> list[int]:
        """The worker processes."""
        return [worker["pid"] for worker in self.status()["workers"]]


def wait_until_gone(pid: int) -> None:
    """Returns when no such process runs (a zombie does not run)."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], SECONDS)
        assert ended, f"process {pid} still runs"
    finally:
        os.close(descriptor)


def write(folder: Path, text: str) -> Path:
    """A program file."""
    script = folder / "program.py"
    script.write_text(text)
    return script


def kill(pid: int) -> None:
    """SIGKILL."""
    os.kill(pid, signal.SIGKILL)
