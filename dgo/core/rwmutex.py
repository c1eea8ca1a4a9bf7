"""Go's RWMutex: many readers or one writer.

Invariants (``check()`` asserts them):

1. While there is a writer there is no reader.
2. A reader waits only while there is a writer, or one waits: a waiting writer stops new readers, so writers
   do not starve.
3. A writer waits only while there is a writer or a reader.
4. When a writer unlocks, all readers that wait go first, so readers do not starve either.
5. ``notice`` (the next writer is told that one was lost) is set only while there is no writer and none waits.

Owners are counted: a goroutine may hold several read locks. Read locks of the dead are returned; a writer
that is lost is told to the first ``lock`` or ``try_lock`` after that, as a Mutex tells it. Readers are not
told: that is for whoever may put things right.
"""

from __future__ import annotations

from dgo.core.line import Line
from dgo.core.owner import Owner, owner_name, owner_text
from dgo.core.ticket import WAITING, Ticket
from dgo.errors import LockLost, MisuseError

__all__ = ["RWMutex"]


class RWMutex:
    """The state of one readers-writer lock, at its home."""

    __slots__ = ("__weakref__", "notice", "number", "readers", "waiting_readers", "waiting_writers", "writer")

    def __init__(self) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.writer: Owner | None = None
        self.readers: dict[Owner, int] = {}
        self.notice: str | None = None
        self.waiting_readers = Line()
        self.waiting_writers = Line()

    # ---- reading ---------------------------------------------------------------------------------

    def try_rlock(self, owner: Owner) -> bool:
        """Locks for reading if that is possible at once."""
        if self.writer is not None or self.waiting_writers.first is not None:
            return False
        self.readers[owner] = self.readers.get(owner, 0) + 1
        return True

    def rlock(self, ticket: Ticket, owner: Owner) -> None:
        """Locks for reading; completes the ticket now or later."""
        if self.try_rlock(owner):
            ticket.complete()
        else:
            ticket.value = owner
            self.waiting_readers.join(ticket, self._left)

    def runlock(self, owner: Owner) -> None:
        """Returns a read lock: the caller's own, if it holds one, else another's, as in Go.

        Raises:
            MisuseError: nobody holds a read lock; nothing changes.
        """
        if not self.readers:
            raise MisuseError("runlock of an RWMutex that nobody reads: rlock() has to come first")
        self._return(owner if owner in self.readers else next(iter(self.readers)))
        if not self.readers:  # nobody waits for one of several readers
            self._settle()

    def _return(self, owner: Owner) -> None:
        self.readers[owner] -= 1
        if not self.readers[owner]:
            del self.readers[owner]

    # ---- writing ---------------------------------------------------------------------------------

    def try_lock(self, owner: Owner) -> bool:
        """Locks for writing if that is possible at once.

        Raises:
            LockLost: the last writer was lost; nothing is locked.
        """
        if self.notice is not None:
            text, self.notice = self.notice, None
            raise LockLost(text)
        if self.writer is not None or self.readers:
            return False
        self.writer = owner
        return True

    def lock(self, ticket: Ticket, owner: Owner) -> None:
        """Locks for writing; completes the ticket now or later."""
        try:
            locked = self.try_lock(owner)
        except LockLost as error:
            ticket.fail(error)
            return
        if locked:
            ticket.complete()
        else:
            ticket.value = owner
            self.waiting_writers.join(ticket, self._left)

    def unlock(self) -> None:
        """Unlocks for writing, whoever holds it, as in Go.

        Raises:
            MisuseError: it is not locked for writing; nothing changes.
        """
        if self.writer is None:
            raise MisuseError("unlock of an RWMutex that is not locked for writing: lock() has to come first")
        self._unlock()

    def _unlock(self) -> None:
        self.writer = None
        self._let_readers_in()
        self._settle()

    # ---- ends ------------------------------------------------------------------------------------

    def withdraw(self, owner: Owner, writing: bool) -> None:
        """``owner`` was given a lock but had stopped waiting: as if it had never asked."""
        if writing:
            if self.writer == owner:
                self._unlock()
        elif owner in self.readers:
            self._return(owner)
            self._settle()

    def abandon(self, owner: Owner) -> None:
        """The goroutine ``owner`` has ended: its read locks are returned, its write lock is lost."""
        if self.writer == owner:
            self._lose(f"{owner_text(owner)} ended while it held this RWMutex for writing")
        elif self.readers.pop(owner, None) is not None:
            self._settle()

    def lost(self, node: int) -> None:
        """The process ``node`` died (its waiting tickets have left already)."""
        if self.writer is not None and self.writer[0] == node:
            self._lose(f"the process of {owner_text(self.writer)} died while it held this RWMutex for writing")
        for owner in [owner for owner in self.readers if owner[0] == node]:
            del self.readers[owner]
        self._settle()

    def _lose(self, what: str) -> None:
        text = f"{what}; it is unlocked now, and what it protects may be half-changed: see to that, then lock() again"
        self.writer = None
        if self.waiting_writers:
            self.waiting_writers.take().fail(LockLost(text))
        else:
            self.notice = text
        self._let_readers_in()
        self._settle()

    # ---- who goes on -----------------------------------------------------------------------------

    def _let_readers_in(self) -> None:
        while self.waiting_readers.first is not None:
            ticket = self.waiting_readers.take()
            self.readers[ticket.value] = self.readers.get(ticket.value, 0) + 1
            ticket.complete()

    def _settle(self) -> None:
        if self.writer is not None:
            return
        if self.waiting_writers.first is None:
            self._let_readers_in()
        elif not self.readers:
            ticket = self.waiting_writers.take()
            self.writer = ticket.value
            ticket.complete()

    def _left(self, ticket: Ticket) -> None:
        self._settle()  # it may have been the writer that kept readers waiting

    def statistics(self) -> tuple[str | None, int, int, int]:
        """Who writes, how many read locks are held, how many wait to write and to read."""
        writer = None if self.writer is None else owner_name(self.writer)
        return (writer, sum(self.readers.values()), len(self.waiting_writers), len(self.waiting_readers))

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.writer is None or not self.readers
        assert not self.waiting_readers or self.writer is not None or self.waiting_writers
        assert not self.waiting_writers or self.writer is not None or self.readers
        assert self.notice is None or (self.writer is None and not self.waiting_writers)
        assert all(count > 0 for count in self.readers.values())
        for line in (self.waiting_readers, self.waiting_writers):
            line.check()
            assert all(ticket.state == WAITING for ticket in line)
