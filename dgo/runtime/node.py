"""A node: one process's part in the cluster.

It owns the objects made here, knows the objects made elsewhere, spawns, and (on workers) runs goroutines.
Each concern is a service of its own that registers the messages it handles; the node gives them the lock,
the links, the clock, the timers, and the news of deaths.

**The lock.** Everything below is done under ``lock``, by whatever thread has something to do. It is held for
one step at a time and never while waiting. It is re-entrant only because the garbage collector may run a
user's ``__del__`` inside a step.

**The wait table.** Whoever waits on anything of dgo is in ``waits`` while it does (``dgo.runtime.waits``): dumps,
deadlock detection and leak checks read it.
"""

from __future__ import annotations

import _thread
import logging
import random
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.goroutine import Ending, Outcome
from dgo.core.ticket import DONE, Ticket
from dgo.core.timers import Timer, Timers
from dgo.errors import Cancelled, ClusterError
from dgo.ids import node_name
from dgo.runtime.alarms import Alarms
from dgo.runtime.census import Census
from dgo.runtime.homes import Homes
from dgo.runtime.links import Links
from dgo.runtime.loans import Loans
from dgo.runtime.remote import PendingOperation, Remote
from dgo.runtime.selects import Selects
from dgo.runtime.sleepers import Sleepers
from dgo.runtime.spawner import Spawner
from dgo.runtime.stocks import Stocks
from dgo.runtime.values import Values
from dgo.runtime.waits import Waits
from dgo.wire.frames import Header, Kind
from dgo.wire.messages import Msg, ProtocolError
from dgo.wire.snapshot import CodeStore

if TYPE_CHECKING:
    from dgo.runtime.execution import Execution
    from dgo.runtime.host import Host
    from dgo.transport.interface import Transport

__all__ = ["Node", "complete_unless_done"]

log = logging.getLogger("dgo.node")

PROBE = int(Msg.PROBE)  # a look into an enum costs
SILENCE_SECONDS = 30.0  # of the coordinator, after which it counts as gone
SLEPT_SECONDS = 5.0  # between two calls of ``housekeeping``: this process was stopped, or virtual time has jumped
DEATH_GRACE = 0.1  # seconds in which what the dead had sent may still arrive before its death counts

Handler = Callable[..., None]


def complete_unless_done(ticket: Ticket, result: Any = None) -> None:
    """The answer has come; whoever asked may have been cancelled, or have lost patience, meanwhile."""
    if ticket.state != DONE:
        ticket.complete(result)


class Node:
    """One process's part in the cluster.

    Attributes:
        id: its incarnation.
        role: ``"driver"`` or ``"worker"``.
        name: for people, e.g. ``worker-2``.
        job: the driver whose program this process's own spawns belong to.
        clock: seconds of a clock that only goes forward: for deadlines.
        wall: seconds since the epoch: for what people and timers' receivers see.
        moment: what the clock has shown when the host last looked: on a worker no longer ago than a tick or two.
    """

    def __init__(
        self,
        node_id: int,
        role: str,
        name: str,
        transport: Transport,
        host: Host,
        clock: Callable[[], float],
        choices: random.Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.id = node_id
        self.role = role
        self.name = name
        self.host = host
        self.clock = clock
        self.random = choices if choices is not None else random.Random()
        self.wall = wall
        self.lock = _thread.RLock()
        self.transport = transport
        self.timers = Timers()
        self.waits = Waits()
        self.loops: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()  # asyncio's; see ``awaiting``
        self.last_loop: Any = None  # the value in ``loops`` that was asked for last
        self.closed: str | None = None
        self.execution: Execution | None = None
        self._handlers: dict[int, Handler] = {}
        self._questions: dict[int, tuple[int, Callable[[Any], object]]] = {}
        self._question = 0
        self.moment = self._kept_house_at = clock()
        self._causes: dict[int, str] = {}
        self._deaths: list[Callable[[int, str], None]] = []
        self.links = Links(node_id, transport, self._deliver, clock, self._want_path)
        self.links.on_control = self._on_control
        self.on_lost: Callable[[str], object] | None = None
        self.before_counting: Callable[[], object] | None = None  # lets an embedded cluster finish its start
        self.code = CodeStore()
        self.values = Values(self)
        self.loans = Loans(self)
        self.stocks = Stocks(self)
        self.homes = Homes(self)
        self.remote = Remote(self)
        self.selects = Selects(self)
        self.spawner = Spawner(self)
        self.alarms = Alarms(self)
        self.sleepers = Sleepers(self)
        self.census = Census(self)
        self.handle(Msg.DOWN, self._on_down)
        self.handle(Msg.ADDRESS, self._on_address)
        self.handle(Msg.CALL, self._on_call)
        self.handle(Msg.WORKER_LIST, self._on_worker_list)
        self.handle(Msg.COUNT, self._on_count)
        self.handle(Msg.COUNTED, self._on_answer)
        self.handle(Msg.FLUSHED, self._on_answer)
        self.handle(Msg.PANIC_OK, self._on_answer)

    # ---- messages --------------------------------------------------------------------------------

    def handle(self, kind: int, handler: Handler) -> None:
        """Registers the handler of a message type: ``handler(peer, frames, *fields)``."""
        assert kind not in self._handlers, kind
        self._handlers[kind] = handler

    def _deliver(self, peer: int, message: list[Any], frames: list[bytes]) -> None:
        handler = self._handlers.get(message[0])
        if handler is None:
            raise ProtocolError(f"a {self.role} does not take {Msg(message[0]).name}")
        if message[0] != PROBE:
            self.sleepers.activity += 1
        handler(peer, frames, *message[1:])

    def step(self) -> None:
        """Handles input, timers and what is queued. Called when there is input and now and then."""
        with self.lock:
            self.links.receive()
            for action in self.timers.due(self.clock()):
                action()
            self.flush()

    def flush(self) -> None:
        """Sends what is queued. Under the lock."""
        self.loans.flush()
        self.stocks.flush()
        self.spawner.flush()
        if self.execution is not None:
            self.execution.flush()
        if self.values.dropped:
            self.values.sweep()
        if self.alarms.dropped:
            self.alarms.sweep()
        self.links.flush()

    @property
    def unsent(self) -> bool:
        """True if a flush would send something."""
        return self.links.pending or self.loans.laden or self.stocks.laden

    def set_timer(self, when: float, action: Callable[[], object]) -> Timer:
        """Has ``action`` run, under the lock, once the clock shows ``when``. Under the lock."""
        timer = self.timers.set(when, action)
        if self.timers.next_deadline() == when:
            self.host.timer_set()  # whoever polls may sleep longer than that
        return timer

    def housekeeping(self) -> None:
        """Called a few times a second."""
        with self.lock:
            now = self.clock()
            if now - self._kept_house_at > SLEPT_SECONDS:
                self.links.slept(now - self._kept_house_at)
            self._kept_house_at = now
            self.links.housekeeping()
            if self.links.silence() > SILENCE_SECONDS:
                self.lose_everything(f"the coordinator has not answered for {SILENCE_SECONDS:g} s: it is gone")
            self.spawner.sweep()
            self.values.keep_house()
            if self.role == "driver":
                self.sleepers.ask()
            self.flush()

    def ask(self, peer: int, message: list[Any], answer: Callable[[Any], object]) -> None:
        """Sends ``message`` with a question number in field 1. Under the lock.

        ``answer`` gets the reply, or None if ``peer`` dies first.
        """
        self._question += 1
        self._questions[self._question] = (peer, answer)
        message.insert(1, self._question)
        self.links.post(peer, message)

    def answered(self, question: int, reply: Any) -> None:
        """The reply to a question has come."""
        _, answer = self._questions.pop(question, (0, None))
        if answer is not None:
            answer(reply)

    # ---- waiting ---------------------------------------------------------------------------------

    def wait(
        self,
        ticket: Ticket,
        kind: str,
        target: Any,
        timeout: float | None = None,
        undo: Callable[[Any], object] | None = None,
    ) -> Any:
        """Waits until ``ticket`` is DONE; returns its result or raises its error. Without the lock.

        Args:
            ticket: of the caller.
            kind: of operation, for people.
            target: the object.
            timeout: seconds to wait at most.
            undo: called with the result, under the lock, if the operation succeeds although the wait for it was
                interrupted: what it gave would otherwise be held by nobody.
        """
        if ticket.state != DONE:
            ticket.kind = kind
            ticket.target = target
            ticket.since = self.clock()
            ticket.timeout = timeout
            try:
                if self.closed is not None:
                    self.check_open()
                self.host.park(ticket, timeout)
            except BaseException:
                if undo is not None:
                    self._abandon(ticket, undo)
                raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def _abandon(self, ticket: Ticket, undo: Callable[[Any], object]) -> None:
        """Nobody waits for ``ticket`` any more: withdraws it, or undoes it once it has succeeded."""
        with self.lock:
            if ticket.cancel(Cancelled("interrupted")):
                return
            if ticket.state != DONE:
                assert isinstance(ticket, PendingOperation), "only its home can end it"
                ticket.abandoned = True
                ticket.undo = undo
            elif ticket.error is None:
                undo(ticket.result)
            self.host.soon()

    def check_open(self) -> None:
        """Raises if the cluster was shut down or lost.

        Raises:
            ClusterError: the connection to the cluster is gone.
        """
        if self.closed is not None:
            raise ClusterError(self.closed)

    # ---- paths and deaths ------------------------------------------------------------------------

    @property
    def coordinator(self) -> int:
        """The coordinator's node id."""
        coordinator = self.links.coordinator
        assert coordinator is not None, "joined"
        return coordinator

    def _want_path(self, peer: int) -> None:
        self.links.post(self.coordinator, [Msg.WHERE, peer])

    def _on_address(self, peer: int, frames: list[bytes], node: int, address: str, cause: str) -> None:
        if cause:
            self.lose(node, cause)
        elif address:
            self.links.set_address(node, address)
        else:
            self.links.post(self.coordinator, [Msg.CALL, node, ""])

    def _on_call(self, peer: int, frames: list[bytes], node: int, address: str) -> None:
        self.links.connect(node, address)

    def on_death(self, listener: Callable[[int, str], None]) -> None:
        """Has ``listener(node, cause)`` called for each process that is lost."""
        self._deaths.append(listener)

    def _on_down(self, peer: int, frames: list[bytes], node: int, cause: str) -> None:
        # What the dead sent before it died may still be on its way along its own links.
        self.timers.set(self.clock() + DEATH_GRACE, lambda: self.lose(node, cause))

    def lose(self, node: int, cause: str) -> None:
        """``node`` is dead: from now on nothing from it is believed."""
        if node in self._causes or node == self.id:
            return
        self._causes[node] = cause
        self.links.receive()
        self.links.forget(node)
        self.spawner.lost(node, cause)
        self.selects.lost(node, cause)  # before the homes give what the dead had not taken to others
        self.homes.lost(node)
        self.remote.lost(node, cause)
        self.values.lost(node, cause)
        for question in [q for q, (peer, _) in self._questions.items() if peer == node]:
            self.answered(question, None)
        for listener in self._deaths:
            listener(node, cause)

    def cause_of_loss(self, node: int) -> str | None:
        """Why ``node`` is dead; None if it is not known to be."""
        return self._causes.get(node)

    def lose_everything(self, text: str) -> None:
        """The cluster is gone, or we leave it: whoever waits learns it. Under the lock."""
        if self.closed is not None:
            return
        self.closed = text
        for ticket in self.waits.tickets():
            if ticket.state != DONE:
                ticket.abort(ClusterError(text))
        self.spawner.abandon(ClusterError(text))
        if self.on_lost is not None:
            self.on_lost(text)

    def _on_control(self, header: Header, route: Any, frames: list[bytes]) -> None:
        if header.kind == Kind.WELCOME:
            return  # JOIN was repeated before its answer came
        if header.kind != Kind.UNKNOWN:
            raise ProtocolError(f"a {self.role} does not take {Kind(header.kind).name}")
        if route == self.links.coordinator_route:
            self.lose_everything("the coordinator was restarted and does not know this process any more")

    # ---- outcomes on the wire --------------------------------------------------------------------

    def write_outcome(self, outcome: Outcome, peer: int) -> list[Any]:
        """``[ending, wire value]``: a frozen result, or the four parts of an exception."""
        value = outcome.value
        if outcome.ending == Ending.RETURNED:
            return [outcome.ending, self.values.write(value, peer)]
        if value is None:
            return [outcome.ending, None]
        payload, *texts = value
        return [outcome.ending, [self.values.write(payload, peer), *texts]]

    def read_outcome(self, ending: int, wire: Any, peer: int, frames: list[bytes]) -> Any:
        """The inverse of ``write_outcome``."""
        if ending == Ending.RETURNED:
            return self.values.read(wire, peer, frames)
        if wire is None:
            return None
        try:
            payload, type_name, message, text = wire
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"not an outcome: {error}") from error
        return (self.values.read(payload, peer, frames), type_name, message, text)

    # ---- questions to the coordinator ------------------------------------------------------------

    def workers(self, timeout: float | None = 10.0) -> list[Any]:
        """The coordinator's list of workers (each a dict)."""
        with self.lock:
            self.check_open()
            ticket = self.host.ticket()
            self.ask(self.coordinator, [Msg.WORKERS], partial(complete_unless_done, ticket))
        workers: list[Any] = self.wait(ticket, "status", None, timeout)
        return workers

    def _on_worker_list(
        self, peer: int, frames: list[bytes], question: int, workers: list[Any], facts: dict[str, Any]
    ) -> None:
        self.answered(question, workers)

    def count_goroutines(self, job: int) -> int:
        """How many goroutines of ``job`` live in the whole cluster, whoever spawned them."""
        others = [worker["node"] for worker in self.workers() if worker["node"] != self.id]
        if job != self.id:
            others.append(job)
        total = 0
        for other in others:
            with self.lock:
                ticket = self.host.ticket()
                self.ask(other, [Msg.COUNT, job], partial(complete_unless_done, ticket))
            total += self.wait(ticket, "count", None) or 0
        with self.lock:
            return total + self.spawner.live(job)

    def _on_count(self, peer: int, frames: list[bytes], question: int, job: int) -> None:
        self.links.post(peer, [Msg.COUNTED, question, self.spawner.live(job)])

    def _on_answer(self, peer: int, frames: list[bytes], question: int, reply: Any = None) -> None:
        self.answered(question, reply)

    def __repr__(self) -> str:
        return f"Node({self.name}, {node_name(self.id)}, {self.role})"
