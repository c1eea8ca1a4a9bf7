"""How many Python functions and C functions one operation inside a worker calls.

Not a time, so it is the same on a busy machine, and says where the time of ``local.py`` goes: about 50 to 100 ns a call
of Python's, 30 to 60 of C's. Run it alone: ``python benchmarks/calls.py [--names]``."""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable
from types import FrameType

import dgo

COUNT = 1000  # operations
OFTEN = 0.5  # calls per operation from which on a function is named


def noop() -> None:
    """Does nothing."""


def spawn() -> None:
    """Goroutines in a WaitGroup."""
    with dgo.WaitGroup() as group:
        for _ in range(COUNT):
            group.go(noop)


def handles() -> None:
    """Goroutines whose handles are awaited."""
    for handle in [dgo.go(noop) for _ in range(COUNT)]:
        handle.wait()


def value() -> None:
    """Values through a buffered channel."""
    channel: dgo.Chan[int] = dgo.Chan(100)
    for _ in range(COUNT):
        channel.send(1)
        channel.recv()


def pong(balls: dgo.Chan[int], returns: dgo.Chan[int]) -> None:
    """Throws every ball back."""
    for ball in balls:
        returns.send(ball)


def trip() -> None:
    """Unbuffered round trips."""
    balls: dgo.Chan[int] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    dgo.go(pong, balls, returns)
    for _ in range(COUNT):
        balls.send(1)
        returns.recv()
    balls.close()


def mutex() -> None:
    """An uncontended Mutex."""
    lock = dgo.Mutex()
    for _ in range(COUNT):
        lock.lock()
        lock.unlock()


def select() -> None:
    """A select of two that are ready, and a send."""
    channels: list[dgo.Chan[int]] = [dgo.Chan(1), dgo.Chan(1)]
    for channel in channels:
        channel.send(1)
    for _ in range(COUNT):
        chosen = dgo.select(dgo.recv(channels[0]), dgo.recv(channels[1]))
        channels[chosen.index].send(1)


def node(come: dgo.Chan[int], number: int, leaves: int) -> None:
    """A node of skynet."""
    if leaves == 1:
        come.send(number)
        return
    part = leaves // 10
    got: dgo.Chan[int] = dgo.Chan(10)
    for child in range(10):
        dgo.go(node, got, number + child * part, part)
    come.send(sum(got.recv() for _ in range(10)))


def tree() -> None:
    """Leaves of a tree ten wide (skynet), with their share of its other nodes."""
    come: dgo.Chan[int] = dgo.Chan(1)
    dgo.go(node, come, 0, COUNT)
    come.recv()


OPERATIONS: tuple[Callable[[], None], ...] = (spawn, handles, value, trip, mutex, select, tree)


def counted(operations: Callable[[], None]) -> collections.Counter[str]:
    """What is called, by name; C functions begin with ``C``."""
    found: collections.Counter[str] = collections.Counter()

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == "call":
            found[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            found[f"C {getattr(called, '__qualname__', called)}"] += 1

    operations()  # what happens the first time only
    sys.setprofile(note)
    try:
        operations()
    finally:
        sys.setprofile(None)
    return found


def all_counted() -> list[tuple[str, collections.Counter[str]]]:
    """All operations, in the goroutine that asks."""
    return [((operations.__doc__ or "").rstrip("."), counted(operations)) for operations in OPERATIONS]


def main() -> None:
    """Prints a table, with ``--names`` also who is called."""
    with dgo.init(workers=1):
        found = dgo.go(all_counted).result()
    print("| operation in a worker | Python calls | C calls |\n| --- | ---: | ---: |")
    for title, calls in found:
        of_c = sum(times for name, times in calls.items() if name.startswith("C "))
        print(f"| {title} | {(calls.total() - of_c) / COUNT:.1f} | {of_c / COUNT:.1f} |")
    if "--names" in sys.argv:
        for title, calls in found:
            often = [f"{name} {times / COUNT:.1f}" for name, times in calls.most_common() if times >= OFTEN * COUNT]
            print(f"\n{title}: {', '.join(often)}")


if __name__ == "__main__":
    main()
