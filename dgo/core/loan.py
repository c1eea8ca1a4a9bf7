"""Lending a channel's free slots to one process that sends.

A round trip for each value would cap a pair of processes at some thousand values a second. So the home may
lend free slots to a process that has been the only sender for a while: its sends complete there, at once,
and their values follow in batches. The loan is called back before anything that could tell the difference
happens: a send by anyone else (the send case of a select too), what does not wait (``recv_nowait``, the default
of a select), ``len``, ``close``.

::

    NONE ──lend──> LENT ──recall──> RECALLED ──all back──> NONE, and what waited for that happens

Invariants:

1. One process holds all the lent slots of a channel (``holder``); ``channel.lent`` is what it has not used.
2. Actions wait only while a recall is under way; they happen in the order in which they came.
3. A holder answers each recall once, and by that answer has nothing of the loan any more, whatever it has made
   of it: it may have dropped its handle, slots and all, and hold another one. An answer that is late, because the
   loan had ended meanwhile, says nothing about the next one.
4. After a recall the process has to be the only sender for longer before it gets a loan again: so senders
   that take turns do not pay for loans that are called back at once.

The price: a process that is killed takes with it the values that it had sent into lent slots and that had
not left it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dgo.core.channel import Channel

__all__ = ["Loan"]

FIRST_STREAK = 2  # sends in a row by one process before its first loan
LONGEST_STREAK = 1024
MOST_SLOTS = 1024


class Loan:
    """The loan of one channel.

    Args:
        channel: whose slots are lent.
        recall: called with the holder when it has to give its slots back.
    """

    __slots__ = ("_asked", "_last", "_needed", "_recall", "_streak", "_waiting", "channel", "holder", "recalled")

    def __init__(self, channel: Channel, recall: Callable[[int], object]) -> None:
        self.channel = channel
        self.holder: int | None = None
        self.recalled = False
        self._recall = recall
        self._waiting: deque[Callable[[], object]] = deque()
        self._asked: dict[int, int] = {}  # recalls that were not answered
        self._last: int | None = None
        self._streak = 0
        self._needed = FIRST_STREAK

    def sent(self, origin: int) -> int:
        """``origin`` has sent a value the long way; returns how many slots it is lent now."""
        if origin != self._last:
            self._last = origin
            self._streak = 0
        self._streak += 1
        channel = self.channel
        if self._streak < self._needed or channel.lent or self._waiting:
            return 0
        count = channel.lend(MOST_SLOTS)
        if count:
            self.holder = origin
            self.recalled = False
        return count

    def before(self, action: Callable[[], object]) -> None:
        """Has ``action`` happen when nothing is lent: at once, or after a recall."""
        if not self.channel.lent:
            action()
            return
        self._waiting.append(action)
        if not self.recalled:
            self.recalled = True
            self._needed = min(self._needed * 2, LONGEST_STREAK)
            self._streak = 0
            assert self.holder is not None
            self._asked[self.holder] = self._asked.get(self.holder, 0) + 1
            self._recall(self.holder)

    def returned(self, origin: int) -> bool:
        """``origin`` answers a recall: it has no slots any more. True if no other answer of it is to come."""
        left = self._asked.pop(origin, 0) - 1
        if left > 0:
            self._asked[origin] = left
        elif self.recalled and self.holder == origin:
            self.channel.give_back(self.channel.lent)
            self.used_up()
        return origin not in self._asked

    def used_up(self) -> None:
        """A value has arrived, or slots came back: what waited for the last of them happens."""
        if self.channel.lent:
            return
        if not self.recalled:
            self._needed = FIRST_STREAK
        self.holder = None
        while self._waiting and not self.channel.lent:
            self._waiting.popleft()()

    def lost(self, origin: int) -> None:
        """The holder is dead, or has dropped its last handle: its slots are free."""
        if self.holder == origin and self.channel.lent:
            self.channel.give_back(self.channel.lent)
            self.used_up()

    def dead(self, origin: int) -> None:
        """``origin`` is dead: it answers no more."""
        self._asked.pop(origin, None)
        self.lost(origin)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert (self.holder is not None) == bool(self.channel.lent)
        assert not self._waiting or (self.channel.lent and self.recalled)
