"""What stands for the agent of a select at a home that does not have it (see ``dgo.core.select``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dgo.core.case import Case
    from dgo.core.channel import Channel
    from dgo.core.match import Match

__all__ = ["Distant", "HomePort"]


class HomePort(Protocol):
    """How a home speaks to the agents of the selects that have cases there."""

    def claim(self, select: Distant, match: Match, case: Case) -> None:
        """Asks; the answer comes to ``match``."""

    def release(self, select: Distant) -> None:
        """The match that it has granted does not happen."""

    def commit(self, select: Distant, index: int, result: Any, ok: bool) -> None:
        """The case has happened."""

    def spoil(self, select: Distant, index: int, error: BaseException) -> None:
        """The case was chosen and fails."""

    def withdrawn(self, select: Distant) -> None:
        """No match can involve the cases any more."""


class Distant:
    """A select whose agent is elsewhere, at a home of some of its channels.

    Attributes:
        order: its agent's process and number.
        cases: those at this home.
        ended: it has happened here, or was withdrawn, or its process has died.
        granted: the number of the claim that its agent has granted last.
        held: that claim has not been released.
        doomed: why nothing of it can happen any more: its process has died.
    """

    __slots__ = ("cases", "doomed", "ended", "granted", "held", "left", "order", "poll", "port")

    remote = True

    def __init__(self, order: tuple[int, int], poll: bool, port: HomePort) -> None:
        self.order = order
        self.poll = poll
        self.port = port
        self.cases: list[Case] = []
        self.left = 0
        self.ended = False
        self.granted = 0
        self.held = False
        self.doomed: BaseException | None = None

    def grants(self) -> bool:
        """Never at once: its agent has to be asked."""
        return False

    def on(self, channel: Channel) -> list[Case]:
        """Its cases on one channel."""
        return [case for case in self.cases if case.channel is channel]

    def arm(self) -> None:
        """Queues its cases in the order in which they came, which its agent has shuffled."""
        for case in self.cases:
            if self.ended:
                return
            case.arm()

    def claim(self, match: Match, case: Case) -> bool:
        """Asks the agent by message."""
        self.port.claim(self, match, case)
        return False

    def grant(self, claim: int, match: Match, value: Any) -> None:
        """The agent grants the claim of that number; ``value`` is what the case sends."""
        self.granted = claim
        self.held = True
        match.need[match.granted].value = value
        match.grant()

    def unclaim(self, match: Match | None) -> None:
        """Tells the agent that the claim comes to nothing."""
        self.held = False
        if self.doomed is None:
            self.port.release(self)
        else:
            self._leave()  # its process has died meanwhile

    def commit(self, index: int, result: Any, ok: bool) -> None:
        """It has happened here."""
        self._leave()
        self.port.commit(self, index, result, ok)

    def spoil(self, index: int, error: BaseException) -> None:
        """A case was chosen here and fails."""
        self._leave()
        self.port.spoil(self, index, error)

    def withdraw(self, confirm: bool) -> None:
        """The agent takes its cases back.

        Without ``confirm`` it has ended: a match that involves it will be refused. With it, it is told when no
        match can involve it.
        """
        if self.ended:
            return
        if not confirm:
            self._leave()
            return
        self.left = len(self.cases)
        for case in self.cases:
            case.channel.when_quiet(case.withdraw)

    def gone(self) -> None:
        """One case can be served no more."""
        self.left -= 1
        if not self.left and not self.ended:
            self.ended = True
            self.port.withdrawn(self)

    def lost(self, error: BaseException) -> None:
        """Its process has died: its cases go, and what it had granted does not happen."""
        self.doomed = error
        self._leave()
        for case in self.cases:
            match = case.channel.match
            if match is not None and match.need[match.granted] is case:
                match.refuse()

    def _leave(self) -> None:
        self.ended = True
        for case in self.cases:
            case.leave()

    def __repr__(self) -> str:
        return f"Distant({self.order})"
