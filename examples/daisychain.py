"""The daisy chain: a row of goroutines, each of which passes a number on, plus one.

The classic of Go's talks. Every stage waits for the number of its right neighbour and gives it to its left
one; nothing moves until a number is put in at the right end, and then it runs through all of them. A stage
that waits costs a few kilobytes and no processor time, so a thousand of them on two workers is nothing
special.

Besides the number, the value collects the workers that it came through, to show that the chain really is
spread over them (``dgo.go.options(spread=True)``): most neighbours sit in different processes.

Run it::

    python examples/daisychain.py --stages 1000 --workers 2
"""

from __future__ import annotations

import argparse
import os
import socket
import time

import dgo

# What travels: the number so far, and the workers (host and process id) that have touched it.
Token = tuple[int, frozenset[tuple[str, int]]]


def stage(left: dgo.Chan[Token], right: dgo.Chan[Token]) -> None:
    """Gives to the left what comes from the right, plus one."""
    number, workers = right.recv()
    left.send((number + 1, workers | {(socket.gethostname(), os.getpid())}))


def chain(stages: int) -> Token:
    """Builds a chain, sends a number through it and returns what comes out.

    Args:
        stages: how many goroutines the chain has.

    Returns:
        ``stages + 1``, and the workers on the way.
    """
    spread = dgo.go.options(spread=True)
    leftmost: dgo.Chan[Token] = dgo.Chan()
    left = leftmost
    for _ in range(stages):
        right: dgo.Chan[Token] = dgo.Chan()
        spread(stage, left, right)
        left = right
    # As in Go, somebody else must put the number in: main is about to wait at the other end.
    dgo.go(left.send, (1, frozenset()))
    return leftmost.recv()


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Sends a number through a long chain of goroutines.")
    parser.add_argument("--stages", type=int, default=1000, help="how many goroutines (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: one a core; ignored when DGO_ADDRESS is set)"
    )
    args = parser.parse_args()
    if args.stages < 1:
        parser.error("--stages must be at least 1")
    return args


def main() -> None:
    """Builds the chain on a fresh cluster, or on that of ``DGO_ADDRESS``, and prints what came through it."""
    args = options()
    with dgo.init(workers=None if "DGO_ADDRESS" in os.environ else args.workers) as cluster:
        if args.workers and "DGO_ADDRESS" not in os.environ:
            # A stage can only be placed on a worker that is there.
            cluster.wait_for_workers(args.workers, timeout=60)
        started = time.perf_counter()
        number, workers = chain(args.stages)
        seconds = time.perf_counter() - started
    print(number)
    print(f"{args.stages} stages on {len(workers)} worker(s) in {seconds:.3f} s")


if __name__ == "__main__":
    main()
