"""Small values from one process to another, through what peers have for that; and round trips.

Each function returns values a second, or the median round trip in µs. One process sends values, another receives
them and times the stream; or one asks and times it, and the other answers."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import _processes
import _tasks
import zmq
from _raw import ANSWER_SECONDS, SPAWN, address, answer, median_microseconds, pin, processes, receive_rate

MPI = str(Path(__file__).with_name("_mpi.py"))
EACH = "12345678"


# Streams


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


def zmq_stream(capacity: int, count: int) -> float:
    """A bare PUSH and PULL."""
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


def put_all(queue: Any, count: int) -> None:
    """Puts small values one by one."""
    for value in range(count):
        queue.put(value)


def get_all(queue: Any, count: int, done: Connection[Any, Any]) -> None:
    """Gets them and answers the rate."""
    done.send(receive_rate(queue.get, count))


def through(queue: Any, count: int) -> float:
    """Anything that can be passed to processes and has ``put`` and ``get``."""
    here, there = SPAWN.Pipe()
    with processes((get_all, (queue, count, there)), (put_all, (queue, count))):
        return answer(here)


def queue_stream(capacity: int, count: int) -> float:
    """The standard library's queue."""
    return through(SPAWN.Queue(capacity), count)


def fifo_stream(capacity: int, count: int) -> float:
    """faster-fifo's queue; its capacity is in bytes, and a pickled small number takes about eight."""
    import faster_fifo
    import faster_fifo_reduction  # noqa: F401 - its queue can be passed to processes only with this

    return through(faster_fifo.Queue(max_size_bytes=max(4096, 8 * capacity)), count)


def send_all(pipe: Connection[Any, Any], count: int) -> None:
    """Sends small values one by one."""
    for value in range(count):
        pipe.send(value)


def recv_all(pipe: Connection[Any, Any], count: int, done: Connection[Any, Any]) -> None:
    """Receives them and answers the rate."""
    done.send(receive_rate(pipe.recv, count))


def pipe_stream(_: int, count: int) -> float:
    """The standard library's pipe; its capacity is the kernel's affair."""
    here, there = SPAWN.Pipe()
    reader, writer = SPAWN.Pipe(duplex=False)
    with processes((recv_all, (reader, count, there)), (send_all, (writer, count))):
        return answer(here)


def ray_stream(capacity: int, count: int) -> float:
    """Ray's queue, between two tasks."""
    import ray
    from ray.util.queue import Queue

    with _tasks.ray_system():
        queue = Queue(capacity, actor_options={"num_cpus": 0})
        rate: float = 0.0
        sending = ray.remote(put_all).remote(queue, count)
        rate = ray.get(ray.remote(receive_rate).remote(queue.get, count))
        ray.get(sending)
        return rate


def dask_stream(capacity: int, count: int) -> float:
    """Dask's queue, between two tasks on two workers."""
    from distributed import Queue

    with _tasks.dask_client() as client:
        one, other = client.scheduler_info()["workers"]
        queue = Queue(maxsize=capacity)
        sending = client.submit(put_all, queue, count, workers=[one], pure=False)
        rate: float = client.submit(dask_receive, queue, count, workers=[other], pure=False).result()
        sending.result()
        return rate


def dask_receive(queue: Any, count: int) -> float:
    """Receives them and returns the rate."""
    return receive_rate(queue.get, count)


def mpi(*words: object) -> float:
    """What two processes of MPI measured; see ``_mpi.py``."""
    command = ["mpiexec", "--allow-run-as-root", "--oversubscribe", "-n", "2", sys.executable, MPI]
    return _processes.answered(_processes.run([*command, *map(str, words)], 60))["value"]


def mpi_stream(_: int, count: int) -> float:
    """MPI's pickled send and receive; its capacity is MPI's affair."""
    return mpi("stream", count)


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


def zmq_round_trip(one: set[int], other: set[int], count: int) -> float:
    """A bare DEALER and ROUTER on these processors."""
    here, there = SPAWN.Pipe()
    with (
        address() as at,
        processes((zmq_echo, (at, one, count)), (zmq_asker, (at, other, count, there))),
    ):
        return answer(here)


def echo(get: Callable[[], object], put: Callable[[object], object], cpus: set[int], count: int) -> None:
    """Sends back what it gets."""
    pin(cpus)
    for _ in range(count):
        put(get())


def ask(
    put: Callable[[object], object],
    get: Callable[[], object],
    cpus: set[int],
    count: int,
    done: Connection[Any, Any],
) -> None:
    """Asks, and answers the median time in µs."""
    pin(cpus)

    def once() -> None:
        put(12345678)
        get()

    done.send(median_microseconds(once, count))


def pipe_echo(pipe: Connection[Any, Any], cpus: set[int], count: int) -> None:
    """One end of a pipe."""
    echo(pipe.recv, pipe.send, cpus, count)


def pipe_asker(pipe: Connection[Any, Any], cpus: set[int], count: int, done: Connection[Any, Any]) -> None:
    """The other end."""
    ask(pipe.send, pipe.recv, cpus, count, done)


def pipe_round_trip(one: set[int], other: set[int], count: int) -> float:
    """The standard library's pipe between processes on these processors."""
    here, there = SPAWN.Pipe()
    left, right = SPAWN.Pipe()
    with processes((pipe_echo, (left, one, count)), (pipe_asker, (right, other, count, there))):
        return answer(here)


def queue_echo(balls: Any, returns: Any, cpus: set[int], count: int) -> None:
    """Takes from one queue, puts into the other."""
    echo(balls.get, returns.put, cpus, count)


def queue_asker(balls: Any, returns: Any, cpus: set[int], count: int, done: Connection[Any, Any]) -> None:
    """Puts into one queue, takes from the other."""
    ask(balls.put, returns.get, cpus, count, done)


def over_two(balls: Any, returns: Any, one: set[int], other: set[int], count: int) -> float:
    """Two of anything that can be passed to processes and has ``put`` and ``get``."""
    here, there = SPAWN.Pipe()
    with processes((queue_echo, (balls, returns, one, count)), (queue_asker, (balls, returns, other, count, there))):
        return answer(here)


def queue_round_trip(one: set[int], other: set[int], count: int) -> float:
    """The standard library's queues; there is no unbuffered one."""
    return over_two(multiprocessing.get_context("spawn").Queue(1), SPAWN.Queue(1), one, other, count)


def fifo_round_trip(one: set[int], other: set[int], count: int) -> float:
    """faster-fifo's queues."""
    import faster_fifo
    import faster_fifo_reduction  # noqa: F401 - as above

    return over_two(faster_fifo.Queue(4096), faster_fifo.Queue(4096), one, other, count)


def mpi_round_trip(count: int) -> float:
    """MPI's pickled send and receive; it polls, and takes both processors while it waits."""
    return mpi("trips", count)


class Echo:
    """Answers what it gets; an actor of Ray or Dask."""

    def echo(self, value: int) -> int:
        """The same."""
        return value


def ray_ask(actor: Any, count: int) -> float:
    """Calls an actor, and returns the median time in µs."""
    import ray

    return median_microseconds(lambda: ray.get(actor.echo.remote(12345678)), count)


def ray_round_trip(count: int) -> float:
    """A call of a Ray actor, from a task."""
    import ray

    with _tasks.ray_system():
        actor = ray.remote(Echo).options(num_cpus=0).remote()
        trip: float = ray.get(ray.remote(ray_ask).remote(actor, count))
        return trip


def dask_ask(actor: Any, count: int) -> float:
    """The same with an actor of Dask."""
    return median_microseconds(lambda: actor.echo(12345678).result(), count)


def dask_round_trip(count: int) -> float:
    """A call of a Dask actor, from a task on the other worker."""
    with _tasks.dask_client() as client:
        one, other = client.scheduler_info()["workers"]
        actor = client.submit(Echo, actor=True, workers=[one]).result()
        trip: float = client.submit(dask_ask, actor, count, workers=[other], pure=False).result()
        return trip
