"""The memory of an embedded cluster with two workers after its first result: PSS of all its processes."""

from __future__ import annotations

import _bench
import _programs


def measure(run: _bench.Run) -> None:
    """Starts every program in turn."""
    run.compare_several(
        {
            "memory": ("PSS of all processes, 2 workers", "MB", False),
            "processes": ("processes, 2 workers", "count", None),
        },
        dgo=lambda: _programs.sample(_programs.PROGRAMS[0].text),
        peers=_programs.children(),
        repeats=_bench.HEAVY_REPEATS,
    )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, _programs.children())
