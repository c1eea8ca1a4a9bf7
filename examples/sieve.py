"""The concurrent prime sieve: a chain of goroutines, one for each prime.

Hoare's and McIlroy's classic, and the first program that many people see in Go. A generator sends 2, 3, 4,
... into the chain. The first number that reaches a stage is a prime, because no earlier stage divides it;
the stage reports it, starts its successor, and from then on passes on only the numbers that its prime does
not divide.

The chain grows by itself: each stage makes the channel to its successor and starts it with
``dgo.go.options(spread=True)``, so that the cluster, not the worker it happens to sit on, chooses the
place. The channel is the same object on both sides, whichever process they are in. It has a small buffer,
so that the stages need not meet for every single number.

Nobody stops the generator: when main has its primes it returns, and its goroutines end with it, as in Go.

Run it::

    python examples/sieve.py
    python examples/sieve.py --primes 500 --workers 3 --verify
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import sys
import time

import dgo

# What a stage reports: its prime, and the worker (host and process id) that it sits on.
Report = tuple[int, tuple[str, int]]


def generate(numbers: dgo.Chan[int]) -> None:
    """Sends 2, 3, 4, ... until the program ends."""
    for number in itertools.count(2):
        numbers.send(number)


def stage(numbers: dgo.Chan[int], primes: dgo.Chan[Report], stages_left: int) -> None:
    """Reports the first number as a prime, then passes on all that it does not divide.

    Args:
        numbers: what the stages before this one let through.
        primes: where to report; unbuffered, so the reports arrive in the order of the primes.
        stages_left: how many stages may still follow.
    """
    prime = numbers.recv()
    primes.send((prime, (socket.gethostname(), os.getpid())))
    if stages_left == 0:
        return
    passed: dgo.Chan[int] = dgo.Chan(numbers.capacity)
    dgo.go.options(spread=True)(stage, passed, primes, stages_left - 1)
    for number in numbers:
        if number % prime:
            passed.send(number)


def sieve(count: int, capacity: int) -> list[Report]:
    """The first primes, each with the worker that found it.

    Args:
        count: how many.
        capacity: of the channels between the stages; 0 makes them meet for every number.
    """
    spread = dgo.go.options(spread=True)
    numbers: dgo.Chan[int] = dgo.Chan(capacity)
    primes: dgo.Chan[Report] = dgo.Chan()
    spread(generate, numbers)
    spread(stage, numbers, primes, count - 1)
    return [primes.recv() for _ in range(count)]


def trial_division(count: int) -> list[int]:
    """The first primes, the plain way: what ``--verify`` compares with."""
    primes: list[int] = []
    for number in itertools.count(2):
        if len(primes) == count:
            break
        if all(number % prime for prime in primes):
            primes.append(number)
    return primes


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Finds primes with a chain of goroutines.")
    parser.add_argument("--primes", type=int, default=100, help="how many to find (default: %(default)s)")
    parser.add_argument(
        "--capacity", type=int, default=64, help="of the channels between stages (default: %(default)s)"
    )
    parser.add_argument("--verify", action="store_true", help="compare with trial division")
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: one a core; ignored when DGO_ADDRESS is set)"
    )
    args = parser.parse_args()
    if args.primes < 1:
        parser.error("--primes must be at least 1")
    if args.capacity < 0:
        parser.error("--capacity cannot be negative")
    return args


def main() -> int:
    """Prints the primes and, with ``--verify``, whether they are right."""
    args = options()
    with dgo.init(workers=None if "DGO_ADDRESS" in os.environ else args.workers) as cluster:
        if args.workers and "DGO_ADDRESS" not in os.environ:
            # A stage can only be placed on a worker that is there.
            cluster.wait_for_workers(args.workers, timeout=60)
        started = time.perf_counter()
        reports = sieve(args.primes, args.capacity)
        seconds = time.perf_counter() - started
    primes = [prime for prime, _ in reports]
    workers = {place for _, place in reports}
    print(*primes)
    print(f"{len(primes)} primes from {len(primes)} stages on {len(workers)} worker(s) in {seconds:.3f} s")
    if args.verify:
        right = primes == trial_division(args.primes)
        print("verified: the same as trial division" if right else "WRONG: trial division says otherwise")
        return 0 if right else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
