"""Go's Mutex, with an owner whose death is told.

Invariants (``check()`` asserts them):

1. Somebody waits only while somebody holds.
2. ``notice`` (the next one who locks is told that a holder was lost) is set only while nobody holds or waits.
3. A waiting ticket's ``value`` is the owner that it will be.

Arrival order is the order of service: an unlock gives the lock to the first who waits.

**Lost holders.** A holder whose process dies, or whose goroutine ends without unlocking, leaves the lock free
and what it protects perhaps half-changed. So the first ``lock`` or ``try_lock`` after that, waiting or new,
fails with ``LockLost`` once, without holding the lock; then it is an ordinary free lock.
"""

from __future__ import annotations

from dgo.core.owner import Owner, owner_name, owner_text
from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket
from dgo.errors import LockLost, MisuseError

__all__ = ["Mutex"]


class Mutex:
    """The state of one mutex, at its home."""

    __slots__ = ("__weakref__", "holder", "notice", "number", "waiters")

    def __init__(self) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.holder: Owner | None = None
        self.notice: str | None = None  # what the next one who locks is told
        self.waiters = Queue()

    def try_lock(self, owner: Owner) -> bool:
        """Locks if that is possible at once.

        Raises:
            LockLost: the last holder was lost; nothing is locked.
        """
        if self.holder is not None:
            return False
        if self.notice is not None:
            text, self.notice = self.notice, None
            raise LockLost(text)
        self.holder = owner
        return True

    def lock(self, ticket: Ticket, owner: Owner) -> None:
        """Locks; completes the ticket now or later."""
        try:
            locked = self.try_lock(owner)
        except LockLost as error:
            ticket.fail(error)
            return
        if locked:
            ticket.complete()
        else:
            ticket.value = owner
            ticket.enqueue(self.waiters)

    def unlock(self) -> None:
        """Unlocks, whoever holds it, as in Go.

        Raises:
            MisuseError: it is not locked; nothing changes.
        """
        if self.holder is None:
            raise MisuseError("unlock of an unlocked Mutex: lock() has to come first, and each needs one unlock()")
        self.holder = None
        if self.waiters.first is not None:
            self._pass_on()

    def withdraw(self, owner: Owner) -> None:
        """``owner`` was given the lock but had stopped waiting: as if it had never asked."""
        if self.holder == owner:
            self._pass_on()

    def abandon(self, owner: Owner) -> None:
        """The goroutine ``owner`` has ended; what it still holds is lost."""
        if self.holder == owner:
            self._lose(f"{owner_text(owner)} ended while it held this Mutex")

    def lost(self, node: int) -> None:
        """The process ``node`` died (its waiting tickets have left already)."""
        if self.holder is not None and self.holder[0] == node:
            self._lose(f"the process of {owner_text(self.holder)} died while it held this Mutex")

    def _lose(self, what: str) -> None:
        text = f"{what}; it is unlocked now, and what it protects may be half-changed: see to that, then lock() again"
        self.holder = None
        if self.waiters:
            ticket = self.waiters.take()
            ticket.fail(LockLost(text))
            self._pass_on()
        else:
            self.notice = text

    def _pass_on(self) -> None:
        self.holder = None
        if self.waiters:
            ticket = self.waiters.take()
            self.holder = ticket.value
            ticket.complete()

    def statistics(self) -> tuple[str | None, int]:
        """Who holds it, and how many wait."""
        return (None if self.holder is None else owner_name(self.holder), len(self.waiters))

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.holder is not None or not self.waiters
        assert self.notice is None or self.holder is None
        for ticket in self.waiters:
            assert ticket.state == WAITING
            assert ticket.queue is self.waiters
            assert ticket.value is not None
