"""Both ends of ``dgo.core.loan``: messages that lend slots, use them, call them back and return them.

A value that is sent into a lent slot waits in its reference (``Ref.outgoing``) for the next message. That leaves at the
next flush, or before anything else that this process says about the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.channel import Channel
from dgo.core.loan import Loan
from dgo.core.ticket import WAITING, Ticket
from dgo.runtime.shared import Ref
from dgo.runtime.values import INT_MAX, INT_MIN
from dgo.wire.messages import Msg, ProtocolError

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["COMPANY_SECONDS", "Loans", "exported_channel"]

COMPANY_SECONDS = 0.0005  # a value that is alone leaves at once; others follow at this interval
TURN_SECONDS = 0.001  # how long others wait for a holder that makes something of its lease
LOOK_EVERY = 16  # values, after which a sender that does not stop looks at the clock (less one, a power of two)


class Loans:
    """Loans of this process's channels to others, and of others' channels to this process.

    Called under the node's lock.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._flush_at = 0.0
        self._talking: list[Ref] = []  # whose values no message has yet
        self._hungry: dict[Channel, None] = {}  # more may be lent, at the next flush
        node.handle(Msg.LEND, self._on_lend)
        node.handle(Msg.RECALL, self._on_recall)
        node.handle(Msg.SEND_LENT, self._on_send_lent)
        node.handle(Msg.GIVE_BACK, self._on_give_back)
        node.handle(Msg.SERVED, self._on_served)

    @property
    def laden(self) -> bool:
        """Whether a flush has something to do."""
        return bool(self._talking or self._hungry)

    def flush(self) -> None:
        """Posts what waits for company, and lends what has become free."""
        if self._talking:
            talking, self._talking = self._talking, []
            for ref in talking:
                self.tell(ref)
        if self._hungry:
            hungry, self._hungry = self._hungry, {}
            for channel in hungry:
                loan = channel.loan
                count = loan.lend()
                if count:
                    self._node.links.post(loan.holder, [Msg.LEND, channel.number, count])

    # ---- the home ----------------------------------------------------------------------------------

    def sent(self, channel: Channel, origin: int) -> None:
        """``origin`` has asked for a send; perhaps it need not ask next time."""
        if type(channel) is not Channel or not channel.capacity:
            return
        loan = channel.loan
        if loan is None:
            loan = channel.loan = Loan(channel, partial(self._recall, channel), self.later)
        loan.used(origin)
        self.feed(channel)

    def feed(self, channel: Channel) -> None:
        """Slots may have become free: lends more, at the next flush."""
        if channel.loan is not None and channel.loan.holder is not None:
            self._hungry[channel] = None

    def later(self, action: Callable[[], object]) -> None:
        """Has ``action`` called when a turn is over."""
        self._node.set_timer(self._node.clock() + TURN_SECONDS, action)

    def _recall(self, channel: Channel, holder: int, epoch: int) -> None:
        self._node.links.post(holder, [Msg.RECALL, channel.number, epoch])
        self._node.host.soon()

    def when_returned(self, channel: Channel, operation: Any, ticket: Ticket, *args: Any, origin: int = 0) -> None:
        """Performs ``operation(channel, ticket, *args)`` once nothing is lent.

        ``origin`` is the process that sends, if it is a send that waits, of another process.
        """
        if channel.lent:
            sender = origin if origin or operation is Channel.send else None
            channel.loan.before(partial(_perform, operation, channel, ticket, args), sender, ticket)
        else:
            operation(channel, ticket, *args)

    def _on_send_lent(self, peer: int, frames: list[bytes], number: int, wires: list[Any]) -> None:
        node = self._node
        values = node.values.read_all(wires, peer, frames)
        channel = exported_channel(node, number)
        if channel is None:
            return
        if channel.loan is None or channel.loan.holder != peer or len(values) > channel.lent:
            raise ProtocolError("a value was sent into a slot that is not lent")
        channel.loan.arrived(values)
        self.feed(channel)
        node.stocks.feed(channel)

    def _on_give_back(self, peer: int, frames: list[bytes], number: int, epoch: int) -> None:
        channel = exported_channel(self._node, number)
        if channel is None:
            return
        loan = channel.loan
        if loan is None or (epoch == loan.epoch and loan.holder == peer and not loan.recalled):
            raise ProtocolError("slots come back that were not called back")
        if not loan.back(peer, epoch):
            raise ProtocolError("slots come back of a loan that there never was")

    def _on_served(self, peer: int, frames: list[bytes], number: int) -> None:
        ticket = self._node.homes.tickets.get((peer, number))
        channel = None if ticket is None else getattr(ticket, "target", None)
        if not isinstance(channel, Channel):
            raise ProtocolError("an operation was served that does not wait")
        if channel.loan is not None and channel.loan.withdraw(ticket):
            channel.arrive(ticket.value)  # type: ignore[union-attr] # it has a target
            channel.loan.settle()
            self._node.stocks.feed(channel)
        elif channel.stock is None or not channel.stock.withdraw(ticket):
            raise ProtocolError("an operation was served that waits for nothing that is leased")
        del self._node.homes.tickets[peer, number]

    def lost(self, channel: Channel, peer: int) -> None:
        """``peer`` is dead, or holds no handle any more."""
        if channel.loan is not None:
            channel.loan.lost(peer)

    # ---- the process that sends ----------------------------------------------------------------------

    def _on_lend(self, peer: int, frames: list[bytes], number: int, count: int) -> None:
        if count < 1:
            raise ProtocolError("a loan of no slots")
        node = self._node
        ref = node.values.imported(peer, number)
        if ref is None or not ref.joined:  # its home hears that we had dropped it
            return
        ref.credit += count
        ref.half = ref.credit // 2
        if ref.outgoing is None:
            ref.outgoing = []
        while ref.credit and ref.sends:
            ref.credit -= 1
            node.remote.serve(next(iter(ref.sends.values()))).complete()

    def _on_recall(self, peer: int, frames: list[bytes], number: int, epoch: int) -> None:
        ref = self._node.values.imported(peer, number)
        if ref is not None:
            ref.credit = 0
            self.tell(ref)
        self._node.links.post(peer, [Msg.GIVE_BACK, number, epoch])

    def send(self, ref: Ref, frozen: Any) -> None:
        """Sends into a lent slot; ``ref.credit`` is positive."""
        node = self._node
        values = ref.outgoing
        assert values is not None, "slots were lent"
        if type(frozen) is int and INT_MIN <= frozen <= INT_MAX:
            values.append(frozen)
        else:
            wire = node.values.write(frozen, ref.home)
            if type(wire) is list and len(wire) > 1 and (wire[0] is None or wire[3]):
                # It has frames, which belong to the batch that is in the making now.
                self.tell(ref)
                node.links.post(ref.home, [Msg.SEND_LENT, ref.number, [wire]])
            else:
                values.append(wire)
        ref.credit -= 1
        count = len(values)
        if count <= 1:
            if count:
                self._talking.append(ref)
            if not self._flushed():
                node.host.soon()
        elif not count & (LOOK_EVERY - 1) or ref.credit == ref.half:
            self._flushed(ref.credit == ref.half)

    def _flushed(self, due: bool = False) -> bool:
        now = self._node.clock()
        if now < self._flush_at and not due:
            return False
        self._flush_at = now + COMPANY_SECONDS
        self._node.flush()
        return True

    def tell(self, ref: Ref) -> None:
        """Posts the values that wait for company."""
        values = ref.outgoing
        if values:
            ref.outgoing = []
            self._node.links.post(ref.home, [Msg.SEND_LENT, ref.number, values])


def exported_channel(node: Node, number: int) -> Channel | None:
    """The channel of this process with that number; None if there is none any more.

    Raises:
        ProtocolError: it is something else.
    """
    channel = node.values.exports.get(number)
    if channel is not None and type(channel) is not Channel:
        raise ProtocolError(f"object {number} is no channel")
    return channel


def _perform(operation: Any, channel: Channel, ticket: Ticket, args: tuple[Any, ...]) -> None:
    if ticket.state == WAITING:  # not cancelled meanwhile
        operation(channel, ticket, *args)
