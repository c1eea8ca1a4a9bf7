"""Starting goroutines, and the handles on them."""

from __future__ import annotations

import concurrent.futures
import weakref
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, cast, overload

from dgo.core.goroutine import ENDED, Ending, Outcome
from dgo.core.goroutine import Goroutine as Record
from dgo.core.ticket import Ticket
from dgo.errors import CancelledError, MisuseError
from dgo.ids import object_name
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.options import SpawnOptions
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.runtime.task import GoroutineExit
from dgo.wire.snapshot import ATOMS, Call, snapshot_call, thaw, thaw_exception

__all__ = [
    "Current",
    "Go",
    "Goroutine",
    "go",
    "goexit",
    "gosched",
    "no_preempt",
    "num_goroutine",
    "num_workers",
]

RETURNED = Ending.RETURNED  # a name of its own: each look into an enum costs

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Goroutine(Shared, Generic[T_co]):
    """A handle on a goroutine; can itself be passed to other goroutines.

    It is accepted by ``concurrent.futures.wait`` and ``as_completed``, and can be awaited in asyncio.
    """

    __slots__ = ("_first", "_future", "_name", "_outcome")
    KIND: ClassVar[str] = "go"

    _name: str
    _future: _Shadow | None
    _outcome: tuple[Any, BaseException | None] | None
    _first: Goroutine[Any] | None  # in its spawner's process: the handle whose end says that all are gone

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("Goroutine[Any]", super()._rebuild(node, core, ref, meta))
        (handle._name,) = meta
        handle._future = None
        handle._outcome = None
        handle._first = None
        if core is not None:
            handle._first = core.token() if core.token is not None else None
            if handle._first is None:
                core.token = weakref.ref(handle)
                if core.number in node.spawner.unasked:
                    node.spawner.watch(core)
        return handle

    def _meta(self) -> list[Any]:
        return [self._name]

    @property
    def id(self) -> str:
        """Its goroutine id: unique in the cluster."""
        return self._id_text

    @property
    def name(self) -> str:
        """The function's name, or what ``go.options(name=...)`` gave."""
        return self._name

    # ---- waiting ---------------------------------------------------------------------------------

    def _start(self, operation: str, wake: Callable[[Ticket], object] | None, owner: Any) -> Ticket:
        """Asks for the end; under the node's lock."""
        node = self._node
        if self._ref is not None:
            node.check_open()
            return node.remote.start(self._ref, operation, [], wake, owner)
        ticket = Ticket(wake, owner=owner)
        if operation == "outcome":
            self._core.asked = True
        self._core.wait(ticket)
        return ticket

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until it has ended, however it ended.

        Raises:
            Timeout: ``timeout`` seconds were not enough.
        """
        core = self._core
        if core is not None and core.outcome is not None:
            return
        self._awaited("wait", timeout)

    def _settled(self, timeout: float | None) -> tuple[Any, BaseException | None]:
        if self._outcome is None:
            outcome = self._awaited("outcome", timeout)
            if self._outcome is None:
                self._outcome = thaw_outcome(outcome, self._who)
        if self._core is not None and not self._core.asked:
            self._core.asked = True
        return self._outcome

    def _awaited(self, operation: str, timeout: float | None) -> Any:
        """Blocks until it has ended; returns its outcome if that is what the operation asks for."""
        node = self._node
        core = self._core
        if core is not None and node.execution is not None:
            lock = node.lock
            parked: Ticket | None = None
            try:  # see "The short way" at the head of dgo/channels.py
                lock.acquire()
                if core.outcome is None:
                    if operation == "outcome":
                        core.asked = True
                    parked = node.host.stand(core.line(), None, "goroutine", self, timeout)
            finally:
                lock.release()
            if parked is not None:
                node.host.stay(parked)
                if parked.error is not None:
                    raise parked.error
                return parked.result
        with node.lock:
            ticket = self._start(operation, *node.host.waker())
        return node.wait(ticket, "goroutine", self, timeout)

    def _who(self) -> str:
        return f"goroutine {self.id} ({self._name})"

    def result(self, timeout: float | None = None) -> T_co:
        """What the function returned; blocks until it has ended.

        Raises:
            Timeout: ``timeout`` seconds were not enough.
            CancelledError: it was cancelled.
            DeadlineExceeded: the ``timeout`` of ``go.options`` ran out, and it was cancelled therefore.
            WorkerLost: the process that ran it died; the message names the cause.
            SerializationError: its result cannot travel, or cannot be rebuilt here.
            BaseException: the goroutine's own exception, of the same type, with the remote traceback as its cause.
        """
        core = self._core
        if core is not None:
            outcome = core.outcome
            if outcome is not None and outcome.ending == RETURNED and type(outcome.value) in ATOMS:
                core.asked = True
                atom: T_co = outcome.value
                return atom
        value, error = self._settled(timeout)
        if error is not None:
            raise error
        result: T_co = value
        return result

    def __await__(self) -> Generator[Any, None, T_co]:
        """As ``result()``, for coroutines. If the ``await`` is cancelled the goroutine goes on."""
        return self._aresult().__await__()

    async def _aresult(self) -> T_co:
        if self._outcome is None:
            from dgo.runtime.awaiting import suspend  # asyncio takes its time to import

            node = self._node
            suspended = suspend(node)
            with node.lock:
                ticket = self._start("outcome", suspended.wake, suspended)
            outcome, _ = await suspended.on(ticket, "goroutine", self)
            if self._outcome is None:
                self._outcome = thaw_outcome(outcome, self._who)
        return self.result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The exception that ended it, or None; blocks until it has ended.

        Raises:
            Timeout: ``timeout`` seconds were not enough.
            CancelledError: it was cancelled.
        """
        _, error = self._settled(timeout)
        if isinstance(error, CancelledError):
            raise error
        return error

    def done(self) -> bool:
        """Whether it has ended."""
        if self._outcome is not None:
            return True
        if self._core is not None:
            return bool(self._core.state == ENDED)
        node = self._node
        assert self._ref is not None
        with node.lock:
            node.check_open()
            ticket = node.remote.start(self._ref, "done", [], *node.host.waker())
        return bool(node.wait(ticket, "goroutine", self))

    def cancelled(self) -> bool:
        """Whether it has ended by being cancelled."""
        if not self.done():
            return False
        return isinstance(self._settled(None)[1], CancelledError)

    def cancel(self) -> None:
        """Asks the goroutine to end. Returns when the process that spawned it knows, without waiting for the end.

        ``dgo.Cancelled`` is raised in the goroutine, once for each call: where it waits (for anything), at its
        next blocking operation, or, if it computes, within some 10 ms. Its ``finally`` blocks run and may block.
        One that has not started never does. Nothing happens to one that has ended.

        Raises:
            ChannelLost: the process that spawned it has died.
        """
        if self._outcome is not None:
            return
        node = self._node
        with node.lock:
            if self._core is not None:
                self._core.cancel()
                return
            node.check_open()
            assert self._ref is not None
            ticket = node.remote.start(self._ref, "cancel", [], *node.host.waker())
        node.wait(ticket, "goroutine", self)

    def add_done_callback(self, fn: Callable[[Goroutine[T_co]], object]) -> None:
        """Has ``fn(handle)`` called once it has ended (at once if it has); on a thread or goroutine of dgo's."""
        node = self._node

        def ended(ticket: Ticket) -> None:
            node.host.later(lambda: fn(self))

        with node.lock:
            self._start("outcome", ended, None)
            node.host.soon()

    # ---- concurrent.futures ----------------------------------------------------------------------
    # wait() and as_completed() reach into these three; they are served by a future of the usual kind.

    @property
    def _shadow(self) -> _Shadow:
        if self._future is None:
            self._future = _Shadow(self)
            self.add_done_callback(_settle_shadow)
        return self._future

    @property
    def _condition(self) -> Any:
        return self._shadow._condition

    @property
    def _state(self) -> str:
        return self._shadow._state

    @property
    def _waiters(self) -> list[Any]:
        waiters: list[Any] = self._shadow._waiters
        return waiters

    def __repr__(self) -> str:
        state = ""
        if self._core is not None:
            state = f", {('submitted', 'placed', 'running', 'ended')[self._core.state]}"
        return f"Goroutine({self.id}, {self._name}{state})"

    def _repr_html_(self) -> str:
        """For notebooks: what this process knows of the goroutine; asks nobody."""
        from dgo.runtime.html import card  # notebooks only

        facts = {"name": self._name, "id": self.id, "state": self._state_text(), "error": self._error_text()}
        return card("Goroutine", facts)

    def _state_text(self) -> str:
        if self._core is None:
            return "ended" if self._outcome is not None else "spawned elsewhere"
        outcome: Outcome | None = self._core.outcome
        if outcome is not None:
            return ("returned", "raised", "was cancelled", "exited", "lost")[outcome.ending]
        return ("submitted", "placed", "running", "ended")[self._core.state]

    def _error_text(self) -> str | None:
        """The exception that ended it, as text: nothing is rebuilt, and it does not count as asked for."""
        outcome: Outcome | None = self._core.outcome if self._core is not None else None
        if outcome is None or outcome.ending not in (Ending.RAISED, Ending.LOST):
            return None
        _, type_name, message, _ = outcome.value
        return f"{type_name}: {message}"


def _settle_shadow(handle: Goroutine[Any]) -> None:
    if handle._future is not None:
        handle._future.settle()


class _Shadow(concurrent.futures.Future[Any]):
    """A standard future that mirrors a goroutine, for ``concurrent.futures.wait`` and ``as_completed``."""

    def __init__(self, handle: Goroutine[Any]) -> None:
        super().__init__()
        self._handle = handle

    def settle(self) -> None:
        """The goroutine has ended: those who wait are told with its handle, not with this future."""
        _, error = self._handle._settled(None)
        with self._condition:
            self._state = "FINISHED"
            for waiter in self._waiters:
                if error is None:
                    waiter.add_result(self._handle)  # type: ignore[arg-type] # it has what waiters use
                else:
                    waiter.add_exception(self._handle)  # type: ignore[arg-type] # as above
            self._condition.notify_all()


KINDS[Goroutine.KIND] = Goroutine


def thaw_outcome(outcome: Outcome, who: Callable[[], str], *, last: bool = False) -> tuple[Any, BaseException | None]:
    """What a goroutine returned, or the exception with which it ended.

    Args:
        outcome: how it ended.
        who: names the goroutine for people.
        last: the outcome is not asked for again: large buffers need not be copied.

    Raises:
        SerializationError: its result cannot be rebuilt here.
    """
    if outcome.ending == Ending.RETURNED:
        return thaw(outcome.value, last=last), None
    if outcome.ending == Ending.EXITED:
        return None, None
    if outcome.ending == Ending.CANCELLED:
        return None, CancelledError(f"{who()} was cancelled")
    return None, thaw_exception(outcome.value)


class Prepared:
    """A snapshotted call, not yet started. ``job``: whose program it belongs to."""

    __slots__ = ("call", "job", "node", "options")

    def __init__(self, node: Node, call: Call, options: SpawnOptions | None) -> None:
        self.node = node
        self.call = call
        self.options = options
        self.job = node.host.job()

    def start(self, on_end: Callable[[Record], object] | None, asked: bool = False) -> Record:
        """Spawns; blocks while too many goroutines have not started.

        Args:
            on_end: called under the node's lock when it has ended.
            asked: somebody (``on_end``) will look at how it ended: an exception is not reported as a panic.
        """
        node = self.node
        since: float | None = None
        while True:
            with node.lock:
                node.check_open()
                full = node.spawner.full()
                if full is None:
                    return self.start_now(on_end, asked, since)
            if since is None:
                since = node.clock()
            node.wait(full, "spawn window", None)

    def start_now(
        self, on_end: Callable[[Record], object] | None, asked: bool = False, since: float | None = None
    ) -> Record:
        """As ``start``, but never blocks: the caller has seen to it that there is room. Under the node's lock."""
        record = self.node.spawner.spawn(self.call, self.options, on_end, self.job, since)
        record.asked = asked
        return record


def prepare(
    fn: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], options: SpawnOptions | None
) -> Prepared:
    """Takes the snapshot of a call."""
    node = current.get()
    return Prepared(node, snapshot_call(fn, args, kwargs), options)


def start(node: Node, call: Call, options: SpawnOptions | None, on_end: Callable[[Record], object] | None) -> Record:
    """As ``Prepared(...).start(on_end)``, in one step if there is room."""
    execution = node.execution
    if execution is not None and options is None:
        lock = node.lock
        try:  # see "The short way" at the head of dgo/channels.py
            lock.acquire()
            if node.closed is None and node.spawner.has_room():
                return execution.spawn(call, on_end)
        finally:
            lock.release()
    else:
        with node.lock:
            if node.closed is None and node.spawner.has_room():
                return node.spawner.spawn(call, options, on_end)
    return Prepared(node, call, options).start(on_end)


class Go:
    """Starts a goroutine: ``dgo.go(fn, *args, **kwargs)`` returns a handle on it at once.

    ``dgo.go.options(...)`` returns a ``go`` with other settings.

    Example:
        >>> g = dgo.go(pow, 2, 10)
        >>> g.result()
        1024
    """

    __slots__ = ("_options",)

    def __init__(self, options: SpawnOptions | None = None) -> None:
        self._options = options

    @overload
    def __call__(
        self, fn: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Goroutine[T]: ...
    @overload
    def __call__(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Goroutine[T]: ...
    def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Goroutine[Any]:
        """Starts ``fn(*args, **kwargs)`` as a goroutine and returns a handle on it at once.

        The function's captured variables, the data of ``__main__`` that it reads and the arguments are
        snapshotted before ``go`` returns: what the caller changes later is not seen.

        Raises:
            TypeError: you: ``fn`` cannot be called.
            SerializationError: you: something cannot travel; the message gives the way to it.
            ClusterError: the cluster cannot be started or reached.
        """
        node = current.get()
        record = start(node, snapshot_call(fn, args, kwargs), self._options, None)
        handle: Goroutine[Any] = Goroutine.__new__(Goroutine)  # what _rebuild does, for one that is new
        handle._core = record
        handle._ref = None
        handle._node = node
        handle._name = record.name
        handle._future = None
        handle._outcome = None
        handle._first = None
        record.token = weakref.ref(handle)
        return handle

    def options(
        self,
        *,
        name: str | None = None,
        retries: int = 0,
        timeout: float | None = None,
        resources: dict[str, float] | None = None,
        labels: dict[str, str] | None = None,
        spread: bool = False,
    ) -> Go:
        """A ``go`` with these settings, and the defaults for all others.

        **retries.** A goroutine whose worker is lost may have run, in part or to its end: only you know whether it
        may be run again. With ``retries`` it is, from the start, with the same arguments and under the same id, on
        another worker. Its handles and groups see one end. It is not run again once it has been cancelled or its
        time has run out; an exception of the function is its end, and is no reason to run it again. Its spawner does
        all this: if the process dies in which ``go`` was called, the goroutine is not run again.

        **timeout.** When the time has run out, the goroutine is cancelled as by ``cancel()``. If it ends by that,
        ``result()`` raises ``DeadlineExceeded``, everywhere; if it catches ``Cancelled`` and returns or raises
        something else, that is how it has ended. One that was cancelled before then is cancelled.

        Args:
            name: shown instead of the function's name.
            retries: how often it is run again if its worker is lost.
            timeout: seconds that it may take, from the call of ``go`` and over all its runs, waiting to be placed
                included; None: any time.
            resources: amounts that its worker must have free, and that are reserved while it lives.
            labels: its worker must have them all.
            spread: placed by the coordinator even when spawned on a worker, in turn over the least loaded.

        Raises:
            TypeError: you: a value has the wrong type.
            ValueError: you: ``retries`` or a resource is negative, ``timeout`` is not positive, or a number is none.
        """
        return Go(SpawnOptions(name, resources, labels, spread, retries, timeout))


go = Go()


class Current:
    """What ``dgo.current()`` returns: who runs this code.

    Attributes:
        id: the goroutine's id; ``"main"`` outside goroutines.
        name: the goroutine's name.
        worker: the name of the process.
    """

    __slots__ = ("id", "name", "worker")

    def __init__(self, id: str, name: str, worker: str) -> None:
        self.id = id
        self.name = name
        self.worker = worker

    def __repr__(self) -> str:
        return f"Current({self.id}, {self.name}, on {self.worker})"


def current_goroutine() -> Current:
    """The goroutine that asks (in the driver: its main program)."""
    node = current.get()
    task = node.host.current()
    if task is None:
        return Current("main", "main", node.name)
    return Current(object_name(task.spawner, task.number), task.name, node.name)


def gosched() -> None:
    """Lets other goroutines of this process run first."""
    node = current.get()
    node.host.yield_()


class no_preempt:  # noqa: N801 - used like the functions beside it
    """``with dgo.no_preempt():`` the goroutine is not switched out because of its computing, and not cancelled by it.

    For a few steps during which other goroutines of this process must not run. What waits still lets them run,
    and is cancelled as ever. May be nested. Without effect in the driver, whose threads dgo does not switch.
    """

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: Any = None

    def __enter__(self) -> None:
        node = current.peek()
        task = node.host.current() if node is not None else None
        if task is not None:
            task.extra().shielded += 1
            self._task = task

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.extra().shielded -= 1


def goexit() -> None:
    """Ends the calling goroutine after its ``finally`` blocks; its result is None.

    Raises:
        MisuseError: you: it was called in the driver's main program.
    """
    node = current.get()
    if node.host.current() is None:
        raise MisuseError("goexit() ends a goroutine; this is the driver's main program: use sys.exit()")
    raise GoroutineExit


def num_goroutine() -> int:
    """How many goroutines of the job live in the whole cluster, main included (1 at rest)."""
    node = current.get()
    task = node.host.current()
    job = task.job if task is not None else node.spawner.job
    return 1 + node.count_goroutines(job)


def num_workers() -> int:
    """How many workers the cluster has."""
    node = current.get()
    if node.before_counting is not None:
        node.before_counting()
    return len(node.workers())
