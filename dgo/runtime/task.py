"""A goroutine at the worker that runs it.

::

    QUEUED ──start──> RUNNING <──> PARKED ──> (ended)
      │
      └──given back to the coordinator (stolen)

One that this process has spawned itself, as most that are spawned by goroutines, is its own entry in the spawner's
ledger: a task is a record, and one object is enough for it. Of any other the record is at its spawner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo.core.goroutine import SUBMITTED, Goroutine, Outcome
from dgo.core.queue import Queue
from dgo.core.ticket import DONE, Ticket
from dgo.ids import object_name

if TYPE_CHECKING:
    from dgo.core.cancellation import Cancellation
    from dgo.runtime.carrier import Carrier
    from dgo.runtime.running import Running
    from dgo.wire.snapshot import Call

__all__ = ["IN_QUEUE", "Extras", "GoroutineExit", "Task"]

IN_QUEUE = Ticket(None)  # stands for the wait of a goroutine that has let others run first
IN_QUEUE.state = DONE


class GoroutineExit(BaseException):
    """Raised by ``goexit()``: ends the goroutine after its ``finally`` blocks."""


class Extras:
    """What few tasks have.

    Attributes:
        arrived: its handles are registered (only then is it queued).
        holding: the locks that it holds (see ``dgo.runtime.locks``).
        line: what it has written of an unfinished line, for each stream.
        options: what the coordinator has to know to place it; None if it may run anywhere.
        record: its entry in this process's ledger, if that is another object: it may be run again.
        shielded: how many ``no_preempt()`` regions it is in.
    """

    __slots__ = ("arrived", "holding", "line", "options", "record", "shielded")

    def __init__(self) -> None:
        self.arrived = True
        self.holding: dict[Any, int] | None = None
        self.line: dict[int, str] | None = None
        self.options: dict[str, Any] | None = None
        self.record: Goroutine | None = None
        self.shielded = 0


class Task(Goroutine):
    """A goroutine at the worker that runs it.

    Attributes:
        spawner: the node that spawned it. With ``number``, its number there, it is its goroutine id.
        own: it is its own record, in this process's ledger.
        call: what it runs; None once it does.
        carrier: the greenlet that runs it, once started; of a coroutine a ``Running``.
        depth: how many generations it is from one that did not come from a goroutine of this process.
        ticket: what it waits on, or ``IN_QUEUE``; None if it computes, or waits outside dgo.
        cancellation: the calls of ``cancel()``; None if there were none.
        extras: what few have; None if it has nothing of that.
    """

    __slots__ = ("call", "cancellation", "carrier", "depth", "extras", "own", "spawner", "ticket")

    def __init__(
        self,
        spawner: int,
        number: int,
        job: int,
        name: str,
        call: Call,
        on_end: Callable[[Goroutine], object] | None = None,
        on_cancel: Callable[[Goroutine], object] | None = None,
    ) -> None:
        self.number = number  # first what Goroutine.__init__ does: its frame would be a fifteenth of a spawn
        self.job = job
        self.name = name
        self.held = None
        self.state = SUBMITTED
        self.where: int | None = None
        self.outcome: Outcome | None = None
        self.waiters: Queue | None = None
        self.on_end = on_end
        self.on_cancel = on_cancel
        self.cancels = 0
        self.asked = False
        self.token: Callable[[], object] | None = None
        self.spawner = spawner
        self.own = False
        self.call: Call | None = call
        self.carrier: Carrier | Running | None = None
        self.depth = 0
        self.ticket: Ticket | None = None
        self.cancellation: Cancellation | None = None
        self.extras: Extras | None = None

    def extra(self) -> Extras:
        """Its extras, made when they are first needed."""
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    @property
    def record(self) -> Goroutine | None:
        """Its entry in this process's ledger, if that has not seen it leave: None for what the coordinator has sent."""
        if self.own:
            return self
        return None if self.extras is None else self.extras.record

    @property
    def arrived(self) -> bool:
        """Whether its handles are registered."""
        return self.extras is None or self.extras.arrived

    @property
    def shielded(self) -> bool:
        """Whether it is in a ``no_preempt()`` region."""
        return self.extras is not None and self.extras.shielded > 0

    @property
    def id_text(self) -> str:
        """Its goroutine id, for people."""
        return object_name(self.spawner, self.number)
