"""Go's select, over channels wherever they live.

Each case of a select stands, as a ``Case`` (``dgo.core.case``), in a queue of its channel at the channel's
home. The home matches it like any waiter, but has to *claim* it first: its select may be about to happen elsewhere. One
object is the only judge of whether a select has happened, its **agent**: a :class:`Select`. It lives at the
home of the channels if all of them have the same one (then everything is decided there, in one step), else in
the select's own process. A home that does not have the agent knows it as a ``Distant`` select
(``dgo.core.distant``), and claims by message::

    home -> agent   CLAIM                 agent -> home   OFFER, GRANT, REFUSE, WITHDRAW
                    COMMIT or RELEASE
                    ARMED, WITHDRAWN

The agent::

    ARMING ──every home has answered ARMED──> OPEN       claims that come meanwhile are queued; one of them is
                                                         granted, chosen at random: near homes have no advantage
    OPEN   ──claim──> HELD                               GRANT
    HELD   ──claim──> HELD                               queued, never refused because it is busy
    HELD   ──commit──> DONE                              REFUSE to all that are queued, WITHDRAW elsewhere
    HELD   ──release──> HELD with the next queued claim, or OPEN, or DONE if a cancel came meanwhile
    ARMING, OPEN ──cancel, loss of a home──> DONE
    DONE   ──claim──> DONE                               REFUSE

A select with ``default`` *polls*: once OPEN without a claim it withdraws its cases everywhere, and serves the
claims that still come. When every home has confirmed, and nothing was granted, nothing was ready at the moment
in which the last case had been queued: ``default`` is taken. A home confirms when no match can involve the
case any more.

(``Ticket.state`` is WAITING in ARMING and OPEN.)

Invariants:

1. A select ends once; it is granted to one claim at a time, and happens only by the claim that holds it.
2. Once it has ended, none of its cases stands in a queue here, and every claim is refused.
3. A claim is never refused by a select that has not ended. So with claims in ascending order of ``order``
   (see ``Match``) nobody waits in a circle, and every claim is answered.

Source: ordered offer and claim, after Knabe (1992) and Demaine (1998); ``tests/model`` visits every state
of small programs that run these very classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from dgo.core.ticket import DONE, HELD, WAITING, Ticket

if TYPE_CHECKING:
    from dgo.core.case import Case, Claim
    from dgo.core.channel import Channel
    from dgo.core.match import Match

__all__ = ["DEFAULT", "AgentPort", "DistantClaim", "Select"]

DEFAULT = -1  # the index of a default that was taken
HERE = 0  # in ``Select.arming``


class AgentPort(Protocol):
    """How an agent speaks to the homes of its channels."""

    def grant(self, home: int, match: int, value: Any) -> None:
        """The select is held for the match; ``value`` is what the case sends."""

    def refuse(self, home: int, match: int) -> None:
        """The select has ended."""

    def withdraw(self, home: int, number: int, confirm: bool) -> None:
        """Forget the cases of the select; with ``confirm`` say when no match can involve them."""

    def ended(self, number: int) -> None:
        """The select has ended."""


class DistantClaim:
    """The claim of a home elsewhere."""

    __slots__ = ("home", "match", "select", "value")

    def __init__(self, select: Select, home: int, match: int, value: Any) -> None:
        self.select = select
        self.home = home
        self.match = match
        self.value = value

    def grant(self) -> None:
        """The select is held for it."""
        assert self.select.port is not None
        self.select.port.grant(self.home, self.match, self.value)

    def refuse(self) -> None:
        """The select has ended."""
        assert self.select.port is not None
        self.select.port.refuse(self.home, self.match)


class Select(Ticket):
    """A select, and the only judge of whether it has happened. Its result is ``(index, value)``.

    Attributes:
        order: unique in the cluster: its process and number.
        cases: those on channels of this process.
        homes: the other processes that have cases of it.
        values: its cases elsewhere, by home and index, and what they send.
        arming: the homes that have not queued their cases yet; HERE stands for this process.
        held: the claim that it is granted to.
        left: withdrawals that were not confirmed yet; -1 before they begin.
        asked: the homes among them.
        port: speaks to the other homes; None without them.
        pick: ``pick(weights)`` chooses among the claims that came while it was arming.
        abandoned: nobody waits for it any more.
    """

    __slots__ = (
        "abandoned", "arming", "asked", "cases", "claims", "held", "homes", "left", "order", "pick", "port", "values",
    )  # fmt: skip

    def __init__(
        self,
        wake: Callable[[Ticket], object] | None,
        owner: Any,
        order: tuple[int, int],
        poll: bool,
        port: AgentPort | None = None,
        pick: Callable[[list[int]], int] | None = None,
    ) -> None:
        super().__init__(wake, owner=owner)
        self.order = order
        self.poll = poll
        self.cases: list[Case] = []
        self.homes: set[int] = set()
        self.values: dict[tuple[int, int], Any] = {}
        self.arming = {HERE}
        self.held: Claim | None = None
        self.claims: deque[tuple[Claim, int]] = deque()
        self.left = -1
        self.asked: set[int] = set()
        self.port = port
        self.pick = pick
        self.abandoned = False

    # ---- arming ----------------------------------------------------------------------------------

    def elsewhere(self, homes: set[int]) -> None:
        """The cases at other homes were sent there; until all have answered no claim is granted."""
        self.homes = homes
        self.arming |= homes

    def arm(self) -> None:
        """Queues the cases of this process. Their order is random: of several on one channel the first is served."""
        for case in self.cases:
            if self.state == DONE:
                return
            case.arm()
        self.armed(HERE)

    def armed(self, home: int) -> None:
        """A home has queued its cases; the claims of those that are ready have come before."""
        if home not in self.arming:
            return
        self.arming.discard(home)
        if self.arming or self.state != WAITING:
            return
        if self.claims:
            assert self.pick is not None
            self.claims.rotate(-self.pick([weight for _, weight in self.claims]))
            self._next()
        elif self.poll:
            self._withdraw()

    # ---- claims ----------------------------------------------------------------------------------

    def grants(self) -> bool:
        """Whether it is OPEN, and waits: a claim would be granted at once."""
        return self.state == WAITING and not self.arming and not self.poll

    def on(self, channel: Channel) -> list[Case]:
        """Its cases on one channel of this process."""
        return [case for case in self.cases if case.channel is channel]

    def claim(self, match: Match, case: Case) -> bool:
        """A match in this process asks for it; True: granted."""
        return self._claim(match, match.weight(case) if self.arming else 1)

    def claimed(self, home: int, match: int, index: int, weight: int) -> None:
        """A match at another home asks for it."""
        claim = DistantClaim(self, home, match, self.values[home, index])
        if self.state == DONE:
            claim.refuse()
        elif self._claim(claim, weight):
            claim.grant()

    def _claim(self, claim: Claim, weight: int) -> bool:
        assert self.state != DONE, "2: a case of a select that has ended was claimed"
        if self.state == WAITING and not self.arming:
            self.state = HELD
            self.held = claim
            return True
        self.claims.append((claim, weight))
        return False

    def _next(self) -> None:
        """Grants the first of the queued claims."""
        claim, _ = self.claims.popleft()
        self.state = HELD
        self.held = claim
        claim.grant()

    def unclaim(self, match: Match | None) -> None:
        """The claim that held it, of this process, comes to nothing."""
        if self.state == HELD and (match is None or self.held is match):
            self._released()

    def held_by(self, home: int) -> bool:
        """Whether a claim of that home has been granted."""
        return isinstance(self.held, DistantClaim) and self.held.home == home

    def released(self, home: int, match: int) -> None:
        """The claim of another home comes to nothing."""
        held = self.held
        if self.state == HELD and isinstance(held, DistantClaim) and (held.home, held.match) == (home, match):
            self._released()

    def _released(self) -> None:
        self.state = WAITING
        self.held = None
        if self.doomed is not None:
            self._end(None, error=self.doomed)
        elif self.claims:
            self._next()
        elif self.poll and self.left < 0:
            self._withdraw()
        elif self.poll:
            self._withdrawn()

    # ---- the end ---------------------------------------------------------------------------------

    def commit(self, index: int, result: Any, ok: bool) -> None:
        """Case ``index`` has happened, at a channel of this process."""
        self._end(None, index, result, ok)

    def committed(self, home: int, index: int, result: Any, ok: bool) -> None:
        """Case ``index`` has happened, at another home."""
        self._end(home, index, result, ok)

    def spoil(self, index: int, error: BaseException) -> None:
        """Case ``index`` was chosen and fails, at a channel of this process."""
        self._end(None, error=error)

    def spoilt(self, home: int, error: BaseException) -> None:
        """A case fails at another home: one that it chose, or one on a channel that does not exist any more."""
        if self.held_by(home):
            self._end(home, error=error)
        else:
            self.cancel(error)

    def _end(
        self,
        home: int | None,
        index: int = DEFAULT,
        result: Any = None,
        ok: bool = True,
        error: BaseException | None = None,
    ) -> None:
        """It ends; ``home`` is where it happened and knows."""
        claims, self.claims = self.claims, deque()
        self.held = None
        for case in self.cases:
            case.leave()
        if error is not None:
            self.fail(error)
        else:
            self.complete((index, result), ok)
        if self.port is not None:
            for other in sorted(self.homes):
                if other != home:
                    self.port.withdraw(other, self.order[1], False)
            self.port.ended(self.order[1])
        for claim, _ in claims:
            claim.refuse()

    def abort(self, error: BaseException) -> None:
        """Ends it with ``error``, whatever others think."""
        self._end(None, error=error)

    def cancel(self, error: BaseException) -> bool:
        """Ends it with ``error`` unless it is HELD: then the verdict comes later, by ``wake``."""
        if self.state == WAITING:
            self._end(None, error=error)
            return True
        if self.state == HELD and self.doomed is None:
            self.doomed = error
        return False

    def lost(self, home: int, error: BaseException, unknown: BaseException) -> None:
        """A home is dead: the select ends with ``error``; with ``unknown`` if it may have happened there."""
        if self.state == DONE or home not in self.homes:
            return
        self.homes.discard(home)
        self.claims = deque(
            entry for entry in self.claims if not (isinstance(entry[0], DistantClaim) and entry[0].home == home)
        )
        if self.held_by(home):
            self._end(home, error=unknown)
        else:
            self.cancel(error)

    # ---- default ---------------------------------------------------------------------------------

    def _withdraw(self) -> None:
        self.left = len(self.cases) + len(self.homes)
        self.asked = set(self.homes)
        for home in sorted(self.homes):
            assert self.port is not None
            self.port.withdraw(home, self.order[1], True)
        for case in self.cases:
            case.channel.when_quiet(case.withdraw)
        self._withdrawn()

    def withdrawn(self, home: int) -> bool:
        """The cases of another home can be served no more; False if that was not asked."""
        if home not in self.asked:
            return False
        self.asked.discard(home)
        self.gone()
        return True

    def gone(self) -> None:
        """A case of this process, or all those of another home, can be served no more."""
        self.left -= 1
        self._withdrawn()

    def _withdrawn(self) -> None:
        if not self.left and self.state == WAITING:
            self._end(None, DEFAULT, ok=False)

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert (self.held is not None) <= (self.state == HELD), "1: granted means HELD"
        if self.state == DONE:
            assert not self.claims, "2: a claim on a select that has ended was not answered"
            assert all(case.queue is None for case in self.cases), "2: a case of a select that has ended waits"
        if self.state == WAITING and not self.arming:
            assert not self.claims, "3: an open select has a claim that it did not grant"
