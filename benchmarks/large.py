"""A 100 MB array from process to process: as an argument, over a channel between two workers, and as a result.

In GB/s, beside memcpy in the same run. What arrives is looked at, not read through: reading it takes the same time
everywhere. The array is a new value each time; nobody may answer from what it has seen before. Last, a goroutine
that uses an array which was put before (``dgo.put``), and is where it runs."""

from __future__ import annotations

import functools

import _arrays
import _bench
import _elsewhere
from _bench import Peer

import dgo

MEGABYTES = 100

PEERS = (
    Peer("memcpy", _arrays.memcpy),
    Peer("raw shared memory, used again", _arrays.raw_shared_memory),
    Peer("raw pyzmq, ipc", _arrays.raw_pyzmq),
    Peer("multiprocessing.Queue", _arrays.multiprocessing_queue),
    Peer("ProcessPoolExecutor", _arrays.process_pool_executor),
    Peer("joblib, memmap", _arrays.joblib_memmap, ("joblib",)),
    Peer("mpi4py, buffer", _arrays.mpi_buffer, ("mpi4py",), ("mpiexec",)),
    Peer("ray", _arrays.ray_objects, ("ray",), heavy=True),
    Peer("dask", _arrays.dask_futures, ("distributed",), heavy=True),
)


def take(values: dgo.Chan[_arrays.Stamped], taken: dgo.Chan[float]) -> None:
    """Tells for each array how long it took."""
    for stamped in values:
        taken.send(_arrays.arrived(stamped))


def hand_over(megabytes: int) -> float:
    """Sends the array to the other worker a few times; returns the median rate."""
    values: dgo.Chan[_arrays.Stamped] = dgo.Chan()
    taken: dgo.Chan[float] = dgo.Chan()
    taker = _elsewhere.elsewhere(take, values, taken)

    def once() -> float:
        values.send(_arrays.give(megabytes))
        return taken.recv()

    rate = _arrays.rates(megabytes, once=once)["once"]
    values.close()
    taker.wait()
    return rate


def look_up(ref: dgo.Ref[_arrays.Array]) -> int:
    """A goroutine that gets the array from a reference."""
    return _arrays.accept(ref.get())


def with_dgo(megabytes: int) -> dict[str, float]:
    """One sample of each direction."""
    array = _arrays.held(megabytes)
    found = _arrays.rates(
        megabytes,
        argument=lambda: _arrays.timed(lambda: dgo.go(_arrays.accept, array).result()),
        back=lambda: _arrays.arrived(dgo.go(_arrays.give, megabytes).result()),
    )
    found["between"] = dgo.go(hand_over, megabytes).result()
    ref = dgo.put(array)
    found["again"] = _arrays.again(lambda: dgo.go(look_up, ref).result())
    return found


def measure(run: _bench.Run) -> None:
    """Measures the three directions."""
    megabytes = run.options.amount(MEGABYTES)
    with run.cluster(2):
        run.compare_several(
            {
                "argument": (f"array of {megabytes} MB, driver to worker as an argument", "GB/s", True),
                "between": (f"array of {megabytes} MB, worker to worker over a channel", "GB/s", True),
                "back": (f"array of {megabytes} MB, worker to driver as a result", "GB/s", True),
                "again": (f"one goroutine and its result, with an array of {megabytes} MB put before", "µs", False),
            },
            dgo=functools.partial(with_dgo, megabytes),
            peers=PEERS,
            amounts=(megabytes,),
            repeats=_bench.HEAVY_REPEATS,
        )


if __name__ == "__main__":
    _bench.main(__doc__, __file__, measure, PEERS)
