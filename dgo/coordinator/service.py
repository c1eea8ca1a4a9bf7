"""The coordinator's rules, wired to its links.

It holds only what its members can tell it again: who they are, and the goroutines that no worker has yet.
It has no thread and no clock of its own; whoever runs it calls ``step`` when there is input and ``tick`` a
few times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgpack

from dgo.core.backlog import Waiting
from dgo.core.membership import ROLES, Member, Members, State
from dgo.core.placement import Placement
from dgo.core.quiescence import Quiescence, Report, Step
from dgo.ids import node_name
from dgo.runtime.links import Links
from dgo.transport.interface import Route, Transport
from dgo.wire.frames import HEADER_SIZE, Header, Kind, encode_header
from dgo.wire.messages import PROTOCOL, SERIES_FIELDS, Msg, ProtocolError

__all__ = ["Coordinator", "python_version"]

log = logging.getLogger("dgo.coordinator")

LEASE = 10.0  # seconds for a member whose connection broke to come back
PROBE_SECONDS = 5.0  # after which an unanswered question about sleep is given up

Origin = tuple[int, int]  # (spawner, job)


def python_version() -> str:
    """The Python version that must agree across a cluster, e.g. ``3.11``."""
    import sys

    return f"{sys.version_info[0]}.{sys.version_info[1]}"


class Coordinator:
    """The state of one cluster.

    Args:
        node: this process's node id.
        transport: bound already; inbound connections are watched.
        clock: monotonic seconds.
        lease: seconds for a member whose connection broke to come back.
    """

    def __init__(self, node: int, transport: Transport, clock: Callable[[], float], lease: float = LEASE) -> None:
        self.node = node
        self.members = Members(lease)
        self.placement = Placement()
        self.draining = False
        self.on_driver_gone: Callable[[int], object] | None = None
        self._clock = clock
        self._transport = transport
        self._workers_named = 0
        self._warned: set[int] = set()
        self._demanding = False  # some that nobody may ever be able to run are waiting, or a worker is gone
        self._quiescence = Quiescence()
        self._activity = 0
        self._activity_before = 0
        self._probed_until = 0.0
        self.links = Links(node, transport, self._deliver, clock, None)
        self.links.on_control = self._on_control
        self._handlers: dict[int, Callable[..., None]] = {
            Msg.BYE: self._on_bye,
            Msg.LOST: self._on_lost,
            Msg.WHERE: self._on_where,
            Msg.CALL: self._on_call,
            Msg.WORKERS: self._on_workers,
            Msg.DRAIN: self._on_drain,
            Msg.SUBMIT: self._on_submit,
            Msg.GIVEN: self._on_given,
            Msg.LOAD: self._on_load,
            Msg.STOP: self._on_stop,
            Msg.ASLEEP: self._on_asleep,
            Msg.PROBED: self._on_probed,
        }

    # ---- running ---------------------------------------------------------------------------------

    def step(self) -> None:
        """Handles input, places what can be placed, sends what is queued."""
        self.links.receive()
        self._place()
        self.links.flush()

    def tick(self) -> None:
        """Called a few times a second: broken connections, leases, acknowledgements."""
        now = self._clock()
        for route in self._transport.broken():
            for member in self.members.all():
                if self.links.link(member.node).inbound == route:
                    self.members.suspect(member.node, now)
        for node in self.members.overdue(now):
            self.lose(node, f"no connection for {self.members.lease:g} s")
        self.links.housekeeping()
        self.step()

    def _deliver(self, peer: int, message: list[Any], frames: list[bytes]) -> None:
        if self.members.get(peer) is None:
            return
        self.members.back(peer)
        if message[0] not in (Msg.ASLEEP, Msg.PROBED, Msg.LOAD):
            self._activity += 1
        handler = self._handlers.get(message[0])
        if handler is None:
            raise ProtocolError(f"the coordinator does not take {Msg(message[0]).name}")
        handler(peer, frames, *message[1:])

    # ---- joining and leaving ---------------------------------------------------------------------

    def _on_control(self, header: Header, route: Route, frames: list[bytes]) -> None:
        if header.kind != Kind.JOIN:
            raise ProtocolError(f"the coordinator does not take {Kind(header.kind).name}")
        try:
            facts = msgpack.unpackb(frames[0][HEADER_SIZE:], strict_map_key=True)
            refusal = self._refusal(header, facts)
            if refusal is None:
                member = self._member(header.source, facts)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ProtocolError(f"not a JOIN: {type(error).__name__}: {error}") from error
        if refusal is not None:
            log.warning("refused a %s: %s", facts.get("role"), refusal)
            self._control(route, Kind.REFUSED, header.source, {"reason": refusal})
            return
        if self.members.get(member.node) is None:
            self._welcome_new(member)
        self.members.back(member.node)
        self.links.attach(member.node, route)
        known = self.members.get(member.node)
        assert known is not None
        self._control(route, Kind.WELCOME, header.source, {"name": known.name, "protocol": PROTOCOL})

    def _refusal(self, header: Header, facts: dict[str, Any]) -> str | None:
        if facts["protocol"] != PROTOCOL:
            return (
                f"protocol version {facts['protocol']} cannot talk to this coordinator's version {PROTOCOL}: "
                "install the same version of dgo everywhere"
            )
        if facts["role"] in ("driver", "worker", "supervisor") and facts["python"] != python_version():
            return (
                f"Python {facts['python']} cannot share goroutines with this cluster's Python {python_version()}: "
                "use the same minor version everywhere"
            )
        if facts["role"] not in ROLES:
            return f"unknown role {facts['role']!r:.40}"
        if self.members.cause(header.source) is not None:
            return f"this process was declared lost: {self.members.cause(header.source)}"
        return None

    def _member(self, node: int, facts: dict[str, Any]) -> Member:
        return Member(
            node=node,
            role=str(facts["role"]),
            name=str(facts["name"]),
            address=str(facts["address"]),
            host=str(facts["host"]),
            pid=int(facts["pid"]),
            supervisor=int(facts["supervisor"]),
            labels={str(k): str(v) for k, v in facts["labels"].items()},
            resources={str(k): float(v) for k, v in facts["resources"].items()},
        )

    def _welcome_new(self, member: Member) -> None:
        if member.role == "worker" and not member.name:
            self._workers_named += 1
            member.name = f"worker-{self._workers_named}"
        self.members.join(member)
        self._quiescence.abandon()
        if member.role == "worker":
            self.placement.add_worker(member.node, member.labels, member.resources, self._clock())
            self._tell_drivers()
        log.log(
            _interest(member),
            "%s %s joined (pid %d on %s)",
            member.role,
            member.name,
            member.pid,
            member.host,
        )

    def _control(self, route: Route, kind: Kind, peer: int, facts: dict[str, Any]) -> None:
        self._transport.send(route, [encode_header(kind, self.node, peer) + msgpack.packb(facts)])

    def _tell_drivers(self) -> None:
        count = len(self.members.with_role("worker"))
        for driver in self.members.with_role("driver"):
            self.links.post(driver.node, [Msg.MEMBERS, count])

    def _on_bye(self, peer: int, frames: list[bytes], reason: str) -> None:
        self.lose(peer, reason)

    def _on_lost(self, peer: int, frames: list[bytes], node: int, cause: str) -> None:
        self.lose(node, cause)

    def _on_drain(self, peer: int, frames: list[bytes]) -> None:
        self.members.drain(peer)
        self.placement.close_worker(peer)

    def lose(self, node: int, cause: str) -> None:
        """``node`` is dead (or has left): everyone is told, its place in the cluster is cleared."""
        member = self.members.lose(node, cause)
        if member is None:
            return
        self._quiescence.abandon()
        log.log(_interest(member), "%s %s is gone: %s", member.role, member.name, cause)
        self.links.flush()
        self.links.forget(node)
        if member.role == "client":
            return
        for other in self.members.all():
            if other.role in ("driver", "worker"):
                self.links.post(other.node, [Msg.DOWN, node, cause])
        if member.role == "worker":
            self.placement.remove_worker(node)
            self._demanding = True
            self._drop_waiting(lambda origin: origin[0] == node)
            self._tell_drivers()
        elif member.role == "supervisor":
            for child in self.members.under(node):
                self.lose(child.node, f"its supervisor is gone: {cause}")
        elif member.role == "driver":
            self._end_job(node)

    def _end_job(self, job: int) -> None:
        self._drop_waiting(lambda origin: origin[1] == job)
        for worker in self.members.with_role("worker"):
            self.links.post(worker.node, [Msg.JOB_END, job])
        if self.on_driver_gone is not None:
            self.on_driver_gone(job)

    def _drop_waiting(self, belongs: Callable[[Origin], bool]) -> None:
        origins = {goroutine.origin for goroutine in self.placement.waiting if belongs(goroutine.origin)}
        for origin in origins:
            self.placement.drop(origin)

    # ---- questions -------------------------------------------------------------------------------

    def _on_where(self, peer: int, frames: list[bytes], node: int) -> None:
        member = self.members.get(node)
        if member is not None:
            self.links.post(peer, [Msg.ADDRESS, node, member.address, ""])
        else:
            cause = self.members.cause(node) or "it is not a member of this cluster"
            self.links.post(peer, [Msg.ADDRESS, node, "", cause])

    def _on_call(self, peer: int, frames: list[bytes], node: int, address: str) -> None:
        caller = self.members.get(peer)
        if caller is not None and caller.address and self.members.get(node) is not None:
            self.links.post(node, [Msg.CALL, peer, caller.address])

    def _on_workers(self, peer: int, frames: list[bytes], question: int) -> None:
        workers = [self._describe(member) for member in self.members.with_role("worker")]
        facts = {
            "protocol": PROTOCOL,
            "python": python_version(),
            "drivers": len(self.members.with_role("driver")),
            "waiting": sum(goroutine.count for goroutine in self.placement.waiting),
            "malformed": self.links.malformed,
        }
        self.links.post(peer, [Msg.WORKER_LIST, question, workers, facts])

    def _describe(self, member: Member) -> dict[str, Any]:
        load = self.placement.loads.get(member.node)
        return {
            "node": member.node,
            "name": member.name,
            "host": member.host,
            "pid": member.pid,
            "labels": member.labels,
            "resources": member.resources,
            "state": member.state.value,
            "goroutines": load.live if load is not None else 0,
        }

    # ---- goroutines ------------------------------------------------------------------------------

    def _on_submit(self, peer: int, frames: list[bytes], job: int, items: list[Any]) -> None:
        self.placement.submit(self._waiting(peer, job, items, frames))
        self._place()

    def _on_given(self, peer: int, frames: list[bytes], spawner: int, job: int, items: list[Any]) -> None:
        waiting = self._waiting(spawner, job, items, frames)
        self.links.post(spawner, [Msg.RETURNED, [[goroutine.number, goroutine.count] for goroutine in waiting]])
        self.placement.submit(waiting)

    def _waiting(self, spawner: int, job: int, items: list[Any], frames: list[bytes]) -> list[Waiting]:
        origin = (spawner, job)
        waiting = []
        for item in items:
            try:
                if len(item) == SERIES_FIELDS:
                    waiting.append(_series(origin, *item))
                    continue
                number, _, _, _, payload, _, options = item
                buffers = _buffers(payload, frames)
                goroutine = Waiting(origin, int(number), (item, buffers))
                if options:
                    goroutine.spread = bool(options.get("spread"))
                    goroutine.labels = options.get("labels")
                    goroutine.resources = options.get("resources")
                    _check_demand(goroutine)
                    self._demanding = True
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                raise ProtocolError(f"not a goroutine: {error}") from error
            waiting.append(goroutine)
        return waiting

    def _on_stop(self, peer: int, frames: list[bytes], worker: int, stops: list[Any]) -> None:
        """Goroutines of ``peer`` are cancelled: those that wait here end here, a worker's are the worker's to end.

        The word goes to the worker along the link of RUN, so it never overtakes the goroutine. If that worker
        has given it back meanwhile, RETURNED is on its way to the spawner, who will ask again.
        """
        if worker:
            if self.members.get(worker) is not None:
                self.links.post(worker, [Msg.STOP, peer, stops])
            return
        try:
            numbers = {int(number) for number, _ in stops}
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"not cancellations: {error}") from error
        origins = {goroutine.origin for goroutine in self.placement.waiting if goroutine.origin[0] == peer}
        dropped = [number for origin in origins for number in self.placement.withdraw(origin, numbers)]
        if dropped:
            self.links.post(peer, [Msg.DROPPED, dropped])
        self.links.hurry(peer)  # it may not know yet where the others are

    def _on_load(
        self,
        peer: int,
        frames: list[bytes],
        received: int,
        unstarted: int,
        runnable: int,
        live: int,
        freed: dict[str, float],
    ) -> None:
        self.placement.report(peer, received, unstarted, runnable, live, freed, self._clock())
        self._steal()

    def _place(self) -> None:
        if self.draining or not self.placement.waiting or not self.placement.loads:
            return
        for worker, goroutines in self.placement.assign(self._clock()):
            groups: dict[Origin, list[Waiting]] = {}
            for goroutine in goroutines:
                groups.setdefault(goroutine.origin, []).append(goroutine)
            link = self.links.link(worker)
            for (spawner, job), members in groups.items():
                self.links.post_idly(
                    spawner, [Msg.PLACED, worker, [[member.number, member.count] for member in members]]
                )
                items: list[Any] = []
                for member in members:
                    if member.calls is not None:
                        items.append([*member.item, member.number, member.calls])
                        continue
                    item, buffers = member.item
                    if buffers:
                        item[4][2] = len(link.buffers)
                        link.buffers.extend(buffers)
                    items.append(item)
                self.links.post(worker, [Msg.RUN, spawner, job, items])
        if self._demanding:  # there may be many thousands to look at
            self._demanding = False
            self._warn_of_unplaceable()

    def _warn_of_unplaceable(self) -> None:
        for goroutine in self.placement.waiting:
            if not goroutine.labels and not goroutine.resources:
                continue
            key = hash((goroutine.origin, goroutine.number))
            if key in self._warned or any(load.can_ever(goroutine) for load in self.placement.loads.values()):
                continue
            self._warned.add(key)
            spawner = goroutine.origin[0]
            text = (
                f"goroutine {node_name(spawner)}-{goroutine.number} waits for a worker with labels "
                f"{goroutine.labels or {}} and resources {goroutine.resources or {}}: none has them yet"
            )
            self.links.post(spawner, [Msg.UNPLACEABLE, goroutine.number, text])

    def _steal(self) -> None:
        """Has work taken from the busy for the idle: whenever a worker reports, as either may begin with that."""
        for victim, count in self.placement.steals():
            self.links.post(victim, [Msg.STEAL, count])

    # ---- is everything asleep? -------------------------------------------------------------------

    def _on_asleep(self, peer: int, frames: list[bytes], asleep: bool) -> None:
        members = [member for member in self.members.all() if member.role in ("driver", "worker")]
        if self._quiescence.running and self._clock() < self._probed_until:
            return
        if self.placement.waiting or any(member.state is State.SUSPECT for member in members):
            return
        self._activity_before = self._activity
        self._probed_until = self._clock() + PROBE_SECONDS
        self._probe(self._quiescence.begin(frozenset(member.node for member in members)), members)

    def _probe(self, wave: int, members: list[Member]) -> None:
        for member in members:
            self.links.post(member.node, [Msg.PROBE, wave])

    def _on_probed(
        self, peer: int, frames: list[bytes], wave: int, busy: bool, activity: int, links: list[Any], waits: list[Any]
    ) -> None:
        try:
            counts = {int(node): (int(sent), int(received)) for node, sent, received in links}
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"not a report: {error}") from error
        step = self._quiescence.answer(peer, wave, Report(busy, activity, counts, tuple(map(str, waits))))
        if step is Step.SECOND_WAVE:
            members = [member for member in self.members.all() if member.role in ("driver", "worker")]
            self._probe(self._quiescence.second(), members)
        elif step is Step.ASLEEP and self._activity == self._activity_before and not self.placement.waiting:
            lines = "\n  ".join(self._quiescence.waits())
            text = f"all goroutines are asleep, and nothing can wake them:\n  {lines}"
            for driver in self.members.with_role("driver"):
                self.links.post(driver.node, [Msg.DEADLOCK, text])

    def idle(self) -> bool:
        """True if no driver is connected."""
        return not self.members.with_role("driver")

    def busy(self) -> bool:
        """True if a worker has goroutines."""
        return any(load.live for load in self.placement.loads.values())

    def drain(self) -> None:
        """The coordinator is about to end: no more goroutines are placed."""
        self.draining = True
        for member in self.members.with_role("worker"):
            if member.state is State.ALIVE:
                self.placement.close_worker(member.node)


def _interest(member: Member) -> int:
    """The log level of a member's coming and going: health checks come every few seconds."""
    return logging.DEBUG if member.role == "client" else logging.INFO


def _check_demand(goroutine: Waiting) -> None:
    """What is wrong with it has to be found before others wait behind it.

    Raises:
        ValueError, TypeError, AttributeError: as what is wrong has it.
    """
    hash(goroutine.demand())
    if not all(isinstance(amount, (int, float)) for amount in (goroutine.resources or {}).values()):
        raise ValueError("amounts of resources are numbers")


def _series(origin: Origin, name: Any, key: Any, first: Any, calls: Any) -> Waiting:
    if type(first) is not int or type(calls) is not list or not calls:
        raise ProtocolError("a series has a number and calls")
    return Waiting(origin, first, (name, key), calls=calls)


def _buffers(payload: Any, frames: list[bytes]) -> list[bytes]:
    """The frames that belong to an item's payload (see ``dgo.wire.messages``)."""
    if type(payload) is not list or len(payload) == 1:
        return []
    inline, _, first, described, _ = payload
    count = sum(type(entry) is bool for entry in described) + (1 if inline is None else 0)
    found = frames[1 + first : 1 + first + count]
    if len(found) != count:
        raise ProtocolError("a goroutine's buffers are missing")
    return found
