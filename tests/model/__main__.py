"""Prints what the explorer has seen of each program: ``python -m tests.model`` (``--small`` for the quick ones)."""

from __future__ import annotations

import sys
import time

from .explore import explore
from .programs import ALWAYS_READY, ALWAYS_READY_HERE, HUGE, LARGE, NEVER_READY, SMALL, world

programs = {
    **SMALL,
    "always ready, homes elsewhere": ALWAYS_READY,
    "always ready, one home here": ALWAYS_READY_HERE,
    "never ready": NEVER_READY,
}
if "--small" not in sys.argv:
    programs |= LARGE | HUGE
total = 0
for name, program in programs.items():
    began = time.perf_counter()
    found = explore(world(program))
    total += found.states
    print(f"{name:75} {found} ({time.perf_counter() - began:.1f} s)", flush=True)
print(f"{len(programs)} programs, {total} states, no rule broken")
