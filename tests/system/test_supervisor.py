"""What the supervisor of worker processes sees of them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import dgo
from dgo_worker.supervisor import Supervisor

from .leftovers import eventually

LIMIT = 30


@pytest.fixture
def supervised() -> Iterator[tuple[Supervisor, list[subprocess.Popen[bytes]]]]:
    """Two processes that read from a pipe, nodes 7 and 8."""
    children: list[subprocess.Popen[bytes]] = []

    def launch(slot: int) -> tuple[subprocess.Popen[bytes], int]:
        children.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, process_group=0))
        return children[-1], 7 + slot

    supervisor = Supervisor(2, launch, lambda node, cause: None)
    supervisor.start()
    yield supervisor, children
    supervisor.kill()
    for child in children:
        assert child.stdin is not None
        child.stdin.close()


def test_a_process_is_stopped_until_it_goes_on(supervised: Any) -> None:
    supervisor, (first, second) = supervised
    for _ in range(3):
        assert supervisor.stopped() == set()
        os.kill(second.pid, signal.SIGSTOP)
        assert eventually(lambda: supervisor.stopped() == {8}, LIMIT)
        assert supervisor.stopped() == {8}
        os.kill(second.pid, signal.SIGCONT)
        assert eventually(lambda: supervisor.stopped() == set(), LIMIT)
    assert first.poll() is None
    assert second.poll() is None


def test_the_end_of_a_process_is_still_seen(supervised: Any) -> None:
    supervisor, (first, _) = supervised
    os.kill(first.pid, signal.SIGSTOP)
    assert eventually(lambda: supervisor.stopped() == {7}, LIMIT)
    first.kill()
    assert eventually(lambda: supervisor.stopped() == {7} and first.poll() is not None, LIMIT)
    assert first.returncode == -signal.SIGKILL
    supervisor.step()
    assert supervisor.stopped() == set()


def state_of(cluster: dgo.Cluster, pid: int) -> str:
    return next((worker.state for worker in cluster.workers() if worker.pid == pid), "gone")


def test_an_embedded_worker_that_is_stopped_is_suspect_until_it_goes_on() -> None:
    with dgo.init(workers=1) as cluster:
        cluster.wait_for_workers(1, timeout=LIMIT)
        pid = dgo.go(os.getpid).result(timeout=LIMIT)
        os.kill(pid, signal.SIGSTOP)
        assert eventually(lambda: state_of(cluster, pid) == "suspect", LIMIT)
        os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: state_of(cluster, pid) == "alive", LIMIT)
        assert dgo.go(pow, 2, 3).result(timeout=LIMIT) == 8


@pytest.mark.slow
def test_an_embedded_worker_that_stays_stopped_is_lost() -> None:
    with dgo.init(workers=1) as cluster:
        cluster.wait_for_workers(1, timeout=LIMIT)
        pid = dgo.go(os.getpid).result(timeout=LIMIT)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(dgo.WorkerLost):
            dgo.go(pow, 2, 3).result(timeout=LIMIT)
