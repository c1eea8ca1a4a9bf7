"""The worker daemon of a host: joins the coordinator as supervisor, and keeps worker processes running.

Life::

    joining ──> supervising ──stop──> draining ──> ended (0)
       │             │
       │             └── coordinator silent for too long, or it does not know us ──> ended (75)
       └── nobody answers (69), or refused (77)

Order at the end: the workers first (they tell their own story to the coordinator), then BYE, then the
sockets. The worker processes die with this one whatever way it ends (``die_with_parent``), so they are
started from the main thread.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dgo.cli.addresses import Endpoint, can_listen, interface_towards
from dgo.cli.exits import Exit
from dgo.cli.member import Member, NoCoordinator, Refused
from dgo.wire.messages import Msg
from dgo_worker.launch import launch, new_node_id, thread_settings
from dgo_worker.supervisor import Supervisor

__all__ = ["Daemon", "Settings"]

log = logging.getLogger("dgo.worker")

ASK_SECONDS = 3.0  # how often the coordinator must show that it is there
TURN_SECONDS = 0.25
KILL_AFTER_GRACE = 2.0  # workers have their grace, and this to end after it


@dataclass(frozen=True)
class Settings:
    """What a daemon is told.

    Attributes:
        address: the coordinator's.
        procs: how many worker processes.
        name: workers are called ``name/1``, ``name/2``, ...
        bind: where the workers listen (port 0: any; else worker n takes port + n - 1); None: loopback if the
            coordinator is on it, else the interface that reaches the coordinator.
        advertise: what others are told instead (port 0: the worker's own); None: what is right for ``bind``.
        labels: of each worker.
        resources: of each worker.
        grace: seconds for running goroutines when told to stop.
        join_timeout: seconds until a coordinator must have answered.
        orphan_timeout: seconds of its silence after which this daemon gives up.
        patch: whether the workers patch blocking calls.
        log: level and format of the workers' log.
    """

    address: Endpoint
    procs: int
    name: str
    bind: Endpoint | None = None
    advertise: Endpoint | None = None
    labels: dict[str, str] = field(default_factory=dict)
    resources: dict[str, float] = field(default_factory=dict)
    grace: float = 8.0
    join_timeout: float = 60.0
    orphan_timeout: float = 60.0
    patch: bool = True
    log: tuple[str, str] = ("warning", "text")


class Daemon:
    """One host's supervisor."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._member = Member("supervisor", settings.name, clock)
        self._supervisor = Supervisor(settings.procs, self._launch, self._exited)
        self._watched: set[int] = set()
        self._stops = 0
        self._deadline: float | None = None
        self._asked = self._heard = 0.0
        self._bind = self._announced = settings.address  # decided once the coordinator has been reached

    def stop(self) -> None:
        """Asks it to drain and end; a second time: to end at once. May be called by a signal handler."""
        self._stops += 1
        self._member.wait.nudge()

    def run(self) -> Exit:
        """Joins and supervises until stopped or orphaned; returns how it ended."""
        try:
            status = self._join()
            if status is not None:
                return status
            status = self._listening()
            if status is not None:
                return status
            self._supervisor.start()
            return self._supervise()
        finally:
            self._supervisor.kill()
            self._member.leave("its daemon was told to end" if self._stops else "its daemon has ended")

    # ---- joining ---------------------------------------------------------------------------------

    def _join(self) -> Exit | None:
        address, timeout = str(self._settings.address), self._settings.join_timeout
        log.debug("looking for the coordinator at %s", address)
        try:
            if not self._member.join(address, timeout, lambda: self._stops > 0):
                return Exit.OK
        except NoCoordinator as error:
            log.error("%s", error)
            return Exit.UNREACHABLE
        except Refused as error:
            log.error("%s", error)
            return Exit.REFUSED
        log.info("joined %s; starting %d worker processes", address, self._settings.procs)
        self._heard = self._clock()
        return None

    def _listening(self) -> Exit | None:
        """Decides where the workers listen and what they announce."""
        settings = self._settings
        try:
            self._bind = _place_to_listen(settings)
            self._announced = settings.advertise or _place_to_announce(self._bind, settings.address)
        except ValueError as error:
            log.error("%s; say where the workers listen with --bind", error)
            return Exit.CONFIGURATION
        wrong = can_listen(self._bind)
        if wrong is not None:
            log.error("workers cannot listen at %s: %s", self._bind, wrong)
            return Exit.CONFIGURATION
        return None

    # ---- supervising -----------------------------------------------------------------------------

    def _supervise(self) -> Exit:
        while True:
            self._watch_workers()
            self._member.step(TURN_SECONDS)
            self._supervisor.step()
            if self._stops:
                if self._drained():
                    return Exit.OK
            elif self._orphaned():
                return Exit.ORPHANED

    def _watch_workers(self) -> None:
        now = set(self._supervisor.descriptors())
        for descriptor in self._watched - now:
            self._member.wait.unwatch(descriptor)
        for descriptor in now - self._watched:
            self._member.wait.watch(descriptor)
        self._watched = now

    def _orphaned(self) -> bool:
        member, now = self._member, self._clock()
        if member.unknown:
            log.error("the coordinator does not know this host any more (it was started anew?): ending")
            return True
        if member.answer is not None:
            self._heard = now
        if now - self._heard > self._settings.orphan_timeout:
            log.error("no word from the coordinator for %g s: ending", self._settings.orphan_timeout)
            return True
        if now - self._asked >= ASK_SECONDS:
            if member.answer is not None or not self._asked:  # a link repeats by itself what is not acknowledged
                member.ask()
            member.greet()
            self._asked = now
        return False

    def _drained(self) -> bool:
        if self._stops > 1:
            log.warning("told to stop a second time: ending at once")
            return True
        if self._deadline is None:
            self._deadline = self._clock() + self._settings.grace + KILL_AFTER_GRACE
            log.info("draining: goroutines that run have %g s to end", self._settings.grace)
            self._supervisor.terminate()
        running = self._supervisor.running()
        if running and self._clock() >= self._deadline:
            log.warning("%d workers have not ended in time: killing them", running)
            return True
        if not running:
            log.info("drained")
        return not running

    # ---- worker processes ------------------------------------------------------------------------

    def _launch(self, slot: int) -> tuple[subprocess.Popen[bytes], int]:
        node = new_node_id()
        process = launch(
            "dgo_worker.process",
            self._worker_config(slot, node),
            stdin=subprocess.DEVNULL,
            env=thread_settings(dict(os.environ)),
            process_group=0,  # Ctrl-C is for this process, which drains the workers
        )
        log.info("worker %s/%d started (pid %d)", self._settings.name, slot + 1, process.pid)
        return process, node

    def _worker_config(self, slot: int, node: int) -> dict[str, Any]:
        settings, bind, announced = self._settings, self._bind, self._announced
        config: dict[str, Any] = {
            "node": node,
            "name": f"{settings.name}/{slot + 1}",
            "supervisor": self._member.node,
            "address": str(settings.address),
            "bind": str(_shifted(bind, slot)),
            "patch": settings.patch,
            "labels": settings.labels,
            "resources": settings.resources,
            "grace": settings.grace,
            "log": settings.log,
        }
        if announced.port:
            config["advertise"] = str(_shifted(announced, slot))
        else:
            config["advertise_host"] = announced.written_host
        return config

    def _exited(self, node: int, cause: str) -> None:
        log.log(logging.INFO if self._stops else logging.WARNING, "a worker process has ended: %s", cause)
        self._member.post([Msg.LOST, node, cause])


def _place_to_listen(settings: Settings) -> Endpoint:
    if settings.bind is not None:
        return settings.bind.numeric()
    if settings.address.loopback:
        return Endpoint("127.0.0.1", 0)
    return Endpoint(interface_towards(settings.address), 0)


def _place_to_announce(bind: Endpoint, coordinator: Endpoint) -> Endpoint:
    """The host that others dial, port 0: each worker knows its own."""
    host = interface_towards(coordinator) if bind.wildcard else bind.host
    return Endpoint(host, 0)


def _shifted(endpoint: Endpoint, slot: int) -> Endpoint:
    return endpoint.with_port(endpoint.port + slot) if endpoint.port else endpoint
