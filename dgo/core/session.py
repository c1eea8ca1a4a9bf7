"""Exactly-once, in-order delivery of batches between two processes, over any path.

A session is the pair of two incarnations, so it needs no name of its own. Each direction numbers its
batches from 1. The sender keeps a batch until the receiver has acknowledged it; the receiver delivers a
batch when all before it were delivered, keeps those that come early (another path may be faster), and
drops those it had. Paths may lose, repeat and reorder: a lost batch is noticed by the receiver (a gap) or
by the sender (no acknowledgement), and sent again.

Invariants:

1. ``acked <= sent``; the unacknowledged batches are exactly ``acked+1 .. sent``.
2. What was delivered is a prefix of what the peer sent.
3. Early batches have numbers above ``received + 1``, at most ``EARLY_LIMIT`` beyond it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["EARLY_LIMIT", "Session"]

EARLY_LIMIT = 4096
ACK_EVERY = 32


class Session:
    """One side of a session. A batch is any object (the runtime's are lists of frames)."""

    __slots__ = ("_early", "_unacked", "acked", "owed", "received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.acked = 0
        self.received = 0
        self.owed = 0  # batches received since we last said so
        self._unacked: deque[Any] = deque()
        self._early: dict[int, Any] = {}

    # ---- sending ---------------------------------------------------------------------------------

    def number(self, batch: Any) -> int:
        """Numbers ``batch`` and keeps it until it is acknowledged."""
        self.sent += 1
        self._unacked.append(batch)
        return self.sent

    def acknowledge(self, upto: int) -> None:
        """The peer has everything up to ``upto``. What cannot be is ignored."""
        if self.acked < upto <= self.sent:
            for _ in range(upto - self.acked):
                self._unacked.popleft()
            self.acked = upto

    def unacknowledged(self) -> list[tuple[int, Any]]:
        """The batches to send again when a path broke, with their numbers."""
        return [(self.acked + i, batch) for i, batch in enumerate(self._unacked, 1)]

    # ---- receiving -------------------------------------------------------------------------------

    def follows(self, number: int) -> bool:
        """Takes a batch if it is the next one and nothing came before it, as nearly always; False: see ``accept``."""
        if number != self.received + 1 or self._early:
            return False
        self.received = number
        self.owed += 1
        return True

    def accept(self, number: int, batch: Any) -> list[Any]:
        """Takes a batch as it came from the path.

        Returns:
            the batches that can be delivered now, in order (empty: a repeat, or one came too early).
        """
        if number != self.received + 1:
            if self.received < number <= self.received + EARLY_LIMIT:
                self._early.setdefault(number, batch)
            else:
                self.owed += 1  # a repeat: the peer has missed our acknowledgement
            return []
        ready = [batch]
        self.received = number
        while self._early and (follower := self._early.pop(self.received + 1, None)) is not None:
            self.received += 1
            ready.append(follower)
        self.owed += len(ready)
        return ready

    @property
    def gap(self) -> bool:
        """True if something is missing before a batch that has come."""
        return bool(self._early)

    @property
    def ack_due(self) -> bool:
        """True if enough has come that an acknowledgement of its own is worth a message."""
        return self.owed >= ACK_EVERY

    def ack(self) -> int:
        """The number to put in the acknowledgement field of what is sent now."""
        self.owed = 0
        return self.received

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.acked <= self.sent
        assert len(self._unacked) == self.sent - self.acked
        for number in self._early:
            assert self.received + 1 < number <= self.received + EARLY_LIMIT
