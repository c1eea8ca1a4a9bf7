"""Selects on their way between processes: both ends of ``dgo.core.select``.

If all channels have one home, the select goes there whole (an OFFER that says so), and that home's answer is
the end of it, as with any operation. Otherwise its agent is here, and each other home gets an OFFER with the
cases on its channels. What a case sends travels with the GRANT, so values that lose do not travel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from dgo.core.case import Case
from dgo.core.channel import Channel
from dgo.core.distant import Distant
from dgo.core.handoff import Handoff
from dgo.core.lease import when_none_is_out
from dgo.core.match import Match
from dgo.core.select import DEFAULT, Select
from dgo.core.ticket import DONE, Ticket
from dgo.errors import Cancelled, ChannelLost, SerializationError
from dgo.ids import node_name, object_name
from dgo.runtime.remote import lost_error, named_error
from dgo.runtime.shared import Ref
from dgo.wire.messages import Msg, ProtocolError

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Entry", "Selects"]


class Entry(NamedTuple):
    """One case as the program wrote it: exactly one of ``core`` and ``ref`` is set."""

    index: int  # type: ignore[assignment] # a name of tuple's; nobody looks for a case in an entry
    core: Channel | None
    ref: Ref | None
    sending: bool
    frozen: Any


class RemoteSelect(Select):
    """A select of another process whose channels all live here: it is judged here."""

    __slots__ = ("number", "origin", "target")

    remote: ClassVar[bool] = True

    def __init__(
        self,
        wake: Callable[[Ticket], object],
        origin: int,
        number: int,
        poll: bool,
        pick: Callable[[list[int]], int],
    ) -> None:
        super().__init__(wake, None, (origin, number), poll, None, pick)
        self.origin = origin
        self.number = number
        self.target = None


class Selects:
    """The selects of this process, and the cases of others on channels of this process.

    Called under the node's lock.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.agents: dict[int, Select] = {}
        self.distant: dict[tuple[int, int], Distant] = {}
        self.claims: dict[int, tuple[Match, Distant]] = {}
        self._numbers = 0
        node.handle(Msg.OFFER, self._on_offer)
        node.handle(Msg.ARMED, self._on_armed)
        node.handle(Msg.CLAIM, self._on_claim)
        node.handle(Msg.GRANT, self._on_grant)
        node.handle(Msg.REFUSE, self._on_refuse)
        node.handle(Msg.RELEASE, self._on_release)
        node.handle(Msg.COMMIT, self._on_commit)
        node.handle(Msg.SPOILT, self._on_spoilt)
        node.handle(Msg.WITHDRAW, self._on_withdraw)
        node.handle(Msg.WITHDRAWN, self._on_withdrawn)

    # ---- the process that selects ------------------------------------------------------------------

    def at_once(self, entries: Sequence[Entry], poll: bool) -> tuple[int, Any, bool] | None:
        """Decides a select over channels of this process, if that needs neither waiting nor asking.

        Returns:
            ``(index, frozen value, ok)``, or None.

        Raises:
            ChannelClosed: a send on a closed channel was chosen.
        """
        ready = []
        for entry in entries:
            _, core, _, sending, _ = entry
            if core is None or core.match is not None:
                return None
            if (core.lent and (sending or poll)) or (core.stocked and (not sending or poll)):
                return None
            if core.handoffs and poll:
                return None
            if sending:
                first = core.receivers.first
                if first is not None:
                    if type(first) is not Ticket:  # remote, or the case of a select
                        return None
                    ready.append(entry)
                elif core.closed or (core.senders.first is None and core.slot_free()):
                    ready.append(entry)
            elif core.buffer:
                ready.append(entry)
            elif (first := core.senders.first) is not None:
                if first.select is not None:
                    return None
                ready.append(entry)
            elif core.closed and not core.handoffs:
                ready.append(entry)
        if not ready:
            return (DEFAULT, None, False) if poll else None
        # Not random.choice(): it costs as much as all the rest.
        entry = ready[0] if len(ready) == 1 else ready[int(self._node.random.random() * len(ready))]
        assert entry.core is not None
        if entry.sending:
            sent = entry.core.try_send(entry.frozen)
            assert sent, "it was ready"
            return entry.index, None, True
        found = entry.core.try_recv()
        assert found is not None, "it was ready"
        return entry.index, *found

    def start(self, entries: list[Entry], poll: bool, wake: Any, owner: Any) -> Ticket:
        """Starts a select that may have to wait; its ticket's result is ``(index, frozen value)``.

        Raises:
            ChannelLost: the home of one of its channels is dead.
        """
        for entry in entries:
            if entry.ref is not None and entry.ref.lost is not None:
                raise lost_error(entry.ref)
            if entry.ref is not None:
                self._node.remote.settle(entry.ref, "send" if entry.sending and not poll else "select")
        homes = {entry.ref.home for entry in entries if entry.ref is not None}
        self._shuffle(entries)
        if len(homes) == 1 and all(entry.ref is not None for entry in entries):
            return self._send_whole(homes.pop(), entries, poll, wake, owner)
        number = self._node.remote.next_number()
        select = Select(wake, owner, (self._node.id, number), poll, self if homes else None, self._pick)
        self._offer(select, homes, entries)
        for entry in entries:
            if entry.core is not None:
                select.cases.append(Case(select, entry.index, entry.core, entry.sending, entry.frozen))
        self._when_whole(select.cases, poll, select.arm)
        return select

    def _shuffle(self, entries: list[Entry]) -> None:
        """As random.shuffle(), which costs as much as all the rest: the last gets any place, then the one before ..."""
        chance = self._node.random.random
        for last in range(len(entries) - 1, 0, -1):
            other = int(chance() * (last + 1))
            entries[last], entries[other] = entries[other], entries[last]

    def _pick(self, weights: list[int]) -> int:
        (chosen,) = self._node.random.choices(range(len(weights)), weights)
        return chosen

    def _send_whole(self, home: int, entries: list[Entry], poll: bool, wake: Any, owner: Any) -> Ticket:
        node = self._node
        first = entries[0].ref
        assert first is not None
        cases = []
        for entry in entries:
            assert entry.ref is not None
            wire = node.values.write(entry.frozen, home) if entry.sending else None
            cases.append([entry.index, entry.ref.number, entry.sending, wire])
        ticket = node.remote.add(home, first.number, wake, owner)
        node.links.post(home, [Msg.OFFER, ticket.number, True, poll, cases])
        return ticket

    def _offer(self, select: Select, homes: set[int], entries: list[Entry]) -> None:
        if not homes:
            return
        offers: dict[int, list[Any]] = {home: [] for home in homes}
        for entry in entries:
            if entry.ref is not None:
                offers[entry.ref.home].append([entry.index, entry.ref.number, entry.sending, None])
                select.values[entry.ref.home, entry.index] = entry.frozen
        number = select.order[1]
        self.agents[number] = select
        select.elsewhere(homes)
        for home, cases in offers.items():
            self._node.links.post(home, [Msg.OFFER, number, False, select.poll, cases])

    # The port of an agent.

    def grant(self, home: int, match: int, value: Any) -> None:
        """The select is held for the match."""
        self._node.links.post(home, [Msg.GRANT, match, self._node.values.write(value, home)])
        self._node.host.soon()

    def refuse(self, home: int, match: int) -> None:
        """The select has ended."""
        self._node.links.post(home, [Msg.REFUSE, match])
        self._node.host.soon()

    def ended(self, number: int) -> None:
        """The select has ended."""
        self.agents.pop(number, None)

    # What homes say.

    def _on_armed(self, peer: int, frames: list[bytes], number: int) -> None:
        select = self.agents.get(number)
        if select is not None:
            select.armed(peer)

    def _on_claim(self, peer: int, frames: list[bytes], match: int, number: int, index: int, weight: int) -> None:
        select = self.agents.get(number)
        if select is None:
            self.refuse(peer, match)
        elif (peer, index) not in select.values or weight < 1:
            raise ProtocolError("a claim of a case that was not offered")
        else:
            select.claimed(peer, match, index, weight)

    def _on_release(self, peer: int, frames: list[bytes], match: int, number: int) -> None:
        select = self.agents.get(number)
        if select is not None:
            select.released(peer, match)

    def _on_commit(
        self, peer: int, frames: list[bytes], number: int, index: int, wire: Any, ok: bool, handed: bool
    ) -> None:
        node = self._node
        value = node.values.read(wire, peer, frames)
        select = self.agents.get(number)
        ticket = None
        if select is None:
            ticket = node.remote.take(peer, number)
        elif (peer, index) not in select.values or not select.held_by(peer):
            raise ProtocolError("the end of a select by a process that does not hold it")
        waiting = select or ticket
        if handed:
            nobody = waiting is None or waiting.abandoned
            node.links.post(peer, [Msg.RETURN if nobody else Msg.TAKEN, number])
        if select is not None:
            select.committed(peer, index, value, ok)
        elif ticket is not None:
            ticket.complete((index, value), ok)

    def _on_spoilt(self, peer: int, frames: list[bytes], number: int, name: str, text: str) -> None:
        select = self.agents.get(number)
        if select is None:
            return
        if peer not in select.homes:
            raise ProtocolError("the end of a select by a process that has no case of it")
        select.spoilt(peer, named_error(name, text))

    def _on_withdrawn(self, peer: int, frames: list[bytes], number: int) -> None:
        select = self.agents.get(number)
        if select is not None and not select.withdrawn(peer):
            raise ProtocolError("a process confirms what it was not asked")

    # ---- the home of channels ----------------------------------------------------------------------

    def _when_whole(self, cases: list[Case], poll: bool, action: Callable[[], object]) -> None:
        """Has ``action`` called when nothing is leased out of a channel where that makes a difference."""
        leases = []
        for case in cases:
            loan, stock = case.channel.loan, case.channel.stock
            if loan is not None and (case.sending or poll):
                leases.append(loan)
            if stock is not None and (not case.sending or poll):
                leases.append(stock)
        when_none_is_out(leases, action)

    def _on_offer(self, peer: int, frames: list[bytes], number: int, whole: bool, poll: bool, cases: list[Any]) -> None:
        node = self._node
        if (peer, number) in self.distant or (peer, number) in node.homes.tickets:
            raise ProtocolError("two operations of one number")
        select: RemoteSelect | Distant
        if whole:
            select = RemoteSelect(self._answer, peer, number, poll, self._pick)
        else:
            select = Distant((peer, number), poll, self)
        for case in cases:
            try:
                index, target, sending, wire = case
                value = node.values.read(wire, peer, frames) if whole and sending else None
            except (TypeError, ValueError) as error:
                raise ProtocolError(f"not a case: {error}") from error
            if type(index) is not int or type(target) is not int or index < 0:
                raise ProtocolError("a case has the numbers of its place and its channel")
            channel = node.values.exports.get(target)
            if channel is None:
                text = f"{object_name(node.id, target)} no longer exists: all handles were dropped"
                kind = Msg.FAILED if whole else Msg.SPOILT
                node.links.post(peer, [kind, number, "ChannelLost", text])
                return
            if not isinstance(channel, Channel):
                raise ProtocolError(f"a case on a {type(channel).__name__}")
            select.cases.append(Case(select, index, channel, bool(sending), value))
        if isinstance(select, RemoteSelect):
            self._when_whole(select.cases, poll, select.arm)
            if select.state != DONE:
                node.homes.tickets[peer, number] = select
        else:
            self.distant[peer, number] = select
            self._when_whole(select.cases, poll, partial(self._arm, select))

    def _arm(self, select: Distant) -> None:
        select.arm()
        peer, number = select.order
        self._node.links.post(peer, [Msg.ARMED, number])
        self._node.host.soon()

    def _answer(self, select: Ticket) -> None:
        assert isinstance(select, RemoteSelect)
        peer, number = select.origin, select.number
        self._node.homes.tickets.pop((peer, number), None)
        if select.error is not None:
            self._node.links.post(peer, [Msg.FAILED, number, type(select.error).__name__, str(select.error)])
        else:
            index, result = select.result
            self._commit(peer, number, Msg.FAILED, index, result, select.ok)
        self._node.host.soon()

    def _commit(self, peer: int, number: int, failure: Msg, index: int, result: Any, ok: bool) -> None:
        node = self._node
        if type(result) is not Handoff:
            node.links.post(peer, [Msg.COMMIT, number, index, None, ok, False])
            return
        node.homes.handed[peer, number] = result
        try:
            node.links.post(peer, [Msg.COMMIT, number, index, node.values.write(result.value, peer), ok, True])
        except SerializationError as refused:
            del node.homes.handed[peer, number]
            result.channel.taken(result)
            node.links.post(peer, [failure, number, "SerializationError", str(refused)])

    # The port of a home.

    def claim(self, select: Distant, match: Match, case: Case) -> None:
        """Asks the agent."""
        self._numbers += 1
        self.claims[self._numbers] = (match, select)
        peer, number = select.order
        self._node.links.post(peer, [Msg.CLAIM, self._numbers, number, case.index, match.weight(case)])
        self._node.host.soon()

    def release(self, select: Distant) -> None:
        """The match that it has granted does not happen."""
        peer, number = select.order
        self._node.links.post(peer, [Msg.RELEASE, select.granted, number])
        self._node.host.soon()

    def commit(self, select: Distant, index: int, result: Any, ok: bool) -> None:
        """The case has happened."""
        peer, number = select.order
        self.distant.pop(select.order, None)
        self._commit(peer, number, Msg.SPOILT, index, result, ok)
        self._node.host.soon()

    def spoil(self, select: Distant, index: int, error: BaseException) -> None:
        """The case was chosen and fails."""
        peer, number = select.order
        self.distant.pop(select.order, None)
        self._node.links.post(peer, [Msg.SPOILT, number, type(error).__name__, str(error)])
        self._node.host.soon()

    def withdrawn(self, select: Distant) -> None:
        """No match can involve the cases any more."""
        peer, number = select.order
        self.distant.pop(select.order, None)
        self._node.links.post(peer, [Msg.WITHDRAWN, number])
        self._node.host.soon()

    # What agents say. (WITHDRAW is both: an agent's port sends it, a home takes it.)

    def withdraw(self, home: int, number: int, confirm: bool) -> None:
        """The select takes its cases back."""
        self._node.links.post(home, [Msg.WITHDRAW, number, confirm])
        self._node.host.soon()

    def _on_withdraw(self, peer: int, frames: list[bytes], number: int, confirm: bool) -> None:
        select = self.distant.get((peer, number))
        if select is not None:
            if not confirm:
                del self.distant[peer, number]
            select.withdraw(confirm)

    def _on_grant(self, peer: int, frames: list[bytes], number: int, wire: Any) -> None:
        value = self._node.values.read(wire, peer, frames)
        match, select = self._asked(peer, number)
        if match is None or select is None:
            return
        if select.held:
            match.refuse()
            raise ProtocolError("a select was granted twice at a time")
        select.grant(number, match, value)

    def _on_refuse(self, peer: int, frames: list[bytes], number: int) -> None:
        match, _ = self._asked(peer, number)
        if match is not None:
            match.refuse()

    def _asked(self, peer: int, number: int) -> tuple[Match | None, Distant | None]:
        match, select = self.claims.get(number, (None, None))
        if select is not None and select.order[0] != peer:
            raise ProtocolError("the answer to a claim on a select of another process")
        self.claims.pop(number, None)
        return match, select

    # ---- deaths ------------------------------------------------------------------------------------

    def lost(self, peer: int, cause: str) -> None:
        """``peer`` is dead: its selects end, and ours that have a case there."""
        gone = Cancelled("its process died")
        for key in [key for key in self.distant if key[0] == peer]:
            select = self.distant.pop(key, None)
            if select is not None:  # the end of another one of the dead may just have served this one
                select.lost(gone)
        for number, (match, select) in list(self.claims.items()):
            if select.order[0] == peer:
                del self.claims[number]
                select.doomed = gone  # if it was withdrawn already, only this answer (one for each claim) was missing
                match.refuse()
        where = f"a channel of this select is lost: its home, process {node_name(peer)}, is gone ({cause})"
        for agent in list(self.agents.values()):
            agent.lost(
                peer,
                ChannelLost(f"{where}; no case has happened"),
                ChannelLost(f"{where}; whether a case has happened there is not known"),
            )
