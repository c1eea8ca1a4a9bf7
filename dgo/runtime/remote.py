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
from dgo.wire.messages import Msg

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["PendingOperation", "Remote"]


class PendingOperation(Ticket):
    """An operation that was sent to its object's home and has no answer yet.

    It ends by the home's answer or by the home's death. A cancel asks the home, whose answer (the
    cancellation, or that the operation had happened) is the verdict.
    """

    __slots__ = ("abandoned", "home", "number", "posted", "target")

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

    def cancel(self, error: BaseException) -> bool:
        """Asks the home to withdraw the operation; always False: the verdict comes later."""
        if self.state == WAITING and self.doomed is None:
            self.doomed = error
            self.posted(self.home, [Msg.CANCEL, self.number])
        return False


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
        self._numbers += 1
        number = self._numbers
        links = self._node.links
        ticket = PendingOperation(wake, owner, ref.home, number, ref.number, links.post)
        self.pending[number] = ticket
        links.post(ref.home, [Msg.OP, number, ref.number, operation, args])
        return ticket

    def _take(self, peer: int, number: int) -> PendingOperation | None:
        ticket = self.pending.get(number)
        if ticket is None or ticket.home != peer:
            return None
        del self.pending[number]
        return ticket

    def _on_done(self, peer: int, frames: list[bytes], number: int, wire: Any, ok: bool) -> None:
        value = self._node.values.read(wire, peer, frames)
        ticket = self._take(peer, number)
        if ticket is not None:
            ticket.complete(value, ok)

    def _on_hand(self, peer: int, frames: list[bytes], number: int, wire: Any) -> None:
        value = self._node.values.read(wire, peer, frames)
        ticket = self._take(peer, number)
        if ticket is None or ticket.abandoned:
            self._node.links.post(peer, [Msg.CANCEL, number])  # nobody takes it: it goes back
        elif ticket.doomed is not None:  # our CANCEL reaches the home after it sent this, and fetches it back
            ticket.fail(ticket.doomed)
        else:
            self._node.links.post(peer, [Msg.TAKEN, number])
            ticket.complete(value, True)

    def _on_outcome(self, peer: int, frames: list[bytes], number: int, ending: int, wire: Any) -> None:
        outcome = Outcome(ending, self._node.read_outcome(ending, wire, peer, frames))
        ticket = self._take(peer, number)
        if ticket is not None:
            ticket.complete(outcome, True)

    def _on_failed(self, peer: int, frames: list[bytes], number: int, name: str, text: str) -> None:
        ticket = self._take(peer, number)
        if ticket is not None:
            if name == "Cancelled" and ticket.doomed is not None:
                ticket.fail(ticket.doomed)
            else:
                ticket.fail(_error(name, text))

    def lost(self, peer: int, cause: str) -> None:
        """``peer`` is dead: nothing that was asked of it will be answered."""
        for number in [number for number, ticket in self.pending.items() if ticket.home == peer]:
            ticket = self.pending.pop(number)
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


def _error(name: str, text: str) -> BaseException:
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        error: BaseException = kind(text)
        return error
    return DgoError(f"{name}: {text}")
