"""This process's part in finding out that everything sleeps for ever (see ``dgo.core.quiescence``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dgo.core.ticket import DONE, Ticket
from dgo.errors import Deadlock
from dgo.runtime.turns import active
from dgo.wire.messages import Msg

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["SELF_ENDING", "Sleepers"]

ASLEEP_SECONDS = 0.5  # how long the driver's program waits before it has the cluster asked
ASK_SECONDS = 1.0  # how often, at most
DETAILS = 1000  # waits of one process that are described

# Waits that end by themselves: whoever is in one of them is not asleep.
SELF_ENDING = frozenset(
    {"status", "count", "census", "last output", "output window", "code", "module", "spawn window", "asyncio"}
)


class Sleepers:
    """Answers the coordinator's questions; in the driver, asks for them and raises the verdict."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.activity = 0
        self._asked_at = 0.0
        node.handle(Msg.PROBE, self._on_probe)
        node.handle(Msg.DEADLOCK, self._on_deadlock)

    def busy(self) -> bool:
        """Whether something runs here, or may be woken by something that dgo does not see."""
        node = self._node
        if node.timers.next_deadline() is not None or node.spawner.queued or node.host.runnable() or active():
            return True
        if node.execution is not None and node.execution.stopping:
            return True  # Cancelled will be raised in somebody
        waiting = 0
        for ticket in node.waits:
            if ticket.state == DONE or ticket.timeout is not None or ticket.kind in SELF_ENDING:
                return True
            if not hasattr(ticket.owner, "get_loop"):  # a coroutine waits: its loop is asked below
                waiting += 1
        for wakes in list(node.loops.values()):
            if not wakes.asleep():
                return True
            waiting += node.host.sleeping_with(wakes.loop)
        threads = node.host.threads()
        if node.execution is None:
            return threads > waiting  # every thread of the program has to wait on dgo
        return threads > 1 or node.execution.count > waiting

    def _on_probe(self, peer: int, frames: list[bytes], wave: int) -> None:
        node = self._node
        links = [entry for entry in node.links.counters() if entry[0] != peer]
        busy = self.busy()
        waits = [] if busy else self._described()
        node.links.post(peer, [Msg.PROBED, wave, busy, self.activity, links, waits])

    def _described(self) -> list[str]:
        """Who waits for what; of very many only some, but coroutines and threads before the others."""
        tickets = self._node.waits.tickets()
        lines = [self._describe(ticket) for ticket in tickets[:DETAILS]]
        if len(tickets) > DETAILS:
            lines.append(f"{len(tickets) - DETAILS} more on {self._node.name}")
        return lines

    def _describe(self, ticket: Ticket) -> str:
        task = getattr(ticket.owner, "task", ticket.owner)  # a coroutine's is that of its goroutine
        who = f"goroutine {task.id_text} ({task.name})" if hasattr(task, "id_text") else "the main program"
        seconds = self._node.clock() - ticket.since
        target = "" if ticket.target is None else f" of {ticket.target!r}"
        return f"{who} on {self._node.name}: {ticket.kind}{target}, for {seconds:.1f} s"

    # ---- the driver ------------------------------------------------------------------------------

    def ask(self) -> None:
        """Called now and then: if the driver's program has been waiting for a while, has the cluster asked."""
        node = self._node
        now = node.clock()
        if now - self._asked_at < ASK_SECONDS or not node.waits or node.closed is not None:
            return
        if any(now - ticket.since < ASLEEP_SECONDS for ticket in node.waits) or self.busy():
            return
        self._asked_at = now
        node.links.post(node.coordinator, [Msg.ASLEEP, True])

    def _on_deadlock(self, peer: int, frames: list[bytes], text: str) -> None:
        for ticket in self._node.waits:
            if ticket.timeout is None and ticket.kind not in SELF_ENDING:
                ticket.cancel(Deadlock(text))
