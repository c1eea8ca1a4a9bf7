"""The wait table: whoever waits on anything of dgo in this process.

A row is a ticket, which knows the kind of operation, the object, since when, and the timeout. Dumps, deadlock
detection, leak checks, cancellation and the end of the cluster read the table.

A goroutine that a carrier runs costs the table nothing: its task notes what it waits on (``Task.ticket``), and
whoever reads the table looks there. All others (threads, coroutines, dgo's own actions) enter and leave.

Invariant: who has entered leaves, however its wait ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dgo.core.ticket import Ticket

if TYPE_CHECKING:
    from dgo.runtime.execution import Execution

__all__ = ["Waits"]


class Waits:
    """The wait table of one node.

    Attributes:
        execution: the goroutines that run here; None in a driver.
    """

    def __init__(self) -> None:
        self.execution: Execution | None = None
        self._entered: dict[Ticket, None] = {}

    def enter(self, ticket: Ticket) -> None:
        """Somebody waits on ``ticket`` who is no goroutine on a carrier. (One step: any thread, without the lock.)"""
        self._entered[ticket] = None

    def leave(self, ticket: Ticket) -> None:
        """It waits no longer; nothing if it has left already."""
        self._entered.pop(ticket, None)

    def tickets(self) -> list[Ticket]:
        """What is waited on now: a copy, since other threads may wait, or go on, meanwhile."""
        found = list(self._entered)
        if self.execution is not None:
            found += self.execution.waiting()
        return found

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self.tickets())

    def __len__(self) -> int:
        return len(self.tickets())
