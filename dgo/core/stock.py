"""Handing a channel's values ahead to one process that receives: its stock.

The values in a stock are on their way, as handoffs are: they occupy their slots until the holder says that
goroutines have taken them, so a sender goes on only when a goroutine has really taken a value; and they go back to the
head of the queue, in order, if the holder gives them back or dies. The holder's receives take them in order, at
once. A stock is called back before a receive by anyone else (the receive case of a select too), what does not wait,
``len``, the return of an older value, and the news that a closed channel is drained. The rules of leases are those of
``dgo.core.lease``.

Invariants:

1. ``values`` are the oldest of the channel, but for handoffs; ``channel.stocked`` is their number.
2. While a stock is out nobody waits in the channel's queue of receivers.
3. Only what is in the buffer is handed ahead, and at most ``MOST_VALUES``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from dgo.core.lease import Later, Lease, Recall

if TYPE_CHECKING:
    from dgo.core.channel import Channel

__all__ = ["Stock"]

MOST_VALUES = 1024


class Stock(Lease):
    """The stock of one channel's values at another process."""

    __slots__ = ("values",)

    def __init__(self, channel: Channel, recall: Recall, later: Later | None = None) -> None:
        super().__init__(channel, recall, later)
        self.values: deque[Any] = deque()

    @property
    def out(self) -> int:
        """How many values it has not taken."""
        return self.channel.stocked

    def room(self) -> int:
        """How many values of the buffer may be handed ahead now."""
        channel = self.channel
        stocked = channel.stocked
        if not self.open or stocked * 2 > MOST_VALUES or channel.receivers or channel.match is not None:
            return 0
        return min(len(channel.buffer), MOST_VALUES - stocked)

    def hand(self, count: int) -> None:
        """The first ``count`` values of the buffer go ahead."""
        self.values.extend(self.channel.set_aside(count))
        self._given += count

    def taken(self, count: int) -> bool:
        """Goroutines of the holder have taken ``count`` values; False if it has not so many."""
        values = self.values
        if not 0 < count <= len(values):
            return False
        for _ in range(count):
            values.popleft()
        self.channel.free_aside(count)
        self.settle()
        return True

    def _reclaim(self) -> None:
        values = self.values
        self.values = deque()
        self.channel.put_back(values)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        super().check()
        channel = self.channel
        assert len(self.values) == channel.stocked, "1: the count of values"
        assert not channel.stocked or not channel.receivers, "2: a receiver waits beside a stock"
        assert len(self.values) <= MOST_VALUES, "3: too many"
