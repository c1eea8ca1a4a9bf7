"""The line of an executor: calls wait here, in the order of submission, and fly a window at a time.

::

    waiting ──> flying ──> ended          the call was handed to the cluster as a goroutine, which has ended
       └──────> ended                     cancelled, or refused because the executor is broken

A future is PENDING while its call waits, and RUNNING once it flies. Who submits moves calls on; so do the
``turns``, which also settle futures, and so run the program's done callbacks.

Invariants: calls fly in the order of submission; ``_unfinished`` counts the calls whose futures are not settled,
and the line is in ``leaving.busy`` exactly while it is not 0; a call that flies holds nothing of its arguments.

Locks: ``_lock`` first, then the node's. What runs under the node's lock (a goroutine's end, an answer) only leaves
a note and asks for a turn. Nothing of the program's is called under either.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from dgo.core.ticket import Ticket
from dgo.core.window import Window
from dgo.errors import BrokenExecutor, MisuseError
from dgo.executor import leaving
from dgo.executor.call import Call
from dgo.goroutines import Prepared
from dgo.runtime.cpus import usable_cpus
from dgo.runtime.node import Node
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
        self._all_settled = threading.Condition(self._lock)
        self._waiting: deque[Call] = deque()
        self._flying: set[Call] = set()
        self._landed: deque[Call] = deque()  # ended, and their futures are not settled; a note
        self._window = Window(limit, usable_cpus())
        self._workers = 0  # of the cluster; a note, 0 if there is no news
        self._watched: Node | None = None  # the node that has been asked for the number of workers
        self._blocked: Node | None = None  # the node that has no room for more goroutines
        self._unfinished = 0
        self._closed = False
        self._broken: str | None = None
        self._turns = Turns("dgo-executor", self._turn, lambda: self._unfinished == 0)

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
            self._waiting.append(call)
            self._unfinished += 1
            leaving.busy.add(self)
            self._fly()
        return call.future

    def _fly(self) -> None:
        """Hands to the cluster what the window lets through. Under the lock."""
        waiting, flying = self._waiting, self._flying
        while waiting and len(flying) < self._window.size:
            if not self._has_room(waiting[0].node):
                return
            call = waiting.popleft()
            if call.begin():
                flying.add(call)
                call.start()
            else:
                self._finish(1)
        if waiting and not self._window.fixed:
            self._watch(waiting[0].node)

    def _has_room(self, node: Node) -> bool:
        """Whether one more goroutine may be started; if not, a turn comes when one may."""
        if self._blocked is node:
            return False
        with node.lock:
            if node.closed is not None or node.spawner.has_room(partial(self._on_room, node)):
                return True  # (a node that is closed refuses the call itself)
            self._blocked = node
            return False

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
                self._window.ended(count, landed[0].node.clock(), bool(self._waiting))
            self._fly()
        while landed:
            self._settle(landed.popleft())
        with self._lock:
            self._finish(count)

    def _settle(self, call: Call) -> None:
        value, error = call.read()
        if error is not None and self._breaks(error):
            self._break(str(error))
            cause, error = error.__cause__, BrokenExecutor(str(error))
            error.__cause__ = cause
        call.settle(value, error)

    def _finish(self, count: int) -> None:
        """The futures of ``count`` calls are settled. Under the lock."""
        self._unfinished -= count
        if self._unfinished == 0:
            leaving.busy.discard(self)
            self._all_settled.notify_all()

    # ---- ends ------------------------------------------------------------------------------------

    def _take_waiting(self) -> deque[Call]:
        """Under the lock: the calls that wait, which do no more."""
        waiting, self._waiting = self._waiting, deque()
        return waiting

    def _break(self, text: str) -> None:
        """No call can succeed: refuses those that wait and those to come."""
        with self._lock:
            self._broken = text
            refused = self._take_waiting()
        for call in refused:
            if call.begin():
                call.settle(None, BrokenExecutor(text))
        with self._lock:
            self._finish(len(refused))

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
            with self._lock:
                self._finish(len(cancelled))

    def cancel_flying(self) -> None:
        """Cancels the goroutines of the calls that fly."""
        with self._lock:
            for call in self._flying:
                call.cancel()

    def wait(self) -> None:
        """Blocks until all calls have ended, and their done callbacks have returned.

        Raises:
            MisuseError: you: a done callback of this executor waits for itself.
        """
        if self._turns.inside():
            raise MisuseError(
                "a done callback waits for the executor that runs it, and so for itself: use shutdown(wait=False)"
            )
        with self._lock:
            while self._unfinished:
                self._all_settled.wait()

    def __repr__(self) -> str:
        state = "broken" if self._broken is not None else "shut down" if self._closed else "open"
        return f"{state}, {len(self._waiting)} waiting, {len(self._flying)} of {self._window.size} in flight"
