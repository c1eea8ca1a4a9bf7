"""The ZeroMQ transport; the only module that imports zmq.

One ROUTER receives what others send to this process; one DEALER for each peer that this process dials.
Both directions of a connection are used. Facts behind the settings (each was measured or is documented):

* ROUTER drops silently without ``ROUTER_MANDATORY``; with it a dead route raises, and we say so.
* High-water marks count messages and are no flow control: they are off, the layers above bound what is
  in flight.
* ``term()`` hangs without a finite ``LINGER``.
* The file descriptor of a socket is edge-triggered, and *any* call on the socket may consume the edge:
  after a send one has to look for input again. ``send`` does, and notes it in ``stale``.
* Routing ids are random for each connection; identity is never derived from them.
* A socket monitor on the ROUTER tells which connection ended: messages carry their connection's
  descriptor (``SRCFD``), which the monitor names.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import Any

import zmq

from dgo.errors import ClusterError
from dgo.transport.interface import Frame, Route
from dgo.wire.messages import MAX_FRAME

__all__ = ["ZmqTransport"]

HEARTBEAT_MS = 2000
HEARTBEAT_TIMEOUT_MS = 6000
LINGER_MS = 1000
VIEW_BYTES = 1 << 16  # of a frame: from here on a view costs less than a copy

# Plain integers: combining zmq's flag enumerations costs more than the call they are for.
DONTWAIT = int(zmq.DONTWAIT)
SNDMORE_DONTWAIT = int(zmq.SNDMORE) | DONTWAIT
EVENTS, POLLIN, RCVMORE = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.RCVMORE)

# A monitor's event: its number and, for DISCONNECTED, the descriptor. (zmq.utils.monitor would load asyncio.)
MONITOR_EVENT = struct.Struct("=hi")

Dialled = tuple[str, int]  # ("d", serial number)
Inbound = tuple[str, bytes]  # ("r", routing id)


class ZmqTransport:
    """Frame sets over ZeroMQ (``tcp://`` and ``ipc://``). Not thread-safe: the caller holds a lock."""

    def __init__(self, watch_connections: bool = False) -> None:
        self._context = zmq.Context()
        self._router: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._watch = watch_connections
        self._dealers: dict[Route, zmq.Socket[bytes]] = {}
        self._serial = 0
        self._descriptor: dict[int, Route] = {}
        self._broken: list[Route] = []
        self.edge_triggered = True
        self.stale = False
        self.generation = 0

    # ---- opening ---------------------------------------------------------------------------------

    def _socket(self, kind: int) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
        socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
        socket.setsockopt(zmq.HANDSHAKE_IVL, 3000)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        socket.setsockopt(zmq.IPV6, 1)
        return socket

    def bind(self, address: str) -> str:
        """Listens at ``address`` (``tcp://host:port``, port 0 for any; ``ipc://path``)."""
        router = self._socket(zmq.ROUTER)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.setsockopt(zmq.BACKLOG, 1024)
        if self._watch:
            self._monitor = router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            router.bind(address)
        except zmq.ZMQError as error:
            router.close(0)
            raise ClusterError(
                f"cannot listen at {address}: {error.strerror}. Is another process using it, "
                "and is it an address of this machine?"
            ) from error
        self._router = router
        self.generation += 1
        endpoint: str = router.getsockopt_string(zmq.LAST_ENDPOINT)
        return endpoint

    def dial(self, address: str) -> Route:
        """Opens a route to ``address``; connecting goes on in the background."""
        dealer = self._socket(zmq.DEALER)
        dealer.setsockopt(zmq.ROUTING_ID, os.urandom(8).replace(b"\0", b"\1"))
        try:
            dealer.connect(address)
        except zmq.ZMQError as error:
            dealer.close(0)
            raise ClusterError(
                f"{address!r} is not an address: {error.strerror}. Use the form tcp://host:7117"
            ) from error
        self._serial += 1
        route: Dialled = ("d", self._serial)
        self._dealers[route] = dealer
        self.generation += 1
        return route

    def hang_up(self, route: Route) -> None:
        """Closes a dialled route."""
        dealer = self._dealers.pop(route, None)
        if dealer is not None:
            dealer.close()
            self.generation += 1

    # ---- sending and receiving -------------------------------------------------------------------

    def send(self, route: Route, frames: Sequence[Frame]) -> bool:
        """Sends without waiting; False if the route is dead."""
        socket = self._dealers.get(route)
        try:
            if socket is None:
                if self._router is None or not isinstance(route, tuple) or route[0] != "r":
                    return False
                socket = self._router
                socket.send(route[1], SNDMORE_DONTWAIT)
            last = len(frames) - 1
            for frame in frames[:last]:
                socket.send(frame, SNDMORE_DONTWAIT)
            socket.send(frames[last], DONTWAIT)
            if not self.stale and _readable(socket):
                self.stale = True
            return True
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                return False
            raise

    def receive(self) -> list[tuple[Route, list[bytes]]]:
        """Everything that has come, without waiting."""
        self.stale = False
        received: list[tuple[Route, list[bytes]]] = []
        router = self._router
        if router is not None:
            while _readable(router):  # asking costs less than the exception of a vain receive
                if self._watch:
                    received.append(self._receive_watched(router))
                else:
                    route = ("r", router.recv(DONTWAIT))
                    received.append((route, _frames(router)))
        for dialled, dealer in self._dealers.items():
            while _readable(dealer):
                received.append((dialled, _frames(dealer)))
        return received

    def _receive_watched(self, router: zmq.Socket[bytes]) -> tuple[Route, list[bytes]]:
        """Receives, and notes along which connection it came."""
        first = router.recv(DONTWAIT, copy=False)
        route: Inbound = ("r", first.bytes)
        self._descriptor[int(first.get(zmq.SRCFD))] = route
        return route, _frames(router)

    def broken(self) -> list[Route]:
        """The inbound routes whose connection has ended (only with ``watch_connections``)."""
        if self._monitor is not None:
            while _readable(self._monitor):
                _, descriptor = MONITOR_EVENT.unpack(_frames(self._monitor)[0])
                route = self._descriptor.pop(descriptor, None)
                if route is not None:
                    self._broken.append(route)
        broken, self._broken = self._broken, []
        return broken

    # ---- waiting for input -----------------------------------------------------------------------

    def descriptors(self) -> list[int]:
        """File descriptors that become readable when there may be input (edge-triggered)."""
        sockets = [self._router, self._monitor, *self._dealers.values()]
        return [int(socket.getsockopt(zmq.FD)) for socket in sockets if socket is not None]

    def ready(self) -> bool:
        """True if ``receive`` or ``broken`` would find something."""
        for socket in (self._router, self._monitor, *self._dealers.values()):
            if socket is not None and _readable(socket):
                return True
        return False

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Closes all sockets; what was sent has ``linger_ms`` to leave."""
        if self._monitor is not None:
            assert self._router is not None
            self._router.disable_monitor()
            self._monitor = None
        for dealer in self._dealers.values():
            dealer.close(linger_ms)
        self._dealers.clear()
        if self._router is not None:
            self._router.close(linger_ms)
            self._router = None
        self._context.term()


def _readable(socket: zmq.Socket[bytes]) -> bool:
    """True if a message can be received now."""
    return bool(socket.get(EVENTS) & POLLIN)  # type: ignore[operator] # this option is an int


def _frames(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The rest of the message that begins now.

    Frames after the first are buffers of values. A large one is not copied: it comes as a memoryview of the memory into
    which it was received, which lives as long as the view and is nobody else's.
    """
    frames: list[Any] = [socket.recv(DONTWAIT)]
    while socket.get(RCVMORE):
        frame = socket.recv(DONTWAIT, copy=False)
        frames.append(frame.bytes if len(frame) < VIEW_BYTES else frame.buffer)
    return frames
