"""A coordinator, a worker daemon and a driver together; and what happens when one of them goes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .programs import Cluster, Programs, kill, wait_until_gone, write

SQUARES = """
import dgo

def square(n):
    return n * n

print("squares", [g.result() for g in [dgo.go(square, n) for n in range(5)]])
"""

# The goroutine says where it runs, so that the test can act while it runs.
ONE_LONG = """
import os, sys, time
import dgo

def work(seconds):
    print("running in", os.getpid())
    time.sleep(seconds)
    return "done"

goroutine = dgo.go(work, float(sys.argv[1]))
try:
    print("result", goroutine.result())
except dgo.WorkerLost as lost:
    print("lost:", lost)
"""


def test_a_driver_runs_goroutines_on_a_worker_that_has_joined(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    driver = cluster.driver(write(tmp_path, SQUARES))
    assert driver.end() == 0, driver.output
    assert "squares [0, 1, 4, 9, 16]" in driver.lines


def test_a_worker_that_listens_everywhere_announces_an_address_that_can_be_reached(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.worker("--bind", "tcp://0.0.0.0:0", "--insecure", "--procs", "2")
    driver = cluster.driver(write(tmp_path, SQUARES))
    assert driver.end() == 0, driver.output
    assert "squares [0, 1, 4, 9, 16]" in driver.lines


def test_a_killed_worker_is_replaced_and_its_goroutine_is_lost_to_signal_9(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    driver = cluster.driver(write(tmp_path, ONE_LONG), "60")
    victim = int(driver.wait_for(r"running in (\d+)").group(1))
    kill(victim)
    driver.wait_for("lost: .*signal 9")
    assert driver.end() == 0
    cluster.coordinator.wait_for("worker w/1 joined")
    assert cluster.pids() != [victim]
    assert len(cluster.pids()) == 1


def test_a_goroutine_that_runs_ends_well_while_its_worker_drains(cluster: Cluster, tmp_path: Path) -> None:
    worker = cluster.worker()
    driver = cluster.driver(write(tmp_path, ONE_LONG), "1")
    pid = int(driver.wait_for(r"running in (\d+)").group(1))
    worker.signal(signal.SIGTERM)
    driver.wait_for("result done")
    assert driver.end() == 0
    assert worker.end() == 0
    wait_until_gone(pid)
    assert cluster.status()["workers"] == []


def test_a_goroutine_that_outlasts_the_grace_is_lost_and_the_daemon_still_ends_well(
    cluster: Cluster, tmp_path: Path
) -> None:
    worker = cluster.worker("--grace", "0.3")
    driver = cluster.driver(write(tmp_path, ONE_LONG), "60")
    driver.wait_for("running in")
    worker.signal(signal.SIGTERM)
    driver.wait_for("lost: .*drained")
    assert worker.end() == 0


def test_a_second_signal_ends_the_daemon_at_once(cluster: Cluster, tmp_path: Path) -> None:
    worker = cluster.worker("--grace", "600")
    driver = cluster.driver(write(tmp_path, ONE_LONG), "600")
    pid = int(driver.wait_for(r"running in (\d+)").group(1))
    worker.signal(signal.SIGTERM)
    worker.wait_for("draining")
    worker.signal(signal.SIGTERM)
    assert worker.end() == 0
    wait_until_gone(pid)
    driver.wait_for("lost: ")


def test_ctrl_c_in_a_terminal_ends_the_daemon_and_its_workers_without_a_traceback(cluster: Cluster) -> None:
    worker = cluster.worker("--procs", "2")
    pids = cluster.pids()
    os.killpg(worker.process.pid, signal.SIGINT)  # as a terminal does
    assert worker.end() == 0
    assert "Traceback" not in worker.output
    for pid in pids:
        wait_until_gone(pid)


def test_a_killed_daemon_leaves_no_worker_process(cluster: Cluster) -> None:
    worker = cluster.worker("--procs", "2")
    pids = cluster.pids()
    assert len(pids) == 2
    worker.signal(signal.SIGKILL)
    for pid in pids:
        wait_until_gone(pid)


def test_a_coordinator_that_drains_lets_running_goroutines_end(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    driver = cluster.driver(write(tmp_path, ONE_LONG), "1")
    driver.wait_for("running in")
    cluster.coordinator.signal(signal.SIGTERM)
    driver.wait_for("result done")
    assert cluster.coordinator.end() == 0
    assert "drained" in cluster.coordinator.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_daemon_whose_coordinator_is_silent_ends_its_workers_and_itself_with_75(
    cluster: Cluster, number: int
) -> None:
    worker = cluster.worker("--orphan-timeout", "1")
    (pid,) = cluster.pids()
    cluster.coordinator.signal(number)
    worker.wait_for("no word from the coordinator")
    assert worker.end() == 75
    wait_until_gone(pid)


def test_a_daemon_that_a_new_coordinator_does_not_know_ends_with_75(programs: Programs, cluster: Cluster) -> None:
    worker = cluster.worker()
    cluster.coordinator.signal(signal.SIGKILL)
    cluster.coordinator.end()
    programs.module("dgo.cli.coordinator", "--bind", cluster.address).wait_for("listening")
    worker.wait_for("does not know this host")
    assert worker.end() == 75


MANY = """
import time
import dgo

def work(n):
    time.sleep(0.2)
    return n

print("spawning")
goroutines = [dgo.go(work, n) for n in range(3000)]
goroutines[0].wait()
print("begun")
print("sum", sum(g.result() for g in goroutines))
"""


def test_a_host_that_drains_among_others_loses_no_goroutine(cluster: Cluster, tmp_path: Path) -> None:
    first = cluster.worker("--procs", "2")
    cluster.worker()
    driver = cluster.driver(write(tmp_path, MANY))
    driver.wait_for("begun")
    first.signal(signal.SIGTERM)
    driver.wait_for(f"sum {sum(range(3000))}")
    assert first.end() == 0


LARGE = """
import time
import dgo

def work():
    print("running")
    time.sleep(0.5)
    return bytes(120_000_000)

print("bytes", len(dgo.go(work).result()))
"""


def test_a_large_result_arrives_before_the_news_that_its_worker_has_left(cluster: Cluster, tmp_path: Path) -> None:
    worker = cluster.worker()
    driver = cluster.driver(write(tmp_path, LARGE))
    driver.wait_for("running")
    worker.signal(signal.SIGTERM)
    driver.wait_for("bytes 120000000")
    assert worker.end() == 0
