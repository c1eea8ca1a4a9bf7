"""Measures that a goroutine takes of its own process. Importable by every worker, so that a body can name them."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import NamedTuple

import dgo
from dgo.runtime import current

from .leftovers import eventually


class State(NamedTuple):
    """One process at one moment.

    Attributes:
        pid: the process.
        megabytes: its memory (proportional set size) after a garbage collection.
        tables: the tables of its node that are not empty, and how many entries they have.
    """

    pid: int
    megabytes: float
    tables: dict[str, int]


def megabytes(pid: int | str = "self") -> float:
    """The proportional set size of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory of its own")


def peak_megabytes(pid: int | str = "self") -> float:
    """The largest resident size that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory of its own")


def tables() -> dict[str, int]:
    """The tables of this process's node that are not empty. A goroutine that asks finds itself in none of them."""
    node = current.get()
    with node.lock:
        sizes = {
            "values.exports": len(node.values.exports),
            "values.pins": len(node.values.pins),
            "values._imports": len(node.values._imports),
            "values._joining": len(node.values._joining),
            "homes.tickets": len(node.homes.tickets),
            "homes.handed": len(node.homes.handed),
            "remote.pending": len(node.remote.pending),
            "spawner.ledger": len(node.spawner.ledger),
            "spawner.unasked": len(node.spawner.unasked),
            "waits": len(node.waits),
            "questions": len(node._questions),
        }
    return {name: size for name, size in sizes.items() if size}


def state() -> State:
    """This process, now."""
    gc.collect()
    return State(os.getpid(), megabytes(), tables())


def workers(count: int) -> dict[int, State]:
    """The states of all ``count`` workers: several goroutines at once, so that the idle one does not get them all."""
    found: dict[int, State] = {}
    for _ in range(20):
        for seen in dgo.gather(*[dgo.go.options(spread=True)(state) for _ in range(4 * count)]):
            found[seen.pid] = State(*seen)
        if len(found) == count:
            return found
    raise RuntimeError(f"{count} workers were to be asked, {len(found)} answered")


def empty(count: int) -> dict[str, dict[str, int]]:
    """The tables that are not empty in the driver and in its ``count`` workers, by process."""
    left = {f"worker {pid}": seen.tables for pid, seen in workers(count).items() if seen.tables}
    gc.collect()
    if mine := tables():
        left["driver"] = mine
    return left


def empty_soon(count: int, seconds: float = 5) -> dict[str, dict[str, int]]:
    """As ``empty``, once the news of dropped handles has travelled; after so many seconds at the latest."""
    left: dict[str, dict[str, int]] = {}

    def clean() -> bool:
        nonlocal left
        left = empty(count)
        return not left

    eventually(clean, seconds)
    return left
