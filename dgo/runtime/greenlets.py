"""The host of a worker (and of each simulated node): goroutines on carriers."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from greenlet import getcurrent, greenlet

from dgo.core.native import mypyc_attr
from dgo.core.queue import Queue
from dgo.core.ticket import DONE, Ticket
from dgo.errors import Timeout
from dgo.runtime.carrier import Carrier
from dgo.runtime.carriers import Carriers
from dgo.runtime.nursery import MAX_DEPTH
from dgo.runtime.task import IN_QUEUE, Task

if TYPE_CHECKING:
    from dgo.runtime.coroutines import Coroutines
    from dgo.runtime.node import Node

__all__ = ["Action", "GreenletHost"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Action:
    """A piece of dgo's own work that may block, run like a goroutine. Nobody can cancel it."""

    __slots__ = ("action", "carrier", "job", "ticket")

    # Not None, so that whatever looks for a goroutine's cancellation looks closer.
    cancellation: ClassVar[str | None] = "nobody can cancel it"
    depth: ClassVar[int] = -1

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action
        self.carrier: Carrier | None = None
        self.job = 0
        self.ticket: Ticket | None = None

    def current(self) -> Task | None:
        """The goroutine in whose name it runs."""
        return None

    def parks(self, ticket: Ticket) -> None:
        """It is about to wait on ``ticket``."""


@mypyc_attr(allow_interpreted_subclasses=True)
class GreenletHost:
    """Parks and wakes goroutines. One thread."""

    node: Node

    def __init__(self, hub: greenlet | None = None) -> None:
        self.carriers = Carriers(self._run, hub)
        self._queue = self.carriers.queue
        self._waker = self._wake  # one object for all tickets
        self._coroutines: Coroutines | None = None  # once there are some
        self._park: Callable[[], None] = self.carriers.park

    # ---- waiting ---------------------------------------------------------------------------------

    def ticket(self, value: Any = None) -> Ticket:
        """A ticket for the calling goroutine."""
        me = getcurrent()
        if type(me) is Carrier:
            return Ticket(None, value, me.task)
        wake, owner = self.foreign_waker()
        return Ticket(wake, value, owner)

    def waker(self) -> tuple[Callable[[Ticket], object] | None, Any]:
        """``(wake, owner)`` for the calling goroutine; it is made ready only once it has parked."""
        me = getcurrent()
        if type(me) is Carrier:
            return None, me.task
        return self.foreign_waker()

    def _wake(self, ticket: Ticket) -> None:
        self._queue.append(ticket.owner)

    def foreign_waker(self) -> tuple[Callable[[Ticket], object], Any]:
        """``(wake, owner)`` for code that no carrier runs."""
        raise RuntimeError("a blocking dgo operation was called outside any goroutine of this node")

    def foreign_park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits in code that no carrier runs."""
        raise RuntimeError("a blocking dgo operation was called outside any goroutine of this node")

    def park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits until the ticket is DONE."""
        node = self.node
        me = getcurrent()
        task = me.task if type(me) is Carrier else None
        if type(task) is Task:
            self._park_task(task, ticket, timeout)
            return
        node.waits.enter(ticket)
        try:
            if task is None:
                self.foreign_park(ticket, timeout)
            else:
                self._park_task(task, ticket, timeout)
        finally:
            node.waits.leave(ticket)

    def _park_task(self, task: Any, ticket: Ticket, timeout: float | None) -> None:
        node = self.node
        with node.lock:
            if task.cancellation is not None and ticket.state != DONE:
                self._parks(task, ticket)
            if ticket.state == DONE:
                return
            ticket.wake = self._waker
            task.ticket = ticket
        self.stay(ticket)

    def stand(self, queue: Queue, value: Any, kind: str, target: object, timeout: float | None) -> Ticket | None:
        """A new ticket at the end of ``queue``, on which the calling goroutine is parked. Under the lock.

        When the lock is returned another thread may complete it before the goroutine has left: then that is in the run
        queue already, and goes on when its turn comes, as if it had left.
        """
        me = getcurrent()
        task = me.task if type(me) is Carrier else None
        node = self.node
        if task is None or task.cancellation is not None or node.closed is not None:
            return None
        ticket = Ticket(self._waker, value, task)
        ticket.queue = queue
        if queue.first is None:  # what append does, without its frame
            queue.first = ticket
        else:
            queue.append(ticket)
        ticket.kind = kind
        ticket.target = target
        ticket.since = node.moment
        ticket.timeout = timeout
        task.ticket = ticket
        return ticket

    def stay(self, ticket: Ticket) -> None:
        """Leaves the calling goroutine, which is parked on ``ticket``, until that is DONE."""
        if ticket.timeout is None:
            self._park()
        else:
            self._stay_within(ticket, ticket.timeout)
        task = ticket.owner
        task.ticket = None
        assert ticket.state == DONE, "a goroutine is woken by its ticket only"
        if task.cancellation is not None and type(task) is Task:
            with self.node.lock:
                assert self.node.execution is not None
                self.node.execution.parked(task, ticket)

    def hurried(self) -> bool:
        """Whether the tick has come."""
        return self.carriers.tick

    def _stay_within(self, ticket: Ticket, seconds: float) -> None:
        node = self.node
        with node.lock:
            timer = node.timers.set(
                node.clock() + max(seconds, 0.0),
                lambda: ticket.cancel(Timeout(f"nothing happened within {seconds:g} s ({ticket.kind})")),
            )
        self.timer_set()
        self._park()
        with node.lock:
            node.timers.cancel(timer)

    def _parks(self, task: Any, ticket: Ticket) -> None:
        if type(task) is Task:
            assert self.node.execution is not None
            self.node.execution.parks(task, ticket)
        else:
            task.parks(ticket)

    def timer_set(self) -> None:
        """A timer was set: its deadline may be earlier than the one the hub sleeps for."""

    def soon(self) -> None:
        """What is queued is flushed when the run queue is empty: nothing to do."""

    def spawned(self) -> None:
        """As with ``soon``."""

    def flush(self) -> None:
        """As with ``soon``: the goroutine that waits next lets the run queue come to its end."""

    def later(self, action: Callable[[], object]) -> None:
        """Runs ``action`` on a carrier."""
        self._queue.append(Action(action))

    def aside(self, action: Callable[[], object]) -> None:
        """Runs ``action`` on a carrier: there is always another one."""
        self._queue.append(Action(action))

    def runnable(self) -> bool:
        """True if the run queue holds something."""
        return self.carriers.waiting()

    def job(self) -> int:
        """Whose program the calling goroutine belongs to."""
        me = getcurrent()
        task = me.task if type(me) is Carrier else None
        if type(task) is not Task:
            task = self.current()
        job: int = self.node.spawner.job if task is None else task.job
        return job

    def ready_count(self) -> int:
        """How many goroutines could run now."""
        return len(self.carriers)

    def current(self) -> Any:
        """The task of the calling goroutine."""
        me = getcurrent()
        if type(me) is not Carrier:
            return None
        task = me.task
        return task if type(task) is Task or task is None else task.current()

    def who(self) -> list[int]:
        """The calling goroutine."""
        task = self.current()
        if task is None:
            return [self.node.id, 0, id(getcurrent())]
        return [self.node.id, task.spawner, task.number]

    def yield_(self) -> None:
        """Puts the calling goroutine at the end of the run queue."""
        me = getcurrent()
        if type(me) is not Carrier:
            return
        task = me.task
        cancelled = task.cancellation is not None and type(task) is Task
        if cancelled:
            self._look(task)
            self.raise_pending(task)
        if not self.carriers.waiting() and not self.carriers.tick:
            return  # nobody else is there
        task.ticket = IN_QUEUE
        self.carriers.yields(task)
        self._park()
        task.ticket = None
        if task.cancellation is not None and type(task) is Task:
            self.raise_pending(task)

    def _look(self, task: Task, certain: bool = True) -> None:
        """In the stack of a goroutine that was cancelled: has it gone on in spite of that?"""
        assert self.node.execution is not None
        with self.node.lock:
            self.node.execution.look(task, certain)

    def raise_pending(self, task: Task) -> None:
        """Raises ``Cancelled`` if the calling goroutine, whose task this is, has one to come."""
        assert self.node.execution is not None
        with self.node.lock:
            error = self.node.execution.take(task)
        if error is not None:
            raise error

    # ---- coroutines ------------------------------------------------------------------------------

    @property
    def coroutines(self) -> Coroutines:
        """The loop of this node's coroutines, made when it is first needed."""
        if self._coroutines is None:
            from dgo.runtime.coroutines import Coroutines  # asyncio takes its time to import

            self._coroutines = Coroutines(self)
        return self._coroutines

    def loops_run(self) -> None:
        """From now on asyncio's loops may run here: who parks takes its running loop off the thread."""
        from dgo.runtime.loops import outside

        self._park = outside(self.carriers.park)

    def begin(self, task: Task, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Has a goroutine's coroutine run."""
        self.coroutines.start(task, coroutine)

    def threads(self) -> int:
        """The one in which all this runs."""
        return 1

    def sleeping_with(self, loop: Any) -> int:
        """All coroutines of the node's own loop; of another one the goroutine that runs it."""
        if self._coroutines is not None and loop is self._coroutines.loop:
            return self._coroutines.running
        return 1 if loop is not None and loop.is_running() else 0

    def selector(self) -> selectors.BaseSelector:
        """What asyncio's loop keeps its descriptors in."""
        return selectors.DefaultSelector()

    def watch(self, descriptor: int, action: Callable[[], object]) -> bool:
        """Has ``action`` called whenever the descriptor is readable; False if nobody does (in a simulation)."""
        return False

    # ---- running ---------------------------------------------------------------------------------

    def _run(self, item: Any) -> None:
        if type(item) is Task:
            assert self.node.execution is not None
            self.node.execution.run(item)
        else:
            item.action()

    def ready(self, task: Any) -> None:
        """A task is new, or may go on."""
        self._queue.append(task)

    def born(self, task: Task) -> None:
        """One was spawned here: if a goroutine calls this it is one generation further, and of the same job."""
        me = getcurrent()
        spawner = me.task if type(me) is Carrier else None
        if type(spawner) is Task:
            depth = spawner.depth
            if not task.job:
                task.job = spawner.job
        else:
            if not task.job:
                task.job = self.job()
            if spawner is None:
                self.ready(task)
                return
            depth = 0
        task.depth = depth + 1 if depth < MAX_DEPTH else MAX_DEPTH
        self.carriers.nursery.add(task)

    def unqueue(self, task: Any) -> bool:
        """Takes a task that has not started out of the run queue; False if it is not there (any more)."""
        return self.carriers.remove(task)

    def give_back(self, count: int) -> None:
        """Takes up to ``count`` unstarted tasks out, the large subtrees and the oldest first, and returns them to the
        coordinator."""
        self._return(self.carriers.steal(count))

    def give_all_back(self) -> None:
        """Takes all unstarted tasks out and returns them to the coordinator."""
        self._return(self.carriers.empty())

    def _return(self, tasks: list[Any]) -> None:
        assert self.node.execution is not None
        if tasks:
            self.node.execution.return_tasks(tasks)
