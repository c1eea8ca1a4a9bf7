"""Links: this process's ordered, lossless conversations with other processes.

A :class:`Link` is a session (see ``dgo.core.session``) plus a *path*: the route along which its batches go
now. The paths of a member, in the order in which they are tried:

1. **inbound**: the peer has connected to us; its connection works both ways;
2. **dialled**: we have its address (asked of the coordinator), connected, said HELLO and were HEARD;
3. **relay**: through the coordinator, when neither has come about within ``DIRECT_SECONDS``. Dialling goes on.

Messages wait in the link until there is a path. All conversations with the coordinator use the one route
that was dialled first. The coordinator itself has only inbound paths.

Nothing here waits; the owner calls ``receive`` when there is input, ``flush`` when it has nothing else to
do, and ``housekeeping`` a few times a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dgo.core.session import Session
from dgo.ids import node_name
from dgo.transport.interface import Frame, Route, Transport
from dgo.wire.frames import HEADER_SIZE, Header, Kind, decode_header, encode_header, is_batch_for
from dgo.wire.messages import Body, ProtocolError, SenderGone, decode_body, encode_body

__all__ = ["Link", "Links"]

log = logging.getLogger("dgo.links")

DIRECT_SECONDS = 2.0  # how long a direct path may take before the relay is used
REPEAT_SECONDS = 1.0  # how long an acknowledgement may take before we ask
DATA, ACK, SYNC, RESEND = int(Kind.DATA), int(Kind.ACK), int(Kind.SYNC), int(Kind.RESEND)  # a look into an enum costs
OF_SESSIONS = frozenset({DATA, ACK, SYNC, RESEND})
QUIET_SECONDS = 3.0  # how long the coordinator may be silent before we ask whether it is there

Deliver = Callable[[int, list[Any], list[bytes]], None]


class Link:
    """The conversation with one peer.

    Invariant: ``out`` and ``buffers`` are one batch in the making; a value's frame index counts in ``buffers``.
    """

    __slots__ = (
        "address", "asked", "buffers", "complained", "dialled", "dirty", "heard",
        "heard_at", "inbound", "nbytes", "out", "path",
        "peer",
        "relayed", "session", "since", "synced",
    )  # fmt: skip

    def __init__(self, peer: int, now: float) -> None:
        self.peer = peer
        self.session = Session()
        self.out: Body = []
        self.buffers: list[Frame] = []
        self.nbytes = 0
        self.dirty = False
        self.path: Route | None = None
        self.inbound: Route | None = None
        self.dialled: Route | None = None
        self.heard = False
        self.complained = -1  # what we had when we last said that something is missing
        self.relayed = False
        self.address: str | None = None
        self.asked = False
        self.since = now  # when we began to want a path
        self.heard_at = now
        self.synced = now  # when progress was last made or asked for


class Links:
    """All links of one process.

    Args:
        node: this process's node id.
        transport: carries the frames.
        deliver: called as ``deliver(peer, message, frames)`` for each message, in order.
        clock: monotonic seconds.
        want_path: called with a peer's id when we want to talk to it and have no path; the owner answers with
            ``set_address`` some time later. The coordinator passes None.
    """

    def __init__(
        self,
        node: int,
        transport: Transport,
        deliver: Deliver,
        clock: Callable[[], float],
        want_path: Callable[[int], None] | None = None,
    ) -> None:
        self.node = node
        self.transport = transport
        self.coordinator: int | None = None
        self.coordinator_route: Route | None = None
        self.on_control: Callable[[Header, Route, list[bytes]], None] | None = None
        self.malformed = 0
        self._deliver = deliver
        self._clock = clock
        self._want_path = want_path
        self._links: dict[int, Link] = {}
        self._dirty: list[Link] = []
        self._dead: set[int] = set()
        self._blamed: set[Any] = set()

    # ---- sending ---------------------------------------------------------------------------------

    def link(self, peer: int) -> Link:
        """The link to ``peer``, made on first use."""
        link = self._links.get(peer)
        if link is None:
            link = Link(peer, self._clock())
            if peer not in self._dead:  # what is written for the dead goes nowhere
                self._links[peer] = link
        return link

    def post(self, peer: int, message: list[Any]) -> None:
        """Queues a message; it leaves at the next ``flush``. To the dead nothing is sent."""
        link = self._links.get(peer)
        if link is None:
            if peer in self._dead:
                return
            link = self.link(peer)
        link.out.append(message)
        if not link.dirty:
            link.dirty = True
            self._dirty.append(link)

    def post_idly(self, peer: int, message: list[Any]) -> None:
        """Queues a message that nobody waits for: it leaves with the next one, or with the next housekeeping."""
        link = self._links.get(peer)
        if link is not None:
            link.out.append(message)

    def hurry(self, peer: int) -> None:
        """What was queued for ``peer`` is wanted after all: it leaves with the next flush."""
        link = self._links.get(peer)
        if link is not None and link.out and not link.dirty:
            link.dirty = True
            self._dirty.append(link)

    def flush(self) -> None:
        """Sends what is queued, one batch for each peer."""
        while self._dirty:
            dirty, self._dirty = self._dirty, []
            for link in dirty:
                link.dirty = False
                if link.out and link.peer not in self._dead:
                    self._flush(link)

    def _flush(self, link: Link) -> None:
        if link.path is None and not self._find_path(link):
            return
        batch: list[Frame] = [encode_body(link.out), *link.buffers]
        link.out = []
        link.buffers = []
        session = link.session
        if session.acked == session.sent:
            link.synced = self._clock()
        number = session.number(batch)
        self._transmit(link, DATA, number, batch)

    def _transmit(self, link: Link, kind: int, number: int, batch: list[Frame]) -> None:
        if link.path is None and not self._find_path(link):
            return
        head = encode_header(kind, self.node, link.peer, number, link.session.ack())
        frames = [head + batch[0], *batch[1:]] if batch else [head]
        if not self.transport.send(link.path, frames):
            self._lost_path(link)

    @property
    def pending(self) -> bool:
        """True if something is queued that has a path or may soon get one."""
        return bool(self._dirty)

    # ---- paths -----------------------------------------------------------------------------------

    def _find_path(self, link: Link) -> bool:
        if link.peer == self.coordinator:
            link.path = self.coordinator_route
        elif link.inbound is not None:
            link.path = link.inbound
        elif link.dialled is not None and link.heard:
            link.path = link.dialled
        elif link.relayed:
            link.path = self.coordinator_route
        elif self._want_path is not None and not link.asked:
            link.asked = True
            link.since = self._clock()
            self._want_path(link.peer)
        return link.path is not None

    def _lost_path(self, link: Link) -> None:
        lost, link.path = link.path, None
        if lost == link.inbound:
            link.inbound = None
        if lost == link.dialled:
            link.heard = False
        link.relayed = False
        link.asked = False
        link.since = self._clock()
        # There is no other way to, or through, the coordinator: housekeeping tries it again.
        if lost != self.coordinator_route and self._find_path(link):
            self._repeat(link)

    def _got_path(self, link: Link) -> None:
        link.path = None
        self._find_path(link)
        self._repeat(link)
        if link.out:
            self._flush(link)

    def _repeat(self, link: Link) -> None:
        for number, batch in link.session.unacknowledged():
            self._transmit(link, DATA, number, batch)
        link.synced = self._clock()

    def set_address(self, peer: int, address: str) -> None:
        """What the coordinator knows: where ``peer`` listens ("": nowhere; it will connect to us)."""
        link = self._links.get(peer)
        if link is None or peer in self._dead:
            return
        link.address = address
        if address and link.dialled is None:
            link.dialled = self.transport.dial(address)
            self._hello(link)

    def connect(self, peer: int, address: str) -> None:
        """Connects to ``peer`` now (it asked for it: it cannot connect to us)."""
        if peer not in self._dead:
            self.link(peer)
            if self.link(peer).dialled is not None:
                self._hello(self.link(peer))  # it does not know (any more) that we are connected
            self.set_address(peer, address)

    def _hello(self, link: Link) -> None:
        self.transport.send(link.dialled, [encode_header(Kind.HELLO, self.node, link.peer)])

    def attach(self, peer: int, route: Route) -> Link:
        """The coordinator's side: ``peer`` has joined along ``route``."""
        link = self.link(peer)
        link.inbound = link.path = route
        self.hurry(peer)
        return link

    def forget(self, peer: int) -> None:
        """``peer`` is dead: nothing more is sent to it and nothing from it is believed."""
        self._dead.add(peer)
        link = self._links.pop(peer, None)
        if link is not None and link.dialled is not None:
            self.transport.hang_up(link.dialled)

    # ---- receiving -------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Handles all input; True if there was any."""
        arrived = self.transport.receive()
        for route, frames in arrived:
            try:
                if not self._next_batch(frames):
                    self._frames(route, frames)
            except ProtocolError as error:
                self.blame(route, error)
        return bool(arrived)

    def _next_batch(self, frames: list[bytes]) -> bool:
        """Handles the next batch of a session whose path is known, as nearly all frame sets are.

        A short cut through ``_frames`` and ``_session``; False if it is anything else, and nothing was done.
        """
        source, number, ack = is_batch_for(self.node, frames)
        link = self._links.get(source)
        if link is None or link.path is None or link.relayed or not link.session.follows(number):
            return False
        session = link.session
        link.heard_at = now = self._clock()
        if ack > session.acked:
            session.acknowledge(ack)
            link.synced = now
        self._batch(source, frames)
        if session.ack_due:
            self._transmit(link, ACK, 0, [])
        return True

    def blame(self, culprit: Any, error: Exception) -> None:
        """Counts a malformed message; logs the first of each culprit."""
        self.malformed += 1
        if culprit not in self._blamed:
            self._blamed.add(culprit)
            log.warning("dropped a malformed message of %s: %s (more of it are only counted)", culprit, error)

    def _frames(self, route: Route, frames: list[bytes]) -> None:
        if not frames:
            raise ProtocolError("no header")
        header = decode_header(frames[0])
        if header.destination != self.node and header.destination != 0:
            self._forward(header, route, frames)
            return
        kind = header.kind
        if kind in OF_SESSIONS:
            self._session(header, route, frames)
        elif kind == Kind.HELLO:
            self._on_hello(header, route)
        elif kind == Kind.HEARD:
            self._on_heard(header)
        elif self.on_control is not None:
            self.on_control(header, route, frames)

    def _forward(self, header: Header, route: Route, frames: list[bytes]) -> None:
        if self._want_path is None and header.source not in self._links:
            if header.source not in self._dead:  # it takes us for the coordinator that was here before
                self.transport.send(route, [encode_header(Kind.UNKNOWN, self.node, header.source)])
            return
        link = self._links.get(header.destination)
        if self._want_path is None and (link is None or link.path is None):
            return  # it is gone, or away for a moment: its peers' sessions repeat what matters
        if self._want_path is not None or link is None:
            raise ProtocolError(f"a message for {node_name(header.destination)} came to {node_name(self.node)}")
        if not self.transport.send(link.path, frames):
            self._lost_path(link)

    def _on_hello(self, header: Header, route: Route) -> None:
        if header.source in self._dead:
            return
        if self._want_path is None and header.source not in self._links:  # it has to join first
            self.transport.send(route, [encode_header(Kind.UNKNOWN, self.node, header.source)])
            return
        self.transport.send(route, [encode_header(Kind.HEARD, self.node, header.source)])
        link = self.link(header.source)
        if link.inbound != route:
            replaced, link.inbound = link.inbound, route
            if link.path is None or link.relayed or link.path == replaced:
                link.relayed = False
                self._got_path(link)

    def _on_heard(self, header: Header) -> None:
        link = self._links.get(header.source)
        if link is not None and not link.heard:
            link.heard = True
            if link.path is None or link.relayed:
                link.relayed = False
                self._got_path(link)

    def _session(self, header: Header, route: Route, frames: list[bytes]) -> None:
        peer = header.source
        link = self._links.get(peer)
        if link is None:
            if peer in self._dead:
                return
            if self._want_path is None:  # only the coordinator knows all its members
                self.transport.send(route, [encode_header(Kind.UNKNOWN, self.node, peer)])
                return
            link = self.link(peer)
        if link.path is None or link.relayed:
            self._came_along(link, route)
        session = link.session
        link.heard_at = self._clock()
        if header.ack > session.acked:
            session.acknowledge(header.ack)
            link.synced = link.heard_at
        if header.kind == DATA:
            for batch in session.accept(header.seq, frames):
                self._batch(peer, batch)
            if session.gap:
                if link.complained != session.received:  # each complaint has everything repeated
                    link.complained = session.received
                    self._transmit(link, RESEND, 0, [])
            elif session.ack_due:
                self._transmit(link, ACK, 0, [])
        elif header.kind == SYNC:
            self._transmit(link, ACK if session.received >= header.seq else RESEND, 0, [])
        elif header.kind == RESEND:
            self._repeat(link)

    def _came_along(self, link: Link, route: Route) -> None:
        """What the peer says shows a path to it."""
        if route == self.coordinator_route and link.peer != self.coordinator:
            return
        if route == link.dialled:
            link.heard = True
        elif route != self.coordinator_route:
            link.inbound = route
        link.relayed = False
        self._got_path(link)

    def _batch(self, peer: int, frames: list[bytes]) -> None:
        try:
            body = decode_body(memoryview(frames[0])[HEADER_SIZE:])
        except ProtocolError as error:
            self.blame(node_name(peer), error)
            return
        deliver = self._deliver
        for message in body:
            if peer in self._dead:
                return
            try:
                deliver(peer, message, frames)
            except SenderGone as error:
                log.info("a message counts as not sent: %s", error)
            except ProtocolError as error:
                self.blame(node_name(peer), error)
            except Exception:  # our fault: the rest of the batch counts as received and must not be lost with it
                log.exception("an error while handling a message of %s; the next one is handled", node_name(peer))

    # ---- now and then ----------------------------------------------------------------------------

    def housekeeping(self) -> None:
        """Acknowledges, asks for missing acknowledgements, gives up on direct paths that do not come about."""
        now = self._clock()
        for route in self.transport.broken():
            for link in list(self._links.values()):
                if link.path == route:
                    self._lost_path(link)
                elif link.inbound == route:
                    link.inbound = None
        for link in list(self._links.values()):
            self.hurry(link.peer)
            session = link.session
            if link.path is not None or (session.owed and self._find_path(link)):
                asks = session.acked < session.sent or (
                    link.peer == self.coordinator and now - link.heard_at > QUIET_SECONDS
                )
                if asks and now - link.synced > REPEAT_SECONDS:
                    link.synced = now
                    self._transmit(link, SYNC, session.sent, [])
                elif session.owed and not link.out:
                    self._transmit(link, ACK, 0, [])
            elif self._want_path is not None and (link.out or session.owed or session.acked < session.sent):
                if now - link.since > DIRECT_SECONDS:
                    link.relayed = True
                self._got_path(link)
            if link.dialled is not None and not link.heard:
                self._hello(link)

    def backlog(self, peer: int) -> int:
        """Messages that wait to be sent to ``peer`` and batches that it has not acknowledged."""
        link = self._links.get(peer)
        return 0 if link is None else len(link.out) + link.session.sent - link.session.acked

    def silence(self) -> float:
        """For how many seconds the coordinator has said nothing (it is asked after ``QUIET_SECONDS``)."""
        link = self._links.get(self.coordinator) if self.coordinator is not None else None
        return 0.0 if link is None else self._clock() - link.heard_at

    def slept(self, seconds: float) -> None:
        """This process has done nothing for so long: whoever is silent is not to blame."""
        for link in self._links.values():
            link.heard_at = min(link.heard_at + seconds, self._clock())

    def unsent(self) -> int:
        """How many batches the peers have not acknowledged, and messages wait for a path (for tests and status)."""
        return sum(link.session.sent - link.session.acked + len(link.out) for link in self._links.values())

    def counters(self) -> list[list[int]]:
        """``[peer, batches sent, batches received]`` of each link, for deadlock detection."""
        return [[link.peer, link.session.sent + len(link.out), link.session.received] for link in self._links.values()]
