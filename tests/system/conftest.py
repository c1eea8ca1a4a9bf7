"""Real clusters of real processes: each test has a limit, and nothing may be left behind."""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dgo

from .drivers import Driver
from .leftovers import eventually

TEST_SECONDS = 60
SLOW_TEST_SECONDS = 300


@pytest.fixture(autouse=True)
def _bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocked call in the main thread is interruptible by signals: a hang becomes this test's failure."""
    seconds = SLOW_TEST_SECONDS if request.node.get_closest_marker("slow") else TEST_SECONDS

    def give_up(_signum: int, _frame: FrameType | None) -> None:
        faulthandler.dump_traceback()
        pytest.fail(f"the test did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory with a short name: a socket's path may not be long."""
    directory = Path(tempfile.mkdtemp(prefix="d"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def driver(private: Path) -> Iterator[Callable[..., Driver]]:
    """Returns ``start(source, *arguments)``: a driver that runs; at the end of the test it does no longer."""
    started = []

    def start(source: str, *arguments: str) -> Driver:
        started.append(Driver(source, private, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.close()


def _children() -> set[int]:
    """The child processes of all threads of this process."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        found.update(map(int, (thread / "children").read_text().split()))
    return found


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, private: Path) -> Iterator[Callable[[int], Any]]:
    """Returns ``start(workers)``: this process's own embedded cluster, of which nothing may be left afterwards."""
    monkeypatch.delenv("DGO_ADDRESS", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    children, threads, descriptors = _children(), set(threading.enumerate()), len(os.listdir("/proc/self/fd"))

    def begin(workers: int) -> Any:
        running = dgo.init(workers=workers)
        running.wait_for_workers(workers, timeout=30)
        return running

    yield begin
    dgo.shutdown()
    assert eventually(lambda: _children() <= children, 5), f"processes: {_children() - children}"
    assert eventually(lambda: set(threading.enumerate()) <= threads, 5), threading.enumerate()
    assert list(private.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors
