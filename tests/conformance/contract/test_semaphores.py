"""Semaphore: weighted, first come first served (contract section 5)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere, take
from .common import Room, come_to_rest, made


def pass_through(sem, units, name, order):
    sem.acquire(units)
    order.send(name, timeout=LIMIT)
    sem.release(units)


def take_when_free(sem, units, name, order):
    sem.acquire(units)
    order.send(name, timeout=LIMIT)


def visit_often(sem, room):
    for _ in range(5):
        with sem:
            room.visit()


def test_a_semaphore_has_as_many_units_as_it_was_given(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 3)
        for _ in range(3):
            sem.acquire(timeout=LIMIT)
        assert sem.try_acquire() is False
        sem.release(3)

    everywhere(body, home)


def test_no_more_goroutines_than_units_are_inside_a_semaphore(everywhere, home):
    def body(home):
        sem, room = made(home, dgo.Semaphore, 2), Room(2)
        for visitor in [elsewhere(visit_often, sem, room) for _ in range(6)]:
            visitor.result(timeout=LIMIT)

    everywhere(body, home)


def test_an_acquire_may_take_several_units(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 5)
        sem.acquire(3, timeout=LIMIT)
        assert sem.try_acquire(3) is False
        assert sem.try_acquire(2) is True
        sem.release(5)
        assert sem.try_acquire(5) is True
        sem.release(5)

    everywhere(body, home)


def test_a_release_takes_one_unit_back_unless_told_otherwise(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 3)
        sem.acquire(3, timeout=LIMIT)
        sem.release()
        assert sem.try_acquire(2) is False
        assert sem.try_acquire(1) is True
        sem.release(3)

    everywhere(body, home)


def test_an_acquire_waits_until_enough_units_are_free(everywhere, home):
    def body(home):
        sem, order = made(home, dgo.Semaphore, 2), dgo.Chan(1)
        sem.acquire(2, timeout=LIMIT)
        waiter = elsewhere(pass_through, sem, 2, "waiter", order)
        sem.release(1)
        with pytest.raises(dgo.Timeout):
            order.recv(timeout=NOTHING)
        sem.release(1)
        assert order.recv(timeout=LIMIT) == "waiter"
        waiter.result(timeout=LIMIT)

    everywhere(body, home)


def test_an_acquire_that_timed_out_takes_nothing(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 3)
        sem.acquire(2, timeout=LIMIT)
        with pytest.raises(dgo.Timeout):
            sem.acquire(2, timeout=NOTHING)
        sem.release(2)
        assert sem.try_acquire(3) is True
        sem.release(3)

    everywhere(body, home)


def test_the_with_form_of_a_semaphore_gives_one_unit_back_also_after_an_error(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 1)
        with sem:
            assert sem.try_acquire() is False
        with pytest.raises(KeyError), sem:
            raise KeyError("in the block")
        assert sem.try_acquire() is True
        sem.release()

    everywhere(body, home)


@pytest.mark.parametrize(("acquired", "released"), [(0, 1), (1, 2), (3, 4)])
def test_a_release_of_more_than_was_acquired_is_a_misuse_error_and_changes_nothing(
    everywhere, home, acquired, released
):
    def body(home):
        sem = made(home, dgo.Semaphore, 3)
        if acquired:
            sem.acquire(acquired, timeout=LIMIT)
        with pytest.raises(dgo.MisuseError):
            sem.release(released)
        assert sem.try_acquire(4 - acquired) is False
        if acquired < 3:
            assert sem.try_acquire(3 - acquired) is True
        sem.release(3)

    everywhere(body, home)


def test_a_negative_number_of_units_is_a_value_error_and_changes_nothing(everywhere, home):
    def body(home):
        with pytest.raises(ValueError):
            dgo.Semaphore(-1)
        sem = made(home, dgo.Semaphore, 2)
        for use in (sem.acquire, sem.try_acquire, sem.release):
            with pytest.raises(ValueError):
                use(-1)
        assert sem.try_acquire(2) is True
        sem.release(2)

    everywhere(body, home)


def test_a_number_of_units_that_is_no_integer_is_a_type_error_and_changes_nothing(everywhere, home):
    def body(home):
        with pytest.raises(TypeError):
            dgo.Semaphore("2")
        sem = made(home, dgo.Semaphore, 2)
        for use in (sem.acquire, sem.try_acquire, sem.release):
            with pytest.raises(TypeError):
                use("1")
        assert sem.try_acquire(2) is True
        sem.release(2)

    everywhere(body, home)


def test_an_acquire_of_more_than_there_is_never_succeeds_and_leaves_the_units_to_others(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 2)
        with pytest.raises((dgo.Timeout, ValueError, dgo.MisuseError)):
            sem.acquire(3, timeout=NOTHING)
        assert sem.try_acquire(3) is False
        assert sem.try_acquire(2) is True
        sem.release(2)

    everywhere(body, home)


def test_those_who_wait_for_units_are_served_in_order_of_arrival(simulated, home):
    def body():
        sem, order = made(home, dgo.Semaphore, 3), dgo.Chan(5)
        sem.acquire(3)
        for name, units in enumerate([2, 1, 3, 1, 2]):
            elsewhere(pass_through, sem, units, name, order)
            come_to_rest()
        # One by one, each next of them when it alone has room: what passes through comes back by itself.
        sem.release(3)
        return take(order, 5)

    served = simulated(body)
    assert sorted(served[:2]) == [0, 1]  # they have room together: which of them tells first is free
    assert served[2] == 2
    assert sorted(served[3:]) == [3, 4]


def test_a_small_acquire_does_not_overtake_a_large_one(simulated, home):
    def body():
        sem, order = made(home, dgo.Semaphore, 3), dgo.Chan(2)
        sem.acquire(2)
        elsewhere(take_when_free, sem, 3, "large", order)
        come_to_rest()
        elsewhere(take_when_free, sem, 1, "small", order)
        come_to_rest()
        return len(order)

    assert simulated(body) == 0


def test_a_try_acquire_does_not_overtake_those_who_wait(simulated, home):
    def body():
        sem, order = made(home, dgo.Semaphore, 3), dgo.Chan(1)
        sem.acquire(2)
        elsewhere(take_when_free, sem, 3, "large", order)
        come_to_rest()
        return sem.try_acquire(1)

    assert simulated(body) is False


def test_a_small_acquire_goes_on_when_the_large_one_before_it_times_out(simulated, home):
    def body():
        sem, order = made(home, dgo.Semaphore, 3), dgo.Chan(1)
        sem.acquire(2)
        large = dgo.go(sem.acquire, 3, timeout=10)
        come_to_rest()
        small = elsewhere(pass_through, sem, 1, "small", order)
        come_to_rest()
        before = len(order)
        assert isinstance(large.exception(timeout=LIMIT), dgo.Timeout)
        small.result(timeout=LIMIT)
        return before, len(order)

    assert simulated(body) == (0, 1)
