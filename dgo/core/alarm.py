"""The channel of a timer or a ticker, with the rules of Go 1.23.

Invariants (``check()`` asserts 1):

1. At most one value is unread; what comes while it is, is dropped.
2. After ``stop`` or ``reset`` no value from before is received: an unread one is forgotten, and so is one
   that was on its way to another process and comes back because nobody took it.
3. A stop says True if it kept a value, or a call, from ever being received, or made.

For programs it has no buffer: its length is 0. (Inside, a value waits in the buffer, and each that is on its way
to another process has a slot; so the capacity is no limit.)
"""

from __future__ import annotations

from typing import Any

from dgo.core.channel import Channel
from dgo.core.handoff import Handoff

__all__ = ["Alarm"]

UNLIMITED = 1 << 62


class Alarm(Channel):
    """The state of one timer, at its home. When it fires is its keeper's affair.

    Attributes:
        armed: it will fire (again).
        keeper: what sets its clock; opaque here.
    """

    __slots__ = ("__weakref__", "armed", "keeper", "stale")

    def __init__(self) -> None:
        super().__init__(UNLIMITED)
        self.armed = False
        self.keeper: Any = None
        self.stale: set[Handoff] = set()  # on their way to other processes since before a stop

    def __len__(self) -> int:
        return 0

    def expire(self) -> None:
        """A timer's time has come: it will not fire again."""
        assert self.armed
        self.armed = False

    def fire(self, value: Any) -> None:
        """Sends ``value``, unless one is unread."""
        if not self.buffer:
            self.try_send(value)

    def stop(self) -> bool:
        """Disarms it, and forgets what is unread.

        Returns:
            True if that prevented something: it was armed, or a value was unread.
        """
        prevented = self.armed or bool(self.buffer)
        self.armed = False
        self.buffer.clear()
        self.stale.update(self.handoffs or ())
        return prevented

    def reset(self) -> bool:
        """As ``stop``, and arms it anew."""
        prevented = self.stop()
        self.armed = True
        return prevented

    def taken(self, handoff: Handoff) -> None:
        """A goroutine of the other process has the value."""
        self.stale.discard(handoff)
        super().taken(handoff)

    def returned(self, handoffs: list[Handoff]) -> None:
        """Nobody took these values: they are forgotten if they are stale, and unread again otherwise."""
        for handoff in self.stale.intersection(handoffs):
            self.taken(handoff)
        assert self.handoffs is not None
        super().returned([handoff for handoff in handoffs if handoff in self.handoffs])
        while len(self.buffer) > 1:  # ticks that came meanwhile
            self.buffer.pop()

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        super().check()
        assert len(self.buffer) <= 1, "1: two values are unread"
        assert self.stale.issubset(self.handoffs or ()), "2: a value is stale and not on its way"
