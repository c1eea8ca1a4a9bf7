"""Lending a channel's free slots to one process that sends.

The holder's sends complete there, at once, in slots that were lent to it, and their values follow in batches. A lent
slot counts as occupied (``channel.lent``). A loan is called back before a send by anyone else (the send case of a
select too), what does not wait (``recv_nowait``, the default of a select), ``len``, and ``close``. The rules of
leases are those of ``dgo.core.lease``.

The price: a process that is killed takes with it the values that it had sent into lent slots and that had
not left it.
"""

from __future__ import annotations

from dgo.core.lease import Lease

__all__ = ["Loan"]

MOST_SLOTS = 4096


class Loan(Lease):
    """The loan of one channel."""

    __slots__ = ()

    @property
    def out(self) -> int:
        """The slots that are lent and in which nothing has arrived."""
        return self.channel.lent

    def lend(self) -> int:
        """Lends free slots to the holder; returns how many.

        A few are not worth a message while it has others.
        """
        channel = self.channel
        lent = channel.lent
        if not self.open or lent >= MOST_SLOTS:
            return 0
        if lent and (channel.capacity - len(channel) - lent) * 4 < min(channel.capacity, MOST_SLOTS):
            return 0
        count = channel.lend(MOST_SLOTS - lent)
        self._given += count
        return count

    def sent(self, origin: int) -> int:
        """``origin`` has sent a value the long way; returns how many slots it is lent now."""
        self.used(origin)
        return self.lend() if origin == self.holder else 0

    def arrived(self, values: list[object]) -> None:
        """Values arrive that were sent into lent slots."""
        self.channel.arrive_all(values)
        self.settle()

    def _reclaim(self) -> None:
        self.channel.give_back(self.channel.lent)
