"""Who runs next in a simulation, and where a goroutine may be switched out.

A simulation that *explores* chooses the next ready goroutine by its seed, and lets others run in between at
**points**: before an operation of dgo takes effect, and after it has. An operation is found by the node's lock,
which every operation takes: if it is not held, and it is a public module (or the common part of all shared
objects) that takes or has returned it, in a goroutine, that is a point. The runtime's own steps are none: a world in
which a goroutine is switched out while it parks does not exist. The few reads that need no lock are made points by
hand (``lock_free``).

Between two of its points a goroutine takes no virtual time; each turn takes a little, so that messages may arrive, and
timers ring, while others compute.
"""

from __future__ import annotations

import dis
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from dgo.channels import Chan
from dgo.core.ticket import Ticket
from dgo.errors import MisuseError
from dgo.goroutines import Goroutine
from dgo.runtime import current
from dgo.runtime.build import compiled
from dgo.runtime.carrier import Carrier
from dgo.runtime.carriers import Carriers
from dgo.runtime.greenlets import GreenletHost
from dgo.runtime.shared import Shared
from dgo.runtime.task import IN_QUEUE, Task
from dgo.sync import Atomic
from dgo.testing.trace import Trace, named, operation_of

__all__ = ["ExploringLock", "Schedule", "SimulatedHost", "lock_free"]

PUBLIC = frozenset(
    {
        "dgo.channels",
        "dgo.combine",
        "dgo.context",
        "dgo.goroutines",
        "dgo.runtime.cells",  # changes that are worked out without the lock
        "dgo.runtime.objects",
        "dgo.selection",
        "dgo.references",
        "dgo.time",
        *(f"dgo.sync.{name}" for name in ("atomic", "cond", "errgroup", "locks", "map", "once", "semaphore")),
        *(f"dgo.sync.{name}" for name in ("singleflight", "waitgroup")),
    }
)
UNSEEN = frozenset({"status", "census", "count"})  # waits that tell nothing about a program
LONG_TURN = 1000  # goroutines that run before the others' turn comes, where nothing is explored
TURN_SECONDS = 1e-3  # that such a turn takes


class Schedule:
    """The choices of one simulation, from its seed.

    Attributes:
        often: the probability of a switch at a point.
        pace: the virtual seconds that a turn takes at most.
        turns: how many goroutines run in one turn.
        random: decides; None: first come, first served.
    """

    def __init__(self, seed: int, explore: bool, trace: Trace | None) -> None:
        self.trace = trace
        self.random: random.Random | None = None
        self.often = 0.0
        self.pace = TURN_SECONDS
        self.turns = LONG_TURN
        if explore:
            self.random = random.Random(f"schedule {seed}")
            self.often = self.random.choice((0.05, 0.2, 0.5))
            self.pace = self.random.choice((1e-6, 2e-5, 2e-4))
            self.turns = 1

    def moment(self) -> float:
        """How long a turn has taken."""
        return self.pace if self.random is None else self.random.random() * self.pace


class ReadyQueue(deque[Any]):
    """A run queue that ends the turn after so many goroutines, and whose order is the seed's."""

    def __init__(self, carriers: Carriers, schedule: Schedule) -> None:
        super().__init__()
        self.left = schedule.turns
        self._carriers = carriers
        self._random = schedule.random

    def append(self, item: Any) -> None:
        """A goroutine is ready: it stands anywhere in the queue."""
        if self._random is None:
            super().append(item)
        else:
            self.insert(int(self._random.random() * (len(self) + 1)), item)

    def popleft(self) -> Any:
        """The next to run."""
        self.left -= 1
        if self.left <= 0:
            self._carriers.tick = True
        return super().popleft()


class SimulatedHost(GreenletHost):
    """The host of a simulated node."""

    def __init__(self, hub: greenlet, schedule: Schedule) -> None:
        super().__init__(hub)
        self._schedule = schedule
        self._ready = ReadyQueue(self.carriers, schedule)
        self.carriers.queue = self._queue = self._ready
        self._closing = False

    def born(self, task: Task) -> None:
        """Who is next is the seed's choice, if it chooses."""
        if self._schedule.random is None:
            super().born(task)
        else:
            task.job = task.job or self.job()
            self.ready(task)

    def turn(self) -> bool:
        """Lets goroutines run; True if the turn was over before all had run."""
        self._ready.left = self._schedule.turns
        self.carriers.tick = False
        self.node.moment = self.node.clock()
        self.carriers.pump()
        return self._ready.left <= 0

    def close(self) -> None:
        """Ends what is left of the goroutines. They are not heard any more."""
        self._closing = True
        self._queue.clear()
        self.carriers.nursery.empty()
        self.carriers.tick = True
        if getcurrent() is not self.carriers.hub:
            return  # they could not come back here
        execution = self.node.execution
        for task in execution.tasks() if execution is not None else ():
            if type(task.carrier) is Carrier:
                task.carrier.throw(GreenletExit)
        if self._coroutines is not None:
            self._coroutines.close()
        self._queue.clear()
        self.carriers.nursery.empty()
        self.carriers.close()

    def yield_(self) -> None:
        """Puts the calling goroutine at the end of the run queue. Who does only that ends its turn in the end."""
        self._ready.left -= 1
        if self._ready.left <= 0:
            self.carriers.tick = True
        super().yield_()

    # ---- points ----------------------------------------------------------------------------------

    def point(self, frame: FrameType, entering: bool) -> None:
        """The lock is free, and about to be taken or just returned, by the code of ``frame``."""
        me = getcurrent()
        if type(me) is not Carrier or self._closing or frame.f_globals.get("__name__") not in PUBLIC:
            return
        task = me.task
        if task is None or task.ticket is not None:  # it is parked, but for the switch
            return
        trace = self._schedule.trace
        if entering:
            self._check()
            if trace is not None:
                self._note(trace, me, frame)
        self._maybe_switch(task)

    def visit(self, handle: Shared, name: str | None) -> None:
        """A goroutine is about to read ``handle`` without the lock, or has read it (no name)."""
        me = getcurrent()
        if type(me) is not Carrier or self._closing or me.task is None:
            return
        if name is not None and self._schedule.trace is not None:
            self._schedule.trace.add(self.node, me.task, named(handle, name, self.node))
        self._maybe_switch(me.task)

    def _note(self, trace: Trace, me: Any, frame: FrameType) -> None:
        """A line for the operation, unless it is one that has taken the lock before: then it has only got further.

        (By the places in the code, not by the frames: addresses are not the same in every run.)
        """
        outer = frame
        where = [frame.f_lasti]
        while (back := outer.f_back) is not None and back.f_globals.get("__name__") in PUBLIC:
            outer = back
            where.append(outer.f_lasti)
        where.reverse()
        call = (outer.f_code, None if back is None else back.f_lasti)
        last_call, last_where = getattr(me, "noted", (None, where))
        me.noted = (call, where)
        if call == last_call and where > last_where:
            return
        trace.add(self.node, me.task, operation_of(outer, self.node))

    def _check(self) -> None:
        if current.peek() is not self.node:
            running = current.peek()
            raise MisuseError(
                f"an object of {self.node.name} was used by a goroutine on {running.name if running else 'no node'}, "
                "and not passed to it: each process has its own data of modules. Pass it as an argument or in a closure"
            )

    def _maybe_switch(self, task: Any) -> None:
        chooser = self._schedule.random
        if chooser is None or chooser.random() >= self._schedule.often:
            return
        if type(task) is Task and task.shielded:
            return
        before, task.ticket = task.ticket, IN_QUEUE
        self._queue.append(task)
        self._park()
        task.ticket = before

    # ---- what is noted ---------------------------------------------------------------------------

    def stay(self, ticket: Ticket) -> None:
        """Leaves the calling goroutine until the ticket is DONE."""
        if self._closing:
            raise GreenletExit
        trace = self._schedule.trace
        if trace is None or ticket.kind in UNSEEN:
            super().stay(ticket)
            return
        task = ticket.owner
        trace.add(self.node, task, f"waits: {ticket.kind}")
        super().stay(ticket)
        trace.add(self.node, task, "goes on" if ticket.error is None else f"goes on: {type(ticket.error).__name__}")

    def _run(self, item: Any) -> None:
        if item.depth > 0:  # it was not in the queue, which counts
            self._ready.left -= 1
            if self._ready.left <= 0:
                self.carriers.tick = True
        trace = self._schedule.trace
        if trace is None or type(item) is not Task:
            super()._run(item)
            return
        trace.add(self.node, item, "starts")
        super()._run(item)
        trace.add(self.node, item, "ends")


class ExploringLock:
    """The lock of a simulated node. All is one thread, so it only knows whether it is held.

    A compiled function, which has no frame, takes it by ``with`` only.
    """

    __slots__ = ("_depth", "_host", "_public")

    def __init__(self, host: SimulatedHost) -> None:
        self._depth = 0
        self._host = host
        self._public = True  # it is held by the code of a frame

    def acquire(self) -> bool:
        return self._enter(sys._getframe(1), True)

    def release(self) -> None:
        self._leave(sys._getframe(1), True)

    def __enter__(self) -> bool:
        frame = sys._getframe(1)
        return self._enter(frame, not compiled() or _enters_here(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(sys._getframe(1), kind is None)

    def _enter(self, frame: FrameType, public: bool) -> bool:
        if not self._depth:
            if public:
                self._host.point(frame, True)
            self._public = public
        self._depth += 1
        return True

    def _leave(self, frame: FrameType, ends: bool) -> None:
        self._depth -= 1
        if not self._depth and ends and self._public:
            self._host.point(frame, False)


BEFORE_WITH = dis.opmap.get("BEFORE_WITH")


def _enters_here(frame: FrameType) -> bool:
    """Whether a ``with`` of this frame's code begins, and not one of a compiled function that it has called."""
    return frame.f_code.co_code[frame.f_lasti] == BEFORE_WITH


# ---- reads without the lock ----------------------------------------------------------------------


def _visiting(read: Callable[..., Any], name: str) -> Callable[..., Any]:
    def visit(handle: Any) -> Any:
        node = current.peek()
        if node is None or handle._core is None or not isinstance(node.host, SimulatedHost):
            return read(handle)
        node.host.visit(handle, name)
        value = read(handle)
        node.host.visit(handle, None)
        return value

    return visit


@contextmanager
def lock_free() -> Iterator[None]:
    """While this lasts, the operations that take no lock are points as well."""
    (channel,) = (cls for cls in Chan.__mro__ if "closed" in cls.__dict__)
    before = [(cls, name, cls.__dict__[name]) for cls, name in ((Atomic, "load"), (Goroutine, "done"))]
    closed = channel.__dict__["closed"]
    for cls, name, read in before:
        setattr(cls, name, _visiting(read, name))
    setattr(channel, "closed", property(_visiting(closed.fget, "closed")))  # noqa: B010 - its type says it is read-only
    try:
        yield
    finally:
        for cls, name, read in before:
            setattr(cls, name, read)
        setattr(channel, "closed", closed)  # noqa: B010 - as above
