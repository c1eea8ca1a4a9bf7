"""Many goroutines at once: ``gather``, ``as_completed``, ``map``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar, overload

from dgo.channels import Chan
from dgo.errors import Timeout
from dgo.goroutines import Goroutine, go, num_workers
from dgo.progress import length, shown
from dgo.runtime import current

__all__ = ["as_completed", "gather", "map_"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


# For a type checker a few results are a tuple, each with its type (as asyncio.gather's are): a list has one type only.
@overload
def gather(a: Goroutine[A], /) -> tuple[A]: ...
@overload
def gather(a: Goroutine[A], b: Goroutine[B], /) -> tuple[A, B]: ...
@overload
def gather(a: Goroutine[A], b: Goroutine[B], c: Goroutine[C], /) -> tuple[A, B, C]: ...
@overload
def gather(a: Goroutine[A], b: Goroutine[B], c: Goroutine[C], d: Goroutine[D], /) -> tuple[A, B, C, D]: ...
@overload
def gather(
    a: Goroutine[A], b: Goroutine[B], c: Goroutine[C], d: Goroutine[D], e: Goroutine[E], /
) -> tuple[A, B, C, D, E]: ...
@overload
def gather(
    a: Goroutine[A], b: Goroutine[B], c: Goroutine[C], d: Goroutine[D], e: Goroutine[E], f: Goroutine[F], /
) -> tuple[A, B, C, D, E, F]: ...
@overload
def gather(*gs: Goroutine[T]) -> list[T]: ...
def gather(*gs: Goroutine[Any]) -> Any:
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


def as_completed(
    gs: Iterable[Goroutine[T]], timeout: float | None = None, progress: bool | str = False
) -> Iterator[Goroutine[T]]:
    """The goroutines of ``gs`` one by one, as they end.

    Args:
        gs: handles; one given twice is yielded once.
        timeout: seconds for all of them together, from now.
        progress: show a progress bar on stderr, or in the notebook, by tqdm; a string is its label. Nothing is shown
            in a goroutine: it has no terminal.

    Raises:
        Timeout: not all have ended in time.
        TypeError: you: something is no handle.
        ImportError: you: ``progress`` was asked for, and tqdm is not installed.
    """
    pending = list(dict.fromkeys(gs))
    for g in pending:
        if not isinstance(g, Goroutine):
            raise TypeError(f"dgo.as_completed() takes what dgo.go() returned, not {g!r:.80}")
    deadline = None if timeout is None else current.get().clock() + timeout
    return shown(_as_completed(pending, deadline), progress, len(pending), "dgo.as_completed()")


def _as_completed(pending: list[Goroutine[T]], deadline: float | None) -> Iterator[Goroutine[T]]:
    clock = current.get().clock
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


@overload
def map_(
    fn: Callable[[A], Coroutine[Any, Any, T]],
    a: Iterable[A],
    /,
    *,
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[[A, B], Coroutine[Any, Any, T]],
    a: Iterable[A],
    b: Iterable[B],
    /,
    *,
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[[A, B, C], Coroutine[Any, Any, T]],
    a: Iterable[A],
    b: Iterable[B],
    c: Iterable[C],
    /,
    *,
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[[A], T], a: Iterable[A], /, *, limit: int | None = ..., ordered: bool = ..., progress: bool | str = ...
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[[A, B], T],
    a: Iterable[A],
    b: Iterable[B],
    /,
    *,
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[[A, B, C], T],
    a: Iterable[A],
    b: Iterable[B],
    c: Iterable[C],
    /,
    *,
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[..., Coroutine[Any, Any, T]],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *iterables: Iterable[Any],
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
@overload
def map_(
    fn: Callable[..., T],
    a: Iterable[Any],
    b: Iterable[Any],
    c: Iterable[Any],
    d: Iterable[Any],
    /,
    *iterables: Iterable[Any],
    limit: int | None = ...,
    ordered: bool = ...,
    progress: bool | str = ...,
) -> Iterator[T]: ...
def map_(
    fn: Callable[..., Any],
    /,
    *iterables: Iterable[Any],
    limit: int | None = None,
    ordered: bool = True,
    progress: bool | str = False,
) -> Iterator[Any]:
    """Calls ``fn`` with the items of the iterables, each call a goroutine; yields the results.

    The input is read lazily: no more than ``limit`` calls are in flight. The first of them is started when the first
    result is asked for. If waiting for a result is interrupted (Ctrl-C, ``cancel()``), those in flight are cancelled.

    Args:
        fn: called with one item of each iterable.
        iterables: the inputs; the shortest ends the map.
        limit: calls in flight at most; default: four for each worker.
        ordered: whether results come in the order of the inputs, or as they end.
        progress: show a progress bar on stderr, or in the notebook, by tqdm; a string is its label. It counts the
            results that were yielded. Nothing is shown in a goroutine: it has no terminal.

    Raises:
        TypeError: you: ``fn`` cannot be called, there is no iterable, or something is none; ``limit`` is no integer.
        ValueError: you: ``limit`` is not positive.
        ImportError: you: ``progress`` was asked for, and tqdm is not installed.
        BaseException: the exception of a call, in its place.
    """
    if not callable(fn):
        raise TypeError(f"dgo.map() takes a function, not {fn!r:.80}")
    if not iterables:
        raise TypeError("dgo.map() takes a function and at least one iterable")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
        raise TypeError(f"dgo.map(limit=...) takes an integer, not {limit!r:.80}")
    if limit is not None and limit < 1:
        raise ValueError(f"dgo.map(limit={limit}): at least one call has to be in flight")
    calls = zip(*iterables, strict=False)
    window = limit if limit is not None else 4 * num_workers()
    results = _in_order(fn, calls, window) if ordered else _as_they_end(fn, calls, window)
    return shown(results, progress, length(iterables), "dgo.map()")


def _in_order(fn: Callable[..., T], calls: Iterator[tuple[Any, ...]], window: int) -> Iterator[T]:
    flying: deque[Goroutine[T]] = deque()
    with _Interruptible(flying):
        for args in calls:
            flying.append(go(fn, *args))
            if len(flying) >= window:
                yield _first(flying)
        while flying:
            yield _first(flying)


def _first(flying: deque[Goroutine[T]]) -> T:
    result = flying[0].result()  # while this waits it is in flight
    flying.popleft()
    return result


def _as_they_end(fn: Callable[..., T], calls: Iterator[tuple[Any, ...]], window: int) -> Iterator[T]:
    ended: Chan[int] = Chan(window)
    flying: dict[int, Goroutine[T]] = {}
    with _Interruptible(flying.values()):
        for number, args in enumerate(calls):
            flying[number] = go(fn, *args)
            flying[number].add_done_callback(_Sender(ended, number))
            if len(flying) >= window:
                yield flying.pop(ended.recv()).result()
        while flying:
            yield flying.pop(ended.recv()).result()


class _Interruptible:
    """The calls in flight of a map: whoever interrupts it (Ctrl-C, a cancel) does not want them any more.

    Not so where the iterator is merely dropped: that may happen in a garbage collection, in the middle of anything.
    """

    __slots__ = ("_flying",)

    def __init__(self, flying: Iterable[Goroutine[Any]]) -> None:
        self._flying = flying

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, (Exception, GeneratorExit)):
            for g in list(self._flying):
                g.cancel()
