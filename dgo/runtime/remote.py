"""Operations of this process on objects whose home is elsewhere."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo import errors
from dgo.core.goroutine import Outcome
from dgo.core.ticket import DONE, WAITING, Ticket
from dgo.errors import ChannelLost, DgoError
from dgo.ids import node_name, object_name
from dgo.runtime.shared import Ref
from dgo.runtime.stocks import KEEPING
from dgo.wire.messages import Msg

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["PendingOperation", "Remote", "lost_error", "named_error"]


class PendingOperation(Ticket):
    """An operation that was sent to its object's home and has no answer yet.

    It ends by the home's answer or by the home's death. A cancel asks the home, whose answer (the
    cancellation, or that the operation had happened) is the verdict.

    Attributes:
        abandoned: nobody waits for it any more.
        undo: if it succeeds all the same, this is called with its result.
        line: those of its reference that could be served out of a lease (``Ref.sends`` or ``Ref.recvs``).
    """

    __slots__ = ("abandoned", "home", "line", "number", "posted", "target", "undo")

    def __init__(
        self,
        wake: Callable[[Ticket], object] | None,
        owner: Any,
        home: int,
        number: int,
        target: int,
        posted: Any,
    ) -> None:
        super().__init__(wake, owner=owner)
        self.home = home
        self.number = number
        self.target = target
        self.posted = posted
        self.abandoned = False
        self.undo: Callable[[Any], object] | None = None
        self.line: dict[int, PendingOperation] | None = None

    def cancel(self, error: BaseException) -> bool:
        """Asks the home to withdraw the operation; always False: the verdict comes later."""
        if self.state == WAITING and self.doomed is None:
            self.doomed = error
            self.leave_line()
            self.posted(self.home, [Msg.CANCEL, self.number])
        return False

    def abort(self, error: BaseException) -> None:
        """Ends the wait with ``error``: the cluster is gone."""
        self.leave_line()
        super().abort(error)

    def leave_line(self) -> None:
        """It is served, or withdrawn: no lease serves it any more."""
        if self.line is not None:
            del self.line[self.number]
            self.line = None


class Remote:
    """The operations under way. Called under the node's lock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbers = 0
        self.pending: dict[int, PendingOperation] = {}
        node.handle(Msg.DONE, self._on_done)
        node.handle(Msg.FAILED, self._on_failed)
        node.handle(Msg.HAND, self._on_hand)
        node.handle(Msg.OUTCOME, self._on_outcome)

    def start(
        self, ref: Ref, operation: str, args: list[Any], wake: Callable[[Ticket], object] | None, owner: Any
    ) -> PendingOperation:
        """Sends an operation; ``args`` are wire forms.

        Raises:
            ChannelLost: the object's home is dead.
        """
        if ref.lost is not None:
            raise lost_error(ref)
        node = self._node
        ticket = self.add(ref.home, ref.number, wake, owner)
        number = ticket.number
        if operation == "recv":
            if ref.recvs is None:
                ref.recvs = {}
            ref.recvs[number] = ticket
            ticket.line = ref.recvs
        elif operation == "send":
            assert not ref.credit, "a send goes into a lent slot"
            if ref.sends is None:
                ref.sends = {}
            ref.sends[number] = ticket
            ticket.line = ref.sends
        self.settle(ref, operation)
        node.links.post(ref.home, [Msg.OP, number, ref.number, operation, args])
        return ticket

    def settle(self, ref: Ref, operation: str) -> None:
        """Before this process says anything else about a channel: what it has made of its leases is said first."""
        if ref.outgoing:
            self._node.loans.tell(ref)
        if ref.taken:
            self._node.stocks.tell(ref)
        if ref.stock and operation not in KEEPING:
            self._node.stocks.give_back(ref)

    def serve(self, ticket: PendingOperation) -> PendingOperation:
        """The caller serves the operation out of a lease: its home is told to forget it."""
        del self.pending[ticket.number]
        ticket.leave_line()
        self._node.links.post(ticket.home, [Msg.SERVED, ticket.number])
        return ticket

    def next_number(self) -> int:
        """A number for an operation."""
        self._numbers += 1
        return self._numbers

    def add(self, home: int, target: int, wake: Callable[[Ticket], object] | None, owner: Any) -> PendingOperation:
        """A new operation that waits for its answer; the caller sends it."""
        number = self.next_number()
        ticket = PendingOperation(wake, owner, home, number, target, self._node.links.post)
        self.pending[number] = ticket
        return ticket

    def take(self, peer: int, number: int) -> PendingOperation | None:
        """The operation that ``peer`` answers; it waits no longer."""
        ticket = self.pending.get(number)
        if ticket is None or ticket.home != peer:
            return None
        del self.pending[number]
        ticket.leave_line()
        return ticket

    def _on_done(self, peer: int, frames: list[bytes], number: int, wire: Any, ok: bool) -> None:
        value = self._node.values.read(wire, peer, frames)
        ticket = self.take(peer, number)
        if ticket is not None:
            ticket.complete(value, ok)
            if ticket.undo is not None:
                ticket.undo(value)

    def _on_hand(self, peer: int, frames: list[bytes], number: int, wire: Any) -> None:
        value = self._node.values.read(wire, peer, frames)
        ticket = self.take(peer, number)
        if ticket is None or ticket.abandoned:
            self._node.links.post(peer, [Msg.RETURN, number])  # nobody takes it: it goes back
        else:
            self._node.links.post(peer, [Msg.TAKEN, number])
            ticket.complete(value, True)

    def _on_outcome(self, peer: int, frames: list[bytes], number: int, ending: int, wire: Any) -> None:
        outcome = Outcome(ending, self._node.read_outcome(ending, wire, peer, frames))
        ticket = self.take(peer, number)
        if ticket is not None:
            ticket.complete(outcome, True)

    def _on_failed(self, peer: int, frames: list[bytes], number: int, name: str, text: str) -> None:
        ticket = self.take(peer, number)
        if ticket is not None:
            if name == "Cancelled" and ticket.doomed is not None:
                ticket.fail(ticket.doomed)
            else:
                ticket.fail(named_error(name, text))

    def lost(self, peer: int, cause: str) -> None:
        """``peer`` is dead: nothing that was asked of it will be answered."""
        for number in [number for number, ticket in self.pending.items() if ticket.home == peer]:
            ticket = self.pending.pop(number)
            ticket.leave_line()
            if ticket.state != DONE:
                ticket.fail(
                    ChannelLost(
                        f"{object_name(peer, ticket.target)} is lost: its home, process {node_name(peer)}, "
                        f"is gone ({cause}); whether this operation took effect is not known"
                    )
                )


def lost_error(ref: Ref) -> ChannelLost:
    """The error of an operation on an object that is gone."""
    return ChannelLost(
        f"{object_name(ref.home, ref.number)} is lost: {ref.lost}. Make shared objects where they outlive "
        "their users, for example in the driver"
    )


def named_error(name: str, text: str) -> BaseException:
    """An error of dgo's, or a built-in one, by its name."""
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        error: BaseException = kind(text)
        return error
    return DgoError(f"{name}: {text}")
