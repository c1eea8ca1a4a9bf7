"""Many goroutines at once: ``gather``, ``as_completed``, ``map``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from dgo.channels import Chan
from dgo.errors import Timeout
from dgo.goroutines import Goroutine, go, num_workers
from dgo.runtime import current

__all__ = ["as_completed", "gather", "map_"]

T = TypeVar("T")


def gather(*gs: Goroutine[Any]) -> list[Any]:
    """The results of goroutines, in the order given; blocks until all have ended.

    Raises:
        BaseException: the exception of the first of them (in the order given) that ended with one, once all
            have ended; the others' count as asked for.
    """
    settled = [g._settled(None) for g in gs]
    for _, error in settled:
        if error is not None:
            raise error
    return [value for value, _ in settled]


def as_completed(gs: Iterable[Goroutine[T]], timeout: float | None = None) -> Iterator[Goroutine[T]]:
    """The goroutines of ``gs`` one by one, as they end.

    Args:
        gs: handles; one given twice is yielded once.
        timeout: seconds for all of them together.

    Raises:
        Timeout: not all have ended in time.
    """
    clock = current.get().clock
    deadline = None if timeout is None else clock() + timeout
    pending = list(dict.fromkeys(gs))
    ended: Chan[int] = Chan(len(pending))
    for index, g in enumerate(pending):
        g.add_done_callback(_Sender(ended, index))
    for count in range(len(pending)):
        left = None if deadline is None else max(0.0, deadline - clock())
        try:
            index = ended.recv(timeout=left)
        except Timeout:
            raise Timeout(f"{len(pending) - count} of {len(pending)} goroutines have not ended in time") from None
        yield pending[index]


class _Sender:
    """A done callback that sends the goroutine's place in the list."""

    __slots__ = ("ended", "index")

    def __init__(self, ended: Chan[int], index: int) -> None:
        self.ended = ended
        self.index = index

    def __call__(self, g: Goroutine[Any]) -> None:
        self.ended.send(self.index)


def map_(
    fn: Callable[..., T], *iterables: Iterable[Any], limit: int | None = None, ordered: bool = True
) -> Iterator[T]:
    """Calls ``fn`` with the items of the iterables, each call a goroutine; yields the results.

    The input is read lazily: no more than ``limit`` calls are in flight.

    Args:
        fn: called with one item of each iterable.
        iterables: the inputs; the shortest ends the map.
        limit: calls in flight at most; default: four for each worker.
        ordered: whether results come in the order of the inputs, or as they end.

    Raises:
        ValueError: you: ``limit`` is not positive.
        BaseException: the exception of a call, in its place.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"dgo.map(limit={limit}): at least one call has to be in flight")
    calls = zip(*iterables, strict=False)
    window = limit if limit is not None else 4 * num_workers()
    return _in_order(fn, calls, window) if ordered else _as_they_end(fn, calls, window)


def _in_order(fn: Callable[..., T], calls: Iterator[tuple[Any, ...]], window: int) -> Iterator[T]:
    flying: deque[Goroutine[T]] = deque()
    for args in calls:
        flying.append(go(fn, *args))
        if len(flying) >= window:
            yield flying.popleft().result()
    while flying:
        yield flying.popleft().result()


def _as_they_end(fn: Callable[..., T], calls: Iterator[tuple[Any, ...]], window: int) -> Iterator[T]:
    ended: Chan[int] = Chan(window)
    flying: dict[int, Goroutine[T]] = {}
    for number, args in enumerate(calls):
        flying[number] = go(fn, *args)
        flying[number].add_done_callback(_Sender(ended, number))
        if len(flying) >= window:
            yield flying.pop(ended.recv()).result()
    while flying:
        yield flying.pop(ended.recv()).result()
