"""What carries frame sets between processes.

A transport knows *routes*, not nodes: a route is an opaque hashable value, given by ``dial`` or found on
what came in, along which frame sets can be sent. What is sent along a live route arrives in order and whole;
a route may die at any time, with or without notice, and what was on it is then lost (the sessions above
repeat it).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeAlias

__all__ = ["Frame", "PolledTransport", "Route", "Transport"]

Route: TypeAlias = Hashable
Frame: TypeAlias = "bytes | bytearray | memoryview"


class Transport(Protocol):
    """One process's way to the others. One thread at a time may call it."""

    def bind(self, address: str) -> str:
        """Listens at ``address``; returns the address under which others can dial it.

        Raises:
            ClusterError: it is taken, or not an address of this machine.
        """

    def dial(self, address: str) -> Route:
        """Opens a route to whoever listens at ``address``; returns at once, connects in the background."""

    def hang_up(self, route: Route) -> None:
        """Forgets a route made by ``dial``."""

    def send(self, route: Route, frames: Sequence[Frame]) -> bool:
        """Sends without waiting; False if the route is known to be dead."""

    def receive(self) -> list[tuple[Route, list[bytes]]]:
        """Everything that has come, without waiting. Large frames after the first may be views of memory that is the
        receiver's own."""

    def broken(self) -> list[Route]:
        """The routes found dead since the last call."""

    def close(self) -> None:
        """Gives what was sent a moment to leave, then releases everything."""


class PolledTransport(Transport, Protocol):
    """A transport whose owner waits for input on file descriptors.

    Attributes:
        edge_triggered: a descriptor tells of news only. Then what it told may be used up by any call, and one has to
            ask ``ready`` before one waits. Otherwise a wait ends at once while there is input.
        stale: set by ``send`` if it has used up such news; ``receive`` finds what there is.
        generation: changes whenever ``descriptors`` does.
    """

    edge_triggered: bool
    stale: bool
    generation: int

    def descriptors(self) -> list[int]:
        """File descriptors that become readable when there may be input."""

    def ready(self) -> bool:
        """True if ``receive`` or ``broken`` would find something."""

    def close(self, linger_ms: int = ...) -> None:
        """As above; what was sent has ``linger_ms`` to leave."""
