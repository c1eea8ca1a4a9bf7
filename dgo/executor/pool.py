"""The class that users see."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from dgo.executor.initializer import Initializer
from dgo.executor.line import Line
from dgo.goroutines import prepare
from dgo.runtime import current

__all__ = ["Executor"]

P = ParamSpec("P")
T = TypeVar("T")


class Executor(concurrent.futures.Executor):
    """The cluster as an executor of the standard kind: each call is a goroutine.

    ``concurrent.futures.wait`` and ``as_completed``, asyncio's ``run_in_executor`` and whatever else takes an
    executor work with it. As the standard ones it finishes what was submitted before the interpreter ends.

    Args:
        max_workers: how many of its calls may be in flight at once; the others are pending and can be cancelled.
            Default: as many as keep the cluster busy, four for each worker or more.
        initializer: called in each worker process before the first call of this executor there.
        initargs: its arguments.

    Raises:
        TypeError: you: ``max_workers`` is no integer, or ``initializer`` cannot be called.
        ValueError: you: ``max_workers`` is not positive.
        SerializationError: you: the initializer or its arguments cannot travel.

    Example:
        >>> with dgo.Executor() as executor:
        ...     print(sum(executor.map(pow, range(10), range(10))))
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is not None and (isinstance(max_workers, bool) or not isinstance(max_workers, int)):
            raise TypeError(f"dgo.Executor(max_workers=...) takes an integer, not {max_workers!r:.80}")
        if max_workers is not None and max_workers <= 0:
            raise ValueError(f"dgo.Executor(max_workers={max_workers}): max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError(f"dgo.Executor(initializer=...) takes a callable, not {initializer!r:.80}")
        self._initializer = None if initializer is None else Initializer(initializer, tuple(initargs))
        self._line = Line(max_workers, _never if self._initializer is None else self._initializer.failed)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Has ``fn(*args, **kwargs)`` run as a goroutine; never waits for it, nor for a place.

        The snapshot is that of ``dgo.go``: what the caller changes later is not seen.

        Returns:
            Its future. Its exception is the call's own, with the remote traceback as its cause; ``WorkerLost`` if
            its worker died. It can be cancelled while it is pending.

        Raises:
            RuntimeError: you: the executor was shut down, or the interpreter ends.
            TypeError: you: ``fn`` cannot be called.
            SerializationError: you: something cannot travel; the message gives the way to it.
            BrokenExecutor: you: the initializer raised; the message names the cause.
            ClusterError: the cluster cannot be started or reached.
        """
        self._line.check()
        if not callable(fn):
            raise TypeError(f"Executor.submit() takes a function and its arguments, not {fn!r:.80}")
        if self._initializer is None:
            return self._line.submit(prepare(fn, args, kwargs, None))
        wrapped, packed = self._initializer.wrap(current.get(), fn, args, kwargs)
        return self._line.submit(prepare(wrapped, packed, {}, None))

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """Calls ``fn`` with one item of each iterable; yields the results in order. Reads its input at once.

        What is still pending when the iterator is closed, or fails, is cancelled. ``dgo.map`` reads lazily.

        Args:
            fn: the function.
            iterables: the inputs; the shortest ends the map.
            timeout: seconds from this call within which each result has to be there.
            chunksize: how many items one goroutine works on, one after the other.

        Raises:
            ValueError: you: ``chunksize`` is not positive.
            TimeoutError: when iterated: a result was not there in time.
            BaseException: when iterated: the exception of a call, in its place (instead of its whole chunk).
        """
        if chunksize < 1:
            raise ValueError(f"Executor.map(chunksize={chunksize}): chunksize must be >= 1")
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout)
        chunks = _chunks(zip(*iterables, strict=False), chunksize)
        return _chained(super().map(partial(_run_chunk, fn), chunks, timeout=timeout))  # type: ignore[arg-type] # a generator

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. What was submitted goes on.

        Args:
            wait: block until all of it has ended and the done callbacks have returned.
            cancel_futures: cancel what is pending.

        Raises:
            RuntimeError: you: a done callback of this executor waits for itself (with ``wait``).
            Deadlock: you: its calls, and all else, sleep for ever (with ``wait``).
        """
        self._line.close(cancel=cancel_futures)
        if wait:
            self._line.wait()

    def cancel_all(self) -> None:
        """Takes no more calls and cancels all of them: the pending, and the running as ``Goroutine.cancel`` does.

        The standard executors have nothing like it. Does not wait; the futures of the running raise
        ``dgo.CancelledError`` once they have ended.
        """
        self._line.close(cancel=True)
        self._line.cancel_flying()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("an Executor belongs to the process that made it; goroutines can make one of their own")

    def __repr__(self) -> str:
        return f"Executor({self._line!r})"


def _never(error: BaseException) -> bool:
    return False


def _chunks(items: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _run_chunk(fn: Callable[..., T], chunk: list[tuple[Any, ...]]) -> list[T]:
    """On a worker."""
    return [fn(*args) for args in chunk]


def _chained(lists: Generator[list[T], None, None]) -> Iterator[T]:
    try:
        for results in lists:
            results.reverse()
            while results:
                yield results.pop()  # a result is not kept for the sake of the others of its chunk
    finally:
        lists.close()  # cancels what is pending
