"""Go's channel.

Invariants (``check()`` asserts them):

1. A waiting receiver implies an empty buffer and no waiting sender.
2. A waiting sender implies that no slot is free.
3. ``len(buffer) + (handoffs that occupy a slot) <= capacity``.
4. Waiting tickets are WAITING; senders of *tied* handoffs are HELD.
5. A closed channel has no waiting sender, no lent slot, and no waiting receiver once it is drained.

Arrival order is the order of service. A receive from a full buffer and the promotion of the first waiting
sender are one step.

**Handoffs.** A value given to another process is not gone: the home keeps it as a :class:`Handoff` until
that process says that a goroutine has taken it. If the process dies first the value goes back to the head
of the queue. Until then it occupies its slot of the buffer; if there was no slot (unbuffered, or all slots
taken) its sender stays tied to it, and its send completes when the value has been taken: so an unbuffered
send completes only after a receiving goroutine has the value, wherever that is. A channel is *drained* when
neither buffer nor handoffs hold a value.

**Loans.** So that a sender in another process need not wait for an answer for each value, the home may lend
it free slots: see ``lend``, ``arrive`` and ``give_back`` here, and ``dgo.core.loan`` for when. A lent slot
counts as occupied.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from dgo.core.ticket import HELD, WAITING, Queue, Ticket
from dgo.errors import ChannelClosed

__all__ = ["CLOSED_TEXT", "Channel", "Handoff"]

CLOSED_TEXT = "the channel is closed"


class Handoff:
    """A value on its way to a receiver in another process.

    Attributes:
        channel: where it came from.
        value: the frozen value.
        sender: the HELD ticket of its sender, or None when the value occupies a slot of the buffer.
    """

    __slots__ = ("channel", "sender", "value")

    def __init__(self, channel: Channel, value: Any, sender: Ticket | None) -> None:
        self.channel = channel
        self.value = value
        self.sender = sender


class Channel:
    """The state of one channel, at its home. Values are opaque."""

    __slots__ = (
        "__weakref__", "buffer", "capacity", "closed", "handed", "handoffs", "lent", "loan", "number",
        "receivers", "senders",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.capacity = capacity
        self.buffer: deque[Any] = deque()
        self.senders: Queue = OrderedDict()
        self.receivers: Queue = OrderedDict()
        self.handoffs: OrderedDict[Handoff, None] | None = None  # in the order of service
        self.handed = 0  # how many of them occupy a slot of the buffer
        self.lent = 0
        self.loan: Any = None  # a Loan, once one was made
        self.closed = False

    # ---- operations that do not wait -------------------------------------------------------------

    def try_send(self, value: Any) -> bool:
        """Sends if that is possible at once.

        Returns:
            False if the sender has to wait: then ``queue_send`` is the next step.

        Raises:
            ChannelClosed: the channel is closed.
        """
        if self.closed:
            raise ChannelClosed(CLOSED_TEXT)
        receivers = self.receivers
        if receivers:
            ticket = next(iter(receivers))
            if not ticket.remote:
                del receivers[ticket]
                ticket.complete(value)
                return True
            if not self._slot_free():
                return False  # rendezvous with another process: only a ticket can wait for it
            del receivers[ticket]
            self._hand(ticket, value, None)
            return True
        if self._slot_free():
            self.buffer.append(value)
            return True
        return False

    def try_recv(self) -> tuple[Any, bool] | None:
        """Receives for a goroutine of this process if that is possible at once.

        Returns:
            ``(value, True)``; ``(None, False)`` if closed and drained; None if the receiver has to wait.
        """
        if self.buffer:
            value = self.buffer.popleft()
            self._fill()
            return value, True
        if self.senders:
            sender, _ = self.senders.popitem(last=False)
            value = sender.value
            sender.complete()
            return value, True
        if self.closed and not self.handoffs:
            return None, False
        return None

    def close(self) -> None:
        """Closes: waiting receivers learn it, waiting senders fail.

        Raises:
            ChannelClosed: the channel was closed already.
        """
        if self.closed:
            raise ChannelClosed("close of a closed channel")
        assert not self.lent, "loans are called back before a close"
        self.closed = True
        while self.senders:
            sender, _ = self.senders.popitem(last=False)
            sender.fail(ChannelClosed("the channel was closed while this send waited"))
        self._wake_if_drained()

    def close_soon(self) -> None:
        """Closes, now or as soon as that is possible; nothing if it is closed. For channels that only dgo closes."""
        if not self.closed:
            self.close()

    def __len__(self) -> int:
        return len(self.buffer) + self.handed

    # ---- operations that may wait ----------------------------------------------------------------

    def send(self, ticket: Ticket) -> None:
        """Sends ``ticket.value``; completes the ticket now or later."""
        try:
            sent = self.try_send(ticket.value)
        except ChannelClosed as error:
            ticket.fail(error)
            return
        if sent:
            ticket.complete()
        else:
            self.queue_send(ticket)

    def queue_send(self, ticket: Ticket) -> None:
        """What follows on a ``try_send`` that returned False: the ticket waits."""
        if self.receivers:  # the first one is in another process: meet it there
            receiver, _ = self.receivers.popitem(last=False)
            ticket.hold()
            self._hand(receiver, ticket.value, ticket)
        else:
            ticket.enqueue(self.senders)

    def offer(self, ticket: Ticket, would_block: BaseException) -> None:
        """Sends ``ticket.value`` without waiting for a receiver to come: the ticket fails with ``would_block``.

        A receiver in another process that waits already has to be met there: that takes a moment, and if its
        process dies in that moment, nobody was waiting.
        """
        try:
            sent = self.try_send(ticket.value)
        except ChannelClosed as error:
            ticket.fail(error)
            return
        if sent:
            ticket.complete()
        elif self.receivers:
            ticket.doomed = would_block
            self.queue_send(ticket)
        else:
            ticket.fail(would_block)

    def poll(self, ticket: Ticket, would_block: BaseException) -> None:
        """Receives for ``ticket`` if that is possible at once; else the ticket fails with ``would_block``."""
        if not self._serve(ticket):
            ticket.fail(would_block)

    def recv(self, ticket: Ticket) -> None:
        """Receives for ``ticket``, here or in another process; completes it now or later."""
        if not self._serve(ticket):
            ticket.enqueue(self.receivers)

    def _serve(self, ticket: Ticket) -> bool:
        if not ticket.remote:
            found = self.try_recv()
            if found is None:
                return False
            ticket.complete(*found)
            return True
        if self.buffer:
            self._hand(ticket, self.buffer.popleft(), None)
        elif self.senders:
            sender, _ = self.senders.popitem(last=False)
            sender.hold()
            self._hand(ticket, sender.value, sender)
        elif self.closed and not self.handoffs:
            ticket.complete(None, ok=False)
        else:
            return False
        return True

    # ---- values on their way to other processes --------------------------------------------------

    def _hand(self, receiver: Ticket, value: Any, sender: Ticket | None) -> None:
        handoff = Handoff(self, value, sender)
        if self.handoffs is None:
            self.handoffs = OrderedDict()
        self.handoffs[handoff] = None
        if sender is None:
            self.handed += 1
        receiver.complete(handoff)

    def taken(self, handoff: Handoff) -> None:
        """A goroutine of the other process has the value: its sender is done, or its slot is free."""
        assert self.handoffs is not None
        del self.handoffs[handoff]
        if handoff.sender is not None:
            handoff.sender.complete()
        else:
            self.handed -= 1
            self._fill()
        self._wake_if_drained()

    def returned(self, handoffs: list[Handoff]) -> None:
        """The other process died before it took these values: they are first in line again."""
        assert self.handoffs is not None
        given = set(handoffs)
        ordered = [handoff for handoff in self.handoffs if handoff in given]
        for handoff in reversed(ordered):
            del self.handoffs[handoff]
            if handoff.sender is None:
                self.handed -= 1
                self.buffer.appendleft(handoff.value)
            elif self.closed and handoff.sender.doomed is None:
                handoff.sender.fail(ChannelClosed("the channel was closed while this send waited"))
            else:
                handoff.sender.release(self.senders)
        while self.receivers and (self.buffer or self.senders):
            receiver, _ = self.receivers.popitem(last=False)
            self._serve(receiver)
        self._wake_if_drained()

    # ---- loans of free slots to senders in other processes ----------------------------------------

    def lend(self, wanted: int) -> int:
        """Lends up to ``wanted`` free slots; returns how many. They count as occupied until they come back."""
        if self.closed or self.senders:
            free = 0
        else:
            free = max(0, self.capacity - len(self.buffer) - self.handed - self.lent)
        count = min(wanted, free)
        self.lent += count
        return count

    def arrive(self, value: Any) -> None:
        """A value that was sent into a lent slot arrives: its send has completed long ago."""
        assert self.lent > 0
        self.lent -= 1
        receivers = self.receivers
        if receivers:
            ticket, _ = receivers.popitem(last=False)
            if ticket.remote:
                self._hand(ticket, value, None)
            else:
                ticket.complete(value)
                self._fill()
        else:
            self.buffer.append(value)

    def give_back(self, count: int) -> None:
        """``count`` lent slots come back unused."""
        assert 0 <= count <= self.lent
        self.lent -= count
        self._fill()

    # ---- private steps ---------------------------------------------------------------------------

    def _slot_free(self) -> bool:
        return len(self.buffer) + self.handed + self.lent < self.capacity

    def _fill(self) -> None:
        """A slot became free: the earliest sender that waits gets it."""
        if self.handoffs and len(self.handoffs) > self.handed:
            for handoff in self.handoffs:
                if not self._slot_free():
                    return
                if handoff.sender is not None:
                    sender, handoff.sender = handoff.sender, None
                    self.handed += 1
                    sender.complete()
        while self.senders and self._slot_free():
            sender, _ = self.senders.popitem(last=False)
            self.buffer.append(sender.value)
            sender.complete()

    def _wake_if_drained(self) -> None:
        if self.closed and not self.buffer and not self.handoffs:
            while self.receivers:
                receiver, _ = self.receivers.popitem(last=False)
                receiver.complete(None, ok=False)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        if self.receivers:
            assert not self.buffer, "1: a receiver waits beside a full buffer"
            assert not self.senders, "1: a receiver waits beside a sender"
        if self.senders:
            assert not self._slot_free(), "2: a sender waits beside a free slot"
        assert len(self.buffer) + self.handed + self.lent <= self.capacity, "3: over capacity"
        slots = sum(1 for handoff in self.handoffs or () if handoff.sender is None)
        assert self.handed == slots, "3: the count of occupied slots"
        for queue in (self.senders, self.receivers):
            for ticket in queue:
                assert ticket.state == WAITING, "4: a queued ticket waits"
                assert ticket.queue is queue, "4: a queued ticket knows its queue"
        for handoff in self.handoffs or ():
            assert handoff.sender is None or handoff.sender.state == HELD, "4: a tied sender is held"
        if self.closed:
            assert not self.senders, "5: a sender waits on a closed channel"
            assert not self.lent, "5: a slot of a closed channel is lent"
            if not self.buffer and not self.handoffs:
                assert not self.receivers, "5: a receiver waits on a drained channel"
