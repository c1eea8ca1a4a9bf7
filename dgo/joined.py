"""The cluster that this program has joined: asked, left.

Loads everything that a driver needs, which takes a while: ``dgo.driver`` starts the processes of an embedded cluster
first, so that they start up meanwhile.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import NamedTuple

from dgo import channels, context, goroutines, references, sync
from dgo import time as dgo_time
from dgo.errors import ClusterError, DgoError, Timeout
from dgo.processes import Processes
from dgo.runtime import current
from dgo.runtime.joining import facts_of_this_process, join
from dgo.runtime.memory import shared_memory
from dgo.runtime.modules import ProjectModules
from dgo.runtime.node import Node, complete_unless_done
from dgo.runtime.output import DriverOutput
from dgo.runtime.threads import ThreadHost
from dgo.transport.interface import PolledTransport
from dgo.transport.opening import transport_for
from dgo.wire.messages import Msg
from dgo_worker.launch import new_node_id

__all__ = ["Cluster", "WorkerInfo", "connect", "join_embedded"]

log = logging.getLogger("dgo.driver")

JOIN_SECONDS = 8.0
LAST_OUTPUT_SECONDS = 1.0
SHOW_SECONDS = 0.5  # a notebook does not wait longer than that for a table


class WorkerInfo(NamedTuple):
    """A worker process, as the coordinator knows it.

    Attributes:
        name: unique in the cluster.
        host: the machine's name.
        pid: its process id there.
        procs: goroutines that can run at the same instant (1 for each worker process).
        labels: what ``go.options(labels=...)`` can ask for.
        resources: what ``go.options(resources=...)`` can reserve.
        state: ``alive``, ``suspect`` or ``draining``.
        goroutines: how many live there.
    """

    name: str
    host: str
    pid: int
    procs: int
    labels: dict[str, str]
    resources: dict[str, float]
    state: str
    goroutines: int


class Cluster:
    """The cluster that this program uses. A context manager: ``with dgo.init(workers=4): ...``."""

    def __init__(self, node: Node, host: ThreadHost, address: str) -> None:
        self.node = node
        self._host = host
        self._address = address
        self._processes: Processes | None = None  # of an embedded cluster
        self._leave: Callable[[Cluster], bool] = lambda _: True
        self._left = False
        self._crash = False
        self._expected = 0
        self._output = DriverOutput(node)
        self._members = threading.Event()
        node.handle(Msg.PANIC, self._on_panic)
        node.handle(Msg.MEMBERS, self._on_members)
        node.spawner.report = self._panic
        node.before_counting = self._wait_for_first_workers
        ProjectModules(node)

    def settle(self, leave: Callable[[Cluster], bool], *, crash: bool, show_output: bool) -> None:
        """It is the program's now.

        Args:
            leave: tells the program that it leaves the cluster; returns False if it has before.
            crash: whether an exception that nobody asks for ends the program.
            show_output: whether goroutines' output appears here.
        """
        self._leave = leave
        self._crash = self.node.spawner.crash = crash
        self._output.enabled = show_output

    @property
    def address(self) -> str:
        """The coordinator's address."""
        return self._address

    def workers(self) -> list[WorkerInfo]:
        """The cluster's workers now (of an embedded cluster that is just starting: once they have joined)."""
        self._wait_for_first_workers()
        return [
            WorkerInfo(
                worker["name"],
                worker["host"],
                worker["pid"],
                1,
                worker["labels"],
                worker["resources"],
                worker["state"],
                worker["goroutines"],
            )
            for worker in self.node.workers()
        ]

    def _wait_for_first_workers(self) -> None:
        expected, self._expected = self._expected, 0
        if expected:
            try:
                self.wait_for_workers(expected, JOIN_SECONDS)
            except Timeout as error:
                log.warning("%s", error)

    def wait_for_workers(self, n: int, timeout: float | None = None) -> None:
        """Blocks until the cluster has at least ``n`` workers.

        Raises:
            Timeout: ``timeout`` seconds were not enough; the message says how many there are.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (have := len(self.node.workers())) < n:
            left = 3600.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise Timeout(f"{have} of {n} workers have joined {self._address} within {timeout:g} s")
            self._members.clear()
            self._members.wait(min(left, 0.2))

    def _coordinator_died(self) -> None:
        """The embedded coordinator ended without being told to; its workers end with it."""
        node = self.node
        with node.lock:
            if node.closed is None:
                node.lose_everything("the coordinator process of this program's embedded cluster has died")

    def _on_lost(self, text: str) -> None:
        if sys.stderr is not None and not self._left:
            sys.stderr.write(f"dgo: {text}\n")

    def _on_members(self, peer: int, frames: list[bytes], count: int) -> None:
        self._members.set()

    # ---- panics ----------------------------------------------------------------------------------

    def _on_panic(self, peer: int, frames: list[bytes], question: int, text: str) -> None:
        self._panic(text, lambda: self.node.links.post(peer, [Msg.PANIC_OK, question]))

    def _panic(self, text: str, then: Callable[[], object] | None) -> None:
        """Prints what nobody asked for; with ``panic="crash"`` the program ends, and nobody is released."""
        if sys.stderr is not None:
            sys.stderr.write(text if text.endswith("\n") else text + "\n")
            sys.stderr.flush()
        if self._crash:
            if sys.stdout is not None:
                sys.stdout.flush()
            self._end_processes()
            os._exit(2)
        if then is not None:
            then()

    # ---- the end ---------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Ends the job: waits for output already written, leaves the cluster, stops it if it is embedded."""
        if not self._leave(self):
            return
        self._left = True
        node = self.node
        try:
            self._last_words()
            with node.lock:
                node.lose_everything("this program has left its cluster (dgo.shutdown() was called)")
                node.links.post(node.coordinator, [Msg.BYE, "the driver has ended"])
                node.flush()
        finally:
            current.set_current(None)
            self._host.stop()
            node.transport.close()
            self._host.input.close()
            node.values.close()
            self._end_processes()

    def _last_words(self) -> None:
        node = self.node
        if node.closed is not None:
            return
        with node.lock:
            for goroutine in list(node.spawner.unasked.values()):
                node.spawner.report_unasked(goroutine)
        deadline = time.monotonic() + LAST_OUTPUT_SECONDS
        try:
            workers = node.workers(timeout=LAST_OUTPUT_SECONDS)
            waiting = []
            for worker in workers:
                with node.lock:
                    ticket = node.host.ticket()
                    node.ask(worker["node"], [Msg.FLUSH], partial(complete_unless_done, ticket))
                waiting.append(ticket)
            for ticket in waiting:
                node.wait(ticket, "last output", None, max(0.0, deadline - time.monotonic()))
        except (Timeout, ClusterError):
            return

    def _end_processes(self) -> None:
        if self._processes is not None:
            self._processes.end()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"Cluster({self._address})"

    def _repr_html_(self) -> str:
        """For notebooks: the address and the workers, if the coordinator answers soon."""
        from dgo.runtime.html import card, listing  # notebooks only

        facts: dict[str, object] = {"address": self._address}
        try:
            workers = self.node.workers(timeout=SHOW_SECONDS)
        except DgoError as error:  # an answer that is late, a cluster that was left
            return card("Cluster", {**facts, "workers": f"not known: {error}"})
        count = f"{len(workers)} of {self._expected} have joined" if len(workers) < self._expected else len(workers)
        columns = ("name", "host", "pid", "state", "goroutines")
        rows = [[worker[column] for column in columns] for worker in workers]
        return card("Cluster", {**facts, "workers": count}) + listing(columns, rows)


def _make(address: str, bind: str | None) -> tuple[Cluster, PolledTransport]:
    transport = transport_for(address)
    host = ThreadHost(transport)
    node = Node(new_node_id(), "driver", "driver", transport, host, time.monotonic)
    host.node = node
    node.values.nearby.memory = shared_memory()
    made = Cluster(node, host, address)
    if bind is not None:
        transport.bind(bind)
    return made, transport


def _join(made: Cluster, transport: PolledTransport, own_address: str, give_up: Callable[[], str | None]) -> None:
    host = made._host

    def wait(seconds: float) -> None:
        cause = give_up()
        if cause is not None:
            raise ClusterError(cause)
        if not host.input.prepare():
            host.input.wait(min(seconds, 0.05))

    try:
        join(
            made.node.links,
            made._address,
            facts_of_this_process("driver", "driver", own_address),
            JOIN_SECONDS,
            wait,
        )
    except BaseException:
        transport.close(linger_ms=0)
        host.input.close()
        made.node.values.close()
        made._end_processes()
        raise
    made.node.on_lost = made._on_lost
    host.start()


def connect(address: str) -> Cluster:
    """Joins the cluster whose coordinator listens at ``address``.

    Raises:
        ClusterError: nobody answers there, or the coordinator refuses us.
    """
    if "://" not in address:
        address = f"tcp://{address}"
    made, transport = _make(address, None)
    _join(made, transport, "", lambda: None)
    return made


def join_embedded(processes: Processes) -> Cluster:
    """Joins the embedded cluster that this program has started.

    Raises:
        ClusterError: it could not start.
    """
    own_address = f"{processes.scheme}{processes.directory}/driver"
    made, transport = _make(f"{processes.scheme}{processes.directory}/coordinator", own_address)
    made._processes = processes
    made._expected = processes.workers
    made._host.on_exit(processes.exit_descriptor(), made._coordinator_died)

    def give_up() -> str | None:
        code = processes.exit_code()
        return None if code is None else f"the embedded cluster could not be started (exit code {code})"

    processes.wait_until_they_listen(JOIN_SECONDS)
    _join(made, transport, own_address, give_up)
    return made


# Handles of every kind may come from a goroutine, whatever this program has used itself.
HANDLE_MODULES = (channels, context, goroutines, references, sync, dgo_time)
