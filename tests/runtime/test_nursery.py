"""Which goroutine that a goroutine has spawned is next, and which is stolen (``dgo.runtime.nursery``)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from greenlet import getcurrent
from hypothesis import given
from hypothesis import strategies as st

import dgo
from dgo.runtime.carriers import LONGEST_YIELD, SPREE, Carriers
from dgo.runtime.nursery import MAX_DEPTH, SHALLOW_TURN, Nursery
from dgo.testing import LocalCluster


class Task:
    """What the nursery knows of a task."""

    carrier = None

    def __init__(self, depth: int, serial: int = 0) -> None:
        self.depth = depth
        self.serial = serial


def filled(*depths: int) -> tuple[Nursery, list[Task]]:
    nursery = Nursery()
    tasks = [Task(depth, serial) for serial, depth in enumerate(depths)]
    for task in tasks:
        nursery.add(task)
    nursery.check()
    return nursery, tasks


def test_the_deepest_is_next_and_of_equals_the_first() -> None:
    nursery, tasks = filled(1, 2, 1, 2, 3)
    taken = [nursery.take() for _ in tasks]
    assert [task.serial for task in taken] == [4, 1, 3, 0, 2]
    assert nursery.take() is None
    assert not nursery


def test_a_shallow_one_has_its_turn_while_deeper_ones_keep_coming() -> None:
    nursery, (shallow, _) = filled(1, 2)
    for _ in range(SHALLOW_TURN):
        if nursery.take() is shallow:
            break
        nursery.add(Task(2))
    else:
        pytest.fail("the shallow one was not taken")


def test_a_thief_gets_half_of_the_shallowest_level_the_oldest_first() -> None:
    nursery, _ = filled(2, 2, 2, 2, 2, 3, 3)
    assert [task.serial for task in nursery.steal(2)] == [0, 1]
    assert [task.serial for task in nursery.steal(100)] == [2, 3]
    assert [task.serial for task in nursery.steal(100)] == [4]
    assert [task.serial for task in nursery.steal(100)] == [5]
    assert nursery.steal(0) == []


def test_an_empty_nursery_gives_nothing() -> None:
    nursery, _ = filled()
    assert nursery.take() is None
    assert nursery.steal(5) == []
    assert nursery.empty() == []
    assert not nursery.remove(Task(1))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, MAX_DEPTH)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("steal"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 50)),
    ),
    max_size=120,
)


@given(steps)
def test_every_task_leaves_once_by_whatever_way(steps: list[tuple[str, int]]) -> None:
    nursery = Nursery()
    inside: list[Task] = []
    for serial, (what, number) in enumerate(steps):
        left: list[Task] = []
        if what == "add":
            task = Task(number, serial)
            nursery.add(task)
            inside.append(task)
        elif what == "take":
            task = nursery.take()
            assert (task is None) == (not inside)
            left = [] if task is None else [task]
        elif what == "steal":
            left = nursery.steal(number)
            shallowest = min((task.depth for task in inside), default=0)
            level = [task for task in inside if task.depth == shallowest]
            assert left == level[: min(number, (len(level) + 1) // 2)]
        elif inside:
            task = inside[number % len(inside)]
            assert nursery.remove(task)
            assert not nursery.remove(task)
            left = [task]
        for task in left:
            inside.remove(task)
        nursery.check()
        assert len(nursery) == len(inside)
        assert bool(nursery) or not inside
    assert nursery.empty() == sorted(inside, key=lambda task: (task.depth, task.serial))


def test_a_level_that_another_thread_empties_is_passed_over() -> None:
    class Robbed(deque[Task]):
        def popleft(self) -> Task:
            self.clear()
            return super().popleft()

    nursery, (shallow, deep) = filled(1, 2)
    nursery._levels[2] = Robbed([deep])
    assert nursery.take() is shallow


@pytest.fixture
def on_a_worker() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Runs a function as a goroutine of the only worker."""
    with LocalCluster(nodes=2, seed=1) as cluster:
        yield lambda main: cluster.run(lambda: dgo.go(main).result(timeout=60))


def test_the_goroutines_of_a_loop_start_in_order(on_a_worker: Callable[[Callable[[], Any]], Any]) -> None:
    def main() -> list[int]:
        started: dgo.Chan[int] = dgo.Chan(100)
        with dgo.WaitGroup() as group:
            for number in range(100):
                group.go(started.send, number)
        return [started.recv() for _ in range(100)]

    assert on_a_worker(main) == list(range(100))


def test_a_tree_is_not_unfolded_before_its_first_leaf(on_a_worker: Callable[[Callable[[], Any]], Any]) -> None:
    def main() -> int:
        alive = dgo.Atomic(0)
        most = dgo.Atomic(0)

        def node(to: dgo.Chan[int], depth: int) -> None:
            now = alive.add(1)
            most.store(max(most.load(), now))
            if depth:
                come: dgo.Chan[int] = dgo.Chan()
                for _ in range(10):
                    dgo.go(node, come, depth - 1)
                for _ in range(10):
                    come.recv()
            alive.add(-1)
            to.send(1)

        come: dgo.Chan[int] = dgo.Chan()
        dgo.go(node, come, 3)
        come.recv()
        return int(most.load())

    assert on_a_worker(main) < 200  # of 1,111


def test_those_that_are_ready_and_those_that_were_spawned_both_go_on(
    on_a_worker: Callable[[Callable[[], Any]], Any],
) -> None:
    def main() -> str:
        ball: dgo.Chan[int] = dgo.Chan()
        back: dgo.Chan[int] = dgo.Chan()
        over = dgo.Atomic(False)

        def pong() -> None:
            for _ in ball:
                back.send(0)

        def ping() -> int:
            rounds = 0
            while not over.load():
                ball.send(0)
                back.recv()
                rounds += 1
            ball.close()
            return rounds

        def again(left: int) -> None:
            if left:
                dgo.go(again, left - 1)
            else:
                over.store(True)

        dgo.go(pong)
        player = dgo.go(ping)
        dgo.go(again, 300)
        return "played" if player.result() else "never"

    assert on_a_worker(main) == "played"


def test_who_yields_lets_all_run_first_that_were_spawned(on_a_worker: Callable[[Callable[[], Any]], Any]) -> None:
    def main() -> tuple[int, int]:
        done: dgo.Chan[int] = dgo.Chan(100)
        for number in range(50):
            dgo.go(done.send, number)
        before = len(done)
        dgo.gosched()
        return before, len(done)

    assert on_a_worker(main) == (0, 50)


# ---- nursery and queue -----------------------------------------------------------------------------


class Item:
    """What carriers know of a task."""

    def __init__(self, act: Callable[[], None], depth: int = 0) -> None:
        self.act = act
        self.depth = depth
        self.carrier: Any = None


def on_carriers(main: Callable[[Carriers], None]) -> None:
    """Has ``main`` run in a carrier, and all that comes of it."""
    carriers = Carriers(lambda item: item.act())
    carriers.ready(Item(lambda: main(carriers)))
    while carriers.waiting():
        carriers.tick = False
        carriers.pump()
    carriers.close()


def test_children_that_answer_wake_their_parent_once_for_all_of_them() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        me = getcurrent().task
        answers = []

        def child(number: int) -> None:
            order.append(number)
            answers.append(number)
            if len(answers) == 1:  # the parent waits
                carriers.ready(me)

        for number in range(10):
            carriers.nursery.add(Item(partial(child, number), depth=1))
        carriers.park()
        order.append(f"parent, with {len(answers)}")

    on_carriers(main)
    assert order == [*range(10), "parent, with 10"]


def test_who_is_woken_waits_for_a_few_starts_only() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        me = getcurrent().task

        def child(number: int) -> None:
            order.append(number)
            if number == 0:
                carriers.ready(me)

        for number in range(100):
            carriers.nursery.add(Item(partial(child, number), depth=1))
        carriers.park()
        order.append("woken")

    on_carriers(main)
    assert order == [*range(SPREE), "woken", *range(SPREE, 100)]


def test_who_is_woken_is_first_in_a_new_turn_of_the_hub() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        me = getcurrent().task

        def child(number: int) -> None:
            order.append(number)
            if number == 3:
                carriers.ready(me)
                carriers.tick = True

        for number in range(10):
            carriers.nursery.add(Item(partial(child, number), depth=1))
        carriers.park()
        order.append("woken")

    on_carriers(main)
    assert order == [0, 1, 2, 3, "woken", *range(4, 10)]


def test_who_computes_until_the_tick_gets_as_many_turns_from_the_nursery_as_there_are_sprees() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        def compute(name: str) -> None:
            order.append(name)
            carriers.tick = True

        for _ in range(4 * SPREE):
            carriers.ready(Item(partial(compute, "queue")))
            carriers.nursery.add(Item(partial(compute, "nursery"), depth=1))

    on_carriers(main)
    assert order[: 3 * (SPREE + 1)] == 3 * [*(SPREE * ["queue"]), "nursery"]


def test_what_is_ready_all_the_time_leaves_the_nursery_its_turns() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        def busy(left: int) -> None:
            order.append("busy")
            if left:
                carriers.ready(Item(partial(busy, left - 1)))

        for number in range(2 * SPREE):
            carriers.nursery.add(Item(partial(order.append, number), depth=1))
        carriers.ready(Item(partial(busy, 4 * SPREE)))

    on_carriers(main)
    first = order.index(0)
    assert first <= SPREE
    assert order[first : first + SPREE] == [*range(SPREE)]
    assert "busy" in order[first + SPREE :]
    assert order.index(2 * SPREE - 1) < len(order) - SPREE


@pytest.mark.parametrize("waiting", [1, 10, 300])
def test_who_yields_is_behind_what_waits_in_the_nursery_but_not_for_ever(waiting: int) -> None:
    order = []

    def main(carriers: Carriers) -> None:
        me = getcurrent().task

        def child(number: int) -> None:
            order.append(number)
            if number < 1000:  # there is always something
                carriers.nursery.add(Item(partial(child, number + waiting), depth=1))

        for number in range(waiting):
            carriers.nursery.add(Item(partial(child, number), depth=1))
        carriers.yields(me)
        carriers.park()
        order.append("yielded")

    on_carriers(main)
    assert order.index("yielded") == min(waiting, LONGEST_YIELD)


def test_those_that_yield_by_turns_all_come_back() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        def yielding(name: str) -> None:
            me = getcurrent().task
            for number in range(3):
                order.append(f"{name}{number}")
                carriers.yields(me)
                carriers.park()

        for name in "abc":
            carriers.nursery.add(Item(partial(yielding, name), depth=1))

    on_carriers(main)
    assert sorted(order) == sorted(f"{name}{number}" for name in "abc" for number in range(3))


def test_one_that_has_yielded_goes_on_when_the_nursery_was_stolen() -> None:
    order = []

    def main(carriers: Carriers) -> None:
        for _ in range(5):
            carriers.nursery.add(Item(partial(order.append, "never"), depth=1))
        carriers.yields(getcurrent().task)
        carriers.empty()
        carriers.park()
        order.append("on")

    on_carriers(main)
    assert order == ["on"]
