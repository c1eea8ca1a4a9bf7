"""The first program: an ordinary call, and the same function as a goroutine.

``f("direct")`` runs here, in this process. ``wg.go(f, "goroutine")`` starts the same function on a worker
process: its arguments are evaluated and snapshotted now, it runs whenever a worker gets to it, and what it
prints appears here, in the order in which it wrote it. A lambda travels as well as a named function does.

The two goroutines run concurrently, so ``going`` may come before, between or after the lines of
``goroutine``. The WaitGroup makes main wait for both: without it main could return first, and its
goroutines would end with it, as in Go.

There is no set-up call: the first goroutine starts an embedded cluster on this machine, one worker per
core. The last line, on stderr, says how long the goroutines took, that start included.

Run it::

    python examples/goroutines.py
"""

from __future__ import annotations

import sys
import time

import dgo


def f(who: str) -> None:
    """Prints three lines that say who printed them."""
    for i in range(3):
        print(who, ":", i)


def main() -> None:
    """Calls ``f``, then starts it as a goroutine beside another one, and waits for the two."""
    f("direct")

    started = time.perf_counter()
    wg = dgo.WaitGroup()
    wg.go(f, "goroutine")
    wg.go(lambda msg: print(msg), "going")
    wg.wait()
    seconds = time.perf_counter() - started

    print("done")
    print(f"the goroutines took {seconds:.3f} s, the start of the workers included", file=sys.stderr)


if __name__ == "__main__":
    main()
