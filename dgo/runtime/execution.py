"""Running goroutines on a worker.

The life of a goroutine here is in ``dgo.runtime.task``; what others have to know of it is told by
``dgo.runtime.reports``. A task whose code or handles are not here yet waits outside the queue.

**Cancellation** (the rules are in ``dgo.core.cancellation``). One that has not started ends at once. One that
waits on a ticket has its ticket cancelled. Any other is in ``stopping`` until it has heard of it: at its next
wait on a ticket, or from the host, which can interrupt goroutines that compute or wait for I/O.

**Coroutines.** What an ``async def`` function returns when it is called is not a result: it is run by the node's
asyncio loop (``dgo.runtime.coroutines``), which holds it while it waits, and says when it has ended. Such a goroutine
is cancelled in asyncio's way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from dgo.core.cancellation import Cancellation
from dgo.core.goroutine import PLACED, STARTED, Ending, Goroutine, Outcome
from dgo.core.ticket import DONE, Ticket
from dgo.errors import Cancelled, RemoteError, SerializationError
from dgo.ids import node_name
from dgo.runtime.calling import call_function
from dgo.runtime.locks import abandon_all
from dgo.runtime.modules import failed_import, say_how_to_add
from dgo.runtime.reports import Reports
from dgo.runtime.running import Running
from dgo.runtime.task import IN_QUEUE, Extras, GoroutineExit, Task
from dgo.wire.messages import SERIES_FIELDS, Msg, ProtocolError
from dgo.wire.snapshot import NO_KEYWORDS, Call, freeze, freeze_exception, thaw_call

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Execution"]

log = logging.getLogger("dgo.execution")

HANDLER = "_on_tick"  # of the signal that ticks (``dgo_worker.hub``)
RETURNED = Ending.RETURNED  # a name of its own: each look into an enum costs


class Execution:
    """The goroutines of one worker. Methods are called under the node's lock unless they say otherwise."""

    def __init__(self, node: Node, ready: Callable[[Any], None], born: Callable[[Any], None]) -> None:
        self._node = node
        self.code = node.code
        self._ready = ready
        self._born = born
        self._others: dict[tuple[int, int], Task] = {}  # those that live here and are not their own records
        self._own = 0  # how many are, and live here
        self.stopping: set[Task] = set()  # started, and have not heard of a cancel()
        self.received = 0
        self.unstarted = 0  # of those that came from the coordinator
        # Of those that were spawned here: all, those that have started, and those that never will. A thread that is not
        # the hub's may enter and withdraw some, under the lock; only the hub's starts them, and takes no lock for it.
        self._entered = 0
        self._begun = 0
        self._withdrawn = 0
        self.draining = False
        self.last_job: int | None = None  # of the goroutines that came last
        self.before_end: Callable[[Task], object] | None = None
        self.admitted: set[int] = set()  # jobs that agree with the modules loaded here
        self.admit: Callable[[int], object] | None = None
        self.complain: Callable[[Task, str], object] = _log_complaint  # tells the program of the goroutine
        self.ready_count: Callable[[], int] = _none_ready  # set by the host: goroutines that could run now
        self._reports = Reports(node, self)
        self.flush = self._reports.flush
        self._wanted: dict[bytes, list[Ticket]] = {}
        node.execution = node.waits.execution = self
        node.handle(Msg.RUN, self._on_run)
        node.handle(Msg.STEAL, self._on_steal)
        node.handle(Msg.BLOB, self._on_blob)
        node.handle(Msg.STOP, self._on_stop)
        node.on_death(self._on_death)

    # ---- arrivals --------------------------------------------------------------------------------

    @property
    def unstarted_local(self) -> int:
        """How many goroutines that were spawned here, and are run here, have not started."""
        return self._entered - self._begun - self._withdrawn

    def spawn(
        self, call: Call, on_end: Callable[[Goroutine], object] | None, job: int = 0, name: str | None = None
    ) -> Task:
        """A goroutine of this worker has spawned one that may run anywhere: it is queued here.

        Args:
            call: what it runs.
            on_end: called once it has ended.
            job: whose program it belongs to; 0: the caller's.
            name: in place of the function's.
        """
        node = self._node
        values = node.values
        values.numbers = number = values.numbers + 1
        spawner = node.spawner
        here = node.id
        task = Task(here, number, job, call.name if name is None else name, call, on_end, spawner.on_cancel)
        task.own = True
        task.state = PLACED
        task.where = here
        spawner.ledger[number] = task
        self._entered += 1
        self._own += 1
        self._born(task)
        return task

    def enqueue_local(self, record: Goroutine, call: Call, job: int) -> None:
        """As ``spawn``, for one that has a record in the ledger already: it may be run again."""
        self._entered += 1
        spawner = self._node.id
        number = record.number
        task = Task(spawner, number, job, record.name, call)
        task.extra().record = record
        self._others[spawner, number] = task
        self._born(task)

    @property
    def count(self) -> int:
        """How many goroutines live here."""
        return len(self._others) + self._own

    def tasks(self) -> list[Task]:
        """The goroutines that live here. It looks through all of the ledger: for rare use."""
        records = list(self._node.spawner.ledger.values())
        return [record for record in records if type(record) is Task and record.own] + list(self._others.values())

    @property
    def live(self) -> dict[tuple[int, int], Task]:
        """As ``tasks()``, by spawner and number."""
        return {(task.spawner, task.number): task for task in self.tasks()}

    def disown(self) -> None:
        """The ledger is about to end all of its goroutines, and some of them run on here."""
        for task in self.tasks():
            if task.own:
                task.own = False
                self._own -= 1
                task.extra().record = task
                self._others[task.spawner, task.number] = task

    def find(self, spawner: int, number: int) -> Task | None:
        """A goroutine that lives here."""
        if spawner == self._node.id:
            record = self._node.spawner.ledger.get(number)
            if type(record) is Task and record.own:
                return record
        return self._others.get((spawner, number))

    def _on_run(self, peer: int, frames: list[bytes], spawner: int, job: int, items: list[Any]) -> None:
        self.last_job = job
        self._node.values.nearby.greet(spawner)
        for item in items:
            try:
                if len(item) == SERIES_FIELDS:
                    self._take_series(spawner, job, *item)
                    continue
                number, name, key, scalars, wire, codes, options = item
            except (TypeError, ValueError) as error:
                raise ProtocolError(f"not a goroutine: {error}") from error
            if options is not None:
                _check_options(options)
            self.received += 1
            self.unstarted += 1
            call = Call(name, key, None, None, None, None, tuple(codes))
            task = Task(spawner, number, job, name, call)
            if options is not None:
                task.extra().options = options
            self._others[spawner, number] = task
            if wire is None:
                call.args = tuple(scalars)
                call.kwargs = {}
                self._ready(task)
            else:
                task.extra().arrived = False
                call.payload = self._node.values.read(wire, spawner, frames, _Starter(self, task))

    def _take_series(self, spawner: int, job: int, name: str, key: bytes, first: int, calls: list[Any]) -> None:
        """Goroutines of one function that any worker may run, numbered from ``first``."""
        if type(first) is not int or type(calls) is not list or not calls:
            raise ProtocolError("a series has a number and calls")
        if not all(type(args) is list for args in calls):
            raise ProtocolError("the calls of a series are lists of scalars")
        live = self._others
        ready = self._ready
        for number, args in enumerate(calls, first):
            task = Task(spawner, number, job, name, Call(name, key, None, tuple(args), NO_KEYWORDS, None, ()))
            live[spawner, number] = task
            self.received += 1
            self.unstarted += 1
            ready(task)

    def arrived(self, task: Task) -> None:
        """Its handles are registered at their homes: it may start, unless it has been cancelled meanwhile."""
        task.extra().arrived = True
        if self._others.get((task.spawner, task.number)) is task:
            self._ready(task)

    def _on_steal(self, peer: int, frames: list[bytes], count: int) -> None:
        """Gives back up to ``count`` goroutines that have not started: the oldest, which tend to be the largest.

        The load is reported in any case: until then the coordinator asks for no more.
        """
        self.give_back(count)
        self._reports.tell_load(always=True)

    give_back: Callable[[int], None]

    def return_tasks(self, tasks: list[Task]) -> None:
        """Sends unstarted tasks back to the coordinator; those of this process's own ledger are submitted anew."""
        node = self._node
        groups: dict[tuple[int, int], list[Any]] = {}
        for task in tasks:
            call = task.call
            assert call is not None, "it has not started"
            record = self._forget(task)
            if record is not None:
                self._withdrawn += 1
                node.spawner.resubmit(record, call, task.job)
            else:
                self.unstarted -= 1
                options = None if task.extras is None else task.extras.options
                self._reports.free(options)
                payload = call.payload
                if payload is not None:
                    payload = node.values.write(payload, 0, route_peer=node.coordinator, pinned=False)
                scalars = None if payload is not None else call.args
                item = [task.number, task.name, call.key, scalars, payload, list(call.codes), options]
                groups.setdefault((task.spawner, task.job), []).append(item)
        for (spawner, job), items in groups.items():
            node.links.post(node.coordinator, [Msg.GIVEN, spawner, job, items])

    # ---- code ------------------------------------------------------------------------------------

    def _fetch(self, digest: bytes, task: Task) -> None:
        """Waits for a blob of code from the spawner. Without the lock."""
        node = self._node
        with node.lock:
            ticket = node.host.ticket()
            waiting = self._wanted.setdefault(digest, [])
            waiting.append(ticket)
            if len(waiting) == 1:
                node.links.post(task.spawner, [Msg.GET_BLOB, digest])
        node.wait(ticket, "code", task.name)

    def _on_blob(self, peer: int, frames: list[bytes], digest: bytes, blob: bytes | None) -> None:
        error: BaseException | None = None
        if blob is None:
            error = RemoteError(f"process {node_name(peer)} no longer has the code that it sent a goroutine of")
        else:
            try:
                self.code.add(digest, blob)
            except ValueError as wrong:
                raise ProtocolError(str(wrong)) from wrong
        for ticket in self._wanted.pop(digest, ()):
            if ticket.state == DONE:
                continue  # cancelled meanwhile
            if error is None:
                ticket.complete()
            else:
                ticket.fail(error)

    def _on_death(self, peer: int, cause: str) -> None:
        for spawner, _ in list(self._others):
            if spawner == peer:
                break
        else:
            return
        error = RemoteError(f"process {node_name(peer)} died ({cause}) before it had sent its code")
        for digest in list(self._wanted):
            for ticket in self._wanted.pop(digest):
                if ticket.state != DONE:
                    ticket.fail(error)

    def waiting(self) -> list[Ticket]:
        """What goroutines on carriers wait on now."""
        waiting = [task.ticket for task in self.tasks()]
        return [ticket for ticket in waiting if ticket is not None and ticket is not IN_QUEUE]

    # ---- cancellation ----------------------------------------------------------------------------

    def _on_stop(self, peer: int, frames: list[bytes], spawner: int, stops: list[Any]) -> None:
        try:
            calls = {int(number): int(count) for number, count in stops}
        except (TypeError, ValueError) as error:
            raise ProtocolError(f"not cancellations: {error}") from error
        for number, count in calls.items():
            self.cancel(spawner, number, count)

    def cancel(self, spawner: int, number: int, calls: int) -> bool:
        """``cancel()`` was called ``calls`` times for a goroutine; returns False if it is not here (any more)."""
        task = self.find(spawner, number)
        if task is None:
            return False
        if task.cancellation is None:
            task.cancellation = Cancellation()
        if not task.cancellation.request(calls):
            return True
        if task.carrier is None and (not task.arrived or self.unqueue(task)):
            self._uncount(task)
            self._end(task, Outcome(Ending.CANCELLED, None))
            return True
        if type(task.carrier) is Running:
            self._cancel_coroutine(task, task.carrier)
            return True
        ticket = task.ticket
        if ticket is None or ticket.state == DONE or task.cancellation.offered is not None:
            self.stopping.add(task)
            self._node.host.soon()
        else:
            self._offer(task, task.cancellation, ticket)
        return True

    def _offer(self, task: Task, cancellation: Cancellation, ticket: Ticket) -> None:
        ticket.cancel(cancellation.offer(_cancelled(task)))

    def _cancel_coroutine(self, task: Task, running: Running) -> None:
        while self.take(task) is not None:
            running.cancel()

    unqueue: Callable[[Task], bool]

    def parks(self, task: Task, ticket: Ticket) -> None:
        """A goroutine that was cancelled is about to wait on ``ticket``."""
        cancellation = task.cancellation
        assert cancellation is not None
        self.look(task)
        if cancellation.pending:
            self._offer(task, cancellation, ticket)
            if ticket.state == DONE:
                self.parked(task, ticket)

    def parked(self, task: Task, ticket: Ticket) -> None:
        """A goroutine that was cancelled has waited on ``ticket``."""
        cancellation = task.cancellation
        assert cancellation is not None
        cancellation.verdict(ticket.error)
        self._note(task, cancellation)

    def take(self, task: Task) -> BaseException | None:
        """What is to be raised in the goroutine now, if anything."""
        cancellation = task.cancellation
        if cancellation is None or not cancellation.pending:
            return None
        error = cancellation.take(_cancelled(task))
        self._note(task, cancellation)
        return error

    def _note(self, task: Task, cancellation: Cancellation) -> None:
        if cancellation.pending:
            self.stopping.add(task)
        else:
            self.stopping.discard(task)

    def look(self, task: Task, certain: bool = True) -> None:
        """In the goroutine's own stack: complains if it has caught a ``Cancelled`` and goes on.

        Args:
            task: the goroutine's.
            certain: False if it may have been interrupted anywhere.
        """
        cancellation = task.cancellation
        if cancellation is None:
            return
        watched = cancellation.watched
        if not cancellation.went_on(sys.exc_info()[1], certain):
            return
        if watched is not None and _was_swallowed(watched):
            cancellation.unheard()
            self._note(task, cancellation)
        else:
            self._tell(task)

    def _tell(self, task: Task) -> None:
        self.complain(
            task,
            f"goroutine {task.id_text} ({task.name}) on {self._node.name} caught dgo.Cancelled and went on: let it "
            "pass, or re-raise it after cleaning up\n",
        )

    # ---- running (without the lock) --------------------------------------------------------------

    def run(self, task: Task) -> None:
        """Calls the task's function and reports its end. In the task's carrier, without the lock."""
        node = self._node
        # One that was spawned here starts without the lock: it is in no queue any more, so nobody else can have it.
        # (Who cancels it from another thread finds it started, or sees that it is taken and leaves it to us.)
        if task.own and task.cancellation is None and not node.spawner.blocked:
            self._begun += 1
            if task.state == PLACED:
                task.state = STARTED
        elif not self._start(task):
            return
        outcome = call_function(self, task)
        if outcome is None:
            return
        lock = node.lock
        try:  # see "The short way" at the head of dgo/channels.py
            lock.acquire()
            if task.own and task.extras is None and task.cancellation is None:  # what _end does, for most
                task.own = False
                task.carrier = None
                self._own -= 1
                node.spawner.end_here(task, outcome)
                return
            if task.cancellation is not None and outcome.ending == RETURNED:
                self.look(task)
            self._end(task, outcome)
        finally:
            lock.release()

    def _start(self, task: Task) -> bool:
        """Enters its start; False: it was cancelled in the moment in which it was taken from the queue."""
        node = self._node
        with node.lock:
            if task.cancellation is not None:
                self._uncount(task)
                self._end(task, Outcome(Ending.CANCELLED, None))
                return False
            record = task.record
            if record is None:
                self.unstarted -= 1
                self._reports.begun.append(task)
            else:
                self._begun += 1
                record.start(node.id)
                node.spawner.some_started()
        return True

    begin: Callable[[Task, Coroutine[Any, Any, Any]], object]  # set by the host: has a coroutine run

    def goes_on(self, task: Task, running: Running) -> None:
        """The goroutine is a coroutine, and the loop has it now. Under the lock."""
        task.carrier = running
        if task.cancellation is not None:
            self._cancel_coroutine(task, running)

    def conclude(self, task: Task, result: Callable[[], Any] | None) -> None:
        """A goroutine that is a coroutine has ended.

        Args:
            task: the goroutine's.
            result: returns what it returned, or raises what it raised; None: it was cancelled.
        """
        outcome = Outcome(Ending.CANCELLED, None) if result is None else self._outcome(task, result)
        with self._node.lock:
            self._end(task, outcome)

    def _uncount(self, task: Task) -> None:
        """It never starts."""
        if task.record is None:
            self.unstarted -= 1
            return
        self._withdrawn += 1
        if self._node.spawner.blocked:
            self._node.spawner.some_started()

    def _outcome(self, task: Task, call: Callable[[], Any]) -> Outcome:
        try:
            return Outcome(RETURNED, freeze(call(), "the result"))
        except BaseException as error:  # noqa: BLE001 - whatever ends a goroutine is reported to its spawner
            return self.failed(task, error)

    def failed(self, task: Task, error: BaseException) -> Outcome:
        """How a goroutine has ended that ``error`` has ended."""
        if isinstance(error, GoroutineExit):
            return Outcome(Ending.EXITED, None)
        if isinstance(error, Cancelled):
            return Outcome(Ending.CANCELLED, None)
        return Outcome(Ending.RAISED, self._explain(task, error))

    def rebuild(self, task: Task, call: Call) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """What to call, and with what; waits for code that is not here yet. Without the lock."""
        while missing := self.code.missing(call.key, call.codes):
            for digest in missing:
                self._fetch(digest, task)
        found = self._thaw(call)
        call.payload = None
        return found

    def _thaw(self, call: Call) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        try:
            return thaw_call(call.key, call.args, call.kwargs, call.payload, self.code)
        except SerializationError as error:
            failed = failed_import(error)  # of a module that function or arguments refer to
            if failed is None:
                raise
            raise failed from failed.__cause__

    def _explain(self, task: Task, error: BaseException) -> Any:
        if isinstance(error, ModuleNotFoundError):
            say_how_to_add(error, self._node.name)
        note = f"in goroutine {task.id_text} ({task.name}) on {self._node.name}"
        payload, type_name, message, traceback = freeze_exception(error)
        return (payload, type_name, message, f"{traceback.rstrip()}\n({note})\n")

    def _end(self, task: Task, outcome: Outcome) -> None:
        if task.cancellation is not None:
            self.stopping.discard(task)
        if task.extras is not None:
            self._unload(task, task.extras)
        record = self._forget(task)
        if record is not None:
            self._node.spawner.end_here(record, outcome)
            return
        self._reports.end(task, outcome, self._explain)

    def _unload(self, task: Task, extras: Extras) -> None:
        """A task that ends leaves nothing behind."""
        if extras.line and self.before_end is not None:
            self.before_end(task)
        self._reports.free(extras.options)
        if extras.holding:
            abandon_all(self._node, task)

    def _forget(self, task: Task) -> Goroutine | None:
        """It does not live here any more; returns its record, if that is here.

        Whoever has a handle keeps the record, and so the task: that keeps nothing else alive.
        """
        if not task.own:
            self._others.pop((task.spawner, task.number), None)
            extras = task.extras
            if extras is None:
                return None
            record, extras.record = extras.record, None
            return record
        self._own -= 1
        task.own = False
        task.call = None
        task.carrier = None
        task.cancellation = None
        task.extras = None
        return task


def _log_complaint(task: Task, text: str) -> None:
    log.warning("%s", text.rstrip())


def _none_ready() -> int:
    return 0


def _check_options(options: Any) -> None:
    """They are looked into when the goroutine ends: what is wrong with them has to be found before it begins."""
    resources = options.get("resources") if isinstance(options, dict) else options
    if resources is None:
        return
    if not isinstance(resources, dict) or not all(isinstance(amount, (int, float)) for amount in resources.values()):
        raise ProtocolError(f"not a goroutine's options: {options!r:.80}")


def _cancelled(task: Task) -> Cancelled:
    return Cancelled(f"goroutine {task.id_text} ({task.name}) was cancelled")


def _was_swallowed(error: BaseException) -> bool:
    """Whether an error that was raised in a signal's handler has never got to the code that was interrupted.

    C code that formats the message of an exception may look for signals, and then forgets what their handlers have
    raised (CPython 3.11, PyErr_Format). Then nothing has ever caught it: it has no traceback, or the handler's only.
    """
    trace = error.__traceback__
    return trace is None or trace.tb_frame.f_code.co_name == HANDLER


class _Starter:
    """Makes a task ready once its handles are registered."""

    __slots__ = ("execution", "task")

    def __init__(self, execution: Execution, task: Task) -> None:
        self.execution = execution
        self.task = task

    def __call__(self) -> None:
        self.execution.arrived(self.task)
