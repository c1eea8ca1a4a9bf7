"""Waiting for input on a transport's file descriptors, and for nudges by other threads."""

from __future__ import annotations

import os
import select
from time import monotonic

from dgo.core.eagerness import LOOK_SECONDS, Eagerness
from dgo.transport.interface import PolledTransport

__all__ = ["InputWait"]


class InputWait:
    """Waits until a transport has input, a descriptor is readable, or ``nudge`` was called."""

    def __init__(self, transport: PolledTransport) -> None:
        self._transport = transport
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._event, select.POLLIN)
        self._registered: set[int] = set()
        self._extra: set[int] = set()
        self._generation = -1
        self._nudged = False
        self._eagerness = Eagerness()

    def watch(self, descriptor: int) -> None:
        """Also waits for ``descriptor``."""
        self._extra.add(descriptor)
        self._poll.register(descriptor, select.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        """No longer waits for ``descriptor``."""
        if descriptor in self._extra:
            self._extra.discard(descriptor)
            self._poll.unregister(descriptor)

    def nudge(self) -> None:
        """Ends the wait under way, or the next one. Any thread."""
        if not self._nudged:
            self._nudged = True
            os.eventfd_write(self._event, 1)

    def prepare(self) -> bool:
        """To be called under the transport's lock before ``wait``: True if there is input already."""
        transport = self._transport
        if transport.generation != self._generation:
            self._generation = transport.generation
            now = set(transport.descriptors())
            for descriptor in self._registered - now:
                self._poll.unregister(descriptor)
            for descriptor in now - self._registered:
                self._poll.register(descriptor, select.POLLIN)
            self._registered = now
        return transport.edge_triggered and transport.ready()

    def wait(self, seconds: float) -> list[int]:
        """Waits; returns the watched descriptors that are readable. Without the lock."""
        readable = [descriptor for descriptor, _ in self._events(seconds)]
        if self._event in readable:
            # In this order: whoever nudges in between has queued what we are about to see. The other way round its
            # nudge would be read here and count as one that is still to come, and those after it would do nothing.
            os.eventfd_read(self._event)
            self._nudged = False
        return [descriptor for descriptor in readable if descriptor in self._extra]

    def _events(self, seconds: float) -> list[tuple[int, int]]:
        poll = self._poll.poll
        eagerness = self._eagerness
        began = monotonic()
        events: list[tuple[int, int]] = []
        looks = eagerness.looks() and seconds > LOOK_SECONDS
        if looks:
            while not (events := poll(0)) and monotonic() < began + LOOK_SECONDS:
                os.sched_yield()
        if not events:
            events = poll(max(0.0, seconds) * 1000)
        eagerness.idled(monotonic() - began, looks)
        return events

    def close(self) -> None:
        """Releases the descriptor."""
        os.close(self._event)
