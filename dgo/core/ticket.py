"""A ticket is one blocked operation of one goroutine or thread.

The state machine of a ticket::

    WAITING ──complete/fail──> DONE
    WAITING ──hold──> HELD ──complete/fail──> DONE        (its value is on its way to another process)
                      HELD ──release──> WAITING           (that process died: back to the queue)
    WAITING ──cancel──> DONE

Invariants:

1. A ticket is completed, failed or cancelled once; what is not in the table raises ``AssertionError``.
2. A ticket that is DONE or HELD is in no queue.
3. ``queue`` is the queue in which a WAITING ticket stands, or None before it queues.

Everything that can wait on a channel or lock is a ticket: a goroutine of this process, a thread of the
driver, a process that asks by message (its ticket is *remote*: a value handed to it is kept at home
until that process says that a goroutine has taken it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from dgo.core.native import mypyc_attr

if TYPE_CHECKING:
    from dgo.core.case import Case
    from dgo.core.queue import Queue

__all__ = ["DONE", "HELD", "WAITING", "Party", "Ticket"]

WAITING, HELD, DONE = 0, 1, 2

Party: TypeAlias = "Ticket | Case"  # whoever can stand in a queue


@mypyc_attr(allow_interpreted_subclasses=True)
class Ticket:
    """One blocked operation.

    Attributes:
        value: what a sender offers (frozen); unused by others.
        result: what the operation returns, once DONE.
        ok: False when a receive found the channel closed and drained.
        error: the exception that ends the operation, once DONE; None if it succeeded.
        owner: who waits: the goroutine's or thread's record (for the wait table and for lock ownership).
        wake: called once, when the ticket is DONE; None while its owner has not yet begun to wait.
        doomed: a cancel came while HELD; it takes effect on release.
        poll: it does not wait: two that poll never meet.
        origin: the process that asks, if it is another one; 0: this one.
        kind: the kind of operation, for people. This and what follows is set when somebody begins to wait.
        target: the object.
        since: when it was begun, in seconds of the process's clock.
        timeout: seconds that the wait may last; None: any time.
        select: None; the cases of a select (``dgo.core.select``), which stand in the same queues, have one.
    """

    __slots__ = (
        "doomed", "error", "kind", "ok", "owner", "poll", "queue", "result", "since", "state", "target", "timeout",
        "value", "wake",
    )  # fmt: skip

    kind: str
    target: Any
    since: float
    timeout: float | None

    remote: ClassVar[bool] = False
    origin = 0
    select: ClassVar[None] = None

    def __init__(self, wake: Callable[[Ticket], object] | None, value: Any = None, owner: Any = None) -> None:
        self.state = WAITING
        self.wake = wake
        self.value = value
        self.owner = owner
        self.result: Any = None
        self.ok = True
        self.error: BaseException | None = None
        self.queue: Queue | None = None
        self.doomed: BaseException | None = None
        self.poll = False

    def enqueue(self, queue: Queue) -> None:
        """Joins the end of ``queue``."""
        self.queue = queue
        queue.append(self)

    def complete(self, result: Any = None, ok: bool = True) -> None:
        """The operation has happened. The ticket must have left its queue."""
        assert self.state != DONE, "a ticket is served once"
        self.state = DONE
        self.queue = None
        self.result = result
        self.ok = ok
        if self.wake is not None:
            self.wake(self)

    def fail(self, error: BaseException) -> None:
        """The operation ends with ``error``. The ticket must have left its queue."""
        assert self.state != DONE, "a ticket is served once"
        self.state = DONE
        self.queue = None
        self.error = error
        if self.wake is not None:
            self.wake(self)

    def hold(self) -> None:
        """The value is on its way to another process: neither done nor cancellable."""
        assert self.state == WAITING
        self.state = HELD
        self.queue = None

    def release(self, queue: Queue) -> None:
        """The value came back: first in ``queue`` again, unless cancelled meanwhile."""
        assert self.state == HELD
        self.state = WAITING
        if self.doomed is not None:
            self.fail(self.doomed)
            return
        self.queue = queue
        queue.prepend(self)

    def abort(self, error: BaseException) -> None:
        """Ends the wait with ``error``, whatever others think: the cluster is gone. The ticket is not DONE."""
        if self.queue is not None:
            self.queue.give_up(self)
        self.fail(error)

    def cancel(self, error: BaseException) -> bool:
        """Ends the wait with ``error`` if that is still possible.

        Returns:
            True if the ticket is now DONE with ``error``; False if it is DONE already, or HELD: then the
            verdict comes later, by ``wake``.
        """
        if self.state == WAITING:
            if self.queue is not None:
                self.queue.give_up(self)
            self.fail(error)
            return True
        if self.state == HELD:
            self.doomed = error
        return False
