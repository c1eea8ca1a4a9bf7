"""An embedded cluster goes with its driver, whatever way that ends, whatever its goroutines do."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

import dgo

from . import measures
from .leftovers import segments

SECONDS = 3.0

BUSY = """
import os, subprocess, sys, time
import dgo

def spin(started):
    started.send(os.getpid())
    while True:
        pass

def start_a_sleep(started):
    child = subprocess.Popen(["sleep", "1000"])
    started.send(os.getpid())
    child.wait()

def leave_a_sleep(started):
    subprocess.Popen(["sleep", "1001"], start_new_session=True)
    started.send(os.getpid())

def block(started):
    started.send(os.getpid())
    dgo.Chan().recv()

def main(ending):
    dgo.init(workers=2).wait_for_workers(2, timeout=30)
    started = dgo.Chan(10)
    for work in (block, start_a_sleep, leave_a_sleep, spin):
        dgo.go(work, started)
        started.recv(timeout=30)
    print("ready", flush=True)
    if ending == "exception":
        raise RuntimeError("expected by the test")
    if ending == "os._exit":
        os._exit(3)
    if ending == "signal":
        dgo.Chan().recv(timeout=60)

main(sys.argv[1])
"""

SMALL = """
import dgo

dgo.init(workers=1)
print(dgo.go(pow, 2, 5).result(timeout=30))
"""

#: How a driver ends: its argument, the signal it gets, the exit status it must have.
ENDINGS = {
    "return": ("return", None, 0),
    "exception": ("exception", None, 1),
    "SIGINT": ("signal", signal.SIGINT, -signal.SIGINT),
    "SIGTERM": ("signal", signal.SIGTERM, -signal.SIGTERM),
    "SIGKILL": ("signal", signal.SIGKILL, -signal.SIGKILL),
    "os._exit": ("os._exit", None, 3),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_busy_goroutines_and_what_they_started_end_with_their_driver(driver, ending) -> None:
    argument, number, status = ENDINGS[ending]
    running = driver(BUSY, argument)
    assert running.line() == "ready", running.errors()
    if number is not None:
        running.signal(number)
    running.wait(SECONDS)
    assert running.left(SECONDS) == []
    assert running.process.returncode == status


def test_what_a_program_of_a_goroutine_has_started_ends_with_the_driver_too(driver) -> None:
    source = """
        import subprocess
        import dgo

        def leave_a_tree():
            line = "sh -c 'sleep 1002 & sleep 1003 & echo up; wait' & wait"
            tree = subprocess.Popen(["sh", "-c", line], start_new_session=True, stdout=subprocess.PIPE)
            return tree.stdout.readline().decode()

        dgo.init(workers=1)
        print(dgo.go(leave_a_tree).result(timeout=30), end="", flush=True)
    """
    running = driver(source)
    assert running.line() == "up", running.errors()
    running.wait(SECONDS)
    assert running.left(SECONDS) == []


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGKILL", "os._exit"])
def test_a_driver_that_ends_while_its_cluster_starts_leaves_nothing(driver, ending) -> None:
    source = """
        import os, signal, sys, threading
        import dgo
        from dgo import driver
        real = driver.launch
        def launch(*arguments, **options):
            process = real(*arguments, **options)
            if sys.argv[1] == "os._exit":
                os._exit(3)
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
            return process
        driver.launch = launch
        dgo.init(workers=2)
    """
    running = driver(source, ending)
    running.wait(SECONDS)
    assert running.left(SECONDS) == []


@pytest.mark.slow
def test_a_hundred_clusters_of_one_driver_leave_nothing(start, private: Path) -> None:
    shared = segments()
    sizes = []
    for i in range(100):
        dgo.init(workers=1)
        assert dgo.go(pow, 2, 5).result(timeout=30) == 32
        dgo.shutdown()
        assert list(private.iterdir()) == [], f"after cluster {i}"
        sizes.append((len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), threading.active_count()))
    assert sizes[-1] == sizes[0]
    assert segments() <= shared


@pytest.mark.slow
def test_a_hundred_clusters_leave_the_memory_of_their_driver_flat(start) -> None:
    def some(count: int) -> float:
        for _ in range(count):
            dgo.init(workers=1)
            assert dgo.go(pow, 2, 5).result(timeout=30) == 32
            dgo.shutdown()
        return measures.megabytes()

    before = some(20)
    assert some(80) - before < 3


@pytest.mark.slow
def test_twenty_drivers_one_after_the_other_leave_nothing(driver) -> None:
    for _ in range(20):
        running = driver(SMALL)
        assert running.finish(30) == "32\n", running.errors()
        assert running.left(SECONDS) == []


@pytest.mark.parametrize("dies", ["before it listens", "once it listens"])
def test_a_coordinator_that_dies_while_it_starts_is_an_error_and_leaves_nothing(driver, dies) -> None:
    source = """
        import os, signal, sys
        import dgo
        from dgo import driver
        real = driver.launch
        def launch(*arguments, **options):
            process = real(*arguments, **options)
            if sys.argv[1] == "before it listens":
                os.kill(process.pid, signal.SIGSTOP)
                os.kill(process.pid, signal.SIGKILL)
            return process
        def dying(processes, seconds):
            wait(processes, seconds)
            os.kill(processes.pid, signal.SIGKILL)
            os.waitid(os.P_PID, processes.pid, os.WEXITED | os.WNOWAIT)
        wait = driver.Processes.wait_until_they_listen
        driver.launch = launch
        if sys.argv[1] == "once it listens":
            driver.Processes.wait_until_they_listen = dying
        try:
            dgo.init(workers=2)
        except dgo.ClusterError as error:
            print(error, flush=True)
    """
    running = driver(source, dies)
    assert running.line() == "the embedded cluster could not be started (exit code -9)", running.errors()
    running.wait(SECONDS)
    assert running.left(SECONDS) == []
