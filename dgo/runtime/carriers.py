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
   been made ready once since it parked. What goroutines of this process spawn waits in the ``nursery`` instead.
2. A carrier is the current greenlet, or holds a parked task, or is in ``idle``, or its task waits in gevent.
3. ``pump`` runs only in the hub.
4. Only the thread of the hub takes from the left of the queue. Any thread may append, and may remove a task
   that has not started: so what was there a moment ago may be gone, but not a started task.

**Whose turn it is.** While both have something, queue and nursery take turns of up to ``SPREE`` goroutines. Children
that run before their parent is woken by the first of them wake it once, and not each of them anew; and whoever is woken
waits for a few starts only. A turn of the hub begins with the queue, if the nursery has had a start since. A task that
*yields* is behind all of them: it comes back into the queue when the nursery is empty, or has had ``LONGEST_YIELD``
starts meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

from dgo.runtime.carrier import Carrier
from dgo.runtime.nursery import Nursery

__all__ = ["Carriers", "Runnable"]

MAX_IDLE = 256  # carriers kept for reuse
SPREE = 16  # goroutines of the queue, or of the nursery, before the other one's turn
FIRST_START = 1 - SPREE  # how the nursery's turn begins
LONGEST_YIELD = 256  # starts from the nursery before the turn of one that has yielded


class Runnable(Protocol):
    """What the run queue holds.

    Attributes:
        carrier: None before it starts.
        depth: generations from what came from elsewhere (more than 0: it waits in the nursery); -1: not to be stolen.
    """

    carrier: Any
    depth: int


class Carriers:
    """The run queue and its carriers, of one thread.

    Args:
        run: calls a task's function and deals with its end; must not raise.
        hub: the greenlet that polls; by default the one that makes this object.
    """

    def __init__(self, run: Callable[[Any], None], hub: greenlet | None = None) -> None:
        self.queue: deque[Any] = deque()
        self.nursery = Nursery()
        self._spree = SPREE  # turns of the queue that are left; from 0 down, one less than starts from the nursery
        self._yielded: deque[Any] = deque()
        self._patience = 0  # starts from the nursery that these let come first
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
        if not self.tick:
            if queue and (self._spree > 0 or not self.nursery.deepest):
                try:
                    carrier = queue[0].carrier
                except IndexError:  # another thread has taken it
                    self.hub.switch()
                    return
                if carrier is not None:
                    queue.popleft()
                    if self.nursery.deepest:
                        self._spree = self._spree - 1 or FIRST_START
                    if carrier is not getcurrent():
                        carrier.switch()
                    return
                if self._idle:
                    self._idle.pop().switch()
                    return
            elif self.nursery.deepest and self._idle:
                self._idle.pop().switch()
                return
        self.hub.switch()

    def yields(self, task: Runnable) -> None:
        """A task lets those run first that wait now, also in the nursery; the caller parks it."""
        if not self.nursery.deepest:
            self.queue.append(task)
            return
        if not self._yielded:
            self._patience = min(len(self.nursery), LONGEST_YIELD)
        self._yielded.append(task)

    def _come_back(self) -> None:
        """Those that have yielded have let others run: it is the queue's turn."""
        self._spree = SPREE
        self.queue.extend(self._yielded)
        self._yielded.clear()

    def pump(self) -> None:
        """Runs what is ready, until nothing is or the tick comes. In the hub only."""
        queue = self.queue
        nursery = self.nursery
        if FIRST_START < self._spree <= 0:  # the nursery has had some of its turn
            self._spree = SPREE
        while (queue or nursery.deepest or self._yielded) and not self.tick:
            if self._yielded and not nursery.deepest:
                self._come_back()
            try:
                carrier = queue[0].carrier if queue and (self._spree > 0 or not nursery.deepest) else None
            except IndexError:  # another thread has taken it
                return
            if carrier is not None:
                queue.popleft()
                if nursery.deepest:
                    self._spree = self._spree - 1 or FIRST_START
            elif self._idle:
                carrier = self._idle.pop()
            else:
                carrier = Carrier(self._loop, self.hub)
            carrier.switch()

    def _loop(self) -> None:
        queue = self.queue
        nursery = self.nursery
        me = getcurrent()
        while True:
            if self.tick or not (queue or nursery.deepest):
                if len(self._idle) >= MAX_IDLE:
                    return
                self._idle.append(me)
                self.hub.switch()
                continue
            if nursery.deepest and not (queue and self._spree > 0):
                spree = self._spree if self._spree <= 0 else FIRST_START
                self._spree = spree + 1 if spree else SPREE
                task = nursery.take()
                if self._yielded:
                    self._patience -= 1
                    if self._patience <= 0 or not nursery.deepest:
                        self._come_back()
                if task is None:  # another thread has taken it
                    continue
            else:
                try:
                    task = queue.popleft()
                except IndexError:  # another thread has taken it
                    continue
                if nursery.deepest:
                    self._spree = self._spree - 1 or FIRST_START
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

    def waiting(self) -> bool:
        """True if something could run."""
        return bool(self.queue or self.nursery or self._yielded)

    def __len__(self) -> int:
        return len(self.queue) + len(self.nursery) + len(self._yielded)

    def steal(self, count: int) -> list[Any]:
        """Takes up to ``count`` tasks out that have not started: the large subtrees first, then those that came early.

        Looks no further into the queue than that: who stands behind many that are ready is started soon, or stolen
        the next time.
        """
        found = self.nursery.steal(count)
        if len(found) < count:
            found += self._from_queue(count - len(found), 2 * count + 64)
        return found

    def empty(self) -> list[Any]:
        """Takes out all tasks that have not started."""
        count = len(self.queue)
        return self.nursery.empty() + self._from_queue(count, count)

    def _from_queue(self, count: int, looks: int) -> list[Any]:
        # A copy: others may append meanwhile.
        unstarted = [task for task in list(islice(self.queue, looks)) if task.carrier is None and task.depth >= 0]
        return [task for task in unstarted[:count] if self._remove(task)]

    def remove(self, task: Runnable) -> bool:
        """Takes a task that has not started out; False if it is not there (any more)."""
        return self.nursery.remove(task) if task.depth else self._remove(task)

    def _remove(self, task: Runnable) -> bool:
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
