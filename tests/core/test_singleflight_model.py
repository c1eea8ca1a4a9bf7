"""A SingleFlight agrees with a table of flights and their passengers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.goroutine import Ending, Outcome
from dgo.core.singleflight import SingleFlight
from dgo.errors import Cancelled

from .tools import MANY, Local, run

NODES = st.sampled_from([0, 7, 8])
KEYS = st.sampled_from(["a", "b", ("a", 1)])


def loss(node: int) -> tuple[str, int]:
    return ("lost", node)


class Trip:
    """What the reference knows of a flight."""

    def __init__(self, key: Any, leader: int) -> None:
        self.key = key
        self.leader = leader
        self.waiting: list[Local] = []


class SingleFlightModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.flights = SingleFlight(loss)
        self.trips: dict[int, Trip] = {}
        self.boarding: dict[Any, Trip] = {}
        self.told: list[tuple[Local, Any]] = []

    @rule(node=NODES, key=KEYS)
    def join(self, node: int, key: Any) -> None:
        ticket = Local()
        self.flights.join(ticket, node, key)
        if key in self.boarding:
            self.boarding[key].waiting.append(ticket)
            return
        assert ticket.done
        assert ticket.result not in self.trips
        self.trips[ticket.result] = self.boarding[key] = Trip(key, node)

    def land(self, number: int, value: Any) -> None:
        trip = self.trips.pop(number)
        if self.boarding.get(trip.key) is trip:
            del self.boarding[trip.key]
        self.told += [(ticket, value) for ticket in trip.waiting]

    @precondition(lambda self: self.trips)
    @rule(data=st.data(), value=st.integers())
    def finish(self, data: Any, value: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.trips)))
        trip = self.trips[number]
        shared = self.flights.finish(trip.leader, number, Outcome(Ending.RETURNED, value))
        assert shared == bool(trip.waiting)
        self.land(number, value)

    @rule(node=NODES, number=st.integers(1, 20))
    def finish_of_somebody_else(self, node: int, number: int) -> None:
        trip = self.trips.get(number)
        if trip is None or trip.leader != node:
            assert not self.flights.finish(node, number, Outcome(Ending.RETURNED, "wrong"))

    @rule(key=KEYS)
    def forget(self, key: Any) -> None:
        self.flights.forget(key)
        self.boarding.pop(key, None)

    @rule(node=st.sampled_from([7, 8]))
    def lost(self, node: int) -> None:
        self.flights.lost(node)
        for number in [number for number, trip in self.trips.items() if trip.leader == node]:
            self.land(number, loss(node))

    @precondition(lambda self: any(trip.waiting for trip in self.trips.values()))
    @rule(data=st.data())
    def give_up(self, data: Any) -> None:
        trip = data.draw(st.sampled_from([trip for trip in self.trips.values() if trip.waiting]))
        ticket = data.draw(st.sampled_from(trip.waiting))
        assert ticket.cancel(Cancelled())
        trip.waiting.remove(ticket)

    @invariant()
    def it_agrees(self) -> None:
        self.flights.check()
        assert set(self.flights.flights) == set(self.trips)
        assert set(self.flights.boarding) == set(self.boarding)
        for number, trip in self.trips.items():
            assert list(self.flights.flights[number].waiters) == trip.waiting
            assert not any(ticket.done for ticket in trip.waiting)
        for ticket, value in self.told:
            assert ticket.result.value == value
            ticket.check()


def test_a_singleflight_agrees_with_a_table():
    run(SingleFlightModel)


@pytest.mark.slow
def test_a_singleflight_agrees_with_a_table_in_many_runs():
    run(SingleFlightModel, MANY)
