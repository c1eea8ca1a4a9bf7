"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from dgo.runtime.build import compiled
from dgo.runtime.threads import OWN_THREADS, ThreadHost

# Where the tests are started in the background SIGINT is ignored, and every driver under test would inherit that.
# A handler of our own is not inherited: programs under test begin with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # The thread by which the workers of pytest-xdist hear from their master: it is not one of the program's, and
    # wakes nobody, but a driver in the same process cannot know that.
    def _threads_of_the_program(host: ThreadHost) -> int:
        return sum(
            thread.name not in OWN_THREADS and not isinstance(thread, threading._DummyThread)
            for thread in threading.enumerate()
        )

    ThreadHost.threads = _threads_of_the_program

if os.environ.get("DGO_TESTED_BUILD", "") not in ("", "compiled" if compiled() else "pure"):
    raise RuntimeError("these tests are for another build of dgo than the one that is found here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is compiled cannot be replaced by a test, nor pickled."""
    if compiled():
        for item in items:
            mark = item.get_closest_marker("interpreted")
            if mark is not None:
                item.add_marker(pytest.mark.skip(reason=f"the compiled build: {mark.args[0]}"))
