"""The supervisor of a host's worker processes: starts them, sees each exit, starts another, with backoff.

It runs no user code. Restart delays double from ``FIRST_DELAY`` to ``LAST_DELAY`` while workers die young
(within ``GROWN_UP`` seconds, other than by ending of their own will).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

__all__ = ["Supervisor", "describe_exit"]

FIRST_DELAY = 0.05
LAST_DELAY = 5.0
GROWN_UP = 2.0
HOPELESS = 4  # deaths in a row, for each slot, before anything grew up

Launch = Callable[[int], "tuple[subprocess.Popen[bytes], int]"]


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = "; the kernel does that when memory runs out" if -code == signal.SIGKILL else ""
    return f"signal {-code} ({name}{hint})"


class _Slot:
    __slots__ = ("delay", "descriptor", "due", "node", "process", "started", "stopped")

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.node = 0
        self.descriptor = -1
        self.started = 0.0
        self.stopped = False
        self.delay = FIRST_DELAY
        self.due = 0.0


class Supervisor:
    """Keeps ``count`` worker processes running.

    Args:
        count: how many.
        launch: starts the process of a slot (0 .. count-1); returns it with its node id.
        on_exit: called as ``on_exit(node, cause)`` for each process that has ended.
    """

    def __init__(self, count: int, launch: Launch, on_exit: Callable[[int, str], object]) -> None:
        self._slots = [_Slot() for _ in range(count)]
        self._launch = launch
        self.on_exit = on_exit
        self._stopping = False
        self._young_deaths = 0

    def start(self) -> None:
        """Starts all."""
        for index in range(len(self._slots)):
            self._start(index)

    def _start(self, index: int) -> None:
        slot = self._slots[index]
        slot.process, slot.node = self._launch(index)
        slot.descriptor = os.pidfd_open(slot.process.pid)
        slot.started = time.monotonic()
        slot.stopped = False

    def descriptors(self) -> list[int]:
        """Descriptors that become readable when a worker exits."""
        return [slot.descriptor for slot in self._slots if slot.descriptor >= 0]

    def next_due(self) -> float | None:
        """When the next restart is due (monotonic seconds)."""
        return min((slot.due for slot in self._slots if slot.process is None), default=None)

    def step(self) -> None:
        """Notices exits and restarts what is due."""
        now = time.monotonic()
        for index, slot in enumerate(self._slots):
            if slot.process is not None and slot.process.poll() is not None:
                self._exited(slot, now)
            if slot.process is None and slot.due <= now and not self._stopping:
                self._start(index)

    def stopped(self) -> set[int]:
        """The nodes whose process is stopped (SIGSTOP)."""
        for slot in self._slots:
            while slot.process is not None and (change := _change(slot.process.pid)) is not None:
                slot.stopped = change
        return {slot.node for slot in self._slots if slot.process is not None and slot.stopped}

    def _exited(self, slot: _Slot, now: float) -> None:
        assert slot.process is not None
        code = slot.process.returncode
        kill_group(slot.process.pid)
        os.close(slot.descriptor)
        slot.descriptor = -1
        slot.process = None
        slot.delay = FIRST_DELAY if code == 0 or now - slot.started > GROWN_UP else min(slot.delay * 2, LAST_DELAY)
        slot.due = now + slot.delay
        if slot.delay == FIRST_DELAY:
            self._young_deaths = 0
        else:
            self._young_deaths += 1
        self.on_exit(slot.node, describe_exit(code))

    def terminate(self) -> None:
        """Asks every worker to drain and end; none is started any more."""
        self._stopping = True
        for slot in self._slots:
            if slot.process is not None:
                slot.process.terminate()

    @property
    def hopeless(self) -> bool:
        """True if no worker has ever got beyond its start, after several tries in each slot."""
        return self._young_deaths >= HOPELESS * len(self._slots)

    def running(self) -> int:
        """How many workers run."""
        return sum(1 for slot in self._slots if slot.process is not None and slot.process.poll() is None)

    def kill(self) -> None:
        """Kills every worker and what it has started, and waits for them."""
        self._stopping = True
        for slot in self._slots:
            if slot.process is not None:
                kill_group(slot.process.pid)
        for slot in self._slots:
            if slot.process is not None:
                slot.process.wait()
                slot.process = None


def _change(pid: int) -> bool | None:
    """Whether a child was stopped or goes on, if there is news."""
    try:
        news = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
    except ChildProcessError:
        return None
    return None if news is None else news.si_code != os.CLD_CONTINUED


def kill_group(leader: int) -> None:
    """Kills a worker's process group: the worker, and what its goroutines have started and left."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass
