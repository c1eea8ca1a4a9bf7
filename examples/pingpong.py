"""Two goroutines throw a ball to each other over unbuffered channels.

An unbuffered send completes when the other side has the value, so every throw is a meeting of the two: this
measures what a meeting costs. Without ``--spread`` the partner is an ordinary child goroutine: it starts on
the worker of its parent (an idle worker may steal it before it has begun). With ``--spread`` the cluster
places it, and with two workers each throw then crosses from one process to the other.

Run it::

    python examples/pingpong.py --count 100000
    python examples/pingpong.py --count 10000 --spread --workers 2
"""

from __future__ import annotations

import argparse
import os
import socket
import time

import dgo

Worker = tuple[str, int]


def worker() -> Worker:
    """The process that runs the caller: its host and process id."""
    return socket.gethostname(), os.getpid()


def pong(balls: dgo.Chan[int], returns: dgo.Chan[int], places: dgo.Chan[Worker]) -> None:
    """Says where it runs, then throws every ball back until there are no more."""
    places.send(worker())
    for ball in balls:
        returns.send(ball + 1)


def ping(count: int, spread: bool) -> tuple[float, Worker, Worker]:
    """Starts a partner and plays with it.

    Args:
        count: round trips to make.
        spread: let the cluster place the partner.

    Returns:
        The seconds that the game took, and the workers of the two players.

    Raises:
        RuntimeError: a ball came back with the wrong number (it never does).
    """
    balls: dgo.Chan[int] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    places: dgo.Chan[Worker] = dgo.Chan()
    go = dgo.go.options(spread=True) if spread else dgo.go
    partner = go(pong, balls, returns, places)
    theirs = places.recv()
    started = time.perf_counter()
    for ball in range(count):
        balls.send(ball)
        if returns.recv() != ball + 1:
            raise RuntimeError(f"ball {ball} did not come back as {ball + 1}")
    seconds = time.perf_counter() - started
    balls.close()
    partner.result()
    return seconds, worker(), theirs


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Two goroutines exchange values over unbuffered channels.")
    parser.add_argument("--count", type=int, default=10_000, help="round trips (default: %(default)s)")
    parser.add_argument("--spread", action="store_true", help="let the cluster place the second player")
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: one a core; ignored when DGO_ADDRESS is set)"
    )
    args = parser.parse_args()
    if args.count < 1:
        parser.error("--count must be at least 1")
    return args


def main() -> None:
    """Plays one game and prints its speed."""
    args = options()
    with dgo.init(workers=None if "DGO_ADDRESS" in os.environ else args.workers) as cluster:
        if args.spread and "DGO_ADDRESS" not in os.environ and args.workers:
            # The partner can only be placed on a worker that is there.
            cluster.wait_for_workers(args.workers, timeout=60)
        go = dgo.go.options(spread=True)
        seconds, mine, theirs = go(ping, args.count, args.spread).result()
    where = "one worker" if mine == theirs else "two workers"
    rate = args.count / seconds
    print(f"{args.count} round trips on {where} in {seconds:.3f} s: {rate:,.0f} a second")


if __name__ == "__main__":
    main()
