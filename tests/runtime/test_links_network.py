"""A network of lists for the tests of links: it loses, repeats, reorders and breaks as it is told."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from dgo.runtime.links import Links
from dgo.transport.interface import Route
from dgo.wire.frames import Kind, decode_header
from dgo.wire.messages import Msg

COORDINATOR = 100
Frames = list[bytes]


class Wire:
    """One connection: end 0 dialled, end 1 was dialled. ``queues[end]`` is on its way to that end."""

    def __init__(self, number: int, ends: tuple[Transport, Transport]) -> None:
        self.ends = ends
        self.routes: tuple[Route, Route] = (("d", number), ("r", number))
        self.queues: tuple[list[Frames], list[Frames]] = ([], [])
        self.silent = False  # swallows everything, and nobody knows
        self.dead = False  # known to be dead

    def cut(self, noticed: bool) -> None:
        """What was on it is lost. ``noticed``: sends along it fail, and it is reported."""
        self.queues[0].clear()
        self.queues[1].clear()
        self.silent = True
        if noticed:
            self.dead = True
            for end in (0, 1):
                self.ends[end].found_broken.append(self.routes[end])


class Transport:
    """One process's way to the others (the interface of ``dgo.transport``)."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.wires: dict[Route, tuple[Wire, int]] = {}
        self.found_broken: list[Route] = []
        self.hung_up: list[Route] = []
        self.log: list[tuple[Route, Frames]] = []

    def bind(self, address: str) -> str:
        self.network.listeners[address] = self
        return address

    def dial(self, address: str) -> Route:
        wire = Wire(len(self.network.wires), (self, self.network.listeners[address]))
        wire.silent = address in self.network.unreachable
        self.network.wires.append(wire)
        for end in (0, 1):
            wire.ends[end].wires[wire.routes[end]] = (wire, end)
        return wire.routes[0]

    def hang_up(self, route: Route) -> None:
        self.hung_up.append(route)
        wire, end = self.wires.pop(route, (None, 0))
        if wire is not None:
            wire.cut(noticed=False)
            wire.dead = True
            wire.ends[1 - end].found_broken.append(wire.routes[1 - end])

    def send(self, route: Route, frames: Sequence[Any]) -> bool:
        wire, end = self.wires.get(route, (None, 0))
        if wire is None or wire.dead:
            return False
        copy = [bytes(frame) for frame in frames]
        self.log.append((route, copy))
        if not wire.silent:
            self.network.carry(wire.queues[1 - end], copy)
        return True

    def receive(self) -> list[tuple[Route, Frames]]:
        arrived: list[tuple[Route, Frames]] = []
        for route, (wire, end) in list(self.wires.items()):
            arrived += [(route, frames) for frames in wire.queues[end]]
            wire.queues[end].clear()
        return arrived

    def broken(self) -> list[Route]:
        found, self.found_broken = self.found_broken, []
        return found

    def close(self) -> None:
        self.wires.clear()


class Network:
    """The air between the processes. ``trouble`` is how often a frame set is lost, repeated or overtaken."""

    def __init__(self, seed: int = 0, trouble: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.trouble = trouble
        self.listeners: dict[str, Transport] = {}
        self.unreachable: set[str] = set()
        self.wires: list[Wire] = []

    def carry(self, queue: list[Frames], frames: Frames) -> None:
        luck = self.random.random()
        if luck < self.trouble:
            return
        queue.append(frames)
        if luck < 2 * self.trouble:
            queue.insert(self.random.randrange(len(queue)), frames)
        elif luck < 3 * self.trouble:
            queue.insert(self.random.randrange(len(queue)), queue.pop())


class Process:
    """A member, or the coordinator: links, and what they delivered."""

    def __init__(self, world: World, node: int, address: str) -> None:
        self.node = node
        self.address = address
        self.transport = Transport(world.network)
        self.got: list[tuple[int, str]] = []
        member = node != COORDINATOR
        self.world = world
        self.links = Links(node, self.transport, self.deliver, world.clock, self.want_path if member else None)
        if address:
            self.transport.bind(address)

    def want_path(self, peer: int) -> None:
        self.links.post(COORDINATOR, [int(Msg.WHERE), peer])

    def deliver(self, peer: int, message: list[Any], frames: Frames) -> None:
        kind, *fields = message
        if kind == Msg.OUTPUT:
            self.got.append((peer, fields[1]))
        elif kind == Msg.ADDRESS and fields[1]:
            self.links.set_address(fields[0], fields[1])
        elif kind == Msg.ADDRESS:
            self.links.post(COORDINATOR, [int(Msg.CALL), fields[0], ""])
        elif kind == Msg.WHERE:
            self.links.post(peer, [int(Msg.ADDRESS), fields[0], self.world.process(fields[0]).address, ""])
        elif kind == Msg.CALL and self.node == COORDINATOR:
            self.links.post(fields[0], [int(Msg.CALL), peer, self.world.process(peer).address])
        elif kind == Msg.CALL:
            self.links.connect(*fields)

    def say(self, peer: int, text: str) -> None:
        self.links.post(peer, [int(Msg.OUTPUT), 1, text])

    def heard_from(self, peer: int) -> list[str]:
        return [text for source, text in self.got if source == peer]

    def sent_to(self, node: int) -> list[int]:
        """The kinds of the frame sets that left for ``node``, along any route."""
        headers = [decode_header(frames[0]) for _, frames in self.transport.log]
        return [header.kind for header in headers if header.destination == node]


class World:
    """A coordinator and two members, joined; a clock that moves by ``pass_time`` only."""

    def __init__(self, addresses: tuple[str, str] = ("a", "b"), seed: int = 0) -> None:
        self.now = 0.0
        self.network = Network(seed)
        self.coordinator = Process(self, COORDINATOR, "c")
        self.one = Process(self, 1, addresses[0])
        self.two = Process(self, 2, addresses[1])
        self.to_coordinator = {member.node: self.join(member) for member in (self.one, self.two)}

    def clock(self) -> float:
        return self.now

    def process(self, node: int) -> Process:
        return {COORDINATOR: self.coordinator, 1: self.one, 2: self.two}[node]

    def join(self, member: Process) -> Wire:
        route = member.transport.dial("c")
        member.links.coordinator = COORDINATOR
        member.links.coordinator_route = route
        wire = self.network.wires[-1]
        self.coordinator.links.attach(member.node, wire.routes[1])
        return wire

    def direct(self) -> list[Wire]:
        """The wires between the members."""
        return [wire for wire in self.network.wires if self.coordinator.transport not in wire.ends]

    def relayed(self) -> int:
        """How many batches the coordinator has forwarded."""
        headers = [decode_header(frames[0]) for _, frames in self.coordinator.transport.log]
        return sum(header.kind == Kind.DATA and header.source != COORDINATOR for header in headers)

    def isolate(self, noticed: bool) -> None:
        """The members cannot reach each other any more."""
        self.network.unreachable |= {"a", "b"}
        for wire in self.direct():
            wire.cut(noticed)

    def settle(self, limit: int = 200) -> None:
        """Lets everybody handle input and send until nothing is on its way."""
        everybody = (self.coordinator, self.one, self.two)
        for _ in range(limit):
            busy = False
            for process in everybody:
                busy |= process.links.receive()
                process.links.flush()
            if not busy and not any(wire.queues[0] or wire.queues[1] for wire in self.network.wires):
                return
        raise AssertionError("the links never come to rest")

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            for process in (self.coordinator, self.one, self.two):
                process.links.housekeeping()
                process.links.flush()
            self.settle()

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Lets time pass until ``condition`` holds."""
        end = self.now + seconds
        while not condition():
            assert self.now < end, f"not within {seconds} s"
            self.pass_time(0.25)
