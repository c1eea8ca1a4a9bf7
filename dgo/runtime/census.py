"""Who is alive: the goroutines of a job in the whole cluster, and what each of them waits on.

A goroutine is in the ledger of its spawner until that has heard of its end; the worker that runs it knows what it
does. Every process is asked for both, so one that is just being moved is seen too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dgo.core.ticket import DONE, Ticket
from dgo.ids import object_name
from dgo.wire.messages import Msg, ProtocolError

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Census", "Seen"]

DETAILS = 1000  # goroutines of one process whose waits are told
LONGEST = 200  # characters of what one waits on


class Seen(NamedTuple):
    """A goroutine that lives.

    Attributes:
        spawner: the process that spawned it.
        number: its number there.
        name: for people.
        worker: the process that has it; "" if none has, or its end is on its way.
        doing: what it waits on, or what it does, as text.
        seconds: for how long it has waited; None if it does not.
    """

    spawner: int
    number: int
    name: str
    worker: str = ""
    doing: str = "has not started, or has just ended"
    seconds: float | None = None

    def __str__(self) -> str:
        where = f" on {self.worker}" if self.worker else ""
        since = "" if self.seconds is None else f", for {self.seconds:.1f} s"
        return f"goroutine {object_name(self.spawner, self.number)} ({self.name}){where}: {self.doing}{since}"


class Census:
    """Asks all processes, and answers for this one."""

    def __init__(self, node: Node) -> None:
        self._node = node
        node.handle(Msg.WHO, self._on_who)
        node.handle(Msg.WHO_LIVES, self._on_who_lives)

    def take(self, job: int) -> dict[tuple[int, int], Seen]:
        """The goroutines of ``job``, by spawner and number. Blocks; without the lock."""
        node = self._node
        others = [worker["node"] for worker in node.workers() if worker["node"] != node.id]
        if job != node.id:
            others.append(job)
        answers = [(node.id, *_read(*self._own(job)))]
        for other in others:
            with node.lock:
                ticket = node.host.ticket()
                node.ask(other, [Msg.WHO, job], partial(_answer, ticket))
            answer = node.wait(ticket, "census", None)
            if answer is not None:  # else it has died meanwhile
                answers.append((other, *answer))
        alive = {(home, number): Seen(home, number, name) for home, ledger, _ in answers for number, name in ledger}
        for _, _, running in answers:
            for seen in running:
                key = (seen.spawner, seen.number)
                if key in alive:
                    alive[key] = seen
        return alive

    def _own(self, job: int) -> tuple[list[Any], list[Any]]:
        """``(ledger, running)`` of this process, as plain data."""
        node = self._node
        with node.lock:
            ledger = [[record.number, record.name] for record in node.spawner.ledger.values() if record.job == job]
            if node.execution is None:
                return ledger, []
            tasks = [task for task in node.execution.tasks() if task.job == job][:DETAILS]
            waits = {ticket.owner: ticket for ticket in node.waits if ticket.state != DONE}
            return ledger, [self._describe(task, waits.get(task)) for task in tasks]

    def _describe(self, task: Any, wait: Ticket | None) -> list[Any]:
        node = self._node
        seconds = None
        if wait is not None:
            target = "" if wait.target is None else f" of {wait.target!r}"
            doing = f"waits in {wait.kind}{target}"[:LONGEST]
            seconds = node.clock() - wait.since
        else:
            doing = "has not started" if task.carrier is None else "runs, or waits outside dgo"
        return [task.spawner, task.number, task.name, node.name, doing, seconds]

    def _on_who(self, peer: int, frames: list[bytes], question: int, job: int) -> None:
        self._node.links.post(peer, [Msg.WHO_LIVES, question, *self._own(job)])

    def _on_who_lives(
        self, peer: int, frames: list[bytes], question: int, ledger: list[Any], running: list[Any]
    ) -> None:
        self._node.answered(question, _read(ledger, running))


def _read(ledger: list[Any], running: list[Any]) -> tuple[list[tuple[int, str]], list[Seen]]:
    """What a process says of its goroutines."""
    try:
        spawned = [(int(number), str(name)) for number, name in ledger]
        seen = [
            Seen(
                int(home), int(number), str(name), str(worker), str(doing), None if seconds is None else float(seconds)
            )
            for home, number, name, worker, doing, seconds in running
        ]
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"not goroutines: {error}") from error
    return spawned, seen


def _answer(ticket: Ticket, answer: Any) -> None:
    if ticket.state != DONE:
        ticket.complete(answer)
