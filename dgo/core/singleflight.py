"""Go's singleflight, at its home: one call for all who want the same at the same time.

The first who joins for a key *leads*: it is given the number of a flight and will finish it. All who join before
that wait for its outcome. Invariants (``check()`` asserts them):

1. At most one flight for each key takes passengers; it is under way.
2. A flight that was forgotten takes no more passengers, and still serves those it has.
3. Whoever waits, waits for a flight under way: when it is finished, or its leader's process dies, all are told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from dgo.core.goroutine import Ending, Outcome
from dgo.core.queue import Queue
from dgo.core.ticket import WAITING, Ticket

__all__ = ["Flight", "SingleFlight"]


class Flight:
    """One call under way."""

    __slots__ = ("key", "leader", "waiters")

    def __init__(self, key: Hashable, leader: int) -> None:
        self.key = key
        self.leader = leader  # the process in which it runs
        self.waiters = Queue()


class SingleFlight:
    """The state of one group of calls, at its home.

    Args:
        describe_loss: makes the frozen error of a leader's process that died, from its node id.
    """

    __slots__ = ("__weakref__", "boarding", "describe_loss", "flights", "number", "started")

    def __init__(self, describe_loss: Callable[[int], Any]) -> None:
        self.number = 0  # its object number, once a handle to it has travelled
        self.describe_loss = describe_loss
        self.started = 0
        self.flights: dict[int, Flight] = {}
        self.boarding: dict[Hashable, Flight] = {}

    def join(self, ticket: Ticket, node: int, key: Hashable) -> None:
        """Completes ``ticket``: now, with the number of a flight that ``node`` leads, or later, with an ``Outcome``."""
        flight = self.boarding.get(key)
        if flight is not None:
            ticket.enqueue(flight.waiters)
            return
        self.started += 1
        self.flights[self.started] = self.boarding[key] = Flight(key, node)
        ticket.complete(self.started)

    def finish(self, node: int, number: int, outcome: Outcome) -> bool:
        """The leader is back; returns whether anybody shares the outcome."""
        flight = self.flights.get(number)
        if flight is None or flight.leader != node:
            return False
        shared = bool(flight.waiters)
        self._land(number, flight, outcome)
        return shared

    def forget(self, key: Hashable) -> None:
        """The next who joins for ``key`` leads a new flight."""
        self.boarding.pop(key, None)

    def lost(self, node: int) -> None:
        """``node`` died: the flights that it led end with that."""
        for number in [number for number, flight in self.flights.items() if flight.leader == node]:
            self._land(number, self.flights[number], Outcome(Ending.LOST, self.describe_loss(node)))

    def _land(self, number: int, flight: Flight, outcome: Outcome) -> None:
        del self.flights[number]
        if self.boarding.get(flight.key) is flight:
            del self.boarding[flight.key]
        while flight.waiters:
            ticket = flight.waiters.take()
            ticket.complete(outcome)

    def statistics(self) -> tuple[int, int]:
        """Calls under way, and who waits for them."""
        return len(self.flights), sum(len(flight.waiters) for flight in self.flights.values())

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        under_way = set(self.flights.values())
        for key, flight in self.boarding.items():
            assert flight.key == key
            assert flight in under_way, "1: passengers board a flight that has landed"
        for flight in under_way:
            for ticket in flight.waiters:
                assert ticket.state == WAITING
                assert ticket.queue is flight.waiters
