"""Values on their way to receivers in other processes, and what waits for their arrival (see ``dgo.core.channel``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dgo.core.ticket import Party

if TYPE_CHECKING:
    from dgo.core.channel import Channel

__all__ = ["Barrier", "Handoff"]


class Handoff:
    """A value on its way to a receiver in another process.

    Attributes:
        channel: where it came from.
        value: the frozen value.
        sender: the HELD sender, or None when the value occupies a slot of the buffer.
        barriers: what waits for its end; None if nothing does.
    """

    __slots__ = ("barriers", "channel", "sender", "value")

    def __init__(self, channel: Channel, value: Any, sender: Party | None) -> None:
        self.channel = channel
        self.value = value
        self.sender = sender
        self.barriers: list[Barrier] | None = None


class Barrier:
    """An action that comes after the end of some handoffs."""

    __slots__ = ("action", "left")

    def __init__(self, handoffs: Iterable[Handoff], action: Callable[[], object]) -> None:
        self.action = action
        self.left = 0
        for handoff in handoffs:
            self.left += 1
            if handoff.barriers is None:
                handoff.barriers = []
            handoff.barriers.append(self)
