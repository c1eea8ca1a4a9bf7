"""What a home gives ahead, out of one channel, to one process that has been the only one there for a while.

A round trip for each value would cap a pair of processes at some thousand values a second. So a home leases
free slots to a process that sends (``dgo.core.loan``) and values to a process that receives (``dgo.core.stock``): what
that process does with them is complete there, at once. A lease is called back before anything that could tell
the difference happens.

::

    NONE ──used long enough──> HELD ──recall──> RECALLED ──answer──> NONE, and what waited for that happens
                               HELD ──nothing out, and another process comes──> NONE
                               HELD, RECALLED ──the holder is lost, or has dropped its last handle──> NONE

Invariants:

1. One process has all that is out (``holder``); while the lease is held more may be given to it.
2. Actions wait only while something is out, and happen in the order in which they came. While one waits, nothing
   more is given.
3. Each lease has an epoch. The answer to a recall names it: from then on the holder has nothing of that lease and
   will take nothing of it that is still on its way. An answer about an earlier lease says nothing about this one.
4. What the holder itself asks for the long way crosses what is on its way to it. That is no reason for a recall:
   the holder serves such an operation itself, and says so, or has used up what is out, and then it happens.
5. A lease that was called back before it has paid for that is harder to get next time: so processes that take turns
   do not pay for leases that are called back at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgo.core.channel import Channel

__all__ = ["Lease", "when_none_is_out"]

FIRST_STREAK = 2  # operations in a row by one process before its first lease
LONGEST_STREAK = 1024
PAYS = 256  # what a lease has to have saved, in operations, to be worth its recall


class Lease:
    """One direction of one channel.

    Args:
        channel: out of which something is given.
        recall: called with the holder and the epoch when it has to give back what it has.

    Attributes:
        holder: the process that has the lease; None if nobody has.
        epoch: of the lease that is held, or was held last.
        recalled: the holder was asked to give back, and has not answered.
        paused: how many wait for leases of other channels too; nothing is given meanwhile.
    """

    __slots__ = (
        "_given", "_last", "_needed", "_recall", "_streak", "_waiting", "channel", "epoch", "holder", "paused",
        "recalled",
    )  # fmt: skip

    def __init__(self, channel: Channel, recall: Callable[[int, int], object]) -> None:
        self.channel = channel
        self.holder: int | None = None
        self.epoch = 0
        self.recalled = False
        self.paused = 0
        self._recall = recall
        self._waiting: OrderedDict[Any, Callable[[], object]] = OrderedDict()
        self._last: int | None = None
        self._streak = 0
        self._needed = FIRST_STREAK
        self._given = 0  # in this epoch

    @property
    def out(self) -> int:
        """How much the holder has not used, as far as is known here."""
        raise NotImplementedError

    def _reclaim(self) -> None:
        """All that is out is the channel's again."""
        raise NotImplementedError

    def used(self, origin: int) -> None:
        """``origin`` has performed one operation the long way."""
        if origin != self._last:
            self._last = origin
            self._streak = 0
        self._streak += 1
        if self.holder is not None and origin != self.holder and not self.out:
            self._end()
        if self.holder is None and self._streak >= self._needed and not self._waiting and not self.paused:
            self.holder = origin
            self.epoch += 1
            self._given = 0

    @property
    def open(self) -> bool:
        """Whether more may be given to the holder."""
        return self.holder is not None and not self._waiting and not self.paused

    def before(self, action: Callable[[], object], origin: int = 0, key: Any = None) -> None:
        """Has ``action`` happen when nothing is out: at once, or after a recall.

        Args:
            action: what could tell the difference.
            origin: the process that asks, if the operation is one that the lease is for.
            key: names the action for ``withdraw``.
        """
        if not self.out:
            action()
            return
        self._waiting[key if key is not None else object()] = action
        if origin != self.holder:
            self.call_back()

    def call_back(self) -> None:
        """Asks the holder to give back what it has."""
        if self.recalled or not self.out:
            return
        assert self.holder is not None
        self.recalled = True
        if self._given - self.out >= PAYS:
            self._needed = FIRST_STREAK
        else:
            self._needed = min(self._needed * 2, LONGEST_STREAK)
        self._streak = 0
        self._recall(self.holder, self.epoch)

    def withdraw(self, key: Any) -> bool:
        """The holder has served an operation itself that waits here; False if it does not wait."""
        return self._waiting.pop(key, None) is not None

    def back(self, origin: int, epoch: int) -> bool:
        """``origin`` has nothing of the lease of that epoch any more; False if there was no such lease."""
        if epoch == self.epoch and origin == self.holder:
            self._over()
        return epoch <= self.epoch

    def lost(self, origin: int) -> None:
        """``origin`` is dead, or has dropped its last handle."""
        if origin == self.holder:
            self._over()

    def _over(self) -> None:
        self._end()
        if self.out:
            self._reclaim()
        self.settle()

    def _end(self) -> None:
        self.holder = None
        self.recalled = False

    def settle(self) -> None:
        """To be called when less is out: if it was the last, what waited for that happens."""
        if self.out:
            return
        if self.recalled:
            self._end()
        while self._waiting and not self.out:
            self._waiting.popitem(last=False)[1]()

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.holder is not None or not self.out, "1: something is out and nobody has it"
        assert self.out or not self._waiting, "2: something waits for what is back"
        assert not self.recalled or self.out, "2: a recall of nothing"


def when_none_is_out(leases: Sequence[Lease], action: Callable[[], object]) -> None:
    """Has ``action`` happen when nothing is out of any of ``leases``; until then nothing is given out of any."""
    for lease in leases:
        lease.paused += 1
        lease.call_back()
    _next(leases, action)


def _next(leases: Sequence[Lease], action: Callable[[], object]) -> None:
    for lease in leases:
        if lease.out:
            lease.before(partial(_next, leases, action))
            return
    for lease in leases:
        lease.paused -= 1
    action()
