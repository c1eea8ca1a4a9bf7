"""The line of an executor: calls wait here, in the order of submission, and fly a window at a time.

::

    waiting ──> flying ──> ended          the call was handed to the cluster as a goroutine, which has ended
       └──────> ended                     cancelled, or refused because the executor is broken

A future is PENDING while its call waits, and RUNNING once it flies. Who submits moves calls on; so do the
``turns``, which also settle futures, and so run the program's done callbacks.

Invariants: calls fly in the order of submission; a call whose future is not settled waits, flies, or is counted in
``_settling``, and while there is one the line is in ``leaving.busy``; a call that flies holds nothing of its arguments.

Locks: ``_lock`` first, then the node's. What runs under the node's lock (a goroutine's end, an answer) only leaves
a note and asks for a turn. Nothing of the program's is called under either.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from dgo.core.ticket import Ticket
from dgo.core.window import Window
from dgo.errors import BrokenExecutor, ClusterError, MisuseError
from dgo.executor import leaving
from dgo.executor.call import Call
from dgo.goroutines import Prepared
from dgo.runtime.cpus import usable_cpus
from dgo.runtime.node import Node, complete_unless_done
from dgo.runtime.turns import Turns
from dgo.wire.messages import Msg

__all__ = ["Line"]

LOOK_SECONDS = 1.0  # how often the number of workers is asked for while calls wait


class Line:
    """The calls of one executor.

    Args:
        limit: how many may fly at once; None: as many as keep the cluster busy.
        breaks: whether an error with which a call ended means that no call can succeed.
    """

    def __init__(self, limit: int | None, breaks: Callable[[BaseException], bool]) -> None:
        self._breaks = breaks
        self._lock = threading.Lock()
        self._became_idle = threading.Condition(self._lock)
        self._waiting: deque[Call] = deque()
        self._flying: set[Call] = set()
        self._landed: deque[Call] = deque()  # ended, and their futures are not settled; a note
        self._window = Window(limit, usable_cpus())
        self._workers = 0  # of the cluster; a note, 0 if there is no news
        self._watched: Node | None = None  # the node that has been asked for the number of workers
        self._blocked: Node | None = None  # the node that has no room for more goroutines
        self._settling = 0
        self._waiters: list[tuple[Node, Ticket]] = []
        self._closed = False
        self._broken: str | None = None
        self._turns = Turns("dgo-executor", self._turn, self._idle)

    # ---- submitting ------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises if no call is taken any more."""
        if self._broken is not None:
            raise BrokenExecutor(self._broken)
        if self._closed:
            raise MisuseError("cannot schedule new futures after shutdown")
        if leaving.ending():
            raise MisuseError("cannot schedule new futures after interpreter shutdown")

    def submit(self, prepared: Prepared) -> Future[Any]:
        """Takes a call; never waits for others to end."""
        prepared.node.check_open()
        call = Call(prepared, self._on_end)
        with self._lock:
            self.check()
            leaving.busy.add(self)
            self._waiting.append(call)
            alone = not self._flying
            self._fly()
        if alone:  # whoever flies while others do gets company instead: one message for many
            call.node.host.flush()
        return call.future

    def _fly(self) -> Node | None:
        """Hands to the cluster what the window lets through; returns the node that took it. Under the lock."""
        waiting, flying = self._waiting, self._flying
        node: Node | None = None
        while waiting and len(flying) < self._window.size and self._has_room(waiting[0].node):
            call = waiting[0]
            try:
                if call.begin():
                    flying.add(call)
                    call.start()
                    node = call.node
            except BaseException as error:  # Ctrl-C, in the middle: no future may be forgotten
                call.refuse(error)
                raise
            finally:
                waiting.popleft()
        if waiting and not self._window.fixed:
            self._watch(waiting[0].node)
        self._tell_if_idle()
        return node

    def _has_room(self, node: Node) -> bool:
        """Whether one more goroutine may be started; if not, a turn comes when one may. Under the lock."""
        if self._blocked is node:
            return False
        if node.closed is not None or node.spawner.has_room():
            return True  # without the node's lock: one too many does no harm. A closed node refuses the call itself
        with node.lock:
            if node.closed is None and not node.spawner.has_room():
                node.spawner.blocked.append(Ticket(partial(self._on_room, node)))
                self._blocked = node
        return self._blocked is not node

    def _watch(self, node: Node) -> None:
        """Has the number of workers asked for, now and then, while calls wait. Under the lock."""
        if self._watched is node:
            return
        with node.lock:
            if node.closed is None:
                self._watched = node
                node.ask(node.coordinator, [Msg.WORKERS], partial(self._on_workers, node))
                node.host.soon()

    # ---- notes: under the node's lock ------------------------------------------------------------

    def _on_end(self, call: Call) -> None:
        self._landed.append(call)
        self._turns.ask(call.node)

    def _on_room(self, node: Node, ticket: Ticket) -> None:
        self._blocked = None
        self._turns.ask(node)

    def _on_workers(self, node: Node, workers: list[Any] | None) -> None:
        if workers:
            self._workers = len(workers)
        node.set_timer(node.clock() + LOOK_SECONDS, partial(self._look_again, node))
        self._turns.ask(node)

    def _look_again(self, node: Node) -> None:
        self._watched = None
        if self._waiting:
            self._turns.ask(node)

    # ---- turns -----------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Deals with the notes: moves calls on first, so that the cluster is busy, then settles futures."""
        landed: deque[Call] = deque()
        while self._landed:
            landed.append(self._landed.popleft())
        count = len(landed)
        with self._lock:
            if self._workers:
                self._window.workers(self._workers)
                self._workers = 0
            if landed:
                self._flying.difference_update(landed)
                self._settling += count
                self._window.ended(count, landed[0].node.clock(), bool(self._waiting))
            node = self._fly()
        if node is not None:
            node.host.flush()
        while landed:
            self._settle(landed.popleft())
        self._settled(count)

    def _settle(self, call: Call) -> None:
        value, error = call.read()
        if error is not None and self._breaks(error):
            self._break(str(error))
            cause, error = error.__cause__, BrokenExecutor(str(error))
            error.__cause__ = cause
        call.settle(value, error)

    def _settled(self, count: int) -> None:
        with self._lock:
            self._settling -= count
            self._tell_if_idle()

    def _idle(self) -> bool:
        return not (self._waiting or self._flying or self._settling)

    def _tell_if_idle(self) -> None:
        """Under the lock."""
        if self._idle():
            leaving.busy.discard(self)
            self._became_idle.notify_all()
            for node, ticket in self._waiters:
                with node.lock:
                    complete_unless_done(ticket)

    # ---- ends ------------------------------------------------------------------------------------

    def _take_waiting(self) -> deque[Call]:
        """The calls that wait, and do no more; they are to be settled. Under the lock."""
        waiting, self._waiting = self._waiting, deque()
        self._settling += len(waiting)
        return waiting

    def _break(self, text: str) -> None:
        """No call can succeed: refuses those that wait and those to come."""
        with self._lock:
            self._broken = text
            refused = self._take_waiting()
        for call in refused:
            if call.begin():
                call.settle(None, BrokenExecutor(text))
        self._settled(len(refused))

    def close(self, *, cancel: bool) -> None:
        """Takes no more calls; with ``cancel``, those that wait are cancelled."""
        with self._lock:
            self._closed = True
            cancelled = self._take_waiting() if cancel else deque()
        try:
            for call in cancelled:
                if call.future.cancel():
                    call.begin()  # tells those who wait for it
        finally:
            self._settled(len(cancelled))

    def cancel_flying(self) -> None:
        """Cancels the goroutines of the calls that fly."""
        with self._lock:
            for call in self._flying:
                call.cancel()

    def wait(self) -> None:
        """Blocks until all calls have ended, and their done callbacks have returned.

        Raises:
            MisuseError: you: a done callback of this executor waits for itself.
            Deadlock: you: its calls, and all else, sleep for ever.
        """
        if self._turns.inside():
            raise MisuseError(
                "a done callback waits for the executor that runs it, and so for itself: use shutdown(wait=False)"
            )
        while not self._wait_once():
            pass

    def _wait_once(self) -> bool:
        """Waits until it is idle; False if it has to be looked at again.

        While goroutines have to end this is a wait of dgo's, which sees deadlocks; for callbacks it is not.
        """
        with self._lock:
            node = next((call.node for call in itertools.chain(self._flying, self._waiting)), None)
            if node is None or node.closed is not None:  # now all is a matter of turns
                return self._idle() or not self._became_idle.wait()
            with node.lock:
                ticket = node.host.ticket()
            entry = (node, ticket)
            self._waiters.append(entry)
        try:
            node.wait(ticket, "executor", self)
        except ClusterError:
            return False  # that ends the calls, and so the next wait
        finally:
            self._waiters.remove(entry)
        return True

    def __repr__(self) -> str:
        state = "broken" if self._broken is not None else "shut down" if self._closed else "open"
        return f"{state}, {len(self._waiting)} waiting, {len(self._flying)} of {self._window.size} in flight"
