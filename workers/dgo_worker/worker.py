"""The worker's node, wired to its transport, its hub and its streams."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from typing import Any, TextIO

import gevent
from gevent import monkey
from gevent.event import Event

import dgo.channels
import dgo.context
import dgo.goroutines
import dgo.references
import dgo.sync
import dgo.time  # noqa: F401 - handles of every kind may come
from dgo.runtime import current
from dgo.runtime.execution import Execution
from dgo.runtime.joining import facts_of_this_process, join
from dgo.runtime.memory import shared_memory
from dgo.runtime.node import Node
from dgo.runtime.output import STDERR, STDOUT, GoroutineStream, WorkerOutput
from dgo.transport.opening import transport_for
from dgo.wire.messages import Msg
from dgo_worker import selector
from dgo_worker.hub import HubHost
from dgo_worker.modules import ShippedModules

__all__ = ["Worker"]

log = logging.getLogger("dgo.worker")

JOIN_SECONDS = 60.0
ORPHANED = 75  # exit status: try again later
DELIVERY_SECONDS = 2.0  # for the last results to be acknowledged when the worker drains


class Worker:
    """One worker process."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._ended = Event()
        self._exit_code = 0
        transport = transport_for(config["bind"], epoll=monkey.get_original("select", "epoll"))
        address = transport.bind(config["bind"])
        host = HubHost(transport, preempt=config.get("patch", True))
        node = Node(config["node"], "worker", config["name"], transport, host, time.monotonic)
        host.node = node
        node.values.nearby.memory = shared_memory()
        self.node = node
        self._host = host
        self._address = _announced(config, address)
        execution = Execution(node, host.ready, host.born)
        execution.give_back = host.give_back
        execution.unqueue = host.unqueue
        execution.begin = host.begin
        execution.ready_count = host.ready_count
        self._output = WorkerOutput(node)
        node.spawner.report = self._report
        node.handle(Msg.JOB_END, self._on_job_end)
        node.handle(Msg.MEMBERS, lambda *_: None)

    def run(self) -> None:
        """Joins, runs goroutines, ends."""
        config, node = self._config, self.node
        facts = facts_of_this_process(
            "worker",
            config["name"],
            self._address,
            config["supervisor"],
            config.get("labels"),
            config.get("resources"),
        )
        transport = self._host.transport

        def wait(seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while not transport.ready() and time.monotonic() < deadline:
                gevent.sleep(0.002)

        welcome = join(node.links, config["address"], facts, JOIN_SECONDS, wait)
        node.name = welcome["name"]
        current.set_current(node)
        node.on_lost = self._on_lost
        self._take_streams()
        self._install_modules()
        selector.install(self._host)
        gevent.signal_handler(signal.SIGTERM, self._drain)
        gc.freeze()  # what is here now stays: the collector need not go through it again and again
        self._host.start()
        self._ended.wait()
        self._host.stop()
        with node.lock:
            node.links.post(node.coordinator, [Msg.BYE, "drained"])
            node.flush()
        transport.close()
        sys.stdout.flush()
        os._exit(self._exit_code)

    def _take_streams(self) -> None:
        originals: dict[int, TextIO] = {STDOUT: sys.stdout, STDERR: sys.stderr}
        sys.stdout = GoroutineStream(self.node, STDOUT, originals[STDOUT], self._output)
        sys.stderr = GoroutineStream(self.node, STDERR, originals[STDERR], self._output)
        if "log" not in self._config:
            logging.basicConfig(stream=originals[STDERR], level=logging.WARNING)
            return
        from dgo.cli.logs import set_up_log  # costs an embedded worker time that it does not have

        level, style = self._config["log"]
        set_up_log(level, style, originals[STDERR])

    def _install_modules(self) -> None:
        """Modules of the driver's project that this host does not have come from the driver, and go with it."""
        ShippedModules(self.node, patched=self._config.get("patch", True)).install()

    # ---- panics, ends of jobs, drain -------------------------------------------------------------

    def _report(self, text: str, then: Any) -> None:
        node = self.node
        job = node.spawner.job if node.spawner.job != node.id else self._only_job()
        if job is None:
            log.warning("%s", text)
            if then is not None:
                then()
            return
        node.ask(job, [Msg.PANIC, text], lambda _: then() if then is not None else None)

    def _only_job(self) -> int | None:
        assert self.node.execution is not None
        return self.node.execution.last_job

    def _on_job_end(self, peer: int, frames: list[bytes], job: int) -> None:
        """The driver is gone: its goroutines end. What does not end at once takes the process with it."""
        node = self.node
        node.lose(job, "the driver has ended")
        execution = node.execution
        assert execution is not None
        mine = [task for task in execution.tasks() if task.job == job]
        if mine:
            # Goroutines cannot be trusted to end by themselves (a finally block may wait for ever), so this
            # process ends and its supervisor starts another.
            log.info("%d goroutines of a driver that has ended: this process is replaced", len(mine))
            self._exit_code = 0
            os._exit(0)

    def _on_lost(self, text: str) -> None:
        """No coordinator: a new process can join the next one."""
        log.error("%s; this worker ends", text)
        os._exit(ORPHANED)

    def _drain(self) -> None:
        """SIGTERM: no new goroutines; those that run get the grace to end."""
        node = self.node
        execution = node.execution
        assert execution is not None
        if execution.draining:
            self._ended.set()
            return
        execution.draining = True
        with node.lock:
            node.links.post(node.coordinator, [Msg.DRAIN])
            self._host.give_all_back()  # whatever has not started
            node.flush()
        deadline = time.monotonic() + float(self._config.get("grace", 8.0))

        def watch() -> None:
            while execution.count and time.monotonic() < deadline:
                gevent.sleep(0.05)
            # BYE is news of a death: results must have arrived before it does.
            delivered = min(deadline, time.monotonic() + DELIVERY_SECONDS)
            while node.links.unsent() and time.monotonic() < delivered:
                gevent.sleep(0.01)
            self._ended.set()

        gevent.spawn(watch)


def _announced(config: dict[str, Any], bound: str) -> str:
    """Where others reach this worker: what it was told, with its own port if that was left open."""
    host = config.get("advertise_host")
    if host:
        return f"tcp://{host}:{bound.rpartition(':')[2]}"
    advertised: str = config.get("advertise") or bound
    return advertised
