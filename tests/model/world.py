"""A few processes in one object: the product's channels, selects, homes and remote operations, and a network
of queues. Whoever explores it chooses what happens next; everything else is deterministic.

The services (``Homes``, ``Remote``, ``Selects``, ``Loans``) are the product's, unchanged. A ``Process``
stands for their node: no lock, no clock, values travel as they are, messages lie in the world's queues.
"""

from __future__ import annotations

from typing import Any

from dgo.core.channel import Channel
from dgo.core.select import DEFAULT, Select
from dgo.core.ticket import DONE, HELD, WAITING, Ticket
from dgo.errors import Cancelled, ChannelClosed, ChannelLost, Timeout
from dgo.runtime.homes import Homes
from dgo.runtime.loans import Loans
from dgo.runtime.operations import find
from dgo.runtime.remote import PendingOperation, Remote
from dgo.runtime.selects import Entry, Selects
from dgo.runtime.shared import Ref
from dgo.runtime.stocks import Stocks
from dgo.wire.messages import ProtocolError

SERVICES: dict[int, tuple[str, str]] = {}  # message type -> the service and the method that takes it


class First:
    """Choices that are always the first one (or the last one): the explorer decides the order of events."""

    def __init__(self, last: bool = False) -> None:
        self.last = last

    def random(self) -> float:
        return 0.999 if self.last else 0.0

    def choices(self, items: range, weights: list[int]) -> list[int]:
        return [items[-1 if self.last else 0]]

    def shuffle(self, items: list[Any]) -> None:
        if self.last:
            items.reverse()


class Values:
    """Values travel as they are; an object is its number."""

    def __init__(self) -> None:
        self.exports = Objects()
        self.imports: dict[int, Ref] = {}

    def write(self, value: Any, peer: int) -> Any:
        return value

    def read(self, wire: Any, peer: int, frames: Any) -> Any:
        return wire

    def read_all(self, wires: list[Any], peer: int, frames: Any) -> list[Any]:
        return wires

    def imported(self, home: int, number: int) -> Ref | None:
        return self.imports.get(number)


class Objects(dict[int, Channel]):
    """The channels of one process."""

    def all(self) -> list[Channel]:
        return list(self.values())


class Process:
    """What stands for a node."""

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["links"], state["host"]  # itself
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.links = self.host = self

    def __init__(self, world: World, number: int, last: bool) -> None:
        self.world = world
        self.id = number
        self.random = First(last)
        self.values = Values()
        self.links = self
        self.host = self
        self.loans = Loans(self)  # type: ignore[arg-type] # what they use of a node is here
        self.stocks = Stocks(self)  # type: ignore[arg-type] # as above
        self.homes = Homes(self)  # type: ignore[arg-type] # as above
        self.homes.used = {}  # type: ignore[assignment] # weak references cannot be copied; no channel is in it
        self.remote = Remote(self)  # type: ignore[arg-type] # as above
        self.selects = Selects(self)  # type: ignore[arg-type] # as above
        self.forgotten: list[int] = []
        self.timers: list[Any] = []

    def handle(self, kind: int, handler: Any) -> None:
        # By name: the handlers are the same in all states, and a state is copied often.
        SERVICES[int(kind)] = (type(handler.__self__).__name__.lower(), handler.__name__)

    def soon(self) -> None:
        pass

    def flush(self) -> None:
        self.loans.flush()
        self.stocks.flush()

    @property
    def laden(self) -> bool:
        """Whether a flush would do something."""
        return self.loans.laden or self.stocks.laden

    def set_timer(self, when: float, action: Any) -> None:
        self.timers.append(action)

    def clock(self) -> float:
        return 0.0

    def post(self, peer: int, message: list[Any]) -> None:
        if peer not in self.forgotten:
            self.world.post(self.id, peer, [int(message[0]), *message[1:]])

    def deliver(self, peer: int, message: list[Any]) -> None:
        if self.world.tombstones and peer in self.forgotten:
            return
        service, name = SERVICES[message[0]]
        getattr(getattr(self, service), name)(peer, [], *message[1:])

    def down(self, peer: int) -> None:
        self.forgotten.append(peer)
        self.selects.lost(peer, "killed")
        self.homes.lost(peer)
        self.remote.lost(peer, "killed")


class Goroutine:
    """A sequence of operations in one process.

    An operation is ``("send", channel, value)``, ``("recv", channel)``, ``("close", channel)``, or
    ``("select", [(channel, value or None), ...], flags)`` with flags among ``"default"`` and ``"timeout"``;
    ``("recv", channel, "timeout")`` may time out as well. What does not wait: ``("offer", channel, value)``,
    ``("poll", channel)``, ``("len", channel)``.
    """

    def __init__(self, world: World, number: int, process: int, program: tuple[Any, ...]) -> None:
        self.world = world
        self.number = number
        self.process = process
        self.program = program
        self.at = 0
        self.ticket: Ticket | None = None
        self.outcomes: list[Any] = []
        self.interrupted: list[Any] = []  # what the operation that was interrupted might have sent
        self.witnesses: list[Ticket] = []  # could have been met when this select with a default began

    @property
    def operation(self) -> Any:
        return self.program[self.at] if self.at < len(self.program) else None

    @property
    def timed(self) -> bool:
        return "timeout" in self.operation or (self.operation[0] == "select" and "timeout" in self.operation[2])

    def begin(self) -> None:
        if self.world.watcher is not None:
            self.world.watcher.began(self)
        try:
            self._begin()
        except ChannelLost:  # it is known to be lost: nothing has happened
            self._ended(None, False, "ChannelLost")

    def _begin(self) -> None:
        operation = self.operation
        process = self.world.processes[self.process]
        if operation[0] == "select":
            self._select(process, operation)
            return
        name, number = operation[0], operation[1]
        channel = self.world.channel(self.process, number)
        if channel is None:
            args = _values(operation)
            ref = self.world.ref(self.process, number)
            if name == "send" and ref.credit:
                process.loans.send(ref, *args)
                self._ended(None, True, None)
            elif name in ("recv", "poll") and ref.stock:
                self._ended(process.stocks.take(ref), True, None)
            else:
                self.ticket = process.remote.start(ref, name, args, self.woke, self.number)
            return
        self.ticket = ticket = Ticket(self.woke, owner=self.number)
        found = find(Channel, name)
        assert found is not None
        if found.whole:
            process.loans.when_returned(channel, found.run, ticket, *_values(operation))
        else:
            found.run(channel, ticket)

    def _select(self, process: Process, operation: Any) -> None:
        _, cases, flags = operation
        entries = []
        for index, (number, value) in enumerate(cases):
            channel = self.world.channel(self.process, number)
            ref = None if channel is not None else self.world.ref(self.process, number)
            entries.append(Entry(index, channel, ref, value is not None, value))
        poll = "default" in flags
        self.witnesses = self.world.partners(cases) if poll else []
        try:
            found = process.selects.at_once(entries, poll)
        except ChannelClosed:
            self._ended(None, False, "ChannelClosed")
            return
        if found is not None:
            self._ended(found[:2], found[2], None)
            return
        ticket = process.selects.start(entries, poll, self.woke, self.number)
        if ticket.state == DONE and self.ticket is None:
            return  # woken inside start: ``woke`` has noted it
        self.ticket = ticket

    def woke(self, ticket: Ticket) -> None:
        self._ended(ticket.result, ticket.ok, None if ticket.error is None else type(ticket.error).__name__)
        self.ticket = None

    def _ended(self, result: Any, ok: bool, error: str | None) -> None:
        if self.witnesses and result is not None and result[0] == DEFAULT:
            still = [ticket for ticket in self.witnesses if ticket.state == WAITING and ticket.queue is not None]
            assert not still, "default was taken although somebody waited at every moment"
        self.witnesses = []
        if self.world.watcher is not None:
            self.world.watcher.ended(self, result, ok, error)
        self.outcomes.append((result, ok, error))
        self.at += 1

    def interrupt(self) -> None:
        """A signal's exception ends the wait, as ``ThreadHost.park`` does it, and the goroutine."""
        ticket, self.ticket = self.ticket, None
        assert ticket is not None
        self.interrupted = _values(self.operation)
        self.at = len(self.program)
        ticket.wake = None
        ticket.cancel(Cancelled("interrupted"))
        if isinstance(ticket, (PendingOperation, Select)):
            ticket.abandoned = True

    def give_up(self) -> None:
        """The timeout of the operation runs out."""
        assert self.ticket is not None
        self.ticket.cancel(Timeout("in time"))


class World:
    """All of it.

    Args:
        channels: ``(home, capacity)`` of each.
        goroutines: ``(process, program)`` of each.
        kill: the processes of which some may die.
        deaths: how many of them.
        interrupts: the goroutines whose waits may be interrupted.
        eager: processes without channels, whose goroutines begin at once (their messages may take any time).
        filled: values that are in the buffers at the start.
        lazy: what waits for company leaves at any time, not at once.
        last: choices take the last of several.
        tombstones: False: what the dead had sent is believed after their death (a mutation).
    """

    def __init__(
        self,
        channels: list[tuple[int, int]],
        goroutines: list[tuple[int, tuple[Any, ...]]],
        kill: tuple[int, ...] = (),
        deaths: int = 1,
        interrupts: tuple[int, ...] = (),
        last: bool = False,
        tombstones: bool = True,
        eager: tuple[int, ...] = (),
        filled: dict[int, str] | None = None,
        lazy: bool = False,
    ) -> None:
        self.eager = eager
        self.lazy = lazy
        self.tombstones = tombstones
        self.queues: dict[tuple[int, int], list[Any]] = {}
        self.homes = [home for home, _ in channels]
        numbers = sorted({*self.homes, *(process for process, _ in goroutines)})
        self.processes = {number: Process(self, number, last) for number in numbers}
        for number, (home, capacity) in enumerate(channels):
            channel = Channel(capacity)
            channel.number = number
            self.processes[home].values.exports[number] = channel
            if filled is not None and number in filled:
                channel.try_send(filled[number])
        self.filled = list((filled or {}).values())
        self.goroutines = [
            Goroutine(self, number, process, program) for number, (process, program) in enumerate(goroutines)
        ]
        self.kill = kill
        self.deaths = deaths
        self.interrupts = interrupts
        self.dead: list[int] = []
        self.undelivered: list[tuple[int, int]] = []  # processes, and deaths that they have not learnt of
        self.watcher: Any = None  # is told what goroutines begin and what becomes of it

    def channel(self, process: int, number: int) -> Channel | None:
        return self.processes[process].values.exports.get(number)

    def ref(self, process: int, number: int) -> Ref:
        imports = self.processes[process].values.imports
        ref = imports.get(number)
        if ref is None:
            ref = imports[number] = Ref(self.homes[number], number, [])
            ref.joined = True
        if self.homes[number] in self.processes[process].forgotten:
            ref.lose("killed")
        return ref

    def partners(self, cases: Any) -> list[Ticket]:
        """The plain operations that wait now and that one of the cases could meet."""
        found = []
        for number, value in cases:
            home = self.homes[number]
            if home not in self.dead:
                channel = self.processes[home].values.exports[number]
                queue = channel.senders if value is None else channel.receivers
                found += [party for party in queue if party.select is None and not party.poll]
        return found

    def post(self, source: int, target: int, message: list[Any]) -> None:
        if target not in self.dead:
            self.queues.setdefault((source, target), []).append(message)

    # ---- what can happen next --------------------------------------------------------------------

    def actions(self) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = [("deliver", *key) for key, queue in sorted(self.queues.items()) if queue]
        for goroutine in self.goroutines:
            if goroutine.process in self.dead or goroutine.operation is None:
                continue
            if goroutine.ticket is None:
                if goroutine.process in self.eager:
                    return [("begin", goroutine.number)]
                found.append(("begin", goroutine.number))
                continue
            if goroutine.timed and goroutine.ticket.doomed is None:
                found.append(("timeout", goroutine.number))
            if goroutine.number in self.interrupts:
                found.append(("interrupt", goroutine.number))
        if len(self.dead) < self.deaths:
            found += [("kill", number) for number in self.kill if number not in self.dead]
        found += [("down", *news) for news in self.undelivered]
        found += [
            ("ring", process.id)
            for process in self.processes.values()
            if process.timers and process.id not in self.dead
        ]
        found += [
            ("flush", process.id)
            for process in self.processes.values()
            if process.laden and process.id not in self.dead
        ]
        return found

    def act(self, action: tuple[Any, ...]) -> None:
        self._act(action)
        if not self.lazy:
            for process in self.processes.values():
                if process.id not in self.dead:
                    process.flush()

    def _act(self, action: tuple[Any, ...]) -> None:
        kind = action[0]
        if kind == "ring":
            self.processes[action[1]].timers.pop(0)()
        elif kind == "flush":
            self.processes[action[1]].flush()
        elif kind == "deliver":
            queue = self.queues[action[1], action[2]]
            message = queue.pop(0)
            if not queue:
                del self.queues[action[1], action[2]]
            try:
                self.processes[action[2]].deliver(action[1], message)
            except ProtocolError as error:  # nobody here lies
                raise AssertionError(f"a message that should not have come: {error}") from error
        elif kind == "begin":
            self.goroutines[action[1]].begin()
        elif kind == "interrupt":
            self.goroutines[action[1]].interrupt()
        elif kind == "timeout":
            self.goroutines[action[1]].give_up()
        elif kind == "kill":
            self.dead = sorted([*self.dead, action[1]])
            self.undelivered += [(number, action[1]) for number in self.processes]
            self.undelivered = [news for news in self.undelivered if news[0] not in self.dead]
            self.queues = {key: queue for key, queue in self.queues.items() if key[1] not in self.dead}
        else:
            self.undelivered.remove((action[1], action[2]))
            self.processes[action[1]].down(action[2])

    # ---- what must hold --------------------------------------------------------------------------

    def check(self, terminal: bool) -> None:
        """Asserts what holds at any time, and what holds when nothing more can happen."""
        for process in self.processes.values():
            if process.id in self.dead:
                continue
            for channel in process.values.exports.values():
                channel.check()
                for lease in (channel.loan, channel.stock):
                    if lease is not None:
                        lease.check()
        for goroutine in self.goroutines:
            if isinstance(goroutine.ticket, Select):
                goroutine.ticket.check()
        self._check_values(terminal)
        if terminal:
            self._check_rest()

    def _check_values(self, terminal: bool) -> None:
        # What the dead had received may be received again: they may have died before they could say so.
        received: list[Any] = []
        sent = list(self.filled)
        perhaps: list[Any] = []
        for goroutine in self.goroutines:
            done = zip(goroutine.program, goroutine.outcomes, strict=False)
            for operation, (result, ok, error) in done:
                if error == "ChannelLost":
                    perhaps += _values(operation)
                elif error is None and operation[0] == "select":
                    index, value = result
                    chosen = operation[1][index][1] if index >= 0 else None
                    if chosen is not None:
                        sent.append(chosen)
                    elif index >= 0 and ok and goroutine.process not in self.dead:
                        received.append(value)
                elif error is None and operation[0] in ("send", "offer"):
                    sent.append(operation[2])
                elif error is None and operation[0] in ("recv", "poll") and ok and goroutine.process not in self.dead:
                    received.append(result)
            perhaps += goroutine.interrupted
            if goroutine.operation is not None and (goroutine.ticket is not None or goroutine.process in self.dead):
                perhaps += _values(goroutine.operation)
        assert len(set(received)) == len(received), f"received twice: {received}"
        assert set(received) <= {*sent, *perhaps}, f"received but not sent: {set(received) - {*sent, *perhaps}}"
        if terminal and not self.dead:
            there = [
                value
                for process in self.processes.values()
                for channel in process.values.exports.values()
                for value in (*channel.buffer, *(channel.stock.values if channel.stock is not None else ()))
            ]
            interrupted = {value for goroutine in self.goroutines for value in goroutine.interrupted}
            found = [value for value in (*received, *there) if value not in interrupted]
            assert sorted(found) == sorted(sent), f"sent {sent}, received {received}, stored {there}"

    def _check_rest(self) -> None:
        waiting = set()
        for goroutine in self.goroutines:
            if goroutine.process in self.dead:
                continue
            ticket = goroutine.ticket
            if ticket is None:
                continue
            assert ticket.state != HELD, f"goroutine {goroutine.number} is held for ever"
            assert ticket.doomed is None, f"goroutine {goroutine.number} waits for a verdict for ever"
            assert goroutine.operation[0] != "select" or "default" not in goroutine.operation[2], (
                "a select with a default waits for ever"
            )
            assert goroutine.operation[0] in ("send", "recv", "select"), f"{goroutine.operation} waits for ever"
            waiting.add(goroutine.number)
        for process in self.processes.values():
            if process.id in self.dead:
                continue
            assert not process.selects.claims, "a claim was never answered"
            self._check_tables(process)
            for channel in process.values.exports.values():
                assert channel.match is None, "a match is under way for ever"
                assert not channel.handoffs, "a value is on its way for ever"
                for lease in (channel.loan, channel.stock):
                    assert lease is None or not lease.recalled, "a recall was never answered"
        self._check_offers(waiting)

    def _check_tables(self, process: Process) -> None:
        """What a process remembers belongs to somebody who waits."""
        mine = [goroutine.ticket for goroutine in self.goroutines if goroutine.process == process.id]
        agents = list(process.selects.agents.values())
        assert all(select in mine for select in agents), f"{agents} are no selects of anybody who waits"
        pending = list(process.remote.pending.values())
        assert all(ticket in mine for ticket in pending), f"{pending} are of nobody who waits"
        for peer, number in process.selects.distant:
            assert peer not in self.dead, "a select of the dead is remembered"
            assert number in self.processes[peer].selects.agents, "a select that has ended is remembered"
        for peer, number in process.homes.tickets:
            assert peer not in self.dead, "an operation of the dead is remembered"
            assert number in self.processes[peer].remote.pending, "an operation that has ended is remembered"
        assert not process.homes.handed, "a value is on its way for ever"

    def _check_offers(self, waiting: set[int]) -> None:
        """Exactly those who wait stand in the queues: no ghost, and nobody is missing."""
        there: dict[int, int] = {}
        for process in self.processes.values():
            if process.id in self.dead:
                continue
            for channel in process.values.exports.values():
                there[channel.number] = len(channel.senders) + len(channel.receivers)
        expected = dict.fromkeys(there, 0)
        for number in waiting:
            operation = self.goroutines[number].operation
            cases = operation[1] if operation[0] == "select" else [(operation[1], None)]
            for channel_number, _ in cases:
                assert channel_number in expected, f"goroutine {number} waits for the dead"
                expected[channel_number] += 1
        assert there == expected, f"who stands in the queues: {there}, who waits: {expected}"

    def outcome(self) -> Any:
        """What became of each goroutine, for counting."""
        return tuple(
            tuple((result, ok, error) for result, ok, error in goroutine.outcomes) for goroutine in self.goroutines
        )


def _values(operation: Any) -> list[Any]:
    """What an operation would send."""
    if operation[0] == "select":
        return [value for _, value in operation[1] if value is not None]
    return [operation[2]] if operation[0] in ("send", "offer") else []
