"""What a node needs from whatever runs its flows of control: threads, greenlets, a simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from dgo.core.queue import Queue
from dgo.core.ticket import Ticket

__all__ = ["Host"]


class Host(Protocol):
    """One way to wait and to be woken."""

    def ticket(self, value: Any = None) -> Ticket:
        """A ticket for the flow of control that asks. Called under the node's lock."""

    def waker(self) -> tuple[Callable[[Ticket], object] | None, Any]:
        """``(wake, owner)`` of such a ticket, for tickets of other classes."""

    def park(self, ticket: Ticket, timeout: float | None) -> None:
        """Waits until the ticket is DONE; after ``timeout`` seconds cancels it with ``Timeout`` (and waits for
        the verdict). The ticket is in the wait table meanwhile. Called without the lock."""

    def stand(self, queue: Queue, value: Any, kind: str, target: object, timeout: float | None) -> Ticket | None:
        """A new ticket at the end of ``queue``, on which the calling goroutine is parked: once it has returned the
        lock it has to ``stay``. None, and nothing has happened, where ``ticket`` and ``park`` have to be used. Under
        the lock."""

    def stay(self, ticket: Ticket) -> None:
        """Leaves the calling goroutine, which is parked on ``ticket``, until that is DONE. Without the lock."""

    def hurried(self) -> bool:
        """Whether others wait for the flow of control that runs now to let them have their turn."""

    def soon(self) -> None:
        """Something was queued: have it flushed within a fraction of a millisecond. Under the lock."""

    def spawned(self) -> None:
        """A goroutine is queued for the coordinator, the first of perhaps many: as ``soon``. Under the lock."""

    def flush(self) -> None:
        """Has it flushed now, if nothing else will before whoever queued it waits. Without the lock."""

    def timer_set(self) -> None:
        """A timer was set that is due before all others: whoever polls must not sleep longer. Under the lock."""

    def later(self, action: Callable[[], object]) -> None:
        """Has ``action`` run soon, without the lock, where it may block."""

    def aside(self, action: Callable[[], object]) -> None:
        """As ``later``, for dgo's own work that others wait for: what the program blocks does not hold it up."""

    def yield_(self) -> None:
        """Lets others run first."""

    def runnable(self) -> bool:
        """True if a goroutine could run now."""

    def current(self) -> Any:
        """The record of the goroutine that asks (an ``execution.Task``); None outside goroutines."""

    def job(self) -> int:
        """Whose program the calling flow of control belongs to."""

    def sleeping_with(self, loop: Any) -> int:
        """How many goroutines (threads, in the driver) sleep because an asyncio loop on which all coroutines wait
        has nothing to do."""

    def threads(self) -> int:
        """How many threads of the program there are, the main one included: each of them may wake others."""

    def loops_run(self) -> None:
        """From now on asyncio's loops may run in goroutines here."""

    def who(self) -> list[int]:
        """Who calls, for ownership: ``[node, spawner, number]`` of a goroutine, ``[node, 0, thread]`` of a thread."""
