"""Serving the objects of this process to others.

An operation comes as ``OP`` and is answered once: by ``DONE``, ``FAILED``, ``OUTCOME``, or, when a value is
received, by ``HAND``; then the value stays here, as a handoff, until the other process says ``TAKEN``, or
``RETURN`` if nobody there waits for it any more.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from dgo.core.channel import Channel
from dgo.core.goroutine import Goroutine, Outcome
from dgo.core.handoff import Handoff
from dgo.core.ticket import DONE, WAITING, Ticket
from dgo.core.waitgroup import WaitGroup
from dgo.errors import Cancelled, ChannelClosed, ChannelLost, SerializationError, WouldBlock
from dgo.ids import object_name
from dgo.runtime.operations import find, register
from dgo.wire.messages import Msg, ProtocolError

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Homes", "close_channel", "measure_channel", "offer_value", "poll_channel"]


def close_channel(channel: Channel, ticket: Ticket) -> None:
    """``Channel.close`` for a ticket."""
    channel.when_settled(partial(_close, channel, ticket))


def _close(channel: Channel, ticket: Ticket) -> None:
    if ticket.state != WAITING:
        return
    try:
        channel.close()
    except ChannelClosed as error:
        ticket.fail(error)
        return
    ticket.complete()


def _send(channel: Channel, ticket: Ticket, value: Any) -> None:
    ticket.value = value
    channel.send(ticket)


def _offer(channel: Channel, ticket: Ticket, value: Any) -> None:
    ticket.value = value
    offer_value(channel, ticket)


def offer_value(channel: Channel, ticket: Ticket) -> None:
    """``Channel.offer`` with its error."""
    channel.offer(ticket, WouldBlock("no receiver waits and no slot is free"))


def poll_channel(channel: Channel, ticket: Ticket) -> None:
    """``Channel.poll`` with its error."""
    channel.poll(ticket, WouldBlock("no value is there"))


def measure_channel(channel: Channel, ticket: Ticket) -> None:
    """``len()`` for a ticket."""
    channel.when_quiet(partial(_measure, channel, ticket))


def _measure(channel: Channel, ticket: Ticket) -> None:
    if ticket.state == WAITING:
        ticket.complete(len(channel))


def _add(group: WaitGroup, ticket: Ticket, n: int) -> None:
    try:
        group.add(n)
    except ValueError as error:
        ticket.fail(error)
        return
    ticket.complete()


def _enter(group: WaitGroup, ticket: Ticket) -> None:
    group.enter(ticket.origin)
    ticket.complete()


def _leave(group: WaitGroup, ticket: Ticket) -> None:
    group.leave(ticket.origin)
    ticket.complete()


def _outcome(goroutine: Goroutine, ticket: Ticket) -> None:
    goroutine.asked = True
    goroutine.wait(ticket)


def _cancel(goroutine: Goroutine, ticket: Ticket) -> None:
    goroutine.cancel()
    ticket.complete()


register(Channel, "send", _send, frozen=[0], whole=True)
register(Channel, "recv", Channel.recv)
register(Channel, "offer", _offer, frozen=[0], whole=True)
register(Channel, "poll", poll_channel, whole=True)
register(Channel, "close", close_channel, whole=True)
register(Channel, "len", measure_channel, whole=True)
register(Channel, "closed", lambda channel, ticket: ticket.complete(channel.closed))
register(WaitGroup, "add", _add)
register(WaitGroup, "enter", _enter)
register(WaitGroup, "leave", _leave)
register(WaitGroup, "wait", WaitGroup.wait)
register(WaitGroup, "count", lambda group, ticket: ticket.complete(group.count))
register(Goroutine, "wait", Goroutine.wait)
register(Goroutine, "outcome", _outcome)
register(Goroutine, "cancel", _cancel)
register(Goroutine, "done", lambda goroutine, ticket: ticket.complete(goroutine.outcome is not None))


class RemoteTicket(Ticket):
    """The operation of a goroutine in another process."""

    __slots__ = ("number", "origin", "target")

    remote: ClassVar[bool] = True

    def __init__(self, wake: Callable[[Ticket], object], origin: int, number: int, target: Any) -> None:
        super().__init__(wake)
        self.origin = origin
        self.number = number
        self.target = target


class Homes:
    """The operations of others on this process's objects. Called under the node's lock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.tickets: dict[tuple[int, int], Ticket] = {}  # of operations and whole selects that wait
        self.handed: dict[tuple[int, int], Handoff] = {}
        # A process may have dropped its handle on what it still holds (units of a semaphore).
        self.used: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()
        node.handle(Msg.OP, self._on_op)
        node.handle(Msg.CANCEL, self._on_cancel)
        node.handle(Msg.TAKEN, self._on_taken)
        node.handle(Msg.RETURN, self._on_return)

    def _on_op(self, peer: int, frames: list[bytes], number: int, target: int, name: str, args: list[Any]) -> None:
        node = self._node
        core = node.values.exports.get(target)
        if (peer, number) in self.tickets:
            raise ProtocolError("two operations of one number")
        ticket = RemoteTicket(self._answer, peer, number, core)
        if core is None:
            ticket.fail(ChannelLost(f"{object_name(node.id, target)} no longer exists: all handles were dropped"))
            return
        operation = find(type(core), name)
        if operation is None:
            raise ProtocolError(f"a {type(core).__name__} has no operation {name!r:.40}")
        for position in operation.frozen:
            if position >= len(args):
                raise ProtocolError(f"{name} takes more arguments")
            args[position] = node.values.read(args[position], peer, frames)
        try:
            if operation.whole and isinstance(core, Channel):
                if name == "send":
                    ticket.value = args[0]
                    node.loans.when_returned(core, operation.run, ticket, *args, origin=peer)
                    node.loans.sent(core, peer)
                else:
                    node.loans.when_returned(core, operation.run, ticket, *args)
            else:
                operation.start(node, core, ticket, args)
                if name == "recv" and isinstance(core, Channel):
                    node.stocks.received(core, peer)
        except TypeError as error:
            raise ProtocolError(f"{name}: {error}") from error
        if ticket.state != DONE:
            self.tickets[peer, number] = ticket
        if hasattr(core, "lost"):
            self.used[core] = None

    def _answer(self, ticket: Ticket) -> None:
        assert isinstance(ticket, RemoteTicket)
        peer, number = ticket.origin, ticket.number
        self.tickets.pop((peer, number), None)
        node = self._node
        node.host.soon()
        error = ticket.error
        if error is not None:
            node.links.post(peer, [Msg.FAILED, number, type(error).__name__, str(error)])
            return
        result = ticket.result
        if type(result) is Handoff:
            self.handed[peer, number] = result
            try:
                node.links.post(peer, [Msg.HAND, number, node.values.write(result.value, peer)])
            except SerializationError as refused:
                del self.handed[peer, number]
                result.channel.taken(result)
                node.links.post(peer, [Msg.FAILED, number, "SerializationError", str(refused)])
        elif type(result) is Outcome:
            node.links.post(peer, [Msg.OUTCOME, number, *node.write_outcome(result, peer)])
        else:
            node.links.post(peer, [Msg.DONE, number, node.values.write(result, peer), ticket.ok])
            if type(ticket.target) is Channel:
                node.loans.feed(ticket.target)

    def _on_taken(self, peer: int, frames: list[bytes], number: int) -> None:
        handoff = self.handed.pop((peer, number), None)
        if handoff is not None:
            handoff.channel.taken(handoff)

    def _on_return(self, peer: int, frames: list[bytes], number: int) -> None:
        handoff = self.handed.pop((peer, number), None)
        if handoff is not None:  # the value found nobody there any more
            handoff.channel.returned([handoff])

    def _on_cancel(self, peer: int, frames: list[bytes], number: int) -> None:
        # If a value is on its way already, that is the verdict: it is answered by TAKEN or RETURN.
        ticket = self.tickets.get((peer, number))
        if ticket is not None:
            ticket.cancel(Cancelled("the operation was withdrawn"))

    def lost(self, peer: int) -> None:
        """``peer`` is dead: its operations are withdrawn, the values it did not take come back."""
        withdrawn = [self.tickets.pop(key) for key in [key for key in self.tickets if key[0] == peer]]
        for ticket in withdrawn:  # all of them first: the leaving of one may complete another
            ticket.wake = _nobody
        for ticket in withdrawn:
            if not ticket.cancel(Cancelled("its process died")):
                ticket.doomed = Cancelled("its process died")
        for core in dict.fromkeys([*self._node.values.exports.all(), *self.used]):
            if isinstance(core, Channel):
                self._node.loans.lost(core, peer)
                self._node.stocks.lost(core, peer)
            elif (lost := getattr(core, "lost", None)) is not None:
                lost(peer)
        returned: dict[Channel, list[Handoff]] = {}
        for key in [key for key in self.handed if key[0] == peer]:
            handoff = self.handed.pop(key)
            returned.setdefault(handoff.channel, []).append(handoff)
        for channel, handoffs in returned.items():
            channel.returned(handoffs)


def _nobody(ticket: Ticket) -> None:
    """The one who asked is dead."""
