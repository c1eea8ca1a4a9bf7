"""The in-memory transport: many nodes in one process, a virtual clock, and every delay from one seed.

Order along one direction of a route is kept, as on a socket; across routes anything may overtake anything.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from itertools import count

from dgo.errors import ClusterError
from dgo.transport.interface import Frame, Route

__all__ = ["MemoryNetwork", "MemoryTransport", "VirtualClock"]

SHORTEST, LONGEST = 1e-5, 1e-3  # seconds a frame set may take


class VirtualClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class MemoryNetwork:
    """What connects the transports of one simulation."""

    def __init__(self, seed: int, clock: VirtualClock) -> None:
        self.clock = clock
        self._random = random.Random(seed)
        self._listeners: dict[str, MemoryTransport] = {}
        self._order = count()
        self._moving: list[tuple[float, int, MemoryTransport, Route, list[bytes]]] = []
        self._latest: dict[tuple[int, Route], float] = {}
        self._serial = count(1)

    def transport(self) -> MemoryTransport:
        """A new process's transport."""
        return MemoryTransport(self)

    def listen(self, address: str, transport: MemoryTransport) -> None:
        """Registers who listens at ``address``."""
        if address in self._listeners:
            raise ClusterError(f"cannot listen at {address}: it is taken")
        self._listeners[address] = transport

    def listener(self, address: str) -> MemoryTransport | None:
        """Who listens at ``address``."""
        return self._listeners.get(address)

    def serial(self) -> int:
        """A number for a new route."""
        return next(self._serial)

    def put(self, target: MemoryTransport, route: Route, frames: list[bytes]) -> None:
        """Sends frames to ``target``, where they come in along ``route``."""
        arrival = self.clock.now + self._random.uniform(SHORTEST, LONGEST)
        key = (id(target), route)
        arrival = max(arrival, self._latest.get(key, 0.0))
        self._latest[key] = arrival
        heapq.heappush(self._moving, (arrival, next(self._order), target, route, frames))

    def next_arrival(self) -> float | None:
        """When the next frame set arrives."""
        return self._moving[0][0] if self._moving else None

    def deliver_due(self) -> None:
        """Puts everything whose time has come into its receiver's inbox."""
        while self._moving and self._moving[0][0] <= self.clock.now:
            _, _, target, route, frames = heapq.heappop(self._moving)
            if not target.closed:
                target.inbox.append((route, frames))


class MemoryTransport:
    """One simulated process's way to the others."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._peers: dict[Route, tuple[MemoryTransport, Route]] = {}
        self._addresses: dict[Route, str] = {}
        self.inbox: list[tuple[Route, list[bytes]]] = []
        self.closed = False

    def bind(self, address: str) -> str:
        """Listens at ``address``."""
        self._network.listen(address, self)
        return address

    def dial(self, address: str) -> Route:
        """Opens a route to ``address``; the listener may come later."""
        route = ("d", self._network.serial())
        self._addresses[route] = address
        return route

    def hang_up(self, route: Route) -> None:
        """Forgets a dialled route."""
        self._addresses.pop(route, None)
        self._peers.pop(route, None)

    def _peer(self, route: Route) -> tuple[MemoryTransport, Route] | None:
        peer = self._peers.get(route)
        if peer is None and route in self._addresses:
            listener = self._network.listener(self._addresses[route])
            if listener is not None:
                inbound = ("r", self._network.serial())
                listener._peers[inbound] = (self, route)
                peer = self._peers[route] = (listener, inbound)
        return peer

    def send(self, route: Route, frames: Sequence[Frame]) -> bool:
        """Sends; False if the route is dead."""
        peer = self._peer(route)
        if peer is None:
            return route in self._addresses  # nobody listens yet: lost, as on a socket that never connects
        target, inbound = peer
        if target.closed:
            return False
        self._network.put(target, inbound, [bytes(frame) for frame in frames])
        return True

    def receive(self) -> list[tuple[Route, list[bytes]]]:
        """What has come."""
        inbox, self.inbox = self.inbox, []
        return inbox

    def broken(self) -> list[Route]:
        """The inbound routes whose other end is closed."""
        dead = [route for route, (target, _) in self._peers.items() if target.closed and route not in self._addresses]
        for route in dead:
            del self._peers[route]
        return dead

    def close(self) -> None:
        """Nothing is sent or received any more."""
        self.closed = True
        self.inbox.clear()
