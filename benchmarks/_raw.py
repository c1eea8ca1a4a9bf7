"""Bare processes to compare with: raw pyzmq and the standard library's pipes and queues, nothing around them.

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
from multiprocessing.synchronize import Event
from typing import Any

import zmq

SPAWN = multiprocessing.get_context("spawn")
STOP = b""
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
    """Sends every job back until told to stop."""
    with zmq.Context() as context, context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        pull.set_hwm(UNLIMITED)
        push.set_hwm(UNLIMITED)
        pull.connect(jobs)
        push.connect(results)
        push.send(b"ready")
        while (job := pull.recv()) != STOP:
            push.send(job)


class Crew:
    """Two bare workers behind a pair of sockets."""

    def __init__(self, push: zmq.Socket[bytes], pull: zmq.Socket[bytes]) -> None:
        self._push = push
        self._pull = pull

    def rate(self, count: int) -> float:
        """Jobs a second, sent one by one, all of them answered."""
        push, pull = self._push, self._pull
        started = time.perf_counter()
        for _ in range(count):
            push.send(b"job")
        for _ in range(count):
            pull.recv()
        return count / (time.perf_counter() - started)

    def round_trip(self, count: int) -> float:
        """The median time in µs from sending one job to its answer."""
        return median_microseconds(self._once, count)

    def _once(self) -> None:
        self._push.send(b"job")
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
            team.rate(WARM_UP)
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


# Streams: one process sends values, another receives them and times the stream.


def receive_rate(receive: Callable[[], object], count: int) -> float:
    """Values a second, from the first value to the last."""
    receive()
    started = time.perf_counter()
    for _ in range(count - 1):
        receive()
    return (count - 1) / (time.perf_counter() - started)


def zmq_sender(to: str, capacity: int, count: int, received: Event) -> None:
    """Sends small values one by one, and stays until all of them have been received.

    Closing is not enough, whatever the linger period: a receiver at its high-water mark drops what it has not
    read yet when its peer goes away (libzmq issue 4660; seen here in 4 of 100 runs).
    """
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.set_hwm(capacity)
        push.connect(to)
        for _ in range(count):
            push.send(b"12345678")
        received.wait(ANSWER_SECONDS)


def zmq_receiver(at: str, capacity: int, count: int, received: Event, done: Connection[Any, Any]) -> None:
    """Receives them and answers the rate."""
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.set_hwm(capacity)
        pull.bind(at)
        rate = receive_rate(pull.recv, count)
        received.set()
        done.send(rate)


def queue_sender(queue: multiprocessing.Queue[int], count: int) -> None:
    """Puts small values one by one."""
    for value in range(count):
        queue.put(value)


def queue_receiver(queue: multiprocessing.Queue[int], count: int, done: Connection[Any, Any]) -> None:
    """Gets them and answers the rate."""
    done.send(receive_rate(queue.get, count))


def zmq_stream(capacity: int, count: int) -> float:
    """Values a second through a bare PUSH and PULL."""
    here, there = SPAWN.Pipe()
    received = SPAWN.Event()
    with (
        address() as at,
        processes(
            (zmq_receiver, (at, capacity, count, received, there)),
            (zmq_sender, (at, capacity, count, received)),
        ),
    ):
        return answer(here)


def queue_stream(capacity: int, count: int) -> float:
    """Values a second through a multiprocessing queue."""
    here, there = SPAWN.Pipe()
    queue = SPAWN.Queue(capacity)
    with processes((queue_receiver, (queue, count, there)), (queue_sender, (queue, count))):
        return answer(here)


# Round trips: one process asks and times it, another answers.


def zmq_echo(at: str, cpus: set[int], count: int) -> None:
    """A ROUTER that sends back what it gets."""
    pin(cpus)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.bind(at)
        for _ in range(count):
            router.send_multipart(router.recv_multipart())


def zmq_asker(to: str, cpus: set[int], count: int, done: Connection[Any, Any]) -> None:
    """A DEALER that asks and answers the median time in µs."""
    pin(cpus)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.connect(to)

        def once() -> None:
            dealer.send(b"12345678")
            dealer.recv()

        done.send(median_microseconds(once, count))


def pipe_echo(pipe: Connection[Any, Any], cpus: set[int], count: int) -> None:
    """One end of a pipe that sends back what it gets."""
    pin(cpus)
    for _ in range(count):
        pipe.send(pipe.recv())


def pipe_asker(pipe: Connection[Any, Any], cpus: set[int], count: int, done: Connection[Any, Any]) -> None:
    """The other end: asks and answers the median time in µs."""
    pin(cpus)

    def once() -> None:
        pipe.send(12345678)
        pipe.recv()

    done.send(median_microseconds(once, count))


def zmq_round_trip(one: set[int], other: set[int], count: int) -> float:
    """The median round trip in µs between a bare DEALER and ROUTER on these processors."""
    here, there = SPAWN.Pipe()
    with (
        address() as at,
        processes((zmq_echo, (at, one, count)), (zmq_asker, (at, other, count, there))),
    ):
        return answer(here)


def pipe_round_trip(one: set[int], other: set[int], count: int) -> float:
    """The median round trip in µs through a multiprocessing pipe on these processors."""
    here, there = SPAWN.Pipe()
    left, right = SPAWN.Pipe()
    with processes((pipe_echo, (left, one, count)), (pipe_asker, (right, other, count, there))):
        return answer(here)
