"""Drivers under test: programs of their own, with a mark and a private directory for temporary files."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

from .leftovers import MARK, eventually, marked, orphaned, segments


class Driver:
    """A driver that runs: what it prints, how it ends, what is left of it.

    Args:
        source: the program.
        private: where it and its temporary files live; a short path, because sockets are there.
        arguments: for its ``sys.argv``.
    """

    def __init__(self, source: str, private: Path, *arguments: str) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = private / self.mark[:6]
        self.temporary.mkdir()
        self._before = segments()
        script = private / f"{self.mark[:6]}.py"
        script.write_text(textwrap.dedent(source))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}
        self._errors = (private / f"{self.mark[:6]}.err").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env={**environment, MARK: self.mark, "TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def line(self, seconds: float = 30) -> str:
        """The next line it prints, without its end; "" at the end of its output."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert readable, f"the driver printed nothing within {seconds:g} s\n{self.errors()}"
        return self.process.stdout.readline().decode().rstrip("\n")

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float) -> float:
        """Waits for its end; returns after how many seconds it came."""
        start = time.monotonic()
        self.process.wait(timeout=seconds)
        return time.monotonic() - start

    def finish(self, seconds: float) -> str:
        """Waits for its end; returns the rest of its output."""
        output, _ = self.process.communicate(timeout=seconds)
        return output.decode()

    def errors(self) -> str:
        """What it has written to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def members(self) -> dict[int, str]:
        """The living processes of its cluster, and what goroutines have started, with their command lines."""
        return {pid: command for pid, command in marked(self.mark).items() if pid != self.process.pid}

    def left(self, seconds: float) -> list[str]:
        """What is left ``seconds`` from now at the latest, in words; looks no longer than it must."""

        def clean() -> bool:
            return not (marked(self.mark) or any(self.temporary.iterdir()) or orphaned(self._before))

        if eventually(clean, seconds):
            return []
        left = [f"process {pid}: {command[:120]}" for pid, command in marked(self.mark).items()]
        left += [f"file {path}" for path in self.temporary.rglob("*")]
        return left + [f"shared memory {name}" for name in orphaned(self._before)]

    def close(self) -> None:
        """Ends whatever is left, so that one failure does not cause the next."""
        self.process.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()
        self._errors.close()
        for pid in marked(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
