"""The scheduler of a worker's goroutines: carriers.

A *carrier* is a greenlet that takes the next goroutine from the run queue and calls its function. If the
function returns without blocking, nothing was created or switched. If it parks, its carrier stays with it
and another carrier goes on with the queue. A parked goroutine that becomes ready is switched to directly,
carrier to carrier.

The *hub* is the greenlet that polls I/O and timers. Carriers return to it when the queue is empty, when a
new carrier is needed (a greenlet inherits the recursion depth of the one that first switches to it, so all
are started from the hub), and when ``tick`` says that I/O has waited long enough.

Invariants:

1. An item of the queue is a task that has not started (``carrier is None``), or one that is parked and has
   been made ready once since it parked.
2. A carrier is the current greenlet, or holds a parked task, or is in ``idle``, or its task waits in gevent.
3. ``pump`` runs only in the hub.
4. Only the thread of the hub takes from the left of the queue. Any thread may append, and may remove a task
   that has not started: so what was there a moment ago may be gone, but not a started task.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

from dgo.runtime.carrier import Carrier

__all__ = ["Carriers", "Runnable"]

MAX_IDLE = 256  # carriers kept for reuse


class Runnable(Protocol):
    """What the run queue holds: ``carrier`` is None before it starts."""

    carrier: Any


class Carriers:
    """The run queue and its carriers, of one thread.

    Args:
        run: calls a task's function and deals with its end; must not raise.
        hub: the greenlet that polls; by default the one that makes this object.
    """

    def __init__(self, run: Callable[[Any], None], hub: greenlet | None = None) -> None:
        self.queue: deque[Any] = deque()
        self.tick = False
        self.hub = hub if hub is not None else getcurrent()
        self._run = run
        self._idle: list[Carrier] = []

    def ready(self, task: Runnable) -> None:
        """A task is new, or may go on."""
        self.queue.append(task)

    def park(self) -> None:
        """Leaves the calling goroutine until it is made ready."""
        queue = self.queue
        if queue and not self.tick:
            try:
                carrier = queue[0].carrier
            except IndexError:  # another thread has taken it
                self.hub.switch()
                return
            if carrier is not None:
                queue.popleft()
                if carrier is not getcurrent():
                    carrier.switch()
                return
            if self._idle:
                self._idle.pop().switch()
                return
        self.hub.switch()

    def pump(self) -> None:
        """Runs what is ready, until nothing is or the tick comes. In the hub only."""
        queue = self.queue
        while queue and not self.tick:
            try:
                carrier = queue[0].carrier
            except IndexError:  # another thread has taken it
                return
            if carrier is not None:
                queue.popleft()
            elif self._idle:
                carrier = self._idle.pop()
            else:
                carrier = Carrier(self._loop, self.hub)
            carrier.switch()

    def _loop(self) -> None:
        queue = self.queue
        me = getcurrent()
        while True:
            if not queue or self.tick:
                if len(self._idle) >= MAX_IDLE:
                    return
                self._idle.append(me)
                self.hub.switch()
                continue
            try:
                task = queue.popleft()
            except IndexError:  # another thread has taken it
                continue
            carrier = task.carrier
            if carrier is None:
                task.carrier = me
                me.task = task
                self._run(task)
                me.task = None
                me.gr_context = None  # the context variables that it has set were its own
                del task  # an idle carrier must not keep what its last goroutine held
            elif len(self._idle) < MAX_IDLE:
                self._idle.append(me)
                del task
                carrier.switch()
            else:
                queue.appendleft(task)
                return

    def unstarted(self, count: int) -> list[Any]:
        """The oldest of the queued tasks that have not started, oldest first: some ``count`` of them, if there are."""
        # Copies: others may append meanwhile. Only the first, unless none has not started: the queue may be very long.
        found = [task for task in list(islice(self.queue, 2 * count + 64)) if task.carrier is None]
        return found or [task for task in list(self.queue) if task.carrier is None]

    def remove(self, task: Runnable) -> bool:
        """Takes a task that has not started out of the queue; False if it is not there (any more)."""
        try:
            self.queue.remove(task)
        except ValueError:
            return False
        if task.carrier is not None:  # meanwhile it was started and made ready again
            self.queue.append(task)
            return False
        return True

    def close(self) -> None:
        """Ends the idle carriers (those with a task are the caller's concern)."""
        while self._idle:
            self._idle.pop().throw()
