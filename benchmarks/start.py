"""Cold start with two workers: to the first result, the end of the program, and what ``import dgo`` takes."""

from __future__ import annotations

import subprocess
import sys

import _bench
import _processes
import _programs

IMPORTS = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""


def import_milliseconds(module: str) -> float:
    """The time that an import takes in a fresh interpreter."""
    command = [sys.executable, "-c", IMPORTS.format(module=module)]
    done = subprocess.run(
        command, env=_processes.environment(""), capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout) * 1e3


def measure(run: _bench.Run) -> None:
    """Starts every program in turn."""
    if run.options.with_dgo:
        _programs.sample(_programs.PROGRAMS[0].text)  # compiles what has changed since the last time
    run.compare_several(
        {
            "first": ("cold start to the first result, 2 workers", "s", False),
            "ending": ("from the end of the main program to the end of its process, 2 workers", "s", False),
            "total": ("the whole program, 2 workers", "s", False),
        },
        dgo=lambda: _programs.sample(_programs.PROGRAMS[0].text),
        peers=_programs.children(),
    )
    run.compare(
        "import in a fresh interpreter",
        "ms",
        dgo=lambda: import_milliseconds("dgo"),
        own={
            "multiprocessing": lambda: import_milliseconds("multiprocessing"),
            "concurrent.futures.process": lambda: import_milliseconds("concurrent.futures.process"),
            "asyncio": lambda: import_milliseconds("asyncio"),
        },
        more_is_better=False,
    )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, _programs.children())
