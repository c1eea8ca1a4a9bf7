"""A goroutine at the worker that runs it.

::

    QUEUED ──start──> RUNNING <──> PARKED ──> (ended)
      │
      └──given back to the coordinator (stolen)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dgo.core.goroutine import Goroutine
from dgo.core.ticket import DONE, Ticket
from dgo.ids import object_name

if TYPE_CHECKING:
    from dgo.core.cancellation import Cancellation
    from dgo.runtime.carrier import Carrier
    from dgo.runtime.running import Running
    from dgo.wire.snapshot import Call

__all__ = ["IN_QUEUE", "GoroutineExit", "Task"]

IN_QUEUE = Ticket(None)  # stands for the wait of a goroutine that has let others run first
IN_QUEUE.state = DONE


class GoroutineExit(BaseException):
    """Raised by ``goexit()``: ends the goroutine after its ``finally`` blocks."""


class Task:
    """A goroutine at the worker that runs it.

    Attributes:
        spawner: the node that spawned it.
        number: its number there.
        job: the driver whose program it belongs to.
        record: the spawner's record, if that is this process.
        call: what it runs; None once it does.
        carrier: the greenlet that runs it, once started; of a coroutine a ``Running``.
        line: what it has written of an unfinished line, for each stream.
        depth: how many generations it is from one that did not come from a goroutine of this process.
        options: what the coordinator has to know to place it; None if it may run anywhere.
        holding: the locks that it holds (see ``dgo.runtime.locks``); None until it locks one.
        arrived: its handles are registered (only then is it queued).
        ticket: what it waits on, or ``IN_QUEUE``; None if it computes, or waits outside dgo.
        cancellation: the calls of ``cancel()``; None if there were none.
        shielded: how many ``no_preempt()`` regions it is in.
    """

    __slots__ = (
        "arrived",
        "call",
        "cancellation",
        "carrier",
        "depth",
        "holding",
        "job",
        "line",
        "name",
        "number",
        "options",
        "record",
        "shielded",
        "spawner",
        "ticket",
    )

    def __init__(
        self, spawner: int, number: int, job: int, name: str, call: Call, record: Goroutine | None = None
    ) -> None:
        self.spawner = spawner
        self.number = number
        self.job = job
        self.name = name
        self.call: Call | None = call
        self.record = record
        self.carrier: Carrier | Running | None = None
        self.depth = 0
        self.options: dict[str, Any] | None = None
        self.line: dict[int, str] | None = None
        self.holding: dict[Any, int] | None = None
        self.arrived = True
        self.ticket: Ticket | None = None
        self.cancellation: Cancellation | None = None
        self.shielded = 0

    @property
    def id_text(self) -> str:
        """Its goroutine id, for people."""
        return object_name(self.spawner, self.number)
