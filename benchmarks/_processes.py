"""Processes that a benchmark starts: each in a family that is known by a mark in its environment, so that
everything it started in turn can be measured, and ended whatever happens. Families may be within families."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARK = "BENCHMARK_RUN"
ANSWER = "BENCHMARK_ANSWER: "
CHILD_SECONDS = 120
LAST_LINES = 15
ROUNDS = 10
KILL_SECONDS = 10
TICKS = os.sysconf("SC_CLK_TCK")


def search_path() -> str:
    """Where programs are looked for: first where this interpreter's packages put theirs."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def environment(mark: str) -> dict[str, str]:
    """For a process of its own: no chosen cluster, the benchmarks' modules, quiet peers, and its family's mark."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}
    modules = [str(HERE), *filter(None, [kept.get("PYTHONPATH")])]
    quiet = {"RAY_DEDUP_LOGS": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    marks = ":".join(filter(None, [kept.get(MARK), mark]))
    return {**kept, **quiet, "PYTHONPATH": os.pathsep.join(modules), "PATH": search_path(), MARK: marks}


def family(mark: str) -> list[int]:
    """The processes that inherited a mark, those of families within it too."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or belongs to someone else
        marks = next((each for each in variables if each.startswith(MARK.encode() + b"=")), b"")
        if mark.encode() in marks.partition(b"=")[2].split(b":"):
            found.append(int(folder.name))
    return found


@contextlib.contextmanager
def marked() -> Iterator[str]:
    """A new mark; on leaving, what is left of its family is killed."""
    mark = uuid.uuid4().hex
    try:
        yield mark
    finally:
        end(mark)


def end(mark: str) -> None:
    """Kills a family, and those that its members start meanwhile; returns when they are dead."""
    for _ in range(ROUNDS):
        if not (pids := family(mark)):
            return
        for pid in pids:
            try:
                process = os.pidfd_open(pid)
            except ProcessLookupError:
                continue  # it ended meanwhile
            try:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], KILL_SECONDS)
            except ProcessLookupError:
                pass
            finally:
                os.close(process)


def pss(pid: int) -> float:
    """The MB of one process, a page that several share counted once among them; 0 if it has just ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, its ended children not included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident() -> int:
    """The bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available() -> int:
    """The bytes that new programs can have."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def run(command: list[str], seconds: float = CHILD_SECONDS) -> str:
    """Runs a program to its end and returns what it printed.

    What it leaves behind is killed; files that it makes as temporary ones go too.

    Raises:
        RuntimeError: it failed, or took too long; the message has its last lines of stderr.
    """
    with (
        marked() as mark,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryFile() as output,
        subprocess.Popen(command, env=environment(mark), stdin=subprocess.DEVNULL, stdout=output, stderr=errors) as it,
    ):
        # Files, not pipes: a process that is left behind would hold a pipe open.
        try:
            status: int | str = it.wait(seconds)
        except subprocess.TimeoutExpired:
            status = f"not ended after {seconds:.0f} s"
            it.kill()
        if status != 0:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
            raise RuntimeError("\n".join([f"{' '.join(command[:4])} ...: {status}", *last]))
        output.seek(0)
        return output.read().decode(errors="replace")


def child(script: str, who: str, *amounts: int, seconds: float = CHILD_SECONDS) -> dict[str, float]:
    """Runs one contender of a script in a fresh interpreter and returns its samples.

    Raises:
        RuntimeError: it failed.
    """
    return answered(run([sys.executable, script, "--child", who, *map(str, amounts)], seconds))


def answer_with(samples: dict[str, float]) -> None:
    """Prints a contender's samples for who started it."""
    print(f"\n{ANSWER}{json.dumps(samples)}", flush=True)


def answered(printed: str) -> dict[str, float]:
    """The samples among what a process printed.

    Raises:
        RuntimeError: there are none.
    """
    for line in printed.splitlines():
        if line.startswith(ANSWER):
            samples: dict[str, float] = json.loads(line.removeprefix(ANSWER))
            return samples
    raise RuntimeError(f"no samples came: {printed[-500:]!r}")
