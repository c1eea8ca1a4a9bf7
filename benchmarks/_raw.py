"""Bare processes to compare with: raw pyzmq, and what else is needed to measure without a product around it.

All of them are fresh interpreters ("spawn"): the process that uses dgo has threads, and must not be forked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import zmq
from _work import spin

SPAWN = multiprocessing.get_context("spawn")
STOP = b""
NOTHING = b"0"
UNLIMITED = 0
ANSWER_SECONDS = 60
JOIN_SECONDS = 30
LINGER_MILLISECONDS = 1000
WARM_UP = 1000


@contextlib.contextmanager
def address() -> Iterator[str]:
    """An address that only this run uses."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield f"ipc://{folder}/socket"


@contextlib.contextmanager
def processes(*calls: tuple[Callable[..., None], tuple[Any, ...]]) -> Iterator[None]:
    """Runs functions in fresh processes; on leaving, waits for them and kills those that hang."""
    started = [SPAWN.Process(target=fn, args=args, daemon=True) for fn, args in calls]
    for process in started:
        process.start()
    try:
        yield
        for process in started:
            process.join(JOIN_SECONDS)
    finally:
        for process in started:
            process.kill()
            process.join()


def answer(connection: Connection[Any, Any]) -> float:
    """The number that a process sends when it is done."""
    if not connection.poll(ANSWER_SECONDS):
        raise RuntimeError(f"a bare process gave no answer within {ANSWER_SECONDS} s")
    value: float = connection.recv()
    return value


def pin(cpus: set[int]) -> None:
    """Keeps every thread of this process on these processors."""
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread), cpus)


# Tasks: one process sends jobs to two others, which send them back.


def work(jobs: str, results: str) -> None:
    """Spins as long as each job says and sends it back, until told to stop."""
    with zmq.Context() as context, context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        pull.set_hwm(UNLIMITED)
        push.set_hwm(UNLIMITED)
        pull.connect(jobs)
        push.connect(results)
        push.send(b"ready")
        while (job := pull.recv()) != STOP:
            spin(int(job))
            push.send(job)


class Crew:
    """Two bare workers behind a pair of sockets."""

    def __init__(self, push: zmq.Socket[bytes], pull: zmq.Socket[bytes]) -> None:
        self._push = push
        self._pull = pull

    def many(self, count: int, loops: int) -> None:
        """Sends so many jobs one by one, and awaits as many answers."""
        push, pull = self._push, self._pull
        job = str(loops).encode()
        for _ in range(count):
            push.send(job)
        for _ in range(count):
            pull.recv()

    def once(self) -> None:
        """Sends one job and awaits its answer."""
        self._push.send(NOTHING)
        self._pull.recv()


@contextlib.contextmanager
def crew(size: int) -> Iterator[Crew]:
    """Bare workers, ready to work."""
    with (
        address() as jobs,
        address() as results,
        zmq.Context() as context,
        context.socket(zmq.PUSH) as push,
        context.socket(zmq.PULL) as pull,
    ):
        push.linger = LINGER_MILLISECONDS  # a worker that was killed takes no more
        push.set_hwm(UNLIMITED)
        pull.set_hwm(UNLIMITED)
        push.bind(jobs)
        pull.bind(results)
        with processes(*[(work, (jobs, results))] * size):
            for _ in range(size):
                pull.recv()
            team = Crew(push, pull)
            team.many(WARM_UP, 0)
            yield team
            for _ in range(size):
                push.send(STOP)


def median_microseconds(operation: Callable[[], object], count: int) -> float:
    """The median duration of an operation."""
    clock = time.perf_counter_ns
    taken = []
    for _ in range(count):
        started = clock()
        operation()
        taken.append(clock() - started)
    return statistics.median(taken) / 1e3


def receive_rate(receive: Callable[[], object], count: int) -> float:
    """Values a second, from the first value to the last."""
    receive()
    started = time.perf_counter()
    for _ in range(count - 1):
        receive()
    return (count - 1) / (time.perf_counter() - started)
