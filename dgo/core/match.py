"""A communication that has to ask selects first (see ``dgo.core.channel`` and ``dgo.core.select``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dgo.core.ticket import Party

if TYPE_CHECKING:
    from dgo.core.case import Case
    from dgo.core.channel import Channel

__all__ = ["Match"]


class Match:
    """A communication of which at least one party is a select that has to be asked.

    Attributes:
        sender: None: a value of the buffer, or the news that the channel is closed.
        receiver: None: a free slot, or the error that the channel is closed.
        need: the parties that have to be asked, in that order.
        granted: how many of them have granted; the next one is being asked.
    """

    __slots__ = ("channel", "granted", "need", "receiver", "sender")

    def __init__(self, channel: Channel, sender: Party | None, receiver: Party | None) -> None:
        self.channel = channel
        self.sender = sender
        self.receiver = receiver
        # A wait for a grant is always for one of a higher order than those that are held: no circle is possible.
        self.need: list[Case] = sorted(
            (party for party in (sender, receiver) if party is not None and party.select is not None),
            key=_order,
        )
        self.granted = 0

    def weight(self, case: Case) -> int:
        """Among how many ready cases of its select this one was chosen."""
        return max(1, sum(map(self.channel.ready, case.select.on(self.channel))))

    def grant(self) -> None:
        """The select that is being asked grants."""
        self.channel.granted(self)

    def refuse(self) -> None:
        """The select that is being asked has ended."""
        self.channel.refused(self)


def _order(party: Any) -> tuple[int, int]:
    order: tuple[int, int] = party.select.order
    return order
