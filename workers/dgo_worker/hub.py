"""gevent's hub as the place where a worker polls.

Each turn of gevent's loop: ``_turn`` runs everything that is ready and then sends what was queued; then
gevent runs callbacks of its own, in which goroutines may go on that waited for its locks; then ``_settle``
decides whether the loop may sleep (not while something is ready or unsent, or if input has come meanwhile; in
a conversation it looks for input a moment longer, see ``dgo.core.eagerness``); then the loop polls; then input
and timers make goroutines ready. So batches leave exactly when there is nothing else to do, and I/O is polled
at every tick even when the run queue never empties.

**The tick** comes every 10 ms of CPU time, as a signal, and so inside whatever is running. Carriers return to
the hub between two goroutines once it has come. A goroutine that computes is switched out there and then, if
``dgo_worker.preemption`` says that its stack allows it: from inside the signal's handler, where it goes on
later. What input has made ready meanwhile runs before it.

While the hub does not come round, another thread does its work with input (``dgo_worker.sysmon``), so whatever
is done here to the node is done under its lock.

Invariants:

1. ``polling`` is True from the decision to poll until the poll's end: while it is False, a thread that makes
   something ready need not wake the loop, because the loop looks before it sleeps.
2. A preempted goroutine is in ``_preempted`` or, at most one at a time, in the run queue; its task's ``ticket``
   is ``IN_QUEUE``.
3. Nothing of gevent's is touched by other threads, but for the wake-up watcher, which is made for it.
"""

from __future__ import annotations

import logging
import math
import select
import selectors
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from os import sched_yield
from types import FrameType
from typing import TYPE_CHECKING, Any

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.hub import get_hub
from greenlet import getcurrent

from dgo.core.eagerness import LOOK_SECONDS, Eagerness
from dgo.core.ticket import Ticket
from dgo.errors import Timeout
from dgo.runtime.carrier import Carrier
from dgo.runtime.greenlets import Action, GreenletHost
from dgo.runtime.loops import outside
from dgo.runtime.running import Running
from dgo.runtime.task import IN_QUEUE, Task
from dgo.runtime.threads import OWN_THREADS
from dgo_worker import preemption
from dgo_worker.collector import Collector
from dgo_worker.selector import epoll_selector
from dgo_worker.sysmon import Sysmon

if TYPE_CHECKING:
    from dgo.runtime.coroutines import Coroutines
    from dgo.transport.interface import PolledTransport

__all__ = ["HubHost"]

log = logging.getLogger("dgo.worker")

TURN_SECONDS = 0.001  # after which goroutines that end let the hub have its turn, before the tick has them do so
TICK_SECONDS = 0.01  # of CPU time at most, after which the hub gets its turn
CLOCK_MONOTONIC_COARSE = 6  # Linux's, which steps with the kernel's timer interrupt
HOUSEKEEPING_SECONDS = 0.1

_clock = time.monotonic
# gevent's differs from greenlet to greenlet.
_native_thread: Callable[[], int] = monkey.get_original("_thread", "get_ident")


class HubHost(GreenletHost):
    """Runs carriers from gevent's hub, and polls the transport there.

    Args:
        transport: what the hub polls.
        preempt: whether goroutines that compute are switched out. Not in a worker without gevent's patches, where
            a goroutine may hold a native lock: the next one that wants it would block the thread.

    Attributes:
        turns: how many turns of the loop have begun.
        polling: see the invariants.
    """

    def __init__(self, transport: PolledTransport, *, preempt: bool = True) -> None:
        self._hub = get_hub()
        super().__init__(self._hub)
        loop = self._hub.loop
        self.transport = transport
        self.turns = 0
        self._turn_at = 0.0
        self._eagerness = Eagerness()
        self._idle_since = 0.0  # it has nothing to do; 0: it has
        self._looked = False  # since then
        self._looks_at = monkey.get_original("select", "poll")()
        descriptor = loop.fileno()  # stands for all that the loop waits for, if it is of epoll's kind
        if descriptor is not None and descriptor >= 0:
            self._looks_at.register(descriptor, select.POLLIN)
        self.polling = False
        self._preempt = preempt
        self._preempted: deque[Task] = deque()
        self._next_preempted: Task | None = None  # the one of them that is in the run queue
        self._thread_id = _native_thread()
        self._collector = Collector()
        self._sysmon = Sysmon(self, self._thread_id)
        self._generation = -1
        self._watchers: dict[int, Any] = {}
        self._prepare = loop.prepare(priority=loop.MAXPRI)
        self._last = loop.prepare(priority=loop.MINPRI)
        self._check = loop.check(priority=loop.MAXPRI)
        self._idle = loop.idle()
        self._wakeup = loop.async_()
        self._kept: list[Any] = []  # watchers for asyncio
        self._loops_run = False
        self._timer = loop.timer(0.0)
        self._timer_at: float | None = None
        self._housekeeping = loop.timer(HOUSEKEEPING_SECONDS, HOUSEKEEPING_SECONDS)

    def start(self) -> None:
        """Begins to run; the caller then lets the hub run by waiting for something."""
        self._prepare.start(self._turn)
        self._last.start(self._settle)
        self._check.start(self._polled)
        self._wakeup.start(_nothing)
        self._housekeeping.start(self._keep_house)
        signal.signal(signal.SIGVTALRM, self._on_tick)
        tick = tick_seconds()
        signal.setitimer(signal.ITIMER_VIRTUAL, tick, tick)
        self._sysmon.start()

    def stop(self) -> None:
        """Ends the tick and the other thread; to be called before the interpreter shuts down."""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self._sysmon.stop()

    # ---- the tick --------------------------------------------------------------------------------

    def _on_tick(self, number: int, frame: FrameType | None) -> None:
        self.carriers.tick = True
        self.carriers.nursery.tick()
        me = getcurrent()
        if type(me) is not Carrier:
            return
        task = me.task
        if task is None or task.ticket is not None or self.node.lock._is_owned():  # type: ignore[attr-defined] # as threading uses it
            return
        goroutine = task if type(task) is Task else task.current()
        if goroutine is None or goroutine.shielded or goroutine.call is not None:  # its function is not called yet
            return
        found = preemption.verdict(frame)
        if found == preemption.NO:
            return
        if goroutine.cancellation is not None:
            if task is goroutine:
                self._look(task, certain=False)
            self._cancel_here(goroutine, found)
        if not self._preempt:
            return
        task.ticket = IN_QUEUE
        self._preempted.append(task)
        self._hub.switch()
        self._next_preempted = None
        task.ticket = None
        if goroutine.cancellation is not None:
            self._cancel_here(goroutine, found)

    def _cancel_here(self, goroutine: Task, found: int) -> None:
        """Raises what ``cancel()`` has asked for in the interrupted goroutine, if its stack allows it."""
        if type(goroutine.carrier) is Running:
            if found == preemption.RAISE_IN_ASYNCIO:
                goroutine.carrier.interrupt()
        elif found == preemption.RAISE:
            self.raise_pending(goroutine)

    # ---- a turn of the loop ----------------------------------------------------------------------

    def _turn(self) -> None:
        carriers = self.carriers
        carriers.tick = False
        self.turns += 1
        self._turn_at = _clock()
        node = self.node
        node.moment = node.clock()
        execution = node.execution
        assert execution is not None
        try:
            if self._preempted:
                self._queue_preempted()
            while True:
                carriers.pump()
                if execution.stopping and self._interrupt():
                    continue
                with node.lock:
                    node.flush()
                if carriers.tick or not carriers.waiting():
                    break
        except Exception:
            log.exception("an error in the worker's loop; it goes on")

    def _run(self, item: Any) -> None:
        if type(item) is not Task:
            item.action()
            return
        if _clock() - self._turn_at > TURN_SECONDS:
            self.carriers.tick = True  # once this one has ended: who is idle waits for what it could run of ours
        execution = self.node.execution
        assert execution is not None
        execution.run(item)

    def _queue_preempted(self) -> None:
        """One of those who were switched out is next, after what is ready.

        One at a time: else what input makes ready in the next turn would have to wait for all of them. Before it
        computes again, what the others did leaves.
        """
        self._flush()
        if self._next_preempted is None:
            if self.carriers.waiting():
                self._queue.append(Action(self._flush))
            self._next_preempted = self._preempted.popleft()
            self.carriers.yields(self._next_preempted)

    def _flush(self) -> None:
        with self.node.lock:
            self.node.flush()

    def _interrupt(self) -> bool:
        """Raises ``Cancelled`` in goroutines that wait in gevent and have one to come; True if there were any."""
        execution = self.node.execution
        assert execution is not None
        found = False
        for task in list(execution.stopping):
            carrier = task.carrier
            if task.ticket is not None or type(carrier) is not Carrier or not preemption.may_throw(carrier.gr_frame):
                continue
            with self.node.lock:
                error = execution.take(task)
            if error is not None:
                found = True
                carrier.throw(error)
        return found

    def _settle(self) -> None:
        """The last thing before the loop polls: may it sleep?"""
        try:
            with self.node.lock:
                self._watch()
        except Exception:
            log.exception("an error in the worker's loop; it goes on")
        self.polling = True  # from here on another thread has to wake us
        busy = self.carriers.waiting() or bool(self._preempted) or self.transport.stale or self.node.unsent
        if not busy:
            self._idle_since = _clock()
            self._looked = self._eagerness.looks()
            if self._looked:
                busy = self._look_out(self._idle_since + LOOK_SECONDS)
        if busy != self._idle.active:
            if busy:
                self._idle.start(_nothing)
            else:
                self._idle.stop()

    def _look_out(self, end: float) -> bool:
        """Looks a moment longer for input, for what other threads make ready, and for what gevent waits for."""
        queue = self.carriers.queue
        poll = self._looks_at.poll
        edge_triggered = self.transport.edge_triggered
        while not queue and not poll(0):
            if edge_triggered and self._has_news():
                return True
            if _clock() >= end:
                return False
            sched_yield()
        return True

    def _has_news(self) -> bool:
        """Whether a transport has input whose descriptor does not stay readable."""
        with self.node.lock:  # another thread may send
            transport = self.transport
            if transport.ready():
                transport.stale = True  # to ask may have used up the news
            return transport.stale

    def _polled(self) -> None:
        self.polling = False
        self.node.moment = self.node.clock()  # before timers of gevent's wake goroutines
        if self._idle_since:
            self._eagerness.idled(_clock() - self._idle_since, self._looked)
            self._idle_since = 0.0
        if self.transport.stale:
            self._input()

    def _watch(self) -> None:
        """Keeps a watcher on each of the transport's descriptors, and the timer on the next deadline."""
        transport = self.transport
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
            with self.node.lock:
                self.handle_input()
        except Exception:
            log.exception("an error while handling input; the worker goes on")

    def handle_input(self) -> None:
        """Handles all that has come, and the timers that are due. Under the node's lock, in any thread."""
        node = self.node
        while True:
            node.links.receive()
            if not self.transport.stale:
                break
        for action in node.timers.due(node.clock()):
            action()

    def _keep_house(self) -> None:
        try:
            self.node.housekeeping()
            assert self.node.execution is not None
            self._collector.adjust(self.node.execution.count)
        except Exception:
            log.exception("an error in housekeeping; the worker goes on")

    def timer_set(self) -> None:
        """From another thread: have the hub look at the timers again. (In its own it does so at each turn.)"""
        if _native_thread() != self._thread_id:
            self._wakeup.send()

    def keeps_waiting(self) -> bool:
        """True if a goroutine could go on if another one let it. (Counted: the nursery may only seem to have one.)"""
        return bool(len(self.carriers) or self._preempted)

    def ready_count(self) -> int:
        """How many goroutines could run now, or do: one does whenever another thread asks."""
        return len(self.carriers) + len(self._preempted) + (_native_thread() != self._thread_id)

    def runnable(self) -> bool:
        """True if a goroutine could run now, or does: that is so whenever another thread has to ask."""
        return self.carriers.waiting() or bool(self._preempted) or _native_thread() != self._thread_id

    def threads(self) -> int:
        """The hub's, and those of the program (greenlets of gevent's, most of them); not what only stands for one.

        ``threading.current_thread()`` in a goroutine makes such an object, which stays.
        """
        return sum(
            thread.name not in OWN_THREADS and not isinstance(thread, threading._DummyThread)
            for thread in threading.enumerate()
        )

    # ---- asyncio ---------------------------------------------------------------------------------

    @property
    def coroutines(self) -> Coroutines:
        """The loop of this process's coroutines; those that compute are switched out, and the loop with them."""
        if self._coroutines is None:
            preemption.begins_at(type(super().coroutines).turns.__code__)
        return super().coroutines

    def loops_run(self) -> None:
        """Whoever waits in gevent has its loop off the thread meanwhile, too."""
        if not self._loops_run:
            self._loops_run = True
            super().loops_run()
            self._hub.switch = outside(self._hub.switch)

    def selector(self) -> selectors.BaseSelector:
        """For the loop of the coroutines, which has its own way to wait."""
        return epoll_selector()

    def watch(self, descriptor: int, action: Callable[[], object]) -> bool:
        """Watches it in the hub's loop."""
        watcher = self._hub.loop.io(descriptor, 1)
        watcher.start(action)
        self._kept.append(watcher)
        return True

    # ---- code that no carrier runs ---------------------------------------------------------------

    def ready(self, task: Any) -> None:
        """A task is new, or may go on; also from other threads."""
        self._queue.append(task)
        if self.polling:
            self._wakeup.send()

    def _wake(self, ticket: Ticket) -> None:
        self._queue.append(ticket.owner)
        if self.polling:
            self._wakeup.send()

    def later(self, action: Callable[[], object]) -> None:
        """Runs ``action`` on a carrier; also from other threads."""
        self.ready(Action(action))

    def soon(self) -> None:
        """From another thread: have the hub flush."""
        if self.polling:
            self._wakeup.send()

    def spawned(self) -> None:
        """From another thread: as ``soon``."""
        self.soon()

    def nudge(self) -> None:
        """From another thread: have the hub look at everything."""
        self._wakeup.send()

    def foreign_waker(self) -> tuple[Callable[[Ticket], object], Any]:
        """For gevent's greenlets (patched threads), and for native threads."""
        if _native_thread() == self._thread_id:
            return self._set_event, Event()
        return _nobody_waits, None

    def _set_event(self, ticket: Ticket) -> None:
        if _native_thread() == self._thread_id:
            ticket.owner.set()
        else:  # gevent's events are its own thread's
            self.later(ticket.owner.set)

    def foreign_park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits in a greenlet of gevent's, or a native thread."""
        event = ticket.owner
        if not isinstance(event, Event):
            raise RuntimeError("dgo cannot block in a native thread of a worker: use a goroutine")
        if not event.wait(timeout):
            with self.node.lock:
                ticket.cancel(Timeout(f"nothing happened within {timeout:g} s"))
            event.wait()


def tick_seconds() -> float:
    """The tick's length: a multiple of the kernel's.

    With any other the ticks would be long and short in turn, and so would the turns of goroutines that compute.
    """
    kernel = time.clock_getres(CLOCK_MONOTONIC_COARSE)
    return max(1, math.floor(TICK_SECONDS / kernel + 1e-6)) * kernel


def _nobody_waits(ticket: Ticket) -> None:
    """The ticket of a native thread, which is not allowed to wait."""


def _nothing() -> None:
    """A watcher that only keeps the loop awake."""


def sleep_for_ever() -> None:
    """Lets the hub run."""
    while True:
        gevent.sleep(3600)
