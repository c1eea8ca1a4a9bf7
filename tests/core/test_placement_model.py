"""Placement: nothing lost, no window or resource exceeded, work goes to the least loaded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.backlog import Waiting
from dgo.core.loads import FIRST_WINDOW, MAX_APPETITE, MAX_WINDOW
from dgo.core.placement import Placement

from .tools import MANY, run

WORKERS = st.integers(1, 4)
LABELS = st.sampled_from([{}, {}, {"zone": "a"}, {"zone": "b"}])
RESOURCES = st.sampled_from([{}, {}, {"gpu": 1.0}, {"gpu": 0.5}, {"gpu": 2.0}])


class Worker:
    """What a worker really has."""

    def __init__(self, labels: dict[str, str], resources: dict[str, float]) -> None:
        self.labels = labels
        self.resources = resources
        self.open = True
        self.travelling: list[Waiting] = []
        self.unstarted: list[Waiting] = []
        self.running: list[Waiting] = []
        self.received = 0
        self.freed = 0.0

    def all(self) -> list[Waiting]:
        return self.travelling + self.unstarted + self.running


class PlacementModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement()
        self.workers: dict[int, Worker] = {}
        self.now = 0.0
        self.submitted: list[Waiting] = []
        self.gone: set[Waiting] = set()  # ended, dropped, or died with their worker

    @rule(node=WORKERS, labels=LABELS, resources=RESOURCES)
    def add_worker(self, node: int, labels: dict[str, str], resources: dict[str, float]) -> None:
        if node not in self.workers:
            self.placement.add_worker(node, labels, resources, self.now)
            self.workers[node] = Worker(labels, resources)

    @rule(node=WORKERS)
    def close_worker(self, node: int) -> None:
        self.placement.close_worker(node)
        if node in self.workers:
            self.workers[node].open = False

    @rule(node=WORKERS)
    def remove_worker(self, node: int) -> None:
        self.placement.remove_worker(node)
        if node in self.workers:
            self.gone.update(self.workers.pop(node).all())

    @rule(
        count=st.integers(1, 40),
        origin=st.integers(1, 2),
        spread=st.booleans(),
        labels=LABELS,
        resources=RESOURCES,
    )
    def submit(
        self, count: int, origin: int, spread: bool, labels: dict[str, str], resources: dict[str, float]
    ) -> None:
        first = len(self.submitted)
        new = [Waiting(origin, first + i, None, spread, labels, resources) for i in range(count)]
        self.submitted += new
        self.placement.submit(new)

    @rule(origin=st.integers(1, 2))
    def drop(self, origin: int) -> None:
        waited = list(self.placement.waiting)
        dropped = self.placement.drop(origin)
        assert dropped == [goroutine for goroutine in waited if goroutine.origin == origin]
        self.gone.update(dropped)

    @rule(origin=st.integers(1, 2), data=st.data())
    def withdraw(self, origin: int, data: Any) -> None:
        waited = list(self.placement.waiting)
        numbers = data.draw(st.sets(st.integers(0, len(self.submitted)), max_size=10))
        wanted = [goroutine for goroutine in waited if goroutine.origin == origin and goroutine.number in numbers]
        assert sorted(self.placement.withdraw(origin, numbers)) == [goroutine.number for goroutine in wanted]
        assert list(self.placement.waiting) == [goroutine for goroutine in waited if goroutine not in wanted]
        self.gone.update(wanted)

    @rule()
    def assign(self) -> None:
        waited = list(self.placement.waiting)
        before = {node: load.unstarted for node, load in self.placement.loads.items()}
        placed: set[Waiting] = set()
        for node, batch in self.placement.assign():
            worker = self.workers[node]
            assert worker.open
            for goroutine in batch:
                assert goroutine not in placed, "placed twice"
                placed.add(goroutine)
                assert (goroutine.labels or {}).items() <= worker.labels.items()
            worker.travelling += batch
            assert before[node] + len(batch) <= self.placement.loads[node].window, "the window"
        kept = list(self.placement.waiting)
        assert kept == [goroutine for goroutine in waited if goroutine not in placed], "in order, nothing lost"
        for goroutine in kept:
            assert not any(load.fits(goroutine) for load in self.placement.loads.values()), "kept without need"

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), arrive=st.integers(0, 20), start=st.integers(0, 20), end=st.integers(0, 20))
    def a_worker_works(self, data: Any, arrive: int, start: int, end: int) -> None:
        worker = self.workers[data.draw(st.sampled_from(sorted(self.workers)))]
        worker.received += len(worker.travelling[:arrive])
        worker.unstarted += worker.travelling[:arrive]
        del worker.travelling[:arrive]
        worker.running += worker.unstarted[:start]
        del worker.unstarted[:start]
        for goroutine in worker.running[:end]:
            worker.freed += (goroutine.resources or {}).get("gpu", 0.0)
            self.gone.add(goroutine)
        del worker.running[:end]

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def a_worker_gives_back(self, data: Any) -> None:
        worker = self.workers[data.draw(st.sampled_from(sorted(self.workers)))]
        back = worker.unstarted[: len(worker.unstarted) // 2]
        worker.unstarted = worker.unstarted[len(back) :]
        worker.freed += sum((goroutine.resources or {}).get("gpu", 0.0) for goroutine in back)
        self.placement.submit(back)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), seconds=st.sampled_from([0.001, 0.1, 3.0]))
    def a_worker_reports(self, data: Any, seconds: float) -> None:
        self.now += seconds
        node = data.draw(st.sampled_from(sorted(self.workers)))
        worker = self.workers[node]
        here = len(worker.unstarted)
        freed, worker.freed = worker.freed, 0.0
        self.placement.report(
            node,
            worker.received,
            here,
            here,
            here + len(worker.running),
            {"gpu": freed} if freed else {},
            self.now,
        )
        load = self.placement.loads[node]
        assert load.unstarted == here + len(worker.travelling), "what travels counts as unstarted"
        assert load.live == len(worker.all())

    @rule(thief=WORKERS)
    def look_for_a_victim(self, thief: int) -> None:
        found = self.placement.victim(thief)
        if found is not None:
            node, count = found
            assert node != thief
            assert all(goroutine.labels or goroutine.resources for goroutine in self.placement.waiting)
            assert 1 <= count <= self.placement.loads[node].unstarted // 2

    @rule()
    def have_some_stolen(self) -> None:
        idle = sum(load.open and not load.runnable for load in self.placement.loads.values())
        asked = {load.node for load in self.placement.loads.values() if load.asked}
        found = self.placement.steals()
        assert not found or all(goroutine.labels or goroutine.resources for goroutine in self.placement.waiting)
        assert len(found) + len(asked) <= max(idle, len(asked))
        for node, count in found:
            assert node not in asked
            assert 1 <= count <= self.placement.loads[node].unstarted // 2, "an idle worker has none"

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        self.placement.check()
        here = [*self.placement.waiting, *(g for worker in self.workers.values() for g in worker.all())]
        assert len(here) == len(set(here))
        assert set(here) | self.gone == set(self.submitted)
        assert not set(here) & self.gone

    @invariant()
    def no_worker_has_more_than_its_resources(self) -> None:
        for worker in self.workers.values():
            used = sum((goroutine.resources or {}).get("gpu", 0.0) for goroutine in worker.all())
            assert used <= worker.resources.get("gpu", 0.0)

    @invariant()
    def windows_have_limits(self) -> None:
        for load in self.placement.loads.values():
            assert 2 <= load.window <= MAX_WINDOW


SERIES_COUNT = st.integers(1, 60)


class SeriesModel(RuleBasedStateMachine):
    """Series and single goroutines: whatever their cut, each number is somewhere once, and shares are fair."""

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement()
        self.at: dict[int, int] = {}  # number -> worker; 0: waiting
        self.sent: dict[int, int] = {}
        self.last = 0
        self.now = 0.0

    @rule(node=WORKERS)
    def add_worker(self, node: int) -> None:
        if node not in self.sent:
            self.placement.add_worker(node, {}, {}, self.now)
            self.sent[node] = 0

    @rule(count=SERIES_COUNT, series=st.booleans())
    def submit(self, count: int, series: bool) -> None:
        first = self.last + 1
        self.last += count
        numbers = range(first, first + count)
        if series:
            self.placement.submit([Waiting(1, first, "item", calls=[str(number) for number in numbers])])
        else:
            self.placement.submit([Waiting(1, number, None) for number in numbers])
        self.at.update(dict.fromkeys(numbers, 0))

    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        numbers = data.draw(st.sets(st.integers(1, self.last + 1), max_size=10))
        wanted = {number for number in numbers if self.at.get(number) == 0}
        assert set(self.placement.withdraw(1, numbers)) == wanted
        assert self.placement.withdraw(2, set(self.at)) == [], "of another spawner"
        for number in wanted:
            del self.at[number]

    @rule()
    def assign(self) -> None:
        loads = self.placement.loads
        room = {node: max(0, load.window - load.unstarted) for node, load in loads.items()}
        before = {node: load.runnable for node, load in loads.items()}
        waited = [number for number, node in sorted(self.at.items()) if node == 0]
        placed = []
        for node, batch in self.placement.assign():
            for goroutine in batch:
                for number in range(goroutine.number, goroutine.number + goroutine.count):
                    assert self.at[number] == 0, "placed once"
                    self.at[number] = node
                    placed.append(number)
                if goroutine.calls is not None:
                    last = goroutine.number + goroutine.count
                    assert goroutine.calls == [str(number) for number in range(goroutine.number, last)]
                    assert goroutine.item == "item"
                self.sent[node] += goroutine.count
                room[node] -= goroutine.count
        assert all(left >= 0 for left in room.values()), "the window"
        assert sorted(placed) == waited[: len(placed)], "the first to come are the first to be placed"
        assert len(placed) == len(waited) or not any(room.values()), "kept without need"
        got = {node: loads[node].runnable - before[node] for node in loads}
        for node in loads:
            for other in loads:  # one more here than there, and there was room: unfair
                assert not got[node] or not room[other] or loads[node].runnable <= loads[other].runnable + 1

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), unstarted=st.integers(0, 20))
    def a_worker_reports(self, data: Any, unstarted: int) -> None:
        self.now += 0.001
        node = data.draw(st.sampled_from(sorted(self.sent)))
        self.placement.report(node, self.sent[node], unstarted, unstarted, unstarted, {}, self.now)

    @invariant()
    def what_waits_is_there_once_and_in_order(self) -> None:
        self.placement.check()
        waiting = [n for g in self.placement.waiting for n in range(g.number, g.number + g.count)]
        assert waiting == sorted(number for number, node in self.at.items() if node == 0)


def test_series_are_dealt_out_like_their_goroutines():
    run(SeriesModel)


@pytest.mark.slow
def test_series_are_dealt_out_like_their_goroutines_in_many_runs():
    run(SeriesModel, MANY)


def test_a_series_goes_to_each_worker_in_one_piece():
    placement = with_workers(1, 2, 3)
    placement.report(2, 0, 0, 2, 2, {}, 1.0)
    placement.submit([Waiting(1, 10, None, calls=list("abcdefgh"))])
    assert {node: [(g.number, g.calls) for g in batch] for node, batch in placement.assign()} == {
        1: [(10, ["a", "b", "c", "d"])],
        3: [(14, ["e", "f", "g"])],
        2: [(17, ["h"])],
    }


def test_cancelled_goroutines_leave_holes_in_a_series():
    placement = with_workers()
    placement.submit([Waiting(1, 10, None, calls=list("abcde"))])
    assert placement.withdraw(1, {10, 12, 13, 99}) == [10, 12, 13]
    assert [(g.number, g.calls) for g in placement.waiting] == [(11, ["b"]), (14, ["e"])]


def test_placement_agrees_with_what_the_workers_have():
    run(PlacementModel)


@pytest.mark.slow
def test_placement_agrees_with_what_the_workers_have_in_many_runs():
    run(PlacementModel, MANY)


def with_workers(*nodes: int, resources: dict[str, float] | None = None) -> Placement:
    placement = Placement()
    for node in nodes:
        placement.add_worker(node, {}, resources or {}, 0.0)
    return placement


def some(count: int, **settings: Any) -> list[Waiting]:
    return [Waiting(1, number, None, **settings) for number in range(count)]


def sizes(placement: Placement) -> dict[int, int]:
    return {node: len(batch) for node, batch in placement.assign()}


def test_equal_workers_get_equal_shares():
    placement = with_workers(1, 2, 3)
    placement.submit(some(9))
    assert sizes(placement) == {1: 3, 2: 3, 3: 3}


def test_work_goes_to_the_worker_with_the_fewest_runnable_goroutines():
    placement = with_workers(1, 2)
    placement.report(1, 0, 0, 5, 5, {}, 1.0)
    placement.submit(some(5))
    assert sizes(placement) == {2: 5}


def test_among_equally_busy_workers_the_one_with_fewer_living_goroutines_is_chosen():
    placement = with_workers(1, 2)
    placement.report(1, 0, 0, 0, 100, {}, 1.0)
    placement.submit(some(1))
    assert sizes(placement) == {2: 1}


def test_spread_looks_at_living_goroutines_first():
    placement = with_workers(1, 2)
    placement.report(1, 0, 0, 0, 4, {}, 1.0)
    placement.report(2, 0, 0, 2, 2, {}, 1.0)
    placement.submit(some(1, spread=True))
    assert sizes(placement) == {2: 1}


def test_what_exceeds_the_windows_stays_with_the_coordinator():
    placement = with_workers(1, 2)
    placement.submit(some(100))
    assert sizes(placement) == {1: FIRST_WINDOW, 2: FIRST_WINDOW}
    assert len(placement.waiting) == 100 - 2 * FIRST_WINDOW


def test_a_goroutine_that_waits_for_a_resource_does_not_hold_up_others():
    placement = with_workers(1, resources={"gpu": 1.0})
    placement.submit([*some(2, resources={"gpu": 1.0}), *some(3)])
    assert sizes(placement) == {1: 4}
    assert len(placement.waiting) == 1


def test_a_resource_that_was_freed_is_given_out_again():
    placement = with_workers(1, resources={"gpu": 1.0})
    placement.submit(some(2, resources={"gpu": 1.0}))
    assert sizes(placement) == {1: 1}
    placement.report(1, 1, 0, 0, 0, {"gpu": 1.0}, 1.0)
    assert sizes(placement) == {1: 1}


def test_a_worker_that_drains_gets_nothing_more():
    placement = with_workers(1, 2)
    placement.close_worker(1)
    placement.submit(some(4))
    assert sizes(placement) == {2: 4}


def test_the_window_grows_when_a_worker_ran_dry():
    placement = with_workers(1)
    placement.submit(some(FIRST_WINDOW))
    placement.assign()
    placement.report(1, FIRST_WINDOW, 0, 0, 0, {}, 1.0)
    assert placement.loads[1].window == 2 * FIRST_WINDOW


def test_the_window_shrinks_when_goroutines_start_slowly():
    placement = with_workers(1)
    placement.submit(some(FIRST_WINDOW))
    placement.assign()
    placement.report(1, FIRST_WINDOW, FIRST_WINDOW - 1, 0, 1, {}, 1.0)
    assert placement.loads[1].window == FIRST_WINDOW // 2


def test_a_thief_is_sent_to_the_richest_and_takes_half():
    placement = with_workers(1, 2, 3)
    placement.report(1, 0, 4, 4, 4, {}, 1.0)
    placement.report(2, 0, 10, 10, 10, {}, 1.0)
    assert placement.victim(3) == (2, 5)


def test_nobody_is_robbed_while_goroutines_wait_that_the_thief_could_run():
    placement = with_workers(1, 2)
    placement.report(1, 0, 10, 10, 10, {}, 1.0)
    placement.submit(some(1, labels={"zone": "nowhere"}))
    placement.assign()
    assert placement.victim(2) == (1, 5)
    placement.submit(some(1))
    assert placement.victim(2) is None


def test_those_that_wait_for_the_same_are_looked_at_once():
    placement = with_workers(1, 2, resources={"gpu": 1.0})
    looks = []

    class Demanding(Waiting):
        @property
        def count(self) -> int:
            looks.append(self.number)
            return 1

    placement.submit([Demanding(1, number, None, resources={"gpu": 1.0}) for number in range(1000)])
    assert sizes(placement) == {1: 1, 2: 1}
    assert looks == [0, 1, 2]
    placement.report(2, 1, 0, 0, 0, {"gpu": 1.0}, 1.0)
    assert sizes(placement) == {2: 1}
    assert looks == [0, 1, 2, 2, 3]


def busy(placement: Placement, node: int, unstarted: int, runnable: int) -> None:
    placement.report(node, placement.loads[node].sent, unstarted, runnable, runnable, {}, 1.0)


def test_the_only_goroutine_behind_one_that_computes_can_be_stolen_but_not_the_one_that_is_next():
    placement = with_workers(1, 2)
    busy(placement, 1, 1, 1)
    assert placement.victim(2) is None
    busy(placement, 1, 1, 2)
    assert placement.victim(2) == (1, 1)


def test_a_victim_is_asked_once_until_it_reports():
    placement = with_workers(1, 2)
    busy(placement, 1, 10, 10)
    assert placement.steals() == [(1, 5)]
    assert placement.steals() == []
    busy(placement, 1, 5, 5)
    assert placement.steals() == [(1, 2)]


def test_no_more_are_asked_than_are_idle():
    placement = with_workers(1, 2, 3, 4)
    busy(placement, 1, 10, 10)
    busy(placement, 2, 20, 20)
    busy(placement, 3, 1, 1)
    assert placement.steals() == [(2, 10)]
    busy(placement, 3, 0, 0)
    assert placement.steals() == [(1, 5)]
    assert placement.steals() == []


def eat(placement: Placement, node: int, count: int, seconds: float) -> None:
    """``node``, which is idle, gets goroutines and has run them after a while."""
    placement.submit(some(count))
    placement.assign(10.0)
    placement.report(node, placement.loads[node].sent, 0, 0, 0, {}, 10.0 + seconds)


def test_an_appetite_grows_with_what_was_worth_the_way_and_shrinks_with_what_was_not():
    placement = with_workers(1)
    load = placement.loads[1]
    for expected in (32, 64, 128):
        eat(placement, 1, 2, 0.1)
        assert load.appetite == expected
    eat(placement, 1, 10, 0.002)
    assert load.appetite == 64
    placement.add_worker(2, {}, {}, 1.0)
    busy(placement, 2, 1000, 1000)
    assert placement.steals() == [(2, 64)]
    for _ in range(8):
        eat(placement, 1, 10, 0.002)
    assert load.appetite == 1
    for _ in range(20):
        eat(placement, 1, 1, 1.0)
    assert load.appetite == MAX_APPETITE
