"""Programs that start with two workers, print a line at their first result, and end when their stdin does.

The memory of a program is the proportional set size (PSS), in which a page that several processes share counts
once, summed over everything the program started."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import NamedTuple

import _bench
import _processes
from _bench import Peer

SECONDS = 60


class Program(NamedTuple):
    """A contender of start and memory.

    Attributes:
        who: its name.
        text: what it runs.
        needs: modules.
        heavy: it starts a system of its own.
    """

    who: str
    text: str
    needs: tuple[str, ...] = ()
    heavy: bool = False


POOL = """
import multiprocessing, os, sys
with multiprocessing.get_context("{method}").Pool(2) as pool:
    pool.apply(os.getpid)
    print("first", flush=True)
    sys.stdin.read()
"""

PROGRAMS = (
    Program(
        _bench.DGO,
        """
import dgo, os, sys
dgo.init(workers=2)
dgo.go(os.getpid).result()
print("first", flush=True)
sys.stdin.read()
""",
    ),
    Program(
        "bare interpreter",
        """
import sys
print("first", flush=True)
sys.stdin.read()
""",
    ),
    Program("multiprocessing.Pool (fork)", POOL.format(method="fork")),
    Program("multiprocessing.Pool (spawn)", POOL.format(method="spawn")),
    Program(
        "ProcessPoolExecutor (spawn)",
        """
import concurrent.futures, multiprocessing, os, sys
context = multiprocessing.get_context("spawn")
with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
    first, second = executor.submit(os.getpid), executor.submit(os.getpid)
    first.result()
    print("first", flush=True)
    sys.stdin.read()
""",
    ),
    Program(
        "loky",
        """
import loky, os, sys
executor = loky.get_reusable_executor(max_workers=2)
executor.submit(os.getpid).result()
print("first", flush=True)
sys.stdin.read()
executor.shutdown(wait=True, kill_workers=True)
""",
        ("loky",),
    ),
    Program(
        "dask",
        """
import logging, os, sys
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                      silence_logs=logging.CRITICAL) as cluster, Client(cluster) as client:
        client.submit(os.getpid).result()
        print("first", flush=True)
        sys.stdin.read()
""",
        ("distributed",),
        heavy=True,
    ),
    Program(
        "ray, without dashboard",
        """
import logging, os, sys
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
ray.get(ray.remote(lambda: os.getpid()).remote())
print("first", flush=True)
sys.stdin.read()
ray.shutdown()
""",
        ("ray",),
        heavy=True,
    ),
    Program(
        "ipyparallel",
        """
import logging, os, sys
import ipyparallel
with ipyparallel.Cluster(n=2, log_level=logging.CRITICAL) as client:
    client.load_balanced_view().apply_async(os.getpid).get()
    print("first", flush=True)
    sys.stdin.read()
""",
        ("ipyparallel",),
        heavy=True,
    ),
)
PEERS = PROGRAMS[1:]


def sample(text: str) -> dict[str, float]:
    """Runs a program once. The clock starts before the interpreter does.

    Raises:
        RuntimeError: it failed.
    """
    with _processes.marked() as mark:
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", text],
            env=_processes.environment(mark),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            line = process.stdout.readline()
            first = time.perf_counter() - started
            processes = _processes.family(mark)
            memory = sum(map(_processes.pss, processes))
            released = time.perf_counter()
            process.stdin.close()
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise RuntimeError(f"the program has not ended {SECONDS} s after it should") from None
            ending = time.perf_counter() - released
    if line != "first\n" or status != 0:
        raise RuntimeError(f"the program ended with status {status} after it printed {line!r}")
    return {
        "first": first,
        "ending": ending,
        "total": first + ending,
        "memory": memory,
        "processes": len(processes),
    }


def children() -> tuple[Peer, ...]:
    """The programs as peers; each is in processes of its own anyhow."""
    return tuple(
        Peer(program.who, lambda text=program.text: sample(text), program.needs, heavy=program.heavy)  # type: ignore[misc]
        for program in PEERS
    )
