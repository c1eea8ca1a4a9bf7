"""The cases of a select: what stands in the queues of channels on behalf of a select (see ``dgo.core.select``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dgo.core.ticket import HELD, WAITING

if TYPE_CHECKING:
    from dgo.core.channel import Channel
    from dgo.core.match import Match
    from dgo.core.queue import Queue

__all__ = ["Case", "Claim", "Judge"]


class Case:
    """One case of a select at the home of its channel. Stands in the channel's queues beside tickets.

    Attributes:
        select: the agent, or what stands for it here.
        index: the case's number in its select.
        sending: whether it sends; else it receives.
        value: what it sends (frozen).
        tied: its value is on its way to another process.
        leaving: it was withdrawn while it was tied.
    """

    __slots__ = ("channel", "index", "leaving", "queue", "select", "sending", "tied", "value")

    def __init__(self, select: Judge, index: int, channel: Channel, sending: bool, value: Any = None) -> None:
        self.select = select
        self.index = index
        self.channel = channel
        self.sending = sending
        self.value = value
        self.queue: Queue | None = None
        self.tied = False
        self.leaving = False

    @property
    def poll(self) -> bool:
        """Whether its select has a default."""
        return self.select.poll

    @property
    def remote(self) -> bool:
        """Whether a value for it goes to another process."""
        return self.select.remote

    @property
    def doomed(self) -> BaseException | None:
        """Why it must not happen any more, although its select has granted."""
        return self.select.doomed

    @property
    def state(self) -> int:
        """HELD while its value is on its way to another process."""
        return HELD if self.tied else WAITING

    def arm(self) -> None:
        """Joins its channel's queue, and is served if that is possible."""
        channel = self.channel
        queue = channel.senders if self.sending else channel.receivers
        self.queue = queue
        queue.append(self)
        # Else nobody can be served: most selects that come here wait.
        if channel.closed or (
            channel.receivers.first is not None or channel.slot_free()
            if self.sending
            else channel.buffer or channel.senders.first is not None
        ):
            channel.settle()

    def claim(self, match: Match) -> bool:
        """Asks the select; True if it grants at once, else the answer comes to ``match``."""
        return self.select.claim(match, self)

    def unclaim(self, match: Match) -> None:
        """The match does not happen; the case waits on."""
        self.select.unclaim(match)

    def complete(self, result: Any = None, ok: bool = True) -> None:
        """The communication has happened. The case has left its queue."""
        self.queue = None
        self.tied = False
        self.select.commit(self.index, result, ok)

    def fail(self, error: BaseException) -> None:
        """The case ends with ``error``, and its select with it."""
        self.queue = None
        self.tied = False
        self.select.spoil(self.index, error)

    def hold(self) -> None:
        """Its value is on its way to another process; its select stays HELD."""
        self.queue = None
        self.tied = True

    def release(self, queue: Queue) -> None:
        """Its value came back: it is first in ``queue`` again."""
        self.tied = False
        self.queue = queue
        queue.prepend(self)
        if self.leaving:
            self.leaving = False
            self.channel.defer(self.withdraw)
        self.select.unclaim(None)

    def leave(self) -> None:
        """Leaves its queue, if it stands in one."""
        if self.queue is not None:
            self.queue.give_up(self)
            self.queue = None

    def withdraw(self) -> None:
        """Leaves because its select polls. No match of its channel is under way."""
        if self.tied:
            self.leaving = True
            return
        self.leave()
        self.select.gone()

    def __repr__(self) -> str:
        return f"Case({self.index}, {'send' if self.sending else 'recv'} of {self.select!r})"


class Judge(Protocol):
    """What a case's select is to the case: the agent itself, or what stands for it."""

    order: tuple[int, int]
    poll: bool

    @property
    def remote(self) -> bool:
        """Whether the goroutine that selects is in another process than the channel."""

    @property
    def doomed(self) -> BaseException | None:
        """Why it must not happen any more."""

    def grants(self) -> bool:
        """Whether it would grant a claim at once: then whoever asks may serve its case without a match."""

    def on(self, channel: Channel) -> list[Case]:
        """Its cases on one channel."""

    def claim(self, match: Match, case: Case) -> bool:
        """A match asks for it."""

    def unclaim(self, match: Match | None) -> None:
        """The match that held it does not happen. (None: the match had been decided, but its value came back.)"""

    def commit(self, index: int, result: Any, ok: bool) -> None:
        """The case ``index`` has happened."""

    def spoil(self, index: int, error: BaseException) -> None:
        """The case ``index`` happens with an error."""

    def gone(self) -> None:
        """One case has been withdrawn."""


class Claim(Protocol):
    """Who asks an agent: a match in this process, or one at a home elsewhere."""

    def grant(self) -> None:
        """The select is yours."""

    def refuse(self) -> None:
        """The select has ended."""
