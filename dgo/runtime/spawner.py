"""Spawning: this process's ledger of the goroutines that it started.

``go`` numbers a goroutine, writes it into the ledger and either runs it here (on a worker) or queues it for
the coordinator. News of it come from the coordinator (where it was placed), from the worker that runs it
(started, ended), or with that worker's death. Its end is entered once, by whatever ended it.

A cancelled goroutine is looked for where it was last heard of. Whenever news say that it has moved, the word
is sent after it; it counts the calls of ``cancel()``, so it may arrive more than once.

One that has retries is submitted once more, under its number, when its worker is lost. The coordinator's news of
its earlier places have all come by then: they are sent before the news of the death, along the same link. What
the dead worker says is not believed any more.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.goroutine import RETURNED_NONE, STARTED, Ending, Goroutine, Limited, Outcome
from dgo.core.ticket import DONE, Ticket
from dgo.errors import WorkerLost
from dgo.ids import object_name
from dgo.runtime.limits import goroutine_with, loss_text
from dgo.runtime.options import SpawnOptions
from dgo.runtime.values import is_scalar
from dgo.wire.messages import SERIES_OF_ENDS_FIELDS, Msg, ProtocolError, SenderGone
from dgo.wire.snapshot import Call, freeze_exception
from dgo.wire.snapshot.payload import pack

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Spawner"]

log = logging.getLogger("dgo.spawner")

WINDOW = 50_000  # goroutines that have not started; beyond it go() blocks
FLUSH_AT = 256  # spawns in one message to the coordinator
MOST_IN_A_ROW = 1 << 20  # goroutines of which one row of numbers may tell
# Names of their own: each look into an enum costs.
FAILURES = (Ending.RAISED, Ending.LOST)
RETURNED = Ending.RETURNED


class Spawner:
    """The ledger. Methods are called under the node's lock unless they say otherwise."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.job = node.id
        self.ledger: dict[int, Goroutine] = {}
        self.dropped: deque[int] = deque()  # those of ``unasked`` whose last handle here was dropped
        self.unasked: dict[int, Goroutine] = {}  # ended by an exception, and nobody has asked yet
        self.report: Callable[[str, Callable[[], object] | None], object] | None = None
        self.crash = False
        self._unstarted = 0  # of those that were submitted
        self.blocked: deque[Ticket] = deque()  # those who wait to spawn more
        self._items: dict[int, list[Any]] = {}
        self._queued = 0  # goroutines in them
        self._series: list[Any] | None = None  # the last of the items, if it is a series
        self._series_job = 0
        # Those whose arguments' handles or large buffers are kept until they have ended.
        self._pinning: set[int] = set()
        self._stops: dict[int, list[Any]] = {}  # by worker; 0: none has it
        self.on_cancel = self._stop  # one object for all records
        node.handle(Msg.PLACED, self._on_placed)
        node.handle(Msg.RETURNED, self._on_returned)
        node.handle(Msg.STARTED, self._on_started)
        node.handle(Msg.ENDED, self._on_ended)
        node.handle(Msg.GET_BLOB, self._on_get_blob)
        node.handle(Msg.UNPLACEABLE, self._on_unplaceable)
        node.handle(Msg.DROPPED, self._on_dropped)

    # ---- go --------------------------------------------------------------------------------------

    def spawn(
        self,
        call: Call,
        options: SpawnOptions | None,
        on_end: Callable[[Goroutine], object] | None,
        job: int = 0,
        since: float | None = None,
    ) -> Goroutine:
        """Enters a goroutine into the ledger and sends it on its way.

        Args:
            call: what it runs.
            options: what ``go.options`` was given, if it was called.
            on_end: called once it has ended.
            job: whose program it belongs to; 0: the caller's.
            since: when ``go`` was called, if that was not now.
        """
        node = self._node
        execution = node.execution
        if execution is not None and (options is None or options.name_only):
            return execution.spawn(call, on_end, job, None if options is None else options.name)
        number = node.values.next_number()
        job = job or node.host.job()
        if options is None:
            goroutine = Goroutine(number, call.name, call, job, on_end, self.on_cancel)
        else:
            goroutine = goroutine_with(node, options, number, call, on_end, self.on_cancel, job, since)
        self.ledger[number] = goroutine
        if execution is not None and options is not None and options.anywhere:
            goroutine.place(node.id)
            execution.enqueue_local(goroutine, call, job)
        else:
            self._unstarted += 1
            self._submit(goroutine, call, options, job)
        return goroutine

    def resubmit(self, goroutine: Goroutine, call: Call, job: int) -> None:
        """A goroutine that waited here to be started goes to the coordinator instead (it is being stolen)."""
        goroutine.give_back()
        goroutine.held = call
        self._unstarted += 1
        self._submit(goroutine, call, None, job)
        if goroutine.cancels:
            self._stop(goroutine)

    def full(self) -> Ticket | None:
        """A ticket to wait for, if too many goroutines have not started yet."""
        if self._waiting() < WINDOW:
            return None
        ticket = self._node.host.ticket()
        self.blocked.append(ticket)
        return ticket

    def has_room(self) -> bool:
        """Whether a goroutine may be started now."""
        return len(self.ledger) < WINDOW or self._waiting() < WINDOW  # the ledger has all that have not started

    def _waiting(self) -> int:
        """How many goroutines of this process have not started."""
        execution = self._node.execution
        return self._unstarted + (execution.unstarted_local if execution is not None else 0)

    def some_started(self) -> None:
        """Fewer goroutines wait to be started: those who wait to spawn more may go on."""
        if self._waiting() < WINDOW // 2:
            while self.blocked:
                ticket = self.blocked.popleft()
                if ticket.error is None:
                    ticket.complete()

    def _submit(self, goroutine: Goroutine, call: Call, options: SpawnOptions | None, job: int) -> None:
        if options is None and call.payload is None and not call.kwargs and _all_scalars(call.args):
            series = self._series
            if (
                series is not None
                and series[1] is call.key
                and series[2] + len(series[3]) == goroutine.number
                and job == self._series_job
                and series[0] is call.name
            ):
                series[3].append(call.args)
            else:
                self._series = [call.name, call.key, goroutine.number, [call.args]]
                self._series_job = job
                self._items.setdefault(job, []).append(self._series)
        else:
            self._series = None
            self._items.setdefault(job, []).append(self._single(goroutine, call, options))
        self._queued += 1
        if self._queued >= FLUSH_AT:
            self.flush()
            self._node.links.flush()
        elif self._queued == 1:
            self._node.host.spawned()

    def _single(self, goroutine: Goroutine, call: Call, options: SpawnOptions | None) -> list[Any]:
        """An item for one goroutine (see ``dgo.wire.messages``).

        The coordinator reads nothing of it but the options, and where in the batch the payload's buffers are.
        """
        node = self._node
        number = goroutine.number
        scalars: Any = None
        payload: Any = None
        if call.payload is not None:
            payload = call.payload
        elif call.kwargs or not _all_scalars(call.args):
            payload = pack((call.args, call.kwargs))
        else:
            scalars = call.args
        if payload is not None:
            if payload.handles or payload.buffers:
                self._pinning.add(number)
            payload = node.values.write(payload, 0, route_peer=node.coordinator, pin_for=("spawn", number))
        return [
            number,
            goroutine.name,
            call.key,
            scalars,
            payload,
            list(call.codes),
            options.wire() if options else None,
        ]

    def flush(self) -> None:
        """Hands what was queued to the coordinator's link."""
        if self._items:
            for job, items in self._items.items():
                self._node.links.post(self._node.coordinator, [Msg.SUBMIT, job, items])
            self._items = {}
            self._queued = 0
            self._series = None
        if self._stops:  # behind the spawns that they may concern
            for worker, stops in self._stops.items():
                self._node.links.post(self._node.coordinator, [Msg.STOP, worker, stops])
            self._stops = {}

    # ---- cancel ----------------------------------------------------------------------------------

    def _stop(self, goroutine: Goroutine) -> None:
        """Passes the word on to whoever has the goroutine, as far as is known here."""
        node = self._node
        if goroutine.where == node.id:
            assert node.execution is not None
            if node.execution.cancel(node.id, goroutine.number, goroutine.cancels):
                return  # else it was placed here, and is on its way
        self._stops.setdefault(goroutine.where or 0, []).append([goroutine.number, goroutine.cancels])
        node.host.soon()

    def _on_dropped(self, peer: int, frames: list[bytes], numbers: list[int]) -> None:
        """The coordinator had these, and has forgotten them: they were cancelled before they had a worker."""
        for number in numbers:
            self.end(number, Outcome(Ending.CANCELLED, None))
        if self.blocked:
            self.some_started()

    # ---- news ------------------------------------------------------------------------------------

    def _on_placed(self, peer: int, frames: list[bytes], worker: int, rows: list[Any]) -> None:
        ledger = self.ledger
        for number in _numbers(rows):
            goroutine = ledger.get(number)
            if goroutine is not None:
                goroutine.place(worker)
                if goroutine.cancels:
                    self._stop(goroutine)

    def _on_returned(self, peer: int, frames: list[bytes], rows: list[Any]) -> None:
        for number in _numbers(rows):
            goroutine = self.ledger.get(number)
            if goroutine is not None:
                goroutine.give_back()
                if goroutine.cancels:
                    self._stop(goroutine)

    def _on_started(self, peer: int, frames: list[bytes], numbers: list[int]) -> None:
        for number in numbers:
            goroutine = self.ledger.get(number)
            if goroutine is not None and goroutine.state < STARTED:
                goroutine.start(peer)
                self._unstarted -= 1
        if self.blocked:
            self.some_started()

    def _on_ended(self, peer: int, frames: list[bytes], ended: list[Any]) -> None:
        for end in ended:
            try:
                if len(end) == SERIES_OF_ENDS_FIELDS:
                    first, values = end
                    if type(first) is not int or type(values) is not list:
                        raise ProtocolError("a series of ends is a number and a list of values")
                    self._returned(first, values)
                    continue
                number, ending, wire = end
            except (TypeError, ValueError) as error:
                raise ProtocolError(f"not an end: {error}") from error
            try:
                value = self._node.read_outcome(ending, wire, peer, frames)
            except SenderGone as error:
                log.info("an end counts as not sent: %s", error)
                continue
            self.end(number, Outcome(ending, value))
        if self.blocked:
            self.some_started()

    def _returned(self, first: int, values: list[Any]) -> None:
        """Goroutines numbered from ``first`` have each returned a scalar: as ``end``, without its questions."""
        ledger = self.ledger
        for number, value in enumerate(values, first):
            if value is None:
                outcome = RETURNED_NONE
            elif type(value) is list or type(value) is dict:
                raise ProtocolError(f"a series of ends has scalars, not a {type(value).__name__}")
            else:
                outcome = Outcome(RETURNED, value)
            goroutine = ledger.pop(number, None)
            if goroutine is not None:
                if goroutine.state < STARTED:
                    self._unstarted -= 1
                if self._pinning:
                    self._unpin(number)
                goroutine.end(outcome)

    def _unpin(self, number: int) -> None:
        if number in self._pinning:
            self._pinning.discard(number)
            self._node.values.release_pins(("spawn", number))

    def _on_unplaceable(self, peer: int, frames: list[bytes], number: int, text: str) -> None:
        log.warning("%s", text)

    def end(self, number: int, outcome: Outcome) -> None:
        """Goroutine ``number`` has ended, which was submitted to the coordinator."""
        goroutine = self.ledger.pop(number, None)
        if goroutine is None:
            return
        if goroutine.state < STARTED:
            self._unstarted -= 1
        if self._pinning:
            self._unpin(number)
        self.settle(goroutine, outcome)

    def end_here(self, goroutine: Goroutine, outcome: Outcome) -> None:
        """A goroutine has ended that was queued here without the coordinator's knowledge: it is not counted.

        (What the coordinator has placed here is.)
        """
        if self.ledger.pop(goroutine.number, None) is None:
            return
        if self._pinning:  # it was submitted before, with retries
            self._unpin(goroutine.number)
        if outcome is RETURNED_NONE:
            goroutine.end(outcome)
        else:
            self.settle(goroutine, outcome)

    def settle(self, goroutine: Goroutine, outcome: Outcome) -> None:
        """Enters the end; before anyone is released by it, an exception that nobody can ask for is reported."""
        if outcome.ending in FAILURES and not goroutine.asked:
            if not self._has_handle(goroutine):
                self._report(goroutine, outcome)
                return
            self.unasked[goroutine.number] = goroutine
            self.watch(goroutine)
        goroutine.end(outcome)

    def _has_handle(self, goroutine: Goroutine) -> bool:
        token = goroutine.token
        return (token is not None and token() is not None) or (
            self._node.values.exports.get(goroutine.number) is goroutine
        )

    def watch(self, goroutine: Goroutine) -> None:
        """Has the end of its last handle here noted: it is in ``unasked``. (Most goroutines never fail.)"""
        handle = goroutine.token() if goroutine.token is not None else None
        if handle is not None:
            goroutine.token = weakref.ref(handle, partial(_note, self.dropped, goroutine.number))

    def _report(self, goroutine: Goroutine, outcome: Outcome) -> None:
        """Reports the exception, then enters the end (after the driver has read it, if it is to crash)."""
        if self.report is None or outcome.value is None:
            goroutine.end(outcome)
            return
        text = self.panic_text(goroutine, outcome)
        if self.crash:
            self.report(text, lambda: goroutine.end(outcome))
        else:
            self.report(text, None)
            goroutine.end(outcome)

    def panic_text(self, goroutine: Goroutine, outcome: Outcome) -> str:
        """What the driver prints about an exception that nobody asked for."""
        _, _, _, traceback = outcome.value
        return (
            f"goroutine {object_name(self._node.id, goroutine.number)} ({goroutine.name}) ended with an exception "
            f"that nobody asked for:\n{traceback.rstrip()}\n"
        )

    def sweep(self) -> None:
        """Decides about goroutines whose last handle was dropped after their end."""
        while self.dropped:
            goroutine = self.unasked.get(self.dropped.popleft())
            if goroutine is not None and not self._has_handle(goroutine):
                self.report_unasked(goroutine)

    def report_unasked(self, goroutine: Goroutine) -> None:
        """The last chance to ask has gone."""
        if self.unasked.pop(goroutine.number, None) is None or goroutine.asked:
            return
        if self.report is not None and goroutine.outcome is not None:
            self.report(self.panic_text(goroutine, goroutine.outcome), None)

    def lost(self, node: int, cause: str) -> None:
        """A worker died: what it had has perhaps run, and ends as lost unless it may run again."""
        # Of a driver that is gone the coordinator has forgotten those that no worker had.
        gone = [g for g in self.ledger.values() if g.where == node or (g.job == node and g.where is None)]
        for goroutine in gone:
            if isinstance(goroutine, Limited) and self._again(goroutine, cause):
                continue
            error = WorkerLost(loss_text(self._node.id, goroutine, cause))
            self.end(goroutine.number, Outcome(Ending.LOST, freeze_exception(error)))
        if self.blocked:
            self.some_started()

    def _again(self, goroutine: Limited, cause: str) -> bool:
        """Runs a goroutine again whose worker died; returns False if it may not be."""
        node = self._node
        started = goroutine.state == STARTED
        if node.cause_of_loss(goroutine.job) is not None or not goroutine.retry():
            return False
        who = f"goroutine {object_name(node.id, goroutine.number)} ({goroutine.name})"
        log.info("%s runs again: its worker died (%s); retries left: %d", who, cause, goroutine.retries)
        if not started:
            self._unstarted -= 1
        if node.execution is not None and goroutine.again.anywhere:  # it had been stolen
            goroutine.place(node.id)
            node.execution.enqueue_local(goroutine, goroutine.held, goroutine.job)
        else:
            self._unstarted += 1
            self._submit(goroutine, goroutine.held, goroutine.again, goroutine.job)
        return True

    def abandon(self, error: BaseException) -> None:
        """The cluster is gone: nobody will say any more how these ended."""
        self.report = None
        outcome = Outcome(Ending.LOST, freeze_exception(error))
        if self._node.execution is not None:
            self._node.execution.disown()
        for number in list(self.ledger):
            self.end(number, outcome)
        while self.blocked:  # what they wanted to spawn is refused
            ticket = self.blocked.popleft()
            if ticket.state != DONE:
                ticket.complete()

    def _on_get_blob(self, peer: int, frames: list[bytes], digest: bytes) -> None:
        node = self._node
        blob = node.code.blob(digest)
        node.links.post(peer, [Msg.BLOB, digest, None if blob is None else blob])

    @property
    def queued(self) -> bool:
        """True if something waits to be handed to the coordinator."""
        return bool(self._items or self._stops)

    def live(self, job: int) -> int:
        """How many goroutines of ``job`` in this ledger have not ended."""
        return sum(1 for goroutine in self.ledger.values() if goroutine.job == job)


def _note(dropped: deque[int], number: int, _: object) -> None:
    """The last handle is gone. May run anywhere, inside any lock (deque.append is atomic)."""
    dropped.append(number)


def _all_scalars(args: tuple[Any, ...] | None) -> bool:
    return not args or all(map(is_scalar, args))


def _numbers(rows: list[Any]) -> Iterator[int]:
    """The numbers of rows ``[first, how many]``."""
    for row in rows:
        try:
            first, count = row
            if not 0 < count <= MOST_IN_A_ROW:
                raise ProtocolError(f"{count} goroutines in a row")
            yield from range(first, first + count)
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"not a row of numbers: {error}") from error
