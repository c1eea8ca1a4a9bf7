"""Keeps a cluster busy while one of its workers dies, and ends when another process has taken its place.

outlive.py WORKERS

A goroutine of the dead worker may end with WorkerLost; no other error is expected, and none may hang.
"""

import json
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import dgo

BATCH = 12
PATIENCE_SECONDS = 75


@dataclass
class Outcome:
    """What the goroutines so far came to."""

    values: int = 0
    lost: int = 0
    unexpected: list[str] = field(default_factory=list)


def process() -> str:
    """The name of this worker process, different also from a restarted one with the same pid and host."""
    time.sleep(0.2)
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    return f"{socket.gethostname()}/{os.getpid()}/{started}"


def run_batch(outcome: Outcome) -> set[str]:
    """Runs one batch everywhere; the processes that took part."""
    spread = dgo.go.options(spread=True)
    took_part = set()
    for goroutine in [spread(process) for _ in range(BATCH)]:
        try:
            took_part.add(goroutine.result(timeout=30))
            outcome.values += 1
        except dgo.WorkerLost:
            outcome.lost += 1
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            outcome.unexpected.append(repr(error))
    return took_part


def main() -> None:
    count = int(sys.argv[1])
    cluster = dgo.init()
    cluster.wait_for_workers(count, timeout=30)
    outcome = Outcome()

    first = run_batch(outcome)
    print("STARTED", flush=True)
    now = first
    shrunk = False
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (now - first and len(now) == count) and time.monotonic() < deadline:
        now = run_batch(outcome)
        if not shrunk and len(cluster.workers()) < count:
            shrunk = True
            print("SHRUNK", flush=True)

    seen = {
        "values": outcome.values,
        "lost": outcome.lost,
        "unexpected_errors": outcome.unexpected,
        "new_processes": len(now - first),
        "processes_at_end": len(now),
    }
    dgo.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
