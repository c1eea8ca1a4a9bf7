"""What is left of a driver: processes, files, shared memory.

A driver under test has a mark in its environment, which every process of its cluster inherits (also what a
goroutine starts), and a directory of its own for temporary files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

MARK = "DGO_SYSTEM_MARK"
SHARED_MEMORY = Path("/dev/shm")


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Looks at something outside dgo until it is so; False if the time is over first."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def marked(mark: str) -> dict[int, str]:
    """The living processes that carry the mark: process id and command line."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(process.name)] = command
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue
    return found


def segments() -> set[str]:
    """The names of all shared memory."""
    return {entry.name for entry in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.is_dir() else set()


def orphaned(before: set[str]) -> set[str]:
    """New shared memory that no living process has mapped: what is mapped belongs to another program."""
    new = segments() - before
    if not new:
        return new
    maps = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                maps.append((process / "maps").read_text(errors="replace"))
            except OSError:  # it has ended meanwhile, or belongs to another user
                continue
    return {name for name in new if not any(f"{SHARED_MEMORY}/{name}" in text for text in maps)}
