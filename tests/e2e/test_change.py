"""Clusters that change while they are used: more workers, dead workers, the end."""

from __future__ import annotations

import time

import pytest

from .cluster import Cluster

pytestmark = pytest.mark.e2e

STOP_GRACE_SECONDS = 30  # stop_grace_period of the daemons


def test_a_running_program_uses_the_workers_that_a_scale_from_three_to_five_adds(
    own_cluster: Cluster,
) -> None:
    driver = own_cluster.start_driver("python", "/app/programs/grow.py", "3", "5")
    driver.wait_for_line("STARTED", timeout_seconds=60)

    own_cluster.up(workers=5)
    seen = driver.result(timeout_seconds=90)

    assert seen["workers_at_start"] == 3
    assert seen["workers_at_end"] == 5
    assert len(seen["hosts"]) == 5
    assert seen["wrong_results"] == 0


def test_a_program_outlives_a_killed_worker_and_uses_the_one_that_replaces_it(own_cluster: Cluster) -> None:
    driver = own_cluster.start_driver("python", "/app/programs/outlive.py", "3")
    driver.wait_for_line("STARTED", timeout_seconds=60)

    own_cluster.engine.docker("kill", own_cluster.containers("worker")[0])
    driver.wait_for_line("SHRUNK", timeout_seconds=60)
    own_cluster.up(workers=3)
    seen = driver.result(timeout_seconds=90)

    assert seen["unexpected_errors"] == []
    assert seen["new_processes"] >= 1
    assert seen["processes_at_end"] == 3


def test_the_engine_restarts_a_worker_whose_daemon_crashed(own_cluster: Cluster) -> None:
    driver = own_cluster.start_driver("python", "/app/programs/outlive.py", "3")
    driver.wait_for_line("STARTED", timeout_seconds=60)

    worker = own_cluster.containers("worker")[0]
    # PID 1 is the engine's init; its only child is the daemon.
    own_cluster.engine.docker("exec", worker, "sh", "-c", "kill -KILL $(cat /proc/1/task/1/children)")
    seen = driver.result(timeout_seconds=90)

    assert seen["unexpected_errors"] == []
    assert seen["new_processes"] >= 1
    assert seen["processes_at_end"] == 3
    assert own_cluster.inspect(worker)["RestartCount"] == 1


def test_a_stop_ends_every_daemon_with_status_0_within_its_grace(own_cluster: Cluster) -> None:
    containers = own_cluster.containers()

    began = time.monotonic()
    own_cluster.compose("stop")
    took = time.monotonic() - began
    ended = {container: own_cluster.inspect(container)["State"]["ExitCode"] for container in containers}

    assert len(containers) == 4
    assert ended == dict.fromkeys(containers, 0)
    assert took < STOP_GRACE_SECONDS


def test_down_leaves_no_container_network_or_volume(own_cluster: Cluster) -> None:
    own_cluster.compose("down", "--volumes")

    assert own_cluster.leftovers() == []
