"""The life of a goroutine, as the process that spawned it sees it.

::

    SUBMITTED ──place──> PLACED ──start──> STARTED
        ▲                  │                  │
        ├────give_back─────┤                  │
        └──────retry───────┴──────retry───────┘
    any of them ──end──> ENDED  (returned, raised, cancelled, exited, lost, expired)

A goroutine is SUBMITTED while it waits in its spawner or at the coordinator, PLACED once it was sent to a
worker, STARTED when that worker said so. When a worker dies, the goroutines PLACED or STARTED there have
perhaps run and end as lost, unless they may be run again; those SUBMITTED have certainly not started and run
elsewhere.

``cancel`` ends nothing by itself: it is counted, and passed on to whoever has the goroutine. That is the news
of the moment, which may be old: so who moves it asks ``cancels`` and passes it on again.

What ``go.options`` promises beyond that is for a :class:`Limited` goroutine only. ``retry`` takes it back from a
worker that is lost, as long as there are retries left and nobody wants it to end. ``expire`` says that its time
has run out: it is cancelled, and if that is how it ends, it has expired. One that was cancelled before its time
ran out is left to it: its clean-up is not cancelled a second time.

Invariants: a goroutine ends exactly once; ``where`` is set exactly while it is PLACED or STARTED; nobody
waits for one that has ended; ``cancels`` does not change after the end. Of a Limited one: it was run again
``runs - 1`` times, and may be ``retries`` times more; it has a ``verdict`` only if it was cancelled; its
``disarm`` is called once, at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from dgo.core.queue import Queue
from dgo.core.ticket import Ticket

__all__ = ["ENDED", "PLACED", "RETURNED_NONE", "STARTED", "SUBMITTED", "Ending", "Goroutine", "Limited", "Outcome"]

SUBMITTED, PLACED, STARTED, ENDED = range(4)
STATE_NAMES = ("submitted", "placed", "started", "ended")


class Ending(IntEnum):
    """How a goroutine ended."""

    RETURNED = 0
    RAISED = 1
    CANCELLED = 2
    EXITED = 3
    LOST = 4
    EXPIRED = 5


class Outcome:
    """How a goroutine ended, and with what: its frozen result, or the frozen exception. Not to be changed."""

    __slots__ = ("ending", "value")

    def __init__(self, ending: int, value: Any) -> None:
        self.ending = ending
        self.value = value


RETURNED_NONE = Outcome(Ending.RETURNED, None)  # most of them: one object for all


class Goroutine:
    """A goroutine in its spawner's ledger.

    Attributes:
        number: its object number; with the spawner's node id, its goroutine id.
        name: for people.
        job: whose program it belongs to.
        where: the worker that has it, while one has.
        held: what must be kept until it has ended (its arguments' handles).
        on_end: called once with this record, after the outcome is known and before waiters go on.
        on_cancel: called with this record when ``cancels`` has grown.
        cancels: how often ``cancel()`` was called before its end.
        asked: somebody asked how it ended (the panic rule of the contract).
        token: a weak reference to what all handles of this process keep; dead when they are gone.
    """

    __slots__ = (
        "__weakref__", "asked", "cancels", "held", "job", "name", "number", "on_cancel", "on_end", "outcome",
        "state", "token", "waiters", "where",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        name: str,
        held: Any = None,
        job: int = 0,
        on_end: Callable[[Goroutine], object] | None = None,
        on_cancel: Callable[[Goroutine], object] | None = None,
    ) -> None:
        self.number = number
        self.job = job
        self.name = name
        self.held = held
        self.state = SUBMITTED
        self.where: int | None = None
        self.outcome: Outcome | None = None
        self.waiters: Queue | None = None
        self.on_end = on_end
        self.on_cancel = on_cancel
        self.cancels = 0
        self.asked = False
        self.token: Callable[[], object] | None = None

    def place(self, worker: int) -> None:
        """The coordinator has sent it to ``worker``. (Its end may have overtaken this news.)"""
        if self.state == SUBMITTED:
            self.state = PLACED
            self.where = worker

    def start(self, worker: int) -> None:
        """``worker`` runs it now. (Its end, or its placing, may come before or after this news.)"""
        if self.state < STARTED:
            self.state = STARTED
            self.where = worker

    def give_back(self) -> None:
        """The worker returned it unstarted to the coordinator."""
        if self.state == PLACED:
            self.state = SUBMITTED
            self.where = None

    def cancel(self) -> bool:
        """Somebody wants it to end; returns False, and changes nothing, if it has."""
        if self.state == ENDED:
            return False
        self.cancels += 1
        if self.on_cancel is not None:
            self.on_cancel(self)
        return True

    def end(self, outcome: Outcome) -> bool:
        """It has ended; returns False, and changes nothing, if it had ended before."""
        if self.state == ENDED:
            return False
        self.state = ENDED
        self.where = None
        self.outcome = outcome
        self.held = None
        on_end, self.on_end = self.on_end, None
        try:
            if on_end is not None:
                on_end(self)
        finally:  # its error must not leave the waiters asleep
            if self.waiters:
                self.release()
        return True

    def release(self) -> None:
        """Lets those go on who wait for the end."""
        while self.waiters:
            ticket = self.waiters.take()
            ticket.complete(self.outcome)

    def wait(self, ticket: Ticket) -> None:
        """Completes ``ticket`` with the outcome when it has ended: now or later."""
        if self.outcome is not None:
            ticket.complete(self.outcome)
            return
        ticket.enqueue(self.line())

    def line(self) -> Queue:
        """Where those stand who wait for the end, which has not come."""
        waiters = self.waiters
        if waiters is None:
            waiters = self.waiters = Queue()
        return waiters

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert (self.where is not None) == (self.state in (PLACED, STARTED))
        assert (self.outcome is not None) == (self.state == ENDED)
        assert self.state != ENDED or not self.waiters


class Limited(Goroutine):
    """A goroutine that may be run again, or has a deadline.

    Attributes:
        retries: how often it may still be run again.
        runs: how often it was submitted.
        again: what its spawner needs to submit it once more (opaque).
        verdict: how it has ended if it ends as cancelled: its time ran out.
        disarm: called at its end: nobody need watch the clock any longer.
    """

    __slots__ = ("again", "disarm", "retries", "runs", "verdict")

    def __init__(
        self,
        number: int,
        name: str,
        held: Any = None,
        job: int = 0,
        on_end: Callable[[Goroutine], object] | None = None,
        on_cancel: Callable[[Goroutine], object] | None = None,
        retries: int = 0,
        again: Any = None,
    ) -> None:
        super().__init__(number, name, held, job, on_end, on_cancel)
        self.retries = retries
        self.runs = 1
        self.again = again
        self.verdict: Outcome | None = None
        self.disarm: Callable[[], object] | None = None

    def retry(self) -> bool:
        """Its worker is lost; returns whether it is SUBMITTED once more. False: that is its end."""
        if self.state not in (PLACED, STARTED) or not self.retries or self.cancels:
            return False
        self.retries -= 1
        self.runs += 1
        self.state = SUBMITTED
        self.where = None
        return True

    def expire(self, verdict: Outcome) -> bool:
        """Its time has run out; returns False, and changes nothing, if it has ended or was cancelled before."""
        if self.state == ENDED or self.cancels:
            return False
        self.verdict = verdict
        return self.cancel()

    def end(self, outcome: Outcome) -> bool:
        """It has ended: as expired, if that is why it was cancelled."""
        if self.state == ENDED:
            return False
        disarm, self.disarm = self.disarm, None
        if disarm is not None:
            disarm()
        if outcome.ending == Ending.CANCELLED and self.verdict is not None:
            outcome = self.verdict
        return super().end(outcome)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        super().check()
        assert self.retries >= 0
        assert self.runs >= 1
        assert self.verdict is None or self.cancels
        assert self.state != ENDED or self.disarm is None
