"""The asyncio loop on which a node runs its ``async def`` goroutines.

The loop runs in a carrier, like dgo's other work that may block, and is an item of the run queue like a goroutine:
a turn of the loop runs the coroutines that are ready, then others have their turn; a loop with nothing to do rests
until a coroutine is started or woken, a timer of asyncio's is due, or a descriptor that asyncio watches is ready.

This module imports asyncio, so it is imported when the first coroutine is started.

Invariants:

1. ``resting`` is True only while the loop's carrier is parked with nothing to do; ``wake`` (under the node's lock)
   makes it ready once.
2. Whatever becomes ready for the loop is in the loop before ``wake`` is called, and ``_rest`` looks under the lock:
   no wake-up is lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import selectors
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from dgo.core.ticket import Ticket
from dgo.errors import MisuseError
from dgo.runtime.awaiting import GOROUTINE, OWN_DESCRIPTORS
from dgo.runtime.greenlets import Action
from dgo.runtime.loops import outside
from dgo.runtime.running import Running
from dgo.runtime.task import Task
from dgo.runtime.wrapped import WrappedSelector

if TYPE_CHECKING:
    from dgo.runtime.greenlets import GreenletHost

__all__ = ["Coroutines", "TurnsSelector"]

log = logging.getLogger("dgo.coroutines")

# Waits that only others can end: in a coroutine they would stop all others.
FOREVER_KINDS = frozenset({"chan send", "chan receive", "select", "goroutine", "sleep"})
FOREVER_OPERATIONS = frozenset({"wait", "lock", "rlock", "acquire", "begin", "join", "Group.enter"})


class _Turns(Action):
    """The loop's place in the run queue."""

    __slots__ = ("_host",)

    def __init__(self, action: Callable[[], object], host: GreenletHost) -> None:
        super().__init__(action)
        self._host = host

    def current(self) -> Task | None:
        return GOROUTINE.get(None)

    def parks(self, ticket: Ticket) -> None:
        """A coroutine is about to block the loop."""
        node = self._host.node
        kind = ticket.kind
        operation = kind.partition(".")[2]
        if kind in FOREVER_KINDS or operation in FOREVER_OPERATIONS or kind in FOREVER_OPERATIONS:
            ticket.cancel(
                MisuseError(
                    f"{kind} would block here, in an async goroutine, and stop all others on {node.name}: await the "
                    "asynchronous form (asend, arecv, aselect, await of a handle), or have it done by "
                    "asyncio.to_thread() or a plain goroutine"
                )
            )


class TurnsSelector(WrappedSelector):
    """What a loop calls between two turns: ``between`` lets others run, and says whether to poll the descriptors."""

    def __init__(self, inner: selectors.BaseSelector, between: Callable[[float | None], bool]) -> None:
        super().__init__(inner)
        self._between = between

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Lets others run; rests if there is nothing to do."""
        return self.inner.select(0) if self._between(timeout) else []


class _Loop(asyncio.SelectorEventLoop):
    """An asyncio loop that knows the node's clock, and whose threads need no pipe to wake it."""

    def __init__(self, coroutines: Coroutines, selector: selectors.BaseSelector) -> None:
        self._coroutines = coroutines
        super().__init__(selector)

    def time(self) -> float:
        return self._coroutines.host.node.clock()

    def call_soon_threadsafe(  # type: ignore[override] # typeshed's is generic in the arguments
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = self.call_soon(callback, *args, context=context)
        self._coroutines.wake()
        return handle


class _Task(asyncio.Task[Any]):
    """A task of one goroutine: others that find it in ``asyncio.all_tasks()`` do not cancel it."""

    __slots__ = ("goroutine",)

    goroutine: Task

    def cancel(self, msg: Any = None) -> bool:
        """As asyncio's; False, and nothing happens, if another goroutine of the loop asks."""
        if GOROUTINE.get(self.goroutine) is not self.goroutine:
            return False
        return super().cancel(msg)


class Coroutines:
    """The coroutines of a node, and their loop.

    Attributes:
        running: how many goroutines are coroutines now.
        resting: see the invariants.
    """

    def __init__(self, host: GreenletHost) -> None:
        self.host = host
        self.running = 0
        self.resting = False
        self._closed = False
        self._input = False  # a descriptor is ready, if those are watched
        self._selector = TurnsSelector(host.selector(), self._between)
        self.loop = _Loop(self, self._selector)
        self._watched = host.watch(self._selector.fileno(), self._on_input)
        self.loop.set_task_factory(self._make_child)
        self._children: dict[Task, weakref.WeakSet[asyncio.Task[Any]]] = {}
        self._turns = _Turns(self.turns, host)
        self._park = outside(host.carriers.park)
        host.loops_run()
        host.ready(self._turns)

    # ---- goroutines ------------------------------------------------------------------------------------

    def start(self, task: Task, coroutine: Coroutine[Any, Any, Any]) -> None:
        """A goroutine's function is ``async def``: ``coroutine`` is what is left to be run."""
        context = contextvars.Context()
        context.run(GOROUTINE.set, task)
        execution = self.host.node.execution
        assert execution is not None
        asyncio_task = _Task(coroutine, loop=self.loop, name=task.name, context=context)
        asyncio_task.goroutine = task
        self.running += 1
        running = Running(self, asyncio_task)
        asyncio_task.add_done_callback(running, context=context)  # its own: no copy is made, and kept, for the call
        with self.host.node.lock:
            execution.goes_on(task, running)
        self.wake()

    def ended(self, asyncio_task: asyncio.Task[Any]) -> None:
        """A goroutine's coroutine has ended. In the loop."""
        assert type(asyncio_task) is _Task
        task = asyncio_task.goroutine
        self.running -= 1
        for child in self._children.pop(task, ()):
            asyncio.Task.cancel(child)
        execution = self.host.node.execution
        assert execution is not None
        execution.conclude(task, None if asyncio_task.cancelled() else asyncio_task.result)
        task.carrier = None  # the coroutine, its task and its context would be a cycle, for the collector to find

    def _make_child(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        """asyncio's tasks that a goroutine makes end with it, as those of ``asyncio.run()`` do."""
        goroutine = GOROUTINE.get(None)
        if goroutine is None:
            return asyncio.Task(coroutine, loop=loop, **options)
        child = _Task(coroutine, loop=loop, **options)
        child.goroutine = goroutine
        if self._lives(goroutine):
            self._children.setdefault(goroutine, weakref.WeakSet()).add(child)
        return child

    def _lives(self, goroutine: Task) -> bool:
        execution = self.host.node.execution
        return execution is not None and execution.find(goroutine.spawner, goroutine.number) is goroutine

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Starts a coroutine that is no goroutine."""
        asyncio_task = self.loop.create_task(coroutine)
        self.wake()
        return asyncio_task

    def close(self) -> None:
        """Ends the coroutines, unheard, and the loop, of a node that is no more (in a simulation). From the hub."""
        for asyncio_task in asyncio.all_tasks(self.loop):
            asyncio_task._log_destroy_pending = False  # type: ignore[attr-defined] # nobody is to hear of them
            coroutine = asyncio_task.get_coro()
            try:
                if isinstance(coroutine, Coroutine):
                    coroutine.close()
            except BaseException as error:  # noqa: BLE001 - as above
                log.debug("a coroutine of a simulation that has ended: %r", error)
        self._closed = True
        self.loop.stop()
        carrier = self._turns.carrier
        if carrier is not None and not carrier.dead:
            carrier.throw(GreenletExit)  # a coroutine that was switched out takes it; then the loop stops by itself
        if not self.loop.is_running():
            self.loop.close()

    # ---- the loop --------------------------------------------------------------------------------------

    def turns(self) -> None:
        """Runs the loop, until ``close``. In a carrier of its own."""
        while not self._closed:
            try:
                self.loop.run_forever()
            except (KeyboardInterrupt, SystemExit):
                pass  # asyncio lets these two out; the goroutine that raised it has ended with it
            except Exception:
                log.exception("an error in the loop of the coroutines; it goes on")

    def wake(self) -> None:
        """Something is ready for the loop. Any thread."""
        with self.host.node.lock:
            if self.resting:
                self.resting = False
                self.host.ready(self._turns)

    def _on_input(self) -> None:
        self._input = True
        self.wake()

    def _between(self, timeout: float | None) -> bool:
        """Between two turns of the loop; returns whether the descriptors are to be polled."""
        if timeout is not None and timeout <= 0:
            carriers = self.host.carriers
            if carriers.waiting() or carriers.tick:
                self.host.ready(self._turns)
                self._park()
        elif not self._input:
            self._rest(timeout)
        if not self._watched:
            return len(self._selector.get_map()) > OWN_DESCRIPTORS
        found, self._input = self._input, False
        return found

    def _rest(self, timeout: float | None) -> None:
        node = self.host.node
        timer = None
        with node.lock:
            if self.loop._ready:  # type: ignore[attr-defined] # woken since asyncio looked
                return
            if timeout is not None:
                timer = node.set_timer(node.clock() + timeout, self.wake)
            self.resting = True
        try:
            self._park()
        finally:
            with node.lock:
                self.resting = False
                if timer is not None:
                    node.timers.cancel(timer)
