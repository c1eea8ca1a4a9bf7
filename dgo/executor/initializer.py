"""What an executor with an initializer has its workers do.

Each call brings the initializer along; a worker runs it before the first of them, and remembers that it did. That
is forgotten when the program that had the executor is gone.

A function of ``__main__`` travels with the data that it reads, so what an initializer of ``__main__`` assigns to
module-level names would be lost with its own copy of them. It is kept, and laid over the names of the calls'
functions: the usual ``global`` of an initializer works in a script as it does with the standard executors.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from typing import Any

from dgo.errors import BrokenExecutor
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.sync import Mutex
from dgo.wire.snapshot import freeze, thaw
from dgo.wire.snapshot.functions import display_name

__all__ = ["Initializer", "InitializerFailed"]

_numbers = itertools.count(1)


class InitializerFailed(BrokenExecutor):
    """The initializer of the executor ``key`` raised on a worker."""

    @property
    def key(self) -> object:
        """Which executor's."""
        return self.args[1]

    def __str__(self) -> str:
        return str(self.args[0])


class Initializer:
    """An initializer with its arguments, as they were when the executor was made.

    Args:
        fn: the initializer.
        args: its arguments.

    Raises:
        SerializationError: you: something of it cannot travel.
    """

    def __init__(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        copied: Any = thaw(freeze((fn, args), "the initializer of an Executor"))
        self._fn: Callable[..., object] = copied[0]
        self._args: tuple[Any, ...] = copied[1]
        self._number = next(_numbers)

    def wrap(
        self, node: Node, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The call that is sent instead of ``fn(*args, **kwargs)``."""
        return _run, ((node.id, self._number), self._fn, self._args, fn, args, kwargs)

    def failed(self, error: BaseException) -> bool:
        """Whether ``error`` says that this initializer has failed."""
        return isinstance(error, InitializerFailed) and error.key[1] == self._number  # type: ignore[index] # as wrapped


class _Place:
    """A worker process, as one executor's initializer has left it."""

    def __init__(self) -> None:
        self.mutex = Mutex()
        self.done = False
        self.error: InitializerFailed | None = None
        self.written: dict[str, Any] = {}
        self.module: str | None = None

    def prepare(self, key: tuple[int, int], fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Runs the initializer, unless it has run here. Others wait for its end; if it is cancelled it runs again."""
        if not self.done:
            with self.mutex:
                if not self.done:
                    self._initialize(key, fn, args)
                    self.done = True
        if self.error is not None:
            raise self.error.with_traceback(None)

    def _initialize(self, key: tuple[int, int], fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        names = _own_names(fn)
        before = dict(names or {})
        try:
            fn(*args)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it raised, it is passed on as the cause
            self.error = InitializerFailed(
                f"the initializer {display_name(fn)} of an Executor raised {type(error).__name__}: {error} (on "
                f"{current.get().name}); none of its calls can run: mend the initializer and make a new Executor",
                key,
            )
            self.error.__cause__ = error
        if names is not None:
            self.module = getattr(fn, "__module__", None)
            self.written = {name: value for name, value in names.items() if before.get(name, before) is not value}

    def lay_over(self, *candidates: object) -> None:
        """Gives functions of the initializer's module the names that it has assigned."""
        for fn in candidates if self.written else ():
            if isinstance(fn, functools.partial):
                self.lay_over(fn.func, *fn.args)
            names = _own_names(fn)
            if names is not None and getattr(fn, "__module__", None) == self.module:
                names.update(self.written)


def _own_names(fn: object) -> dict[str, Any] | None:
    """The module-level names of a function that travelled with them; None if it reads those of a module here."""
    names: dict[str, Any] | None = getattr(fn, "__globals__", None)
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    return None if names is None or (module is not None and vars(module) is names) else names


_places: dict[tuple[int, tuple[int, int]], _Place] = {}  # by this process's node, and the executor
_forgetting: set[int] = set()  # the nodes that tell us of deaths


def _place(node: Node, key: tuple[int, int]) -> _Place:
    with node.lock:
        if node.id not in _forgetting:
            _forgetting.add(node.id)
            node.on_death(_forget)
        place = _places.get((node.id, key))
        if place is None:
            place = _places[node.id, key] = _Place()
        return place


def _forget(dead: int, cause: str) -> None:
    for at in [at for at in _places if at[1][0] == dead]:
        del _places[at]


def _run(
    key: tuple[int, int],
    initializer: Callable[..., object],
    initargs: tuple[Any, ...],
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """A call, on its worker."""
    place = _place(current.get(), key)
    place.prepare(key, initializer, initargs)
    place.lay_over(fn, *args)
    return fn(*args, **kwargs)
