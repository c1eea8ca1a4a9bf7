"""The driver's cluster: started, joined, asked, left."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import NamedTuple

from dgo import channels, context, goroutines, sync
from dgo import time as dgo_time
from dgo.errors import ClusterError, DgoError, MisuseError, Timeout
from dgo.runtime import current
from dgo.runtime.cpus import usable_cpus
from dgo.runtime.joining import facts_of_this_process, join
from dgo.runtime.modules import ProjectModules
from dgo.runtime.node import Node, complete_unless_done
from dgo.runtime.output import DriverOutput
from dgo.runtime.threads import ThreadHost
from dgo.transport.interface import PolledTransport
from dgo.transport.opening import local_scheme, transport_for
from dgo.wire.messages import Msg
from dgo_worker.launch import launch, new_node_id

__all__ = ["Cluster", "WorkerInfo", "cluster", "init", "is_initialized", "shutdown"]

log = logging.getLogger("dgo.driver")

JOIN_SECONDS = 8.0
LOOK_SECONDS = 0.005  # how often a driver that starts its cluster looks whether the coordinator is there
LAST_OUTPUT_SECONDS = 1.0
EXIT_SECONDS = 2.0
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
        self._node = node
        self._host = host
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: str | None = None
        self._crash = False
        self._expected = 0
        self._output = DriverOutput(node)
        self._members = threading.Event()
        node.handle(Msg.PANIC, self._on_panic)
        node.handle(Msg.MEMBERS, self._on_members)
        node.spawner.report = self._panic
        node.before_counting = self._wait_for_first_workers
        ProjectModules(node)

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
            for worker in self._node.workers()
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
        while (have := len(self._node.workers())) < n:
            left = 3600.0 if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise Timeout(f"{have} of {n} workers have joined {self._address} within {timeout:g} s")
            self._members.clear()
            self._members.wait(min(left, 0.2))

    def _coordinator_died(self) -> None:
        """The embedded coordinator ended without being told to; its workers end with it."""
        node = self._node
        with node.lock:
            if node.closed is None:
                node.lose_everything("the coordinator process of this program's embedded cluster has died")

    def _on_lost(self, text: str) -> None:
        if sys.stderr is not None and _cluster is self:
            sys.stderr.write(f"dgo: {text}\n")

    def _on_members(self, peer: int, frames: list[bytes], count: int) -> None:
        self._members.set()

    # ---- panics ----------------------------------------------------------------------------------

    def _on_panic(self, peer: int, frames: list[bytes], question: int, text: str) -> None:
        self._panic(text, lambda: self._node.links.post(peer, [Msg.PANIC_OK, question]))

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
        global _cluster
        with _lifecycle:
            if _cluster is not self:
                return
            _cluster = None
        node = self._node
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
            self._end_processes()

    def _last_words(self) -> None:
        node = self._node
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
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

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
            workers = self._node.workers(timeout=SHOW_SECONDS)
        except DgoError as error:  # an answer that is late, a cluster that was left
            return card("Cluster", {**facts, "workers": f"not known: {error}"})
        count = f"{len(workers)} of {self._expected} have joined" if len(workers) < self._expected else len(workers)
        columns = ("name", "host", "pid", "state", "goroutines")
        rows = [[worker[column] for column in columns] for worker in workers]
        return card("Cluster", {**facts, "workers": count}) + listing(columns, rows)


_lifecycle = threading.RLock()
_cluster: Cluster | None = None


def init(
    address: str | None = None,
    *,
    workers: int | None = None,
    keyfile: str | None = None,
    log_to_driver: bool = True,
    panic: str = "log",
) -> Cluster:
    """Connects to a cluster, or starts one on this machine.

    Args:
        address: of a coordinator, ``tcp://host:7117``; default ``$DGO_ADDRESS``; without either an embedded
            cluster is started, whose processes talk over Unix sockets, or over ZeroMQ with ``DGO_TRANSPORT=zeromq``.
        workers: worker processes of an embedded cluster; default: ``$DGO_WORKERS``, else the usable cores.
        keyfile: reserved for authenticated clusters.
        log_to_driver: whether goroutines' output appears here.
        panic: what an exception that ends a goroutine and that nobody asks for does: ``"log"`` prints it,
            ``"crash"`` also ends the program with status 2.

    Raises:
        RuntimeError: you: the program has a cluster already.
        ValueError: you: ``workers`` is not positive, ``panic`` is neither of the two, or an environment variable says
            what is not possible.
        ClusterError: nobody answers at the address, or the coordinator refuses us; the message says what to check.
    """
    global _cluster
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int)):
        raise TypeError(f"dgo.init(workers=...) takes a number, not {workers!r:.80}")
    if workers is not None and workers < 1:
        raise ValueError(f"dgo.init(workers={workers}): an embedded cluster needs at least one worker process")
    if panic not in ("log", "crash"):
        raise ValueError(f'dgo.init(panic={panic!r}): it is "log" or "crash"')
    with _lifecycle:
        if current.peek() is not None:
            where = "this program" if _cluster is not None else "a goroutine"
            raise RuntimeError(
                f"dgo.init() was called, but {where} has a cluster already; call dgo.shutdown() first, "
                "or call init() before anything else uses dgo"
            )
        address = address or os.environ.get("DGO_ADDRESS") or None
        if address is None:
            made = _start_embedded(workers if workers is not None else _default_workers())
        else:
            made = _connect(address)
        made._crash = panic == "crash"
        made._node.spawner.crash = made._crash
        made._output.enabled = log_to_driver
        _cluster = made
        current.set_current(made._node)
        return made


def _default_workers() -> int:
    text = os.environ.get("DGO_WORKERS", "")
    if not text:
        return usable_cpus()
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"DGO_WORKERS={text!r}: an embedded cluster needs a positive number of worker processes")
    return int(text)


def _make(address: str, bind: str | None) -> tuple[Cluster, PolledTransport]:
    transport = transport_for(address)
    host = ThreadHost(transport)
    node = Node(new_node_id(), "driver", "driver", transport, host, time.monotonic)
    host.node = node
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
            host.input.wait(min(seconds, LOOK_SECONDS))

    try:
        join(
            made._node.links,
            made._address,
            facts_of_this_process("driver", "driver", own_address),
            JOIN_SECONDS,
            wait,
        )
    except BaseException:
        transport.close(linger_ms=0)
        host.input.close()
        made._end_processes()
        raise
    made._node.on_lost = made._on_lost
    host.start()


def _connect(address: str) -> Cluster:
    if "://" not in address:
        address = f"tcp://{address}"
    made, transport = _make(address, None)
    _join(made, transport, "", lambda: None)
    return made


def _start_embedded(workers: int) -> Cluster:
    scheme = local_scheme()
    directory = tempfile.mkdtemp(prefix="dgo-")
    if len(directory) > 80:  # the path of a Unix socket has 107 bytes at most
        os.rmdir(directory)
        directory = tempfile.mkdtemp(prefix="dgo-", dir="/tmp")
    process = launch(
        "dgo.coordinator.embedded",
        {"directory": directory, "scheme": scheme, "workers": workers},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    own_address = f"{scheme}{directory}/driver"
    made, transport = _make(f"{scheme}{directory}/coordinator", own_address)
    made._process = process
    made._directory = directory
    made._expected = workers

    descriptor = os.pidfd_open(process.pid)
    made._host.on_exit(descriptor, made._coordinator_died)

    def give_up() -> str | None:
        code = process.poll()
        return None if code is None else f"the embedded cluster could not be started (exit code {code})"

    _join(made, transport, own_address, give_up)
    return made


def _start_on_first_use() -> Node:
    with _lifecycle:
        node = current.peek()
        return node if node is not None else init()._node


def shutdown() -> None:
    """Ends this program's job and leaves its cluster; stops an embedded one. Does nothing without one."""
    if _cluster is not None:
        _cluster.shutdown()


def is_initialized() -> bool:
    """Whether this process has a cluster."""
    return current.peek() is not None


def cluster() -> Cluster:
    """The current cluster, started on first use.

    Raises:
        MisuseError: you: it was called in a goroutine; only the driver has the ``Cluster`` object.
    """
    current.get()
    if _cluster is None:
        raise MisuseError("dgo.cluster() is for the driver; goroutines use dgo.num_workers() and the like")
    return _cluster


# Handles of every kind may come from a goroutine, whatever this program has used itself.
HANDLE_MODULES = (channels, context, goroutines, sync, dgo_time)

current.set_starter(_start_on_first_use)
atexit.register(shutdown)
