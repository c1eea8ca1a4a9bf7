"""Cold start with two workers: to the first result, the whole program, and the memory of all its processes.

The clock starts before the interpreter does. Memory is the proportional set size (PSS), in which a page
that several processes share counts once, summed over everything the program started, right after the first
result."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import _bench

MARK = "BENCHMARK_RUN"

# Each prints a line when it has its first result, and ends when its stdin does.
PROGRAMS = {
    _bench.DGO: """
import dgo, os, sys
dgo.init(workers=2)
dgo.go(os.getpid).result()
print("first", flush=True)
sys.stdin.read()
""",
    "bare interpreter": """
import sys
print("first", flush=True)
sys.stdin.read()
""",
    "multiprocessing.Pool (spawn)": """
import multiprocessing, os, sys
with multiprocessing.get_context("spawn").Pool(2) as pool:
    pool.apply(os.getpid)
    print("first", flush=True)
    sys.stdin.read()
""",
    "ProcessPoolExecutor (spawn)": """
import concurrent.futures, multiprocessing, os, sys
context = multiprocessing.get_context("spawn")
with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
    first, second = executor.submit(os.getpid), executor.submit(os.getpid)
    first.result()
    print("first", flush=True)
    sys.stdin.read()
""",
}


def family(mark: str) -> list[Path]:
    """The folders in /proc of all processes of a run: those that inherited its mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder)
        except OSError:
            continue  # it ended meanwhile, or belongs to someone else
    return found


def pss(folder: Path) -> float:
    """The MB of one process; 0 if it has just ended."""
    try:
        rollup = (folder / "smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def sample(program: str) -> dict[str, float]:
    """Runs a program once.

    Raises:
        RuntimeError: it failed.
    """
    mark = uuid.uuid4().hex
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**environment, MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        first = time.perf_counter() - started
        folders = family(mark)
        memory = sum(map(pss, folders))
        released = time.perf_counter()
        process.stdin.close()
        status = process.wait(60)
        ending = time.perf_counter() - released
    if line != "first\n" or status != 0:
        raise RuntimeError(f"the program ended with status {status} after it printed {line!r}")
    return {"first": first, "total": first + ending, "memory": memory, "processes": len(folders)}


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Starts every program in turn."""
    contenders: dict[str, Callable[[], dict[str, float]]] = {}
    for who, program in PROGRAMS.items():
        contenders[who] = functools.partial(sample, program)
    whats: dict[str, tuple[str, bool | None]] = {
        "first": ("cold start to the first result, 2 workers [s]", False),
        "total": ("the whole program, 2 workers [s]", False),
        "memory": ("PSS of all processes, 2 workers [MB]", False),
        "processes": ("processes, 2 workers [count]", None),
    }
    return _bench.compare_several(whats, contenders, options)


if __name__ == "__main__":
    _bench.main(__doc__, figures)
