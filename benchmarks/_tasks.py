"""The peers that run tasks in other processes, each with two operations: many tasks one by one, and one.

Every peer gets two workers with one slot each. Peers whose client can put several calls into one message
(``chunksize``, ``batch_size``) are measured without that, except where the name says "auto-batch": the subject
is what one submitted task costs."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import _raw
from _work import noop, spin

WORKERS = 2


class Tasks(NamedTuple):
    """A peer that is ready to work.

    Attributes:
        many: submits so many tasks one by one, each with so many loops to spin, and awaits all.
        one: submits one that does nothing and awaits it; None if the peer is only good for many.
    """

    many: Callable[[int, int], object]
    one: Callable[[], object] | None


class TaskPeer(NamedTuple):
    """How to open a peer.

    Attributes:
        who: its name.
        open: starts it, and stops it in the end.
        needs: modules.
        part: of the usual number of tasks.
        heavy: it starts a system of its own.
        coarse_microseconds: tasks as long as this are surely efficient.
    """

    who: str
    open: Callable[[], AbstractContextManager[Tasks]]
    needs: tuple[str, ...] = ()
    part: float = 1.0
    heavy: bool = False
    coarse_microseconds: int = 4000


@contextlib.contextmanager
def raw_pyzmq() -> Iterator[Tasks]:
    """A bare loop over two sockets."""
    with _raw.crew(WORKERS) as crew:
        yield Tasks(crew.many, crew.once)


@contextlib.contextmanager
def pool_imap() -> Iterator[Tasks]:
    """``multiprocessing.Pool.imap`` and ``apply``."""
    with _raw.SPAWN.Pool(WORKERS) as pool:

        def many(count: int, loops: int) -> None:
            for _ in pool.imap(spin, itertools.repeat(loops, count), chunksize=1):
                pass

        yield Tasks(many, lambda: pool.apply(noop))


def of_executor(executor: Executor) -> Tasks:
    """``submit`` of anything that is a ``concurrent.futures.Executor``."""

    def many(count: int, loops: int) -> None:
        for future in [executor.submit(spin, loops) for _ in range(count)]:
            future.result()

    return Tasks(many, lambda: executor.submit(noop).result())


@contextlib.contextmanager
def process_pool_executor() -> Iterator[Tasks]:
    """The standard library's."""
    with ProcessPoolExecutor(WORKERS, mp_context=_raw.SPAWN) as executor:
        yield of_executor(executor)


@contextlib.contextmanager
def loky() -> Iterator[Tasks]:
    """loky's executor."""
    from loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=WORKERS)
    try:
        yield of_executor(executor)
    finally:
        executor.shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def joblib() -> Iterator[Tasks]:
    """``joblib.Parallel``, which chooses how many calls go into one message."""
    from joblib import Parallel, delayed

    call = delayed(spin)
    with Parallel(n_jobs=WORKERS) as parallel:
        yield Tasks(lambda count, loops: parallel(call(loops) for _ in range(count)), None)


@contextlib.contextmanager
def ray() -> Iterator[Tasks]:
    """``ray.remote`` functions."""
    import ray

    with ray_system():
        remote, nothing = ray.remote(spin), ray.remote(noop)
        yield Tasks(
            lambda count, loops: ray.get([remote.remote(loops) for _ in range(count)]),
            lambda: ray.get(nothing.remote()),
        )


@contextlib.contextmanager
def ray_system() -> Iterator[None]:
    """Ray, with two processors and no dashboard."""
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def dask() -> Iterator[Tasks]:
    """``Client.submit``; calls are not pure, else the same call would run once."""
    with dask_client() as client:
        yield Tasks(
            lambda count, loops: client.gather([client.submit(spin, loops, pure=False) for _ in range(count)]),
            lambda: client.submit(noop, pure=False).result(),
        )


@contextlib.contextmanager
def dask_client() -> Iterator[Any]:
    """A client of a local cluster with two workers of one thread."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address=None,  # type: ignore[arg-type]  # its annotation forgets that None means none
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextlib.contextmanager
def ipyparallel() -> Iterator[Tasks]:
    """``apply_async`` of a load-balanced view."""
    import ipyparallel

    with ipyparallel.Cluster(n=WORKERS, log_level=logging.CRITICAL) as client:
        view = client.load_balanced_view()

        def many(count: int, loops: int) -> None:
            for answer in [view.apply_async(spin, loops) for _ in range(count)]:
                answer.get()

        yield Tasks(many, lambda: view.apply_async(noop).get())


FLOOR = "raw pyzmq, one by one"

TASK_PEERS = (
    TaskPeer(FLOOR, raw_pyzmq),
    TaskPeer("multiprocessing.Pool.imap", pool_imap),
    TaskPeer("ProcessPoolExecutor", process_pool_executor, part=0.1),
    TaskPeer("loky", loky, ("loky",), part=0.1),
    TaskPeer("joblib, auto-batch", joblib, ("joblib",), part=0.2),
    TaskPeer("ray task", ray, ("ray",), part=0.03, heavy=True, coarse_microseconds=32_000),
    TaskPeer("dask", dask, ("distributed",), part=0.01, heavy=True, coarse_microseconds=64_000),
    TaskPeer("ipyparallel", ipyparallel, ("ipyparallel",), part=0.01, heavy=True, coarse_microseconds=64_000),
)
