"""Both ends of ``dgo.core.loan``: messages that lend slots, use them, call them back and return them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.channel import Channel
from dgo.core.loan import Loan
from dgo.core.ticket import WAITING, Ticket
from dgo.runtime.shared import Ref
from dgo.wire.messages import Msg, ProtocolError

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Loans"]

COMPANY_SECONDS = 0.0005  # a value that is alone leaves at once; others follow at this interval


class Loans:
    """Loans of this process's channels to others, and of others' channels to this process.

    Called under the node's lock.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._flush_at = 0.0
        self.recalls: dict[tuple[int, int], Channel] = {}  # by holder and number: an answer is to come
        node.handle(Msg.LEND, self._on_lend)
        node.handle(Msg.RECALL, self._on_recall)
        node.handle(Msg.SEND_LENT, self._on_send_lent)
        node.handle(Msg.GIVE_BACK, self._on_give_back)

    # ---- the home ----------------------------------------------------------------------------------

    def sent(self, channel: Channel, origin: int) -> None:
        """``origin`` has sent a value the long way; perhaps it need not do so next time."""
        if not channel.capacity:
            return
        loan = channel.loan
        if loan is None:
            loan = channel.loan = Loan(channel, partial(self._recall, channel))
        count = loan.sent(origin)
        if count:
            self._node.links.post(origin, [Msg.LEND, channel.number, count])

    def _recall(self, channel: Channel, holder: int) -> None:
        self.recalls[holder, channel.number] = channel
        self._node.links.post(holder, [Msg.RECALL, channel.number])
        self._node.host.soon()

    def when_returned(self, channel: Channel, operation: Any, ticket: Ticket, *args: Any) -> None:
        """Performs ``operation(channel, ticket, *args)`` once nothing is lent."""
        if channel.lent:
            channel.loan.before(partial(_perform, operation, channel, ticket, args))
        else:
            operation(channel, ticket, *args)

    def _channel(self, number: int) -> Channel | None:
        channel = self._node.values.exports.get(number)
        if channel is not None and type(channel) is not Channel:
            raise ProtocolError(f"object {number} is no channel")
        return channel

    def _on_send_lent(self, peer: int, frames: list[bytes], number: int, wire: Any) -> None:
        value = self._node.values.read(wire, peer, frames)
        channel = self._channel(number)
        if channel is None:
            return
        if channel.loan is None or channel.loan.holder != peer:
            raise ProtocolError("a value was sent into a slot that is not lent")
        channel.arrive(value)
        channel.loan.used_up()

    def _on_give_back(self, peer: int, frames: list[bytes], number: int, count: int) -> None:
        channel = self.recalls.get((peer, number))
        if channel is None:
            raise ProtocolError("slots come back that were not called back")
        if channel.loan.returned(peer):
            del self.recalls[peer, number]

    def lost(self, channel: Channel, peer: int) -> None:
        """``peer`` is dead, or holds no handle any more."""
        if channel.loan is not None:
            channel.loan.lost(peer)

    def dead(self, peer: int) -> None:
        """``peer`` is dead: it answers no recall."""
        for key in [key for key in self.recalls if key[0] == peer]:
            self.recalls.pop(key).loan.dead(peer)

    # ---- the process that sends ----------------------------------------------------------------------

    def _on_lend(self, peer: int, frames: list[bytes], number: int, count: int) -> None:
        if count < 1:
            raise ProtocolError("a loan of no slots")
        ref = self._node.values.imported(peer, number)
        if ref is not None:  # else its home hears that we hold it no more, or calls the loan back
            ref.credit += count

    def _on_recall(self, peer: int, frames: list[bytes], number: int) -> None:
        ref = self._node.values.imported(peer, number)
        credit = 0
        if ref is not None:
            credit, ref.credit = ref.credit, 0
        self._node.links.post(peer, [Msg.GIVE_BACK, number, credit])

    def send(self, ref: Ref, frozen: Any) -> None:
        """Sends into a lent slot; ``ref.credit`` is positive."""
        node = self._node
        wire = node.values.write(frozen, ref.home)
        ref.credit -= 1
        node.links.post(ref.home, [Msg.SEND_LENT, ref.number, wire])
        now = node.clock()
        if now >= self._flush_at:
            self._flush_at = now + COMPANY_SECONDS
            node.flush()
        else:
            node.host.soon()


def _perform(operation: Any, channel: Channel, ticket: Ticket, args: tuple[Any, ...]) -> None:
    if ticket.state == WAITING:  # not cancelled meanwhile
        operation(channel, ticket, *args)
