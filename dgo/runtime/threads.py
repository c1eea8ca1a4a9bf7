"""The driver's host: goroutine-less code in ordinary threads, and one thread for input.

Threads of the user's program send directly, under the node's lock; one daemon thread receives. A thread
that waits does so on a lock of its own, which signals can interrupt in the main thread.

**When spawns leave.** One after which its thread waits should leave at once; of many in a row, many should leave
together. So the first one after a wait leaves at once, and those that follow it without a wait have company.

**When waiters go on.** The input thread lets them go on as the last thing before it sleeps, when it is about to give up
the interpreter's lock: woken earlier they would find it taken, and have to be woken a second time.
"""

from __future__ import annotations

import _thread
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo.core.select import Select
from dgo.core.ticket import Ticket
from dgo.errors import Cancelled, Timeout
from dgo.runtime.remote import PendingOperation
from dgo.runtime.waiting import InputWait

if TYPE_CHECKING:
    from dgo.core.queue import Queue
    from dgo.runtime.node import Node
    from dgo.transport.interface import PolledTransport

__all__ = ["ThreadHost"]

log = logging.getLogger("dgo.driver")

# These wake nobody; tqdm's stays once a progress bar was shown.
OWN_THREADS = frozenset({"dgo-input", "dgo-callbacks", "dgo-aside", "dgo-executor", "dgo-sysmon", "tqdm_monitor"})
HOUSEKEEPING_SECONDS = 0.1
SIGNAL_SECONDS = 0.2  # a waiting thread looks so often whether there was a signal that did not wake it
COMPANY_SECONDS = 0.0003  # how long a queued spawn may wait for more of them


def _pass(gate: _thread.LockType) -> None:
    if _thread.get_ident() != threading.main_thread().ident:
        gate.acquire()
        return
    # A signal that comes just before acquire() falls asleep does not wake it (tests/system/test_signals.py). Only the
    # main thread handles signals.
    while not gate.acquire(True, SIGNAL_SECONDS):
        pass


def _pass_within(gate: _thread.LockType, seconds: float) -> bool:
    if seconds <= SIGNAL_SECONDS:
        return gate.acquire(True, max(seconds, 0.0))
    end = time.monotonic() + seconds
    while not gate.acquire(True, min(SIGNAL_SECONDS, max(end - time.monotonic(), 0.0))):
        if time.monotonic() >= end:
            return False
    return True


class ThreadHost:
    """Waits in threads; runs the input thread."""

    node: Node

    def __init__(self, transport: PolledTransport) -> None:
        self._transport = transport
        self.input = InputWait(transport)
        self._stopping = False
        self._batching = False
        self._waited = True  # some thread, since a spawn left at once
        self._input_thread = 0
        self._opened: list[_thread.LockType] = []  # by the input thread, which has not got to its sleep yet
        self._waker = self._open_gate  # one object for all tickets
        self._acting = 0  # callbacks that have not ended (under the node's lock)
        self._thread: threading.Thread | None = None
        self._exit: tuple[int, Callable[[], object]] | None = None
        self._actions: dict[str, queue.SimpleQueue[Callable[[], object] | None]] = {}

    # ---- waiting ---------------------------------------------------------------------------------

    def ticket(self, value: Any = None) -> Ticket:
        """A ticket for the calling thread."""
        gate = _thread.allocate_lock()
        gate.acquire()
        return Ticket(self._waker, value, gate)

    def waker(self) -> tuple[Callable[[Ticket], object], Any]:
        """``(wake, owner)`` for the calling thread."""
        gate = _thread.allocate_lock()
        gate.acquire()
        return self._waker, gate

    def _open_gate(self, ticket: Ticket) -> None:
        if _thread.get_ident() == self._input_thread:
            self._opened.append(ticket.owner)
        else:
            ticket.owner.release()

    def _let_go_on(self) -> None:
        """In the input thread: those whose wait has ended go on."""
        opened, self._opened = self._opened, []
        for gate in opened:
            gate.release()

    def park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits until the ticket is DONE."""
        node = self.node
        self._waited = True
        self.flush()
        gate = ticket.owner
        node.waits.enter(ticket)
        try:
            node.check_open()  # again: who ends all waits may have read the table before
            if timeout is None:
                _pass(gate)
            elif not _pass_within(gate, timeout):
                with node.lock:
                    ticket.cancel(Timeout(f"nothing happened within {timeout:g} s ({ticket.kind})"))
                self.flush()
                _pass(gate)
        except BaseException:  # a signal's exception: nobody waits any more
            with node.lock:
                ticket.cancel(Cancelled("interrupted"))
                if isinstance(ticket, (PendingOperation, Select)):
                    ticket.abandoned = True
            self.flush()
            raise
        finally:
            node.waits.leave(ticket)

    def stand(self, queue: Queue, value: Any, kind: str, target: object, timeout: float | None) -> None:
        """Threads park on tickets."""

    def stay(self, ticket: Ticket) -> None:
        """See ``stand``."""
        raise AssertionError("nobody is parked by standing")

    def hurried(self) -> bool:
        """Threads take turns by themselves."""
        return False

    def flush(self) -> None:
        """Sends what is queued; has the input thread look if input came meanwhile."""
        node = self.node
        with node.lock:
            node.flush()
            if self._transport.stale:
                self.input.nudge()

    def soon(self) -> None:
        """Has the input thread flush soon (it does anyway after what it does itself)."""
        if self._thread is not threading.current_thread():
            self._batching = True
            self.input.nudge()

    def spawned(self) -> None:
        """Sends it at once if a thread has waited since that was last done; else it gets company."""
        if not self._waited:
            self.soon()
        elif _thread.get_ident() != self._input_thread:
            self._waited = False
            self.node.spawner.flush()
            self.node.links.flush()
            if self._transport.stale:
                self.input.nudge()

    def timer_set(self) -> None:
        """Has the input thread look at the timers again, if it may sleep longer than until the next one.

        It never sleeps longer than until its next housekeeping; and before it does, it looks itself.
        """
        deadline = self.node.timers.next_deadline()
        if deadline is None or deadline - self.node.clock() >= HOUSEKEEPING_SECONDS:
            return
        if self._thread is not threading.current_thread():
            self.input.nudge()

    def later(self, action: Callable[[], object]) -> None:
        """Runs ``action`` on the callback thread."""
        self._run_on("dgo-callbacks", action)

    def aside(self, action: Callable[[], object]) -> None:
        """Runs ``action`` on a thread that no callback of the program can block."""
        self._run_on("dgo-aside", action)

    def _run_on(self, name: str, action: Callable[[], object]) -> None:
        """Runs ``action`` on the thread of this name, which is started on first use. Under the node's lock."""
        actions = self._actions.get(name)
        if actions is None:
            actions = self._actions[name] = queue.SimpleQueue()
            threading.Thread(target=self._run_actions, args=(actions,), name=name, daemon=True).start()
        self._acting += 1
        actions.put(action)

    def _run_actions(self, actions: queue.SimpleQueue[Callable[[], object] | None]) -> None:
        while (action := actions.get()) is not None:
            try:
                action()
            except Exception:
                log.exception("a done callback raised")
            finally:
                with self.node.lock:
                    self._acting -= 1

    def runnable(self) -> bool:
        """True while a callback is to be run, or runs."""
        return self._acting > 0

    def job(self) -> int:
        """Whose program this is."""
        return self.node.spawner.job

    def current(self) -> Any:
        """The driver's threads are no goroutines."""
        return None

    def who(self) -> list[int]:
        """The calling thread."""
        return [self.node.id, 0, _thread.get_ident()]

    def sleeping_with(self, loop: Any) -> int:
        """The thread that runs it."""
        return 1 if loop is not None and loop.is_running() else 0

    def threads(self) -> int:
        """All but dgo's own."""
        return sum(thread.name not in OWN_THREADS for thread in threading.enumerate())

    def loops_run(self) -> None:
        """Each has a thread for itself."""

    def yield_(self) -> None:
        """Lets another thread run."""
        time.sleep(0)

    # ---- the input thread ------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the input thread."""
        self._thread = threading.Thread(target=self._run, name="dgo-input", daemon=True)
        self._thread.start()

    def on_exit(self, descriptor: int, action: Callable[[], object]) -> None:
        """Has ``action`` called by the input thread when the process of this descriptor has ended."""
        self._exit = (descriptor, action)
        self.input.watch(descriptor)

    def _exited(self) -> None:
        if self._exit is None or self._stopping:
            return
        descriptor, action = self._exit
        self._exit = None
        self.input.unwatch(descriptor)
        os.close(descriptor)
        action()

    def stop(self) -> None:
        """Ends the input thread (not callable from it)."""
        self._stopping = True
        self.input.nudge()
        if self._exit is not None:
            os.close(self._exit[0])
            self._exit = None
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)
        for actions in self._actions.values():
            actions.put(None)

    def _run(self) -> None:
        self._input_thread = _thread.get_ident()
        try:
            self._handle_input()
        finally:
            self._input_thread = 0
            self._let_go_on()

    def _handle_input(self) -> None:
        node = self.node
        next_housekeeping = 0.0
        while not self._stopping:
            with node.lock:
                ready = self.input.prepare()
                deadline = node.timers.next_deadline()
            if ready:
                self._let_go_on()
            else:
                now = time.monotonic()
                until = next_housekeeping if deadline is None else min(next_housekeeping, deadline)
                if self._batching:  # wait a moment for company, unless input comes
                    self._batching = False
                    until = min(until, now + COMPANY_SECONDS)
                self._let_go_on()
                if self.input.wait(until - now):
                    self._exited()
            if self._stopping:
                return  # type: ignore[unreachable] # ``stop`` was called meanwhile
            try:
                node.step()
                if time.monotonic() >= next_housekeeping:
                    node.housekeeping()
                    next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
            except Exception:
                log.exception("an error in the input thread; it goes on")
