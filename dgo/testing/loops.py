"""asyncio in a simulated cluster: ``asyncio.run()`` in a plain goroutine parks that goroutine, in virtual time."""

from __future__ import annotations

import asyncio
import contextvars
import selectors
from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from greenlet import getcurrent

from dgo.core.ticket import DONE, Ticket
from dgo.errors import Timeout
from dgo.runtime import current
from dgo.runtime.awaiting import OWN_DESCRIPTORS
from dgo.runtime.carrier import Carrier
from dgo.runtime.coroutines import TurnsSelector

__all__ = ["simulated_loops"]


class SimulatedLoop(asyncio.SelectorEventLoop):
    """The loop of one goroutine. Descriptors are polled between its turns; nobody is woken by them."""

    def __init__(self) -> None:
        self._node = current.get()
        self._node.host.loops_run()
        self._resting: Ticket | None = None
        super().__init__(TurnsSelector(selectors.DefaultSelector(), self._between))

    def time(self) -> float:
        """Virtual seconds."""
        return self._node.clock()

    def call_soon_threadsafe(  # type: ignore[override] # typeshed's is generic in the arguments
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As every loop's; there are no threads to be woken, but goroutines."""
        handle = self.call_soon(callback, *args, context=context)
        with self._node.lock:
            ticket = self._resting
            if ticket is not None and ticket.state != DONE:
                ticket.complete()
        return handle

    def _between(self, timeout: float | None) -> bool:
        if timeout is not None and timeout <= 0:
            self._node.host.yield_()
        else:
            self._rest(timeout)
        return len(self._selector.get_map()) > OWN_DESCRIPTORS  # type: ignore[attr-defined] # asyncio's name for it

    def _rest(self, timeout: float | None) -> None:
        node = self._node
        with node.lock:
            ticket = self._resting = node.host.ticket()
        try:
            node.wait(ticket, "asyncio", None, timeout)
        except Timeout:
            pass
        finally:
            self._resting = None


@contextmanager
def simulated_loops() -> Iterator[None]:
    """While this lasts new loops of goroutines are simulated ones."""
    real = events.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        return SimulatedLoop() if type(getcurrent()) is Carrier else real()

    events.new_event_loop = asyncio.new_event_loop = new_event_loop
    try:
        yield
    finally:
        events.new_event_loop = asyncio.new_event_loop = real
