"""A progress bar around an iterator, drawn by tqdm (an extra: ``pip install 'dgo-runtime[progress]'``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypeVar

from dgo.channels import RecvChan
from dgo.runtime import current

__all__ = ["length", "shown"]

T = TypeVar("T")


def length(iterables: Sequence[Iterable[Any]]) -> int | None:
    """How many items the iterables have together, as far as they say so: the shortest ends it; None: nobody says."""
    # The len() of a channel is what it stores at the moment, not what will be received.
    known = [len(each) for each in iterables if isinstance(each, Sized) and not isinstance(each, RecvChan)]
    return min(known, default=None)


def shown(items: Iterator[T], progress: bool | str, total: int | None, what: str) -> Iterator[T]:
    """``items``, with a bar while somebody iterates over them, if ``progress`` says so.

    Args:
        items: a generator: it is closed with the bar.
        progress: whether there is a bar; a string is its label.
        total: how many items there will be, if that is known.
        what: for errors: which function was called with ``progress``.

    Raises:
        TypeError: ``progress`` is neither a bool nor a string.
        ImportError: tqdm is not installed.
    """
    if not isinstance(progress, (bool, str)):
        raise TypeError(f"{what} takes progress=True, or a string as the label of the bar, not {progress!r:.80}")
    if progress is False or _in_goroutine():
        return items
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets the bar is text, which is good enough
            from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            f"{what} draws its progress bar by tqdm, which is not installed here: pip install 'dgo-runtime[progress]'"
        ) from error
    return _counted(items, tqdm, {"desc": progress if isinstance(progress, str) else None, "total": total})


def _in_goroutine() -> bool:
    node = current.peek()
    return node is not None and node.host.current() is not None


def _counted(items: Iterator[T], tqdm: Any, settings: dict[str, Any]) -> Iterator[T]:
    with tqdm(**settings) as bar:  # closed also when an item raises, and when the iterator is dropped
        for item in items:
            bar.update()
            yield item
