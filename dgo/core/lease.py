"""What a home gives ahead, out of one channel, to one process: to the only one there, or to one after the other.

A round trip for each value would cap a pair of processes at some thousand values a second. So a home leases
free slots to a process that sends (``dgo.core.loan``) and values to a process that receives (``dgo.core.stock``): what
that process does with them is complete there, at once. A lease is called back before anything that could tell
the difference happens.

::

    NONE ──asked often enough──> HELD ──recall──> RECALLED ──answer──> NONE, and what waited for that happens
                                 HELD ──nothing out, and another process comes──> NONE
                                 HELD, RECALLED ──the holder is lost, or has dropped its last handle──> NONE

**Turns.** Several processes that use a channel at once have the lease in turn, each for as long as is worth a recall:
a plain operation of another process waits for the end of the turn, if the holder has made something of its last one.
What cannot wait (``len``, a select ...), and an operation that finds a holder of which that is not known, has it
called back at once.

Invariants:

1. One process has all that is out (``holder``); while nobody waits for its end more may be given to it.
2. Actions wait only while something is out, and happen in the order in which they came. While one waits, nothing
   more is given.
3. Each lease has an epoch. The answer to a recall names it: from then on the holder has nothing of that lease and
   will take nothing of it that is still on its way. An answer about an earlier lease says nothing about this one.
4. What the holder itself asks for the long way crosses what is on its way to it. That is no reason for a recall:
   the holder serves such an operation itself, and says so, or has used up what is out, and then it happens.
5. A process of which a lease was called back before it had made something of it has to ask twice as often before it
   gets the next one: so those who take few values now and then do not pay for leases.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgo.core.channel import Channel

__all__ = ["Lease", "when_none_is_out"]

FIRST_ASKED = 2  # operations that a process asks for before its first lease
MOST_ASKED = 1024
WORTH = 16  # operations, at least, that a lease has to have saved to be worth its recall

Recall = Callable[[int, int], object]
Later = Callable[[Callable[[], object]], object]


class _Share:
    """What is known of one process.

    Attributes:
        asked: operations since its last lease.
        needed: how many of them it takes.
        trusted: it has made something of its last lease.
    """

    __slots__ = ("asked", "needed", "trusted")

    def __init__(self) -> None:
        self.asked = 0
        self.needed = FIRST_ASKED
        self.trusted = False


class Lease(ABC):
    """One direction of one channel.

    Args:
        channel: out of which something is given.
        recall: called with the holder and the epoch when it has to give back what it has.
        later: has its argument called when a turn is over; without it there are no turns.

    Attributes:
        holder: the process that has the lease; None if nobody has.
        epoch: of the lease that is held, or was held last.
        recalled: the holder was asked to give back, and has not answered.
        paused: how many wait for leases of other channels too; nothing is given meanwhile.
    """

    __slots__ = (
        "_given", "_later", "_recall", "_shares", "_timed", "_waiting", "channel", "epoch", "holder", "paused",
        "recalled",
    )  # fmt: skip

    def __init__(self, channel: Channel, recall: Recall, later: Later | None = None) -> None:
        self.channel = channel
        self.holder: int | None = None
        self.epoch = 0
        self.recalled = False
        self.paused = 0
        self._recall = recall
        self._later = later
        self._waiting: OrderedDict[Any, tuple[Callable[[], object], int | None]] = OrderedDict()
        self._shares: dict[int, _Share] = {}
        self._given = 0  # in this epoch
        self._timed = 0  # the epoch whose end was asked for

    @property
    @abstractmethod
    def out(self) -> int:
        """How much the holder has not used, as far as is known here."""

    @abstractmethod
    def _reclaim(self) -> None:
        """All that is out is the channel's again."""

    def used(self, origin: int) -> None:
        """``origin`` has asked for one operation the long way."""
        share = self._shares.get(origin)
        if share is None:
            share = self._shares[origin] = _Share()
        share.asked += 1
        if self.holder is not None and origin != self.holder and not self.out:
            self._end()
        if self.holder is None and not self._waiting:
            self._begin(origin)

    def _begin(self, origin: int) -> bool:
        share = self._shares.get(origin)
        if share is None or share.asked < share.needed or self.paused:
            return False
        share.asked = 0
        self.holder = origin
        self.epoch += 1
        self._given = 0
        return True

    @property
    def open(self) -> bool:
        """Whether more may be given to the holder."""
        return self.holder is not None and not self._waiting and not self.paused

    def before(self, action: Callable[[], object], origin: int | None = None, key: Any = None) -> None:
        """Has ``action`` happen when nothing is out: at once, or after a recall.

        Args:
            action: what could tell the difference.
            origin: who asks, if it is a plain operation that the lease is for and that may wait for the end of a turn:
                a process, or 0 for this one.
            key: names the action for ``withdraw``.
        """
        if not self.out:
            action()
            return
        self._waiting[key if key is not None else object()] = (action, origin)
        holder = self.holder
        if origin == holder or self.recalled:
            return
        assert holder is not None
        if origin is None or self._later is None or not self._shares[holder].trusted:
            self.call_back()
        elif self._timed != self.epoch:
            self._timed = self.epoch
            self._later(partial(self.turn_over, self.epoch))

    def turn_over(self, epoch: int) -> None:
        """The turn of that epoch has lasted long enough."""
        if epoch == self.epoch and self._waiting:
            self.call_back()

    def call_back(self) -> None:
        """Asks the holder to give back what it has."""
        if self.recalled or not self.out:
            return
        assert self.holder is not None
        self.recalled = True
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
        if origin != self.holder:
            self._shares.pop(origin, None)
            return
        self._end()
        del self._shares[origin]  # first: what it had asked for still waits here, and must not bring it the next turn
        self._take_back()

    def _over(self) -> None:
        self._end()
        self._take_back()

    def _take_back(self) -> None:
        if self.out:
            self._reclaim()
        self.settle()

    def _end(self) -> None:
        assert self.holder is not None
        share = self._shares[self.holder]
        if self._given - self.out >= WORTH:
            share.trusted = True
            share.needed = FIRST_ASKED
        elif self.recalled:
            share.trusted = False
            share.needed = min(share.needed * 2, MOST_ASKED)
        self.holder = None
        self.recalled = False

    def settle(self) -> None:
        """To be called when less is out: if it was the last, what waited for that happens."""
        if self.out or (not self._waiting and not self.recalled):
            return
        if self.holder is not None:
            self._end()
        for _, origin in self._waiting.values():
            if origin and self._begin(origin):
                break
        while self._waiting and not self.out:
            self._waiting.popitem(last=False)[1][0]()

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.holder is not None or not self.out, "1: something is out and nobody has it"
        assert self.holder is None or self.holder in self._shares, "1: the holder is known"
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
