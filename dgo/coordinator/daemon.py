"""The coordinator as a daemon: one loop over its socket, until it is told to stop.

Stopping: the first request drains (nothing more is placed; goroutines that run have the grace to end), the
second ends it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from dgo.coordinator.service import LEASE, Coordinator
from dgo.runtime.waiting import InputWait
from dgo.transport.zeromq import ZmqTransport
from dgo_worker.launch import new_node_id

__all__ = ["Daemon"]

log = logging.getLogger("dgo.coordinator")

TICK_SECONDS = 0.1


class Daemon:
    """A coordinator that listens at ``bind``.

    Args:
        bind: ``tcp://address:port`` with a numeric address or ``*``; port 0 for any.
        lease: seconds for a member whose connection broke to come back.
        grace: seconds for goroutines that run when it is told to stop.
        clock: monotonic seconds.

    Raises:
        ClusterError: you: the address is taken, or not one of this machine.
    """

    def __init__(
        self, bind: str, lease: float = LEASE, grace: float = 8.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = ZmqTransport(watch_connections=True)
        self.address = self._transport.bind(bind)
        self._coordinator = Coordinator(new_node_id(), self._transport, clock, lease)
        self._wait = InputWait(self._transport)
        self._grace = grace
        self._clock = clock
        self._next_tick = 0.0
        self._stops = 0
        self._deadline: float | None = None

    def stop(self) -> None:
        """Asks it to drain and end; a second time: to end at once. May be called by a signal handler."""
        self._stops += 1
        self._wait.nudge()

    def run(self) -> None:
        """Serves until stopped."""
        try:
            while not self._finished():
                self._turn()
            self._coordinator.links.flush()
        finally:
            self._transport.close()
            self._wait.close()

    def _turn(self) -> None:
        if not self._wait.prepare():
            self._wait.wait(self._next_tick - self._clock())
        try:
            self._coordinator.step()
            if self._clock() >= self._next_tick:
                self._next_tick = self._clock() + TICK_SECONDS
                self._coordinator.tick()
        except Exception:
            log.exception("an error in the coordinator's loop; it goes on")

    def _finished(self) -> bool:
        if not self._stops:
            return False
        if self._stops > 1:
            log.warning("told to stop a second time: ending at once")
            return True
        if self._deadline is None:
            self._deadline = self._clock() + self._grace
            self._coordinator.drain()
            log.info("draining: nothing more is placed; goroutines that run have %g s to end", self._grace)
        if not self._coordinator.busy():
            log.info("drained")
            return True
        if self._clock() >= self._deadline:
            log.warning("goroutines still run after %g s: ending without them", self._grace)
            return True
        return False
