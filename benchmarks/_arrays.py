"""The array that is moved, in every process that holds one, and the peers that move it.

A transfer is timed from just before the giving call to the moment at which the other side has an array; the clock
is the machine's, so both sides can read it. A value that is timed on arrival is the pair (when given, array)."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import _raw
import _streams
import _tasks
import numpy
import zmq

TRANSFERS = 5  # of a sample; the median counts
FIRST_CALLS = 10  # with something that was put before: so many bring it to every worker
CALLS = 20

Array = Any  # numpy.ndarray; its annotation wants a shape and a type that do not matter here
Stamped = tuple[float, Array]


@functools.lru_cache(maxsize=1)
def held(megabytes: int) -> Array:
    """The array of this process: made once, and touched."""
    return numpy.arange(megabytes * 125_000, dtype=numpy.float64)


def give(megabytes: int) -> Stamped:
    """This process's array, and when it was given."""
    array = held(megabytes)
    return time.perf_counter(), array


def arrived(stamped: Stamped) -> float:
    """The seconds that it took; looks at both ends of the array."""
    given, array = stamped
    now = time.perf_counter()
    assert array[-1] - array[0] == len(array) - 1
    return now - given


def accept(array: Array) -> int:
    """A task that gets the array as its argument; looks at both ends."""
    assert array[-1] - array[0] == len(array) - 1
    return len(array)


def gigabytes_a_second(megabytes: int, seconds: list[float]) -> float:
    """The median rate."""
    return megabytes / 1e3 / statistics.median(seconds)


def timed(call: Callable[[], object]) -> float:
    """The seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def rates(megabytes: int, **transfers: Callable[[], float]) -> dict[str, float]:
    """The rate of each kind of transfer; one of each first, which is not counted."""
    found = {}
    for key, transfer in transfers.items():
        transfer()
        found[key] = gigabytes_a_second(megabytes, [transfer() for _ in range(TRANSFERS)])
    return found


def again(call: Callable[[], object]) -> float:
    """The median time in µs of a task whose array is where it runs, or is brought there by the first calls."""
    for _ in range(FIRST_CALLS):
        call()
    return _raw.median_microseconds(call, CALLS)


# Floors


def memcpy(megabytes: int) -> dict[str, float]:
    """Into an array that is there already, in one process."""
    source = held(megabytes)
    target = numpy.empty_like(source)
    rate = rates(megabytes, once=lambda: timed(lambda: numpy.copyto(target, source)))["once"]
    return {"argument": rate, "between": rate, "back": rate}


def shared_sender(name: str, megabytes: int, transfers: int, wire: Connection[Any, Any]) -> None:
    """Copies into the segment and says so; goes on when the other has seen it."""
    segment = SharedMemory(name)
    array = held(megabytes)
    target = numpy.ndarray(array.shape, array.dtype, buffer=segment.buf)
    for _ in range(transfers):
        given = time.perf_counter()
        numpy.copyto(target, array)
        wire.send(given)
        wire.recv()
    del target
    segment.close()


def shared_receiver(name: str, megabytes: int, transfers: int, wire: Connection[Any, Any], done: Any) -> None:
    """Looks at the segment in place."""
    segment = SharedMemory(name)
    array = numpy.ndarray((megabytes * 125_000,), numpy.float64, buffer=segment.buf)
    taken = []
    for _ in range(transfers):
        taken.append(arrived((wire.recv(), array)))
        wire.send(None)
    del array
    segment.close()
    done.send(gigabytes_a_second(megabytes, taken[1:]))


def raw_shared_memory(megabytes: int) -> dict[str, float]:
    """One segment that is used again and again: one copy, read in place."""
    here, there = _raw.SPAWN.Pipe()
    left, right = _raw.SPAWN.Pipe()
    segment = SharedMemory(create=True, size=megabytes * 1_000_000)
    try:
        with _raw.processes(
            (shared_sender, (segment.name, megabytes, TRANSFERS + 1, left)),
            (shared_receiver, (segment.name, megabytes, TRANSFERS + 1, right, there)),
        ):
            rate = _raw.answer(here)
    finally:
        segment.close()
        segment.unlink()
    return {"argument": rate, "between": rate}


def zmq_sender(to: str, megabytes: int, transfers: int, wire: Connection[Any, Any]) -> None:
    """Sends the array's own memory as a frame."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.connect(to)
        for _ in range(transfers):
            given, array = give(megabytes)
            push.send_multipart([repr(given).encode(), array], copy=False)
            wire.recv()


def zmq_receiver(at: str, transfers: int, wire: Connection[Any, Any], done: Connection[Any, Any]) -> None:
    """Makes an array of the frame, without a copy of its own."""
    taken = []
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.bind(at)
        size = 0
        for _ in range(transfers):
            given, frame = pull.recv_multipart(copy=False)
            array = numpy.frombuffer(frame.buffer, numpy.float64)
            taken.append(arrived((float(given.bytes), array)))
            size = array.nbytes
            wire.send(None)
    done.send(gigabytes_a_second(size // 1_000_000, taken[1:]))


def raw_pyzmq(megabytes: int) -> dict[str, float]:
    """A bare PUSH and PULL."""
    here, there = _raw.SPAWN.Pipe()
    left, right = _raw.SPAWN.Pipe()
    with (
        _raw.address() as at,
        _raw.processes(
            (zmq_receiver, (at, TRANSFERS + 1, left, there)),
            (zmq_sender, (at, megabytes, TRANSFERS + 1, right)),
        ),
    ):
        rate = _raw.answer(here)
    return {"argument": rate, "between": rate}


# Peers


def queue_sender(queue: Any, megabytes: int, transfers: int, wire: Connection[Any, Any]) -> None:
    """Puts the array; goes on when the other has it."""
    for _ in range(transfers):
        queue.put(give(megabytes))
        wire.recv()


def queue_receiver(
    queue: Any, megabytes: int, transfers: int, wire: Connection[Any, Any], done: Connection[Any, Any]
) -> None:
    """Gets it."""
    taken = []
    for _ in range(transfers):
        taken.append(arrived(queue.get()))
        wire.send(None)
    done.send(gigabytes_a_second(megabytes, taken[1:]))


def multiprocessing_queue(megabytes: int) -> dict[str, float]:
    """The standard library's queue."""
    here, there = _raw.SPAWN.Pipe()
    left, right = _raw.SPAWN.Pipe()
    queue = _raw.SPAWN.Queue()
    with _raw.processes(
        (queue_receiver, (queue, megabytes, TRANSFERS + 1, left, there)),
        (queue_sender, (queue, megabytes, TRANSFERS + 1, right)),
    ):
        return {"between": _raw.answer(here)}


def executor_rates(megabytes: int, executor: Any) -> dict[str, float]:
    """Arguments and results of anything that is a ``concurrent.futures.Executor``."""
    array = held(megabytes)
    return rates(
        megabytes,
        argument=lambda: timed(lambda: executor.submit(accept, array).result()),
        back=lambda: arrived(executor.submit(give, megabytes).result()),
    )


def process_pool_executor(megabytes: int) -> dict[str, float]:
    """The standard library's executor, with one process."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=_raw.SPAWN) as executor:
        return executor_rates(megabytes, executor)


def joblib_memmap(megabytes: int) -> dict[str, float]:
    """``joblib.Parallel``, which passes large arrays as files in memory; a new array each time."""
    from joblib import Parallel, delayed

    arrays = [held(megabytes) + 0 for _ in range(TRANSFERS + 1)]
    with Parallel(n_jobs=2) as parallel:
        found = rates(
            megabytes, argument=lambda: timed(lambda: parallel([delayed(accept)(arrays.pop()), delayed(int)()]))
        )
        array = held(megabytes)
        return {**found, "again": again(lambda: parallel([delayed(accept)(array), delayed(int)()]))}


def mpi_buffer(megabytes: int) -> dict[str, float]:
    """MPI's buffers."""
    return {"between": _streams.mpi("array", megabytes)}


def ray_objects(megabytes: int) -> dict[str, float]:
    """Ray's tasks and its store."""
    import ray

    class Holder:
        """An actor that has an array."""

        def give(self, megabytes: int) -> Stamped:
            return give(megabytes)

    with _tasks.ray_system():
        array = held(megabytes)
        task, arrive = ray.remote(accept), ray.remote(lambda stamped: arrived(stamped))
        holder = ray.remote(Holder).options(num_cpus=0).remote()
        stored = ray.put(array)
        found = rates(
            megabytes,
            argument=lambda: timed(lambda: ray.get(task.remote(array))),
            between=lambda: ray.get(arrive.remote(holder.give.remote(megabytes))),
            back=lambda: arrived(ray.get(holder.give.remote(megabytes))),
        )
        return {**found, "again": again(lambda: ray.get(task.remote(stored)))}


def dask_futures(megabytes: int) -> dict[str, float]:
    """Dask's scattered arguments, futures of another worker, and results."""
    with _tasks.dask_client() as client:
        array = held(megabytes)
        one, other = client.scheduler_info()["workers"]

        def argument() -> None:
            future = client.scatter(array, workers=[one], hash=False)
            client.submit(accept, future, workers=[one], pure=False).result()

        def between() -> float:
            given = client.submit(give, megabytes, workers=[one], pure=False)
            seconds: float = client.submit(arrived, given, workers=[other], pure=False).result()
            return seconds

        found = rates(
            megabytes,
            argument=lambda: timed(argument),
            between=between,
            back=lambda: arrived(client.submit(give, megabytes, workers=[one], pure=False).result()),
        )
        scattered = client.scatter(array, broadcast=True)
        return {**found, "again": again(lambda: client.submit(accept, scattered, pure=False).result())}
