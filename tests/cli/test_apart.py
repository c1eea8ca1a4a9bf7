"""A driver and a worker that do not see each other's processes: large values travel in frames."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .programs import Cluster, write

APART = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]

ECHO = """
import pickle
import dgo

class Block:
    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return Block, (pickle.PickleBuffer(self.data),)

def echo(block, ch):
    block.data[0] += 1
    ch.send(block)
    return block

def mapped():
    return open("/proc/self/maps").read().count("/memfd:dgo")

ch = dgo.Chan(1)
for turn in range(3):
    result = dgo.go(echo, Block(bytearray([turn]) * 3_000_000), ch)
    assert result.result().data[0] == turn + 1
    assert ch.recv().data[-1] == turn
print("good; mapped by the worker:", dgo.go(mapped).result())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*APART, "true"], capture_output=True).returncode != 0,
    reason="process namespaces need privileges",
)
def test_large_values_arrive_where_memory_cannot_be_shared(cluster: Cluster, tmp_path: Path) -> None:
    worker = cluster.worker(before=APART)
    driver = cluster.driver(write(tmp_path, ECHO))
    assert driver.end() == 0, driver.output
    assert "good" in driver.output
    assert worker.process.poll() is None
