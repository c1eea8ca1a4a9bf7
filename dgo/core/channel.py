"""Go's channel.

Invariants (``check()`` asserts them; 1 and 2 hold while no match is under way):

1. A waiting receiver implies an empty buffer and no waiting sender that it could meet. (A select that waits
   at both ends does not meet itself; two that poll do not meet.)
2. A waiting sender implies that no slot is free.
3. ``len(buffer) + handed + lent <= capacity``; ``handed`` counts the handoffs that occupy a slot, and the stock.
4. Whoever stands in a queue waits; senders of *tied* handoffs are HELD and stand in none.
5. A closed channel has no waiting sender, no lent slot, and no waiting receiver once it is drained.
6. At most one match is under way, and while it is, nothing overtakes its parties: who has granted stays in
   the queue until it is decided, and what others could tell apart (a close, an operation that does not wait)
   comes after.

Arrival order is the order of service. A receive from a full buffer and the promotion of the first waiting
sender are one step.

**Matches.** Whoever waits on this channel alone is served at once. The case of a select has to be asked
first, for its select may be about to happen elsewhere: a ``dgo.core.match.Match`` asks its parties one after the
other, lowest order first, and is decided in one step when all have granted. That step is the moment of the
communication. See ``dgo.core.select`` for the other side.

**Handoffs.** A value given to another process is not gone: the home keeps it as a ``dgo.core.handoff.Handoff`` until
that process says that a goroutine has taken it. If the process dies first the value goes back to the head
of the queue. Until then it occupies its slot of the buffer; if there was no slot (unbuffered, or all slots
taken) its sender stays tied to it, and its send completes when the value has been taken: so an unbuffered
send completes only after a receiving goroutine has the value, wherever that is. A channel is *drained* when
neither buffer nor handoffs nor stock hold a value.

**Loans and stocks.** So that a sender in another process need not wait for an answer for each value, the home may lend
it free slots: see ``lend``, ``arrive`` and ``give_back`` here, and ``dgo.core.loan`` for when. A lent slot
counts as occupied. So that a receiver in another process need not ask for each value, the home may hand it values
ahead, its stock: see ``set_aside``, ``free_aside`` and ``put_back`` here, and ``dgo.core.stock`` for when. While one
is out nobody stands in the queue of receivers: who receives comes when it is back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.handoff import Barrier, Handoff
from dgo.core.match import Match
from dgo.core.native import mypyc_attr
from dgo.core.queue import Queue
from dgo.core.ticket import DONE, HELD, WAITING, Party, Ticket
from dgo.errors import ChannelClosed

if TYPE_CHECKING:
    from dgo.core.case import Case

__all__ = ["CLOSED_TEXT", "Channel"]

CLOSED_TEXT = "the channel is closed"
CLOSED_MEANWHILE = "the channel was closed while this send waited"


@mypyc_attr(allow_interpreted_subclasses=True)
class Channel:
    """The state of one channel, at its home. Values are opaque."""

    __slots__ = (
        "buffer", "capacity", "closed", "deferred", "handed", "handoffs", "lent", "loan", "match",
        "number", "receivers", "returning", "senders", "stock", "stocked",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.capacity = capacity
        self.buffer: deque[Any] = deque()
        self.senders = Queue()
        self.receivers = Queue()
        self.handoffs: OrderedDict[Handoff, None] | None = None  # in the order of service
        self.handed = 0  # how many of them occupy a slot of the buffer
        self.lent = 0
        self.loan: Any = None  # a Loan, once one was made
        self.stocked = 0
        self.stock: Any = None  # a Stock, once one was made
        self.match: Match | None = None
        self.deferred: deque[Callable[[], object]] | None = None  # what comes after the match
        self.returning = False  # values come back, and nobody has been served with them yet
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
        receiver = self.receivers.first
        if receiver is None:
            capacity = self.capacity
            if capacity and self.senders.first is None and len(self.buffer) + self.handed + self.lent < capacity:
                self.buffer.append(value)
                return True
            return False
        if type(receiver) is Ticket and self.match is None:  # neither remote nor the case of a select
            self.receivers.take()
            receiver.complete(value)
            return True
        if self.match is None and receiver.select is not None and receiver.select.grants() and not receiver.remote:
            self.receivers.take()  # what a match would come to, without one
            receiver.complete(value)
            return True
        if self.senders.first is not None or not self.slot_free():
            return False
        self.buffer.append(value)
        self.settle()
        return True

    def try_recv(self) -> tuple[Any, bool] | None:
        """Receives for a goroutine of this process if that is possible at once and nobody has to be asked.

        Returns:
            ``(value, True)``; ``(None, False)`` if closed and drained; else None.
        """
        if self.match is not None or self.stocked:
            return None
        buffer = self.buffer
        senders = self.senders
        if buffer:
            value = buffer.popleft()
            if senders.first is not None or self.handoffs:
                self.settle()
            return value, True
        sender = senders.first
        if sender is None:
            return (None, False) if self.closed and not self.handoffs else None  # nor a stock: see above
        value = sender.value
        if type(sender) is Ticket:
            senders.take()
            sender.state = DONE  # what complete() does, without its frame
            sender.queue = None
            wake = sender.wake
            if wake is not None:
                wake(sender)
        elif sender.select is None or sender.select.grants():
            senders.take()
            sender.complete()
        else:
            return None
        return value, True

    def idle(self) -> bool:
        """Whether a new receiver can only wait, as the last in line: there is nothing that would have to settle."""
        return not (self.buffer or self.closed or self.stocked) and self.senders.first is None and self.match is None

    def close(self) -> None:
        """Closes: waiting receivers learn it, waiting senders fail. No match is under way and nothing is lent.

        Raises:
            ChannelClosed: the channel was closed already.
        """
        if self.closed:
            raise ChannelClosed("close of a closed channel")
        assert not self.lent, "loans are called back before a close"
        assert self.match is None, "a close comes after the match"
        self.closed = True
        self.settle()

    def close_soon(self) -> None:
        """Closes, now or after the match; nothing if it is closed. For channels that only dgo closes."""
        if not self.closed:
            self.when_settled(self._close_if_open)

    def _close_if_open(self) -> None:
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
        ticket.enqueue(self.senders)
        if self.receivers.first is not None:
            self.settle()

    def recv(self, ticket: Ticket) -> None:
        """Receives for ``ticket``, here or in another process; completes it now or later."""
        if self.stocked:
            self.stock.before(partial(self._recv, ticket), ticket.origin, ticket)
        else:
            self._recv(ticket)

    def _recv(self, ticket: Ticket) -> None:
        if ticket.state != WAITING:
            return  # cancelled meanwhile
        ticket.enqueue(self.receivers)
        if self.buffer or self.senders.first is not None or self.closed:
            self.settle()

    def offer(self, ticket: Ticket, would_block: BaseException) -> None:
        """Sends ``ticket.value`` without waiting for a receiver to come: the ticket fails with ``would_block``.

        A receiver in another process that waits already has to be met there: that takes a moment, and if its
        process dies in that moment, nobody was waiting.
        """
        self.when_settled(partial(self._offer, ticket, would_block))

    def _offer(self, ticket: Ticket, would_block: BaseException) -> None:
        if ticket.state != WAITING:
            return
        if self.closed:
            ticket.fail(ChannelClosed(CLOSED_TEXT))
            return
        ticket.poll = True
        ticket.enqueue(self.senders)
        self.settle()
        if ticket.state == HELD:
            _give_up(ticket, would_block)
        elif ticket.state == WAITING:
            self.when_quiet(partial(_give_up, ticket, would_block))

    def poll(self, ticket: Ticket, would_block: BaseException) -> None:
        """Receives for ``ticket`` if that is possible at once; else the ticket fails with ``would_block``."""
        self.when_whole(partial(self.when_settled, partial(self._poll, ticket, would_block)))

    def _poll(self, ticket: Ticket, would_block: BaseException) -> None:
        if ticket.state != WAITING:
            return
        ticket.poll = True
        ticket.enqueue(self.receivers)
        self.settle()
        if ticket.state == WAITING:
            self.when_quiet(partial(_give_up, ticket, would_block))

    def ready(self, case: Case) -> bool:
        """Whether the case of a select could be served now, as far as can be known without asking anybody."""
        if case.sending:
            return self.closed or self.slot_free() or any(_may_meet(case, receiver) for receiver in self.receivers)
        if self.buffer or (self.closed and not self.handoffs and not self.stocked):
            return True
        return any(_may_meet(sender, case) for sender in self.senders)

    # ---- who is served next ----------------------------------------------------------------------

    def settle(self) -> None:
        """Serves whoever can be served, until nobody can be or a select has to be waited for."""
        if self.returning:
            return
        while self.match is None and self._step():
            pass
        deferred = self.deferred
        if deferred:
            while deferred and self.match is None:
                deferred.popleft()()

    def when_whole(self, action: Callable[[], object]) -> None:
        """Has ``action`` called when no stock is out: now, or when it is back."""
        if self.stocked:
            self.stock.before(action)
        else:
            action()

    def when_settled(self, action: Callable[[], object]) -> None:
        """Has ``action`` called when no match is under way: now, or after it, in order."""
        if self.match is None and not self.returning:
            action()
        else:
            self.defer(action)

    def when_quiet(self, action: Callable[[], object]) -> None:
        """Has ``action`` called when the values that are on their way now have arrived, and no match is under way.

        A receive in another process has returned before we are told: whoever claims that nothing can be sent, or
        that a closed channel is not drained, has to wait for that.
        """
        if self.stocked:
            self.stock.before(partial(self.when_quiet, action))
        elif self.handoffs:
            Barrier(self.handoffs, action)
        else:
            self.when_settled(action)

    def _passed(self, handoffs: Iterable[Handoff]) -> None:
        for handoff in handoffs:
            for barrier in handoff.barriers or ():
                barrier.left -= 1
                if not barrier.left:
                    self.when_settled(barrier.action)

    def defer(self, action: Callable[[], object]) -> None:
        """Has ``action`` called at the end of the next ``settle`` after which no match is under way."""
        if self.deferred is None:
            self.deferred = deque()
        self.deferred.append(action)

    def _step(self) -> bool:
        """Serves, or asks, those whose turn it is; False if there is nobody."""
        receiver, sender = self.receivers.first, self.senders.first
        free = self.slot_free()
        if free and self.handoffs and len(self.handoffs) > self.handed - self.stocked:
            self._untie()
            return True
        if sender is not None and self.closed:
            self._meet(sender, None)
        elif receiver is not None and (self.buffer or (self.closed and not self.handoffs and not self.stocked)):
            self._meet(None, receiver)
        elif receiver is not None and sender is not None and (pair := self._pair()) is not None:
            self._meet(*pair)
        elif sender is not None and free:
            self._meet(sender, None)
        else:
            return False
        return True

    def _pair(self) -> tuple[Party, Party] | None:
        for sender in self.senders:
            for receiver in self.receivers:
                if _may_meet(sender, receiver):
                    return sender, receiver
        return None

    def _meet(self, sender: Party | None, receiver: Party | None) -> None:
        if (sender is None or sender.select is None) and (receiver is None or receiver.select is None):
            self._serve(sender, receiver)
            return
        self.match = Match(self, sender, receiver)
        self._ask(self.match)

    def _ask(self, match: Match) -> None:
        while match.granted < len(match.need):
            case = match.need[match.granted]
            if case.queue is None:  # it has left while others were asked
                break
            if not case.claim(match):
                return  # the answer comes as ``granted`` or ``refused``
            match.granted += 1
        else:
            if self._possible(match):
                self.match = None
                self._serve(match.sender, match.receiver)
                return
        self._give_up(match)

    def _give_up(self, match: Match) -> None:
        """Nothing comes of it. What was deferred comes after the next attempt, so the match ends after the release."""
        for case in match.need[: match.granted]:
            case.unclaim(match)
        self.match = None

    def granted(self, match: Match) -> None:
        """The select that was asked has granted, some time later."""
        if self.match is match:
            match.granted += 1
            self._ask(match)
            self.settle()

    def refused(self, match: Match) -> None:
        """The select that was asked has ended, or its process has died: its party is out of reach."""
        if self.match is match:
            match.need[match.granted].leave()
            self._give_up(match)
            self.settle()

    def _possible(self, match: Match) -> bool:
        """Whether the match can still happen: parties may have given up, or died, while others were asked."""
        sender, receiver = match.sender, match.receiver
        if (sender is not None and sender.queue is not self.senders) or (
            receiver is not None and receiver.queue is not self.receivers
        ):
            return False
        if any(party.doomed is not None for party in match.need):
            return False
        if sender is None:
            return bool(self.buffer) or (self.closed and not self.handoffs and not self.stocked)
        if receiver is None:
            return self.closed or self.slot_free()
        return not self.buffer  # a value that came back meanwhile is before the sender's

    def _serve(self, sender: Party | None, receiver: Party | None) -> None:
        """The communication happens."""
        if receiver is None:
            assert sender is not None
            self.senders.remove(sender)
            if self.closed:
                sender.fail(ChannelClosed(CLOSED_MEANWHILE))
            else:
                self.buffer.append(sender.value)
                sender.complete()
            return
        self.receivers.remove(receiver)
        if sender is None and not self.buffer:
            receiver.complete(None, ok=False)
        elif receiver.remote:
            if sender is None:
                self._hand(receiver, self.buffer.popleft(), None)
            else:
                self.senders.remove(sender)
                sender.hold()
                self._hand(receiver, sender.value, sender)
        elif sender is None:
            receiver.complete(self.buffer.popleft())
        else:
            self.senders.remove(sender)
            value = sender.value
            sender.complete()
            receiver.complete(value)

    # ---- values on their way to other processes --------------------------------------------------

    def _hand(self, receiver: Party, value: Any, sender: Party | None) -> None:
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
        self.settle()
        if handoff.barriers is not None:
            self._passed([handoff])

    def returned(self, handoffs: list[Handoff]) -> None:
        """The other process died before it took these values, or nobody took them: they are first in line again."""
        if self.stocked:  # its values are younger: they have to be in line first
            self.stock.before(partial(self.returned, handoffs))
            return
        assert self.handoffs is not None
        self.returning = True
        given = set(handoffs)
        ordered = [handoff for handoff in self.handoffs if handoff in given]
        for handoff in reversed(ordered):
            del self.handoffs[handoff]
            if handoff.sender is None:
                self.handed -= 1
                self.buffer.appendleft(handoff.value)
            elif self.closed and handoff.sender.doomed is None:
                handoff.sender.fail(ChannelClosed(CLOSED_MEANWHILE))
            else:
                handoff.sender.release(self.senders)
        self.returning = False
        self.settle()
        self._passed(ordered)

    def _untie(self) -> None:
        """A slot is free: the value on its way whose sender has waited longest gets it."""
        assert self.handoffs is not None
        handoff = next(handoff for handoff in self.handoffs if handoff.sender is not None)
        sender, handoff.sender = handoff.sender, None
        self.handed += 1
        assert sender is not None
        sender.complete()

    # ---- loans of free slots to senders in other processes ----------------------------------------

    def lend(self, wanted: int) -> int:
        """Lends up to ``wanted`` free slots; returns how many. They count as occupied until they come back."""
        if self.closed or self.senders or self.match is not None:
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
        self.buffer.append(value)
        if self.receivers:
            self.settle()

    def arrive_all(self, values: list[Any]) -> None:
        """As ``arrive``, for several."""
        assert self.lent >= len(values)
        self.lent -= len(values)
        self.buffer.extend(values)
        if self.receivers:
            self.settle()

    def give_back(self, count: int) -> None:
        """``count`` lent slots come back unused."""
        assert 0 <= count <= self.lent
        self.lent -= count
        self.settle()

    # ---- values handed ahead to receivers in other processes ---------------------------------------

    def set_aside(self, count: int) -> list[Any]:
        """The first ``count`` values of the buffer go ahead to a receiver; they keep their slots."""
        assert not self.receivers, "whoever waits is served first"
        assert self.match is None, "a value is being matched"
        buffer = self.buffer
        values = [buffer.popleft() for _ in range(count)]
        self.handed += count
        self.stocked += count
        return values

    def free_aside(self, count: int) -> None:
        """Goroutines have taken ``count`` of the values that were set aside: their slots are free."""
        assert count <= self.stocked
        self.handed -= count
        self.stocked -= count
        if self.senders or self.handoffs:
            self.settle()

    def put_back(self, values: Collection[Any]) -> None:
        """The values that were set aside and not taken are first in the buffer again."""
        assert len(values) == self.stocked
        self.handed -= self.stocked
        self.stocked = 0
        self.buffer.extendleft(reversed(list(values)))
        self.settle()

    # ---- private ---------------------------------------------------------------------------------

    def slot_free(self) -> bool:
        """Whether a value could be stored (if nobody waits to store one)."""
        return len(self.buffer) + self.handed + self.lent < self.capacity

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        if self.match is None:
            assert not self.deferred, "6: something waits for a match that is over"
            if self.receivers:
                assert not self.buffer, "1: a receiver waits beside a full buffer"
                assert self._pair() is None, "1: a receiver waits beside a sender"
            if self.senders:
                assert not self.slot_free(), "2: a sender waits beside a free slot"
        else:
            for case in self.match.need[: self.match.granted]:
                assert case.queue is not None or case.doomed is not None, "6: who has granted, and lives, stays"
        assert len(self.buffer) + self.handed + self.lent <= self.capacity, "3: over capacity"
        slots = sum(1 for handoff in self.handoffs or () if handoff.sender is None)
        assert self.handed == slots + self.stocked, "3: the count of occupied slots"
        for queue in (self.senders, self.receivers):
            queue.check()
            for party in queue:
                assert party.state == WAITING, "4: whoever stands in a queue waits"
                assert party.queue is queue, "4: whoever stands in a queue knows it"
        for handoff in self.handoffs or ():
            assert handoff.sender is None or handoff.sender.state == HELD, "4: a tied sender is held"
        if self.closed and self.match is None:
            assert not self.senders, "5: a sender waits on a closed channel"
            assert not self.lent, "5: a slot of a closed channel is lent"
            if not self.buffer and not self.handoffs and not self.stocked:
                assert not self.receivers, "5: a receiver waits on a drained channel"


def _may_meet(sender: Party, receiver: Party) -> bool:
    """A select does not meet itself; two that poll do not meet."""
    select = sender.select
    return (select is None or select is not receiver.select) and not (sender.poll and receiver.poll)


def _give_up(ticket: Ticket, would_block: BaseException) -> None:
    if ticket.doomed is None:
        ticket.cancel(would_block)  # if its value is on its way: should it come back
