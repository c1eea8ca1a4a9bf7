"""Waiting on a ticket in a coroutine: what ``await`` on dgo's objects does, on any asyncio loop of this process.

A :class:`Suspended` is to asyncio a future, and to dgo the owner of a ticket::

    NEW ──await──> WAITING ──ticket DONE──> DONE ──> the coroutine goes on with the verdict
                      │
                      └──task.cancel()──> the ticket is cancelled; its verdict still decides

* A ticket that ends wakes its coroutine through the loop's :class:`Wakes`: one callback of the loop for all that
  ended since the last, so a burst costs one wake-up. Those whom they wake in turn go on in the same callback, as long
  as the loop has nothing else to do and they are not too many in a row: so two coroutines that hand each other values
  do not pay for a turn of asyncio's loop each time.
* ``task.cancel()`` (also by ``asyncio.timeout``) withdraws the operation. If it has happened already, or its home
  says so, the coroutine gets what happened, and the cancellation comes at its next ``await`` (to a goroutine that
  computes, at the next tick): nothing is lost.
* What asyncio's own future would copy (result, exception) stays in the ticket.

This module imports asyncio, so it is imported when the first coroutine waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

from dgo.core.select import Select
from dgo.core.ticket import DONE, Ticket
from dgo.errors import Cancelled, MisuseError, Timeout
from dgo.runtime.remote import PendingOperation
from dgo.runtime.running import Running, cancel_again

if TYPE_CHECKING:
    from dgo.runtime.node import Node
    from dgo.runtime.task import Task

__all__ = ["GOROUTINE", "OWN_DESCRIPTORS", "Suspended", "Wakes", "suspend", "wakes_of"]

IN_A_ROW = 100  # operations of one loop, after which others run first
OWN_DESCRIPTORS = 1  # those that asyncio watches for itself, so that threads can wake it

GOROUTINE: contextvars.ContextVar[Task] = contextvars.ContextVar("dgo goroutine")  # of an ``async def`` goroutine


class Wakes:
    """The suspended coroutines of one loop whose tickets have ended.

    Attributes:
        operations: how many have begun since one of them let others run first.
        is_due: the one that begins now has to let others run first (``pause``).
    """

    __slots__ = ("__weakref__", "_done", "_flushing", "_loop", "_scheduled", "is_due", "node", "operations")

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self.node = node
        self.operations = 0
        self.is_due = False
        self._loop = weakref.ref(loop)
        self._done: deque[Suspended] = deque()
        self._scheduled = False
        self._flushing = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop, while it exists."""
        return self._loop()

    async def pause(self) -> None:
        """Lets others run: a loop of operations that are ready at once must not keep its loop for itself."""
        self.operations = 0
        await asyncio.sleep(0)

    def asleep(self) -> bool:
        """Whether only tickets and threads could wake this loop: it waits for no timer, descriptor or signal."""
        loop = self._loop()
        if loop is None or loop.is_closed():
            return True
        if self._scheduled:
            return False
        try:
            sources = loop._ready, loop._scheduled, loop._signal_handlers  # type: ignore[attr-defined] # asyncio's own have them
            files = loop._selector.get_map()  # type: ignore[attr-defined] # as above
        except AttributeError:
            return False  # another kind of loop: nobody knows
        return not any(sources) and len(files) <= OWN_DESCRIPTORS

    def wake(self, ticket: Ticket) -> None:
        """``ticket`` has ended. Under the node's lock, in any thread."""
        self._done.append(ticket.owner)
        if not self._scheduled:
            self._scheduled = True
            self._schedule()

    def _schedule(self) -> None:
        loop = self._loop()
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # it is closed, and its coroutines with it
            pass

    def _drain(self) -> None:
        """Has the coroutines go on. In the loop."""
        done = self._done
        ready = getattr(self._loop(), "_ready", None)
        left = len(done)
        more = IN_A_ROW
        try:
            while done:
                if left:
                    left -= 1
                elif more and ready is not None and not ready and not self.node.host.hurried():
                    more -= 1
                else:
                    break  # others of the loop, or of the process, come between
                done.popleft().resume()
        finally:  # KeyboardInterrupt and SystemExit come out of coroutines
            self._scheduled = False
            if done and not self._scheduled:  # another thread may have seen to it
                self._scheduled = True
                self._schedule()

    def flush_soon(self) -> None:
        """What was posted leaves at the end of this turn of the loop, together."""
        if self._flushing or self.node.execution is not None:
            return  # a worker's hub sends it when nothing is left to run
        self._flushing = True
        loop = self._loop()
        assert loop is not None, "it runs"
        loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self.node.host.flush()


class Suspended:
    """One coroutine's wait for one ticket."""

    __slots__ = (
        "_asyncio_future_blocking", "_callback", "_context", "_stop", "_timer", "_wakes", "ticket",
    )  # fmt: skip

    def __init__(self, wakes: Wakes) -> None:
        self._wakes = wakes
        self._asyncio_future_blocking = False
        self._callback: Callable[[Any], object] | None = None
        self._context: contextvars.Context | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Once ``task.cancel(message)`` was called: what the ticket was cancelled with, if it was, and the message.
        self._stop: tuple[BaseException | None, Any] | None = None

    @staticmethod
    def wake(ticket: Ticket) -> None:
        """For the ticket whose ``owner`` this is; one function for all of them. As ``Wakes.wake``."""
        wakes: Wakes = ticket.owner._wakes
        wakes.wake(ticket)

    def on(self, ticket: Ticket, kind: str, target: Any, timeout: float | None = None) -> Suspended:
        """Says what is awaited, as for ``Node.wait``; returns self, whose ``await`` gives ``(result, ok)``."""
        self.ticket = ticket
        ticket.kind = kind
        ticket.target = target
        ticket.since = self._wakes.node.clock()
        ticket.timeout = timeout
        return self

    # ---- the coroutine's side: an iterator, as ``__await__`` has to return ---------------------------

    def __await__(self) -> Generator[Any, None, tuple[Any, bool]]:
        return self  # it has what is used of a generator

    def __iter__(self) -> Suspended:
        return self

    def __next__(self) -> Suspended:
        ticket = self.ticket
        if self._callback is not None:
            self._end()
        elif ticket.state != DONE:
            self._begin(ticket)
            self._asyncio_future_blocking = True
            return self
        assert ticket.state == DONE, "a coroutine is woken by its ticket only"
        ticket.owner = None  # else the two would be a cycle, for the collector to find
        error = ticket.error
        if self._stop is not None:
            stop, message = self._stop
            if error is not None and error is stop:
                raise asyncio.CancelledError(*(() if message is None else (message,)))
            self._cancel_later()
        if error is not None:
            raise error
        raise StopIteration((ticket.result, ticket.ok))

    def send(self, value: Any) -> Suspended:
        """As a generator's."""
        return self.__next__()

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> NoReturn:
        """The coroutine is to go on with an exception that does not come from here: nobody waits any more."""
        self.close()
        error = kind if value is None else value
        raise error if trace is None else error.with_traceback(trace)

    def close(self) -> None:
        """The coroutine is being closed, or goes on without the verdict."""
        if self._callback is not None:
            self._end()
        ticket = self.ticket
        with self._wakes.node.lock:
            ticket.cancel(Cancelled("the coroutine that waited has ended"))
            if isinstance(ticket, (PendingOperation, Select)):
                ticket.abandoned = True
            self._wakes.node.host.soon()

    def _begin(self, ticket: Ticket) -> None:
        wakes = self._wakes
        node = wakes.node
        if node.closed is not None:
            node.check_open()
        self._callback = _nobody  # asyncio sets the real one in the same step
        node.waits.enter(ticket)
        timeout = ticket.timeout
        if timeout is not None:
            self._timer = self.get_loop().call_later(max(timeout, 0.0), self._expire)
        if node.execution is None:  # a worker's hub sends what was posted when nothing is left to run
            wakes.flush_soon()

    def _end(self) -> None:
        wakes = self._wakes
        wakes.node.waits.leave(self.ticket)
        self._callback = None
        if self._timer is not None:
            self._timer.cancel()

    def _cancel_later(self) -> None:
        """The operation has happened although the task was cancelled: it hears of that at its next ``await``."""
        task = asyncio.current_task()
        if task is None:
            return
        goroutine = self.task
        running = goroutine.carrier if goroutine is not None else None
        if not isinstance(running, Running) or not running.comes_late(task):
            self.get_loop().call_soon(cancel_again, task)

    def _expire(self) -> None:
        ticket = self.ticket
        with self._wakes.node.lock:
            ticket.cancel(Timeout(f"nothing happened within {ticket.timeout:g} s ({ticket.kind})"))
        self._wakes.flush_soon()

    def resume(self) -> None:
        """The ticket has ended: the coroutine goes on. In the loop."""
        callback, context = self._callback, self._context
        if callback is not None and context is not None:
            context.run(callback, self)

    # ---- asyncio's side: a future ---------------------------------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the coroutine."""
        loop = self._wakes._loop()
        assert loop is not None, "a coroutine does not outlive its loop"
        return loop

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        """Called by the task that runs the coroutine."""
        self._callback = callback
        self._context = context if context is not None else contextvars.copy_context()

    def done(self) -> bool:
        """Whether the ticket has ended."""
        return self.ticket.state == DONE

    def cancel(self, msg: Any = None) -> bool:
        """The task that runs the coroutine was cancelled. True: the coroutine will hear of it from here."""
        node = self._wakes.node
        ticket = self.ticket
        with node.lock:
            if self._stop is None:
                stop = Cancelled("the task that waited was cancelled") if ticket.state != DONE else None
                self._stop = (stop, msg)
                if stop is not None:
                    ticket.cancel(stop)  # the verdict comes, now or later, by ``wake``
        self._wakes.flush_soon()
        return True

    def result(self) -> None:
        """Nothing: the coroutine gets its verdict when it goes on."""

    # ---- for people -----------------------------------------------------------------------------------

    @property
    def task(self) -> Task | None:
        """The goroutine that waits, if it is an ``async def`` goroutine."""
        return self._context.get(GOROUTINE) if self._context is not None else None

    def __repr__(self) -> str:
        return f"<{self.ticket.kind} of {self.ticket.target!r}>"


def _nobody(suspended: Any) -> None:
    """Stands for the callback that asyncio sets at once."""


def wakes_of(node: Node) -> Wakes:
    """Of the loop that runs here; a coroutine begins an operation. ``pause`` comes first if that ``is_due``.

    Raises:
        MisuseError: you: no asyncio loop runs this coroutine.
    """
    try:
        loop = get_running_loop()
    except RuntimeError:
        raise MisuseError(
            "await on dgo's objects needs asyncio, and no asyncio loop runs here: use asyncio.run(main()), or the form "
            "that blocks"
        ) from None
    wakes: Wakes | None = node.last_loop  # a look into the table costs as much as all the rest
    if wakes is None or wakes._loop() is not loop:
        wakes = node.loops.get(loop)
        if wakes is None:
            wakes = node.loops[loop] = Wakes(node, loop)
        node.last_loop = wakes
    wakes.operations += 1
    wakes.is_due = wakes.operations > IN_A_ROW
    return wakes


def suspend(node: Node) -> Suspended:
    """For the coroutine that runs now: its ``wake`` and itself, as ``owner``, go into a ticket.

    Raises:
        MisuseError: you: no asyncio loop runs this coroutine.
    """
    return Suspended(wakes_of(node))
