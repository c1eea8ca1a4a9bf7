"""Nothing is left of an embedded cluster, whatever way its driver ended (contract section 1, last rule).

A driver has a mark in its environment, which its processes inherit, and a private directory for temporary
files.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import eventually

MARK = "DGO_LEFTOVER_MARK"
#: The contract says two seconds after SIGKILL; the rest is for a machine that does other work too.
SECONDS = 5.0
SHARED_MEMORY = Path("/dev/shm")

DRIVER = """
import os, sys, time
import dgo

def spin(started):
    started.send(None)
    while True:
        pass

def sleep(started):
    started.send(None)
    time.sleep(600)

def block(started):
    started.send(None)
    dgo.Chan().recv()

def main(ending):
    dgo.init(workers=2)
    started = dgo.Chan()
    big = dgo.go(bytes, 4_000_000).result(timeout=30)   # large enough for shared memory
    for work in (block, sleep, spin):   # spin is last: this is not a test of preemption
        dgo.go(work, started)
        started.recv(timeout=30)
    print("ready", len(big), flush=True)
    if ending == "exception":
        raise RuntimeError("expected by the test")
    if ending == "os._exit":
        os._exit(3)
    if ending == "sys.exit":
        sys.exit(4)
    if ending == "signal":
        dgo.Chan().recv(timeout=30)

main(sys.argv[1])
"""

#: How a driver ends: the argument it gets, the signal that is sent to it, the exit status that it must have.
ENDINGS = {
    "return": ("return", None, {0}),
    "exception": ("exception", None, {1}),
    "sys.exit": ("sys.exit", None, {4}),
    "os._exit": ("os._exit", None, {3}),
    "SIGINT": ("signal", signal.SIGINT, {1, 130, -signal.SIGINT}),
    "SIGTERM": ("signal", signal.SIGTERM, {143, -signal.SIGTERM}),
    "SIGKILL": ("signal", signal.SIGKILL, {-signal.SIGKILL}),
}


def marked(mark: str) -> list[str]:
    """The command lines of the living processes that carry the mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{process.name}: {command}")
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue
    return found


def segments() -> set[str]:
    """The names in the directory of shared memory; not those of semaphores: dgo has none, other programs do."""
    entries = SHARED_MEMORY.iterdir() if SHARED_MEMORY.is_dir() else ()
    return {entry.name for entry in entries if not entry.name.startswith("sem.")}


def in_use() -> str:
    """What the living processes have mapped: a segment named there is another program's, not a leftover."""
    maps = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                maps.append((process / "maps").read_text(errors="replace"))
            except OSError:  # it has ended meanwhile, or belongs to another user
                continue
    return "".join(maps)


def orphaned(before: set[str]) -> list[str]:
    """New shared memory that no living process has mapped."""
    new = segments() - before
    if not new:
        return []
    mapped = in_use()
    return sorted(name for name in new if f"{SHARED_MEMORY}/{name}" not in mapped)


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory for temporary files with a short name: a socket's path may not be long."""
    directory = Path(tempfile.mkdtemp(prefix="d"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def run_and_end(private: Path, ending: str) -> list[str]:
    """Runs a driver to its end in this way and returns what is left of it, in words."""
    argument, signum, statuses = ENDINGS[ending]
    mark, before = uuid.uuid4().hex, segments()
    script = private.parent / f"{private.name}-driver.py"
    script.write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, str(script), argument],
        env={**os.environ, MARK: mark, "TMPDIR": str(private)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if signum is not None:
            process.send_signal(signum)
        status = process.wait(timeout=10)
        gone = eventually(lambda: not marked(mark), SECONDS)
        eventually(lambda: not any(private.iterdir()) and not orphaned(before), SECONDS)
        left = [] if gone else [f"process {line}" for line in marked(mark)]
        left += [f"file {path}" for path in private.rglob("*")]
        left += [f"shared memory {name}" for name in orphaned(before)]
        if status not in statuses:
            left.append(f"exit status {status}")
        if not ready.startswith(b"ready"):
            left.append(f"never ready: {process.communicate(timeout=5)[1].decode(errors='replace')}")
        return left
    finally:
        process.kill()
        process.communicate()
        script.unlink()


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_of_a_driver_that_ended(private, ending):
    assert run_and_end(private, ending) == []


def test_a_ctrl_c_of_the_terminal_leaves_nothing(private):
    """A terminal sends SIGINT to the whole group: workers ignore it and end with their driver."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, "signal"],
        env={**os.environ, MARK: mark, "TMPDIR": str(private)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert errors.count(b"KeyboardInterrupt") == 1
        assert eventually(lambda: not marked(mark), SECONDS), marked(mark)
        assert list(private.rglob("*")) == []
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_nothing_is_left_after_a_hundred_drivers(private):
    signal.setitimer(signal.ITIMER_REAL, 550)  # instead of the limit of one short test
    for i in range(100):
        ending = list(ENDINGS)[i % len(ENDINGS)]
        assert run_and_end(private, ending) == [], f"driver {i}, ended by {ending}"
