"""Large values in shared memory, with real processes: what is left after a death, a drop, an end; what forbids it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import dgo

from .leftovers import eventually

np = pytest.importorskip("numpy")

pytestmark = pytest.mark.slow  # each test starts real programs; idle memory is freed after seconds

WORDS = 4_000_000 // 8
LIMIT = 60
FREED_SECONDS = 25.0  # idle for five seconds at the sender, and at a reader that kept its mapping


def make(seed: int) -> Any:
    return np.arange(WORDS, dtype=np.int64) + seed


def intact(array: Any, seed: int) -> bool:
    return bool(np.array_equal(array, make(seed)))


def megabytes_shared(pid: int) -> float:
    """How much of dgo's shared memory a process has mapped or open, a proof of nearness aside."""
    nbytes = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if "/memfd:dgo" in line:
            first, last = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
            nbytes += last - first
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(descriptor).startswith("/memfd:dgo"):
                nbytes += os.stat(descriptor).st_size
        except FileNotFoundError:  # it was closed meanwhile
            continue
    return nbytes / 1e6


def is_free(*pids: int) -> bool:
    gc.collect()
    return all(megabytes_shared(pid) < 0.1 for pid in pids)


def keep_going(there: Any, back: Any) -> None:
    """Sends what it gets on, changed; returns at the end of the channel."""
    for array in there:
        array += 1
        back.send(array)


def pid_and_send(ch: Any, seed: int, gate: Any) -> int:
    ch.send(make(seed))
    gate.recv_ok()
    return os.getpid()


def hold(array: Any, started: Any) -> None:
    array[:] = 0
    started.send(os.getpid())
    dgo.Chan().recv()


def pids() -> list[int]:
    return [worker.pid for worker in dgo.cluster().workers()]


def test_memory_is_free_again_some_seconds_after_the_last_use(start):
    start(2)
    there, back = dgo.Chan(2), dgo.Chan()
    group = [dgo.go.options(spread=True)(keep_going, there, back) for _ in range(2)]
    for seed in range(12):
        there.send(make(seed))
        assert intact(back.recv(timeout=LIMIT), seed + 1)
    there.close()
    for goroutine in group:
        goroutine.result(timeout=LIMIT)
    assert dgo.go(intact, make(3), 3).result(timeout=LIMIT)
    everybody = [os.getpid(), *pids()]
    assert any(megabytes_shared(pid) > 1 for pid in everybody), "nothing was shared"
    assert eventually(lambda: is_free(*everybody), FREED_SECONDS)


def test_values_that_nobody_reads_are_freed_with_their_channel(start):
    start(1)
    here, there = dgo.Chan(8), dgo.go(dgo.Chan, 8).result(timeout=LIMIT)
    dgo.go(intact, make(1), 1).result(timeout=LIMIT)  # now they know that they are near
    for seed in range(4):
        here.send(make(seed))
        there.send(make(seed))
    everybody = [os.getpid(), *pids()]
    assert all(megabytes_shared(pid) > 10 for pid in everybody)
    del here, there
    assert eventually(lambda: dgo.go(gc.collect).result() >= 0 and is_free(*everybody), FREED_SECONDS)


def test_a_killed_receiver_leaves_nothing_and_the_retry_gets_the_argument_unchanged(start):
    start(2)
    started = dgo.Chan()
    goroutine = dgo.go.options(retries=1)(hold, make(7), started)
    first = started.recv(timeout=LIMIT)
    os.kill(first, signal.SIGKILL)
    assert started.recv(timeout=LIMIT) != first
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    there = dgo.Chan()
    again = dgo.go.options(retries=1)(change_and_wait, make(8), started, there)
    os.kill(started.recv(timeout=LIMIT), signal.SIGKILL)
    started.recv(timeout=LIMIT)
    there.close()
    assert again.result(timeout=LIMIT), "the second run saw what the first had written"
    del goroutine, again, started, there
    assert eventually(lambda: is_free(os.getpid()), FREED_SECONDS)


def change_and_wait(array: Any, started: Any, gate: Any) -> bool:
    good = intact(array, 8)
    array[:] = -1
    started.send(os.getpid())
    gate.recv_ok()
    return good


def test_a_value_goes_back_unchanged_when_its_receiver_is_killed_and_outlives_its_killed_sender(start):
    start(2)
    spread = dgo.go.options(spread=True)
    ch, gate = dgo.Chan(4), dgo.Chan()
    senders = [spread(pid_and_send, ch, seed, gate) for seed in (1, 2)]
    assert eventually(lambda: len(ch) == 2, LIMIT)
    got = ch.recv(timeout=LIMIT)
    for pid in pids():
        os.kill(pid, signal.SIGKILL)
    for sender in senders:
        assert isinstance(sender.exception(timeout=LIMIT), dgo.WorkerLost)
    other = ch.recv(timeout=LIMIT)
    assert sorted([int(got[0]), int(other[0])]) == [1, 2]
    assert intact(got, int(got[0]))
    assert intact(other, int(other[0]))
    del got, other
    assert eventually(lambda: is_free(os.getpid()), FREED_SECONDS)


def read_put(ref: Any, seed: int) -> tuple[bool, bool, int]:
    first, second = ref.get(timeout=LIMIT), ref.get(timeout=LIMIT)
    return intact(first, seed), bool(np.shares_memory(first, second)) and not first.flags.writeable, os.getpid()


def test_a_value_that_was_put_is_in_memory_once_and_free_when_nobody_holds_it(start):
    start(2)
    ref = dgo.put(make(5))
    readers = [dgo.go.options(spread=True)(read_put, ref, 5) for _ in range(6)]
    results = [reader.result(timeout=LIMIT) for reader in readers]
    assert all(good and shared for good, shared, _ in results)
    assert len({pid for *_, pid in results}) == 2
    assert ref.statistics().shipped == 2
    assert not ref.get().flags.writeable
    everybody = [os.getpid(), *pids()]
    assert any(megabytes_shared(pid) > 3 for pid in everybody)
    del ref, readers, results
    assert eventually(lambda: is_free(*everybody), FREED_SECONDS)


BUSY = """
import os, sys, time
import numpy as np
import dgo

def relay(there, back):
    kept = []
    for array in there:
        array += 1
        kept.append(array)
        back.send(array)

cluster = dgo.init(workers=2)
cluster.wait_for_workers(2, timeout=30)
there, back, unread = dgo.Chan(2), dgo.Chan(), dgo.Chan(4)
group = [dgo.go.options(spread=True)(relay, there, back) for _ in range(2)]
for turn in range(6):
    there.send(np.full(500_000, turn))
    assert back.recv()[-1] == turn + 1
    if turn < 4:
        unread.send(np.full(500_000, turn))
workers = [worker.pid for worker in cluster.workers()]
parent = open(f"/proc/{workers[0]}/stat").read().rpartition(")")[2].split()[1]
print(parent, *workers, flush=True)
turn = 0
while True:
    there.send(np.full(500_000, turn))
    back.recv()
    turn += 1
"""


@pytest.mark.parametrize("victims", ["driver", "coordinator", "workers", "all"])
def test_nothing_is_left_whoever_is_killed(driver, victims):
    running = driver(BUSY)
    coordinator, *workers = map(int, running.line().split())
    doomed = {
        "driver": [running.process.pid],
        "coordinator": [coordinator],
        "workers": workers,
        "all": [running.process.pid, coordinator, *workers],
    }[victims]
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    if victims == "workers":  # they are replaced; the program waits for values that are gone
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10)
        running.signal(signal.SIGKILL)
    running.wait(30)
    left = running.left(10)
    if victims == "all":  # with all of them dead at once, nobody removes the directory of the sockets
        left = [what for what in left if not what.startswith("file")]
    assert left == []


PROGRAM = """
import sys
import numpy as np
import dgo

def echo(array):
    array += 1
    return array

def mapped():
    return open("/proc/self/maps").read().count("/memfd:dgo")

dgo.init(workers=1)
for turn in range(4):
    assert dgo.go(echo, np.full(2_000_000, turn)).result()[-1] == turn + 1
print("good", mapped() + dgo.go(mapped).result(), flush=True)
"""


def run(tmp_path: Path, *before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DGO_")}
    return subprocess.run(
        [*before, sys.executable, str(script)], env=kept | environment, capture_output=True, text=True, timeout=LIMIT
    )


def test_it_can_be_switched_off(tmp_path):
    ended = run(tmp_path, DGO_SHARED_MEMORY="0")
    assert ended.stdout == "good 0\n", ended.stderr


NEW_MOUNTS = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"', "sh"]


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*NEW_MOUNTS, "true"], capture_output=True).returncode != 0,
    reason="mount namespaces need privileges",
)
def test_the_size_of_dev_shm_does_not_matter(tmp_path):
    ended = run(tmp_path, *NEW_MOUNTS)
    word, mapped = ended.stdout.split()
    assert word == "good"
    assert int(mapped) > 0


SMALL_FILES = ["sh", "-c", 'ulimit -f 4096 && exec "$@"', "sh"]  # blocks of 512 bytes, or 1024: less than the array


def test_what_the_system_refuses_travels_in_frames_and_is_said_once(tmp_path):
    ended = run(tmp_path, *SMALL_FILES)
    assert ended.stdout.startswith("good "), ended.stderr
    assert ended.stderr.count("large values are copied through sockets") >= 1, ended.stderr
    assert "DGO_SHARED_MEMORY=0" in ended.stderr
