"""Both ends of ``dgo.core.stock``: messages that hand values ahead, say what was taken, and bring back the rest.

Only values that fit in a message's body go ahead: one with large parts is asked for, one by one. What goroutines have
taken is counted in the reference (``Ref.taken``), and said at the next flush, or before anything else that this
process says about the channel.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from dgo.core.channel import Channel
from dgo.core.stock import Stock
from dgo.runtime.loans import COMPANY_SECONDS, exported_channel
from dgo.runtime.shared import Ref
from dgo.runtime.values import FRAME_LIMIT, INT_MAX, INT_MIN
from dgo.wire.messages import Msg, ProtocolError
from dgo.wire.snapshot import Payload
from dgo.wire.snapshot.payload import pack

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Stocks"]

MOST_BYTES = 1 << 20  # of the values that one message hands ahead
SAY_AT = 256  # taken values
KEEPING = frozenset({"send", "offer", "close", "closed"})  # operations that say nothing about what is stored


class Stocks:
    """Stocks of this process's channels at others, and of others' channels here. Called under the node's lock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._flush_at = 0.0
        self._taking: list[Ref] = []  # of which values were taken that no message has counted yet
        self._hungry: dict[Channel, None] = {}  # more may be handed ahead, at the next flush
        node.handle(Msg.STOCK, self._on_stock)
        node.handle(Msg.STOCK_TAKEN, self._on_taken)
        node.handle(Msg.STOCK_RECALL, self._on_recall)
        node.handle(Msg.STOCK_BACK, self._on_back)

    @property
    def laden(self) -> bool:
        """Whether a flush has something to do."""
        return bool(self._taking or self._hungry)

    def flush(self) -> None:
        """Posts what was taken, and hands values ahead."""
        if self._taking:
            taking, self._taking = self._taking, []
            for ref in taking:
                self.tell(ref)
        if self._hungry:
            hungry, self._hungry = self._hungry, {}
            for channel in hungry:
                self._hand(channel)

    # ---- the home ----------------------------------------------------------------------------------

    def received(self, channel: Channel, origin: int) -> None:
        """``origin`` has asked for a value; perhaps it need not ask next time."""
        if type(channel) is not Channel or channel.capacity < 2:
            return
        stock = channel.stock
        if stock is None:
            stock = channel.stock = Stock(channel, partial(self._recall, channel), self._node.loans.later)
        stock.used(origin)
        self.feed(channel)

    def feed(self, channel: Channel) -> None:
        """Values may have come: hands them ahead at the next flush."""
        if channel.stock is not None and channel.stock.holder is not None:
            self._hungry[channel] = None

    def _hand(self, channel: Channel) -> None:
        stock = channel.stock
        room = stock.room()
        if not room:
            return
        wires = self._ahead(channel, stock.holder, room)
        if wires:
            stock.hand(len(wires))
            self._node.links.post(stock.holder, [Msg.STOCK, channel.number, stock.epoch, wires])

    def _ahead(self, channel: Channel, holder: int, room: int) -> list[Any]:
        """The wire forms of the first values of the buffer, as far as they are small."""
        write = self._node.values.write
        wires: list[Any] = []
        size = 0
        for value in islice(channel.buffer, room):
            kind = type(value)
            if kind is int and INT_MIN <= value <= INT_MAX:
                wires.append(value)
                continue
            if kind is str or kind is bytes:
                size += len(value)
            elif kind is not float and value is not None and kind is not bool:
                if kind is not Payload:
                    value = pack(value)
                if value.buffers or len(value.data) >= FRAME_LIMIT:
                    break
                size += len(value.data)
            if size > MOST_BYTES:
                break
            wires.append(write(value, holder))
        return wires

    def _recall(self, channel: Channel, holder: int, epoch: int) -> None:
        self._node.links.post(holder, [Msg.STOCK_RECALL, channel.number, epoch])
        self._node.host.soon()

    def _on_taken(self, peer: int, frames: list[bytes], number: int, count: int) -> None:
        channel = exported_channel(self._node, number)
        if channel is None:
            return
        stock = channel.stock
        if stock is None or stock.holder != peer or not stock.taken(count):
            raise ProtocolError("values were taken that were not handed ahead")
        self.feed(channel)
        self._node.loans.feed(channel)

    def _on_back(self, peer: int, frames: list[bytes], number: int, epoch: int) -> None:
        channel = exported_channel(self._node, number)
        if channel is not None and (channel.stock is None or not channel.stock.back(peer, epoch)):
            raise ProtocolError("a stock comes back that there never was")

    def lost(self, channel: Channel, peer: int) -> None:
        """``peer`` is dead, or holds no handle any more."""
        if channel.stock is not None:
            channel.stock.lost(peer)

    # ---- the process that receives -------------------------------------------------------------------

    def _on_stock(self, peer: int, frames: list[bytes], number: int, epoch: int, wires: list[Any]) -> None:
        node = self._node
        values = node.values.read_all(wires, peer, frames)
        ref = node.values.imported(peer, number)
        if ref is None or not ref.joined or epoch <= ref.shut:
            return  # its home hears, or has heard, that we have nothing of it
        ref.epoch = epoch
        if type(ref.stock) is deque:
            ref.stock.extend(values)
        else:
            ref.stock = deque(values)
        ref.say_at = min(SAY_AT, max(1, len(ref.stock) // 2))
        while ref.stock and ref.recvs:
            node.remote.serve(next(iter(ref.recvs.values()))).complete(self.take(ref), True)

    def take(self, ref: Ref) -> Any:
        """The next value of a stock that is not empty; a goroutine has it."""
        value = ref.stock.popleft()  # type: ignore[union-attr] # it is not empty, so it is a deque
        ref.taken = taken = ref.taken + 1
        if taken == 1:
            self._taking.append(ref)
            self._look()
        elif taken == ref.say_at:
            self._node.flush()
        return value

    def _look(self) -> None:
        now = self._node.clock()
        if now >= self._flush_at:
            self._flush_at = now + COMPANY_SECONDS
            self._node.flush()
        else:
            self._node.host.soon()

    def tell(self, ref: Ref) -> None:
        """Says what was taken."""
        if ref.taken:
            taken, ref.taken = ref.taken, 0
            self._node.links.post(ref.home, [Msg.STOCK_TAKEN, ref.number, taken])

    def give_back(self, ref: Ref) -> None:
        """This process is about to do something on the channel that could tell the difference."""
        if ref.stock:
            self._drop(ref, ref.epoch)
            self._node.links.post(ref.home, [Msg.STOCK_BACK, ref.number, ref.epoch])

    def _on_recall(self, peer: int, frames: list[bytes], number: int, epoch: int) -> None:
        ref = self._node.values.imported(peer, number)
        if ref is not None:
            self._drop(ref, epoch)
        self._node.links.post(peer, [Msg.STOCK_BACK, number, epoch])

    def _drop(self, ref: Ref, epoch: int) -> None:
        self.tell(ref)
        ref.stock = ()
        ref.shut = max(ref.shut, epoch)
