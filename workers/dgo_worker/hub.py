"""gevent's hub as the place where a worker polls.

Each turn of gevent's loop: the *prepare* watcher runs everything that is ready and then sends what was
queued; then the loop polls (it does not sleep while something is ready, or while input has come meanwhile);
then input and timers make goroutines ready. So batches leave exactly when there is nothing else to do, and
I/O is polled at every tick even when the run queue never empties.
"""

from __future__ import annotations

import _thread
import logging
import signal
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import get_hub

from dgo.core.ticket import Ticket
from dgo.errors import Timeout
from dgo.runtime.greenlets import GreenletHost
from dgo.transport.zeromq import ZmqTransport

__all__ = ["HubHost"]

log = logging.getLogger("dgo.worker")

TICK_SECONDS = 0.01  # of CPU time, after which the hub gets its turn
HOUSEKEEPING_SECONDS = 0.1


class HubHost(GreenletHost):
    """Runs carriers from gevent's hub, and polls the transport there."""

    def __init__(self, transport: ZmqTransport) -> None:
        self._hub = get_hub()
        super().__init__(self._hub)
        loop = self._hub.loop
        self._transport = transport
        self._thread_id = _thread.get_ident()
        self._polling = False
        self._generation = -1
        self._watchers: dict[int, Any] = {}
        self._prepare = loop.prepare()
        self._check = loop.check()
        self._idle = loop.idle()
        self._wakeup = loop.async_()
        self._timer = loop.timer(0.0)
        self._timer_at: float | None = None
        self._housekeeping = loop.timer(HOUSEKEEPING_SECONDS, HOUSEKEEPING_SECONDS)

    def start(self) -> None:
        """Begins to run; the caller then lets the hub run by waiting for something."""
        self._prepare.start(self._turn)
        self._check.start(self._polled)
        self._wakeup.start(_nothing)
        self._housekeeping.start(self._keep_house)
        signal.signal(signal.SIGVTALRM, self._on_tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, TICK_SECONDS, TICK_SECONDS)

    def stop(self) -> None:
        """Ends the tick; to be called before the interpreter shuts down."""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    # ---- a turn of the loop ----------------------------------------------------------------------

    def _on_tick(self, number: int, frame: Any) -> None:
        self.carriers.tick = True

    def _turn(self) -> None:
        carriers = self.carriers
        carriers.tick = False
        node = self.node
        try:
            while True:
                carriers.pump()
                if carriers.tick:
                    break
                with node.lock:
                    node.flush()
                self._polling = True  # from here on another thread has to wake us
                if not carriers.queue:
                    break
                self._polling = False
            if carriers.tick:
                with node.lock:
                    node.flush()
            self._watch()
        except Exception:
            log.exception("an error in the worker's loop; it goes on")
        busy = bool(carriers.queue) or self._transport.stale
        if busy != self._idle.active:
            if busy:
                self._idle.start(_nothing)
            else:
                self._idle.stop()

    def _polled(self) -> None:
        self._polling = False
        if self._transport.stale:
            self._input()

    def _watch(self) -> None:
        """Keeps a watcher on each of the transport's descriptors, and the timer on the next deadline."""
        transport = self._transport
        if transport.generation != self._generation:
            self._generation = transport.generation
            now = set(transport.descriptors())
            for descriptor in set(self._watchers) - now:
                self._watchers.pop(descriptor).stop()
            for descriptor in now - set(self._watchers):
                watcher = self._watchers[descriptor] = self._hub.loop.io(descriptor, 1)
                watcher.start(self._input)
            transport.stale = True
        deadline = self.node.timers.next_deadline()
        if deadline != self._timer_at:
            self._timer_at = deadline
            self._timer.stop()
            if deadline is not None:
                self._timer = self._hub.loop.timer(max(0.0, deadline - self.node.clock()))
                self._timer.start(self._time)

    def _time(self) -> None:
        self._timer_at = None  # it may have rung a little early: set it again if something is still to come
        self._input()

    def _input(self) -> None:
        try:
            node = self.node
            with node.lock:
                while True:
                    node.links.receive()
                    if not self._transport.stale:
                        break
                for action in node.timers.due(node.clock()):
                    action()
        except Exception:
            log.exception("an error while handling input; the worker goes on")

    def _keep_house(self) -> None:
        try:
            self.node.housekeeping()
        except Exception:
            log.exception("an error in housekeeping; the worker goes on")

    def timer_set(self) -> None:
        """From another thread: have the hub look at the timers again. (In its own it does so at each turn.)"""
        if _thread.get_ident() != self._thread_id:
            self._wakeup.send()

    # ---- code that no carrier runs ---------------------------------------------------------------

    def ready(self, task: Any) -> None:
        """A task is new, or may go on; also from other threads."""
        self._queue.append(task)
        if self._polling and _thread.get_ident() != self._thread_id:
            self._wakeup.send()

    def soon(self) -> None:
        """From another thread: have the hub flush."""
        if _thread.get_ident() != self._thread_id:
            self._wakeup.send()

    def foreign_waker(self) -> tuple[Callable[[Ticket], object], Any]:
        """For gevent's greenlets (patched threads), and for native threads."""
        if _thread.get_ident() == self._thread_id:
            return _set_event, Event()
        gate = _thread.allocate_lock()
        return _set_event, gate

    def foreign_park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits in a greenlet of gevent's, or a native thread."""
        event = ticket.owner
        if not isinstance(event, Event):
            raise RuntimeError("dgo cannot block in a native thread of a worker: use a goroutine")
        if not event.wait(timeout):
            with self.node.lock:
                ticket.cancel(Timeout(f"nothing happened within {timeout:g} s"))
            event.wait()


def _set_event(ticket: Ticket) -> None:
    ticket.owner.set()


def _nothing() -> None:
    """A watcher that only keeps the loop awake."""


def sleep_for_ever() -> None:
    """Lets the hub run."""
    while True:
        gevent.sleep(3600)
