"""Semaphore, Once and Cond (contract section 5)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, build, build_away, come_true, elsewhere, take


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


# ---- Semaphore -----------------------------------------------------------------------------------


def test_no_more_goroutines_are_inside_than_there_are_units(everywhere, make):
    def work(semaphore, inside, most):
        for _ in range(5):
            with semaphore:
                now = inside.add(1)
                while (before := most.load()) < now and not most.compare_and_swap(before, now):
                    pass
                inside.add(-1)

    def body(make):
        semaphore, inside, most = make(dgo.Semaphore, 2), make(dgo.Atomic, 0), make(dgo.Atomic, 0)
        for goroutine in [elsewhere(work, semaphore, inside, most) for _ in range(6)]:
            goroutine.result(timeout=LIMIT)
        assert 1 <= most.load() <= 2
        assert semaphore.statistics() == (2, 2, 0)

    everywhere(body, make)


def test_acquire_waits_for_as_many_units_as_it_asks_for(everywhere, make):
    def body(make):
        semaphore = make(dgo.Semaphore, 5)
        semaphore.acquire(3, timeout=LIMIT)
        assert not semaphore.try_acquire(3)
        with pytest.raises(dgo.Timeout):
            semaphore.acquire(3, timeout=NOTHING)
        assert semaphore.try_acquire(2)
        semaphore.release(5)
        semaphore.acquire(5, timeout=LIMIT)

    everywhere(body, make)


def test_a_small_request_waits_behind_a_large_one(everywhere, make):
    def take_all(semaphore, order):
        semaphore.acquire(3, timeout=LIMIT)
        order.send("large", timeout=LIMIT)
        semaphore.release(3)

    def take_one(semaphore, order):
        semaphore.acquire(timeout=LIMIT)
        order.send("small", timeout=LIMIT)
        semaphore.release()

    def body(make):
        semaphore, order = make(dgo.Semaphore, 3), dgo.Chan(2)
        semaphore.acquire(timeout=LIMIT)
        large = elsewhere(take_all, semaphore, order)
        come_true(lambda: semaphore.statistics().waiting == 1)
        small = elsewhere(take_one, semaphore, order)
        come_true(lambda: semaphore.statistics().waiting == 2)
        assert not semaphore.try_acquire()
        semaphore.release()
        assert take(order, 2) == ["large", "small"]
        large.result(timeout=LIMIT)
        small.result(timeout=LIMIT)

    everywhere(body, make)


def test_requests_that_can_never_be_met_are_refused_at_once(everywhere, make):
    def body(make):
        semaphore = make(dgo.Semaphore, 3)
        with pytest.raises(ValueError, match="3 units"):
            semaphore.acquire(4)
        assert semaphore.try_acquire(4) is False
        for ask in (semaphore.acquire, semaphore.try_acquire):
            for units in (0, -1):
                with pytest.raises(ValueError):
                    ask(units)
            with pytest.raises(TypeError):
                ask(1.5)
        with pytest.raises(ValueError):
            semaphore.release(0)
        assert semaphore.statistics() == (3, 3, 0)

    everywhere(body, make)


def test_release_of_more_than_is_acquired_is_misuse_and_changes_nothing(everywhere, make):
    def body(make):
        semaphore = make(dgo.Semaphore, 3)
        semaphore.acquire(2, timeout=LIMIT)
        with pytest.raises(dgo.MisuseError, match="2 of 3"):
            semaphore.release(3)
        assert semaphore.statistics() == (3, 1, 0)

    everywhere(body, make)


def test_units_stay_taken_when_their_goroutine_ends_and_another_one_may_release_them(everywhere, make):
    def body(make):
        semaphore = make(dgo.Semaphore, 2)
        elsewhere(semaphore.acquire, 2).result(timeout=LIMIT)
        assert not semaphore.try_acquire()
        semaphore.release(2)
        assert semaphore.try_acquire(2)

    everywhere(body, make)


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), ("3", TypeError), (1.0, TypeError)])
def test_a_semaphore_has_a_positive_number_of_units(cluster, n, error):
    with pytest.raises(error):
        dgo.Semaphore(n)


# ---- Once ----------------------------------------------------------------------------------------


def test_one_of_many_does_it_and_the_others_return_after_it_has_been_done(everywhere, make):
    def first(calls, gate):
        calls.add(1)
        gate.recv_ok(timeout=LIMIT)
        calls.add(100)

    def work(once, calls, gate):
        once.do(first, calls, gate)
        return calls.load()

    def body(make):
        once, calls, gate = make(dgo.Once), dgo.Atomic(0), dgo.Chan()
        goroutines = [elsewhere(work, once, calls, gate) for _ in range(5)]
        come_true(lambda: once.statistics().waiting == 4)
        gate.close()
        assert [goroutine.result(timeout=LIMIT) for goroutine in goroutines] == [101] * 5
        assert once.do(calls.add, 1) is None
        assert calls.load() == 101

    everywhere(body, make)


def test_a_function_that_raises_counts_as_done(everywhere, make):
    def fail():
        raise ValueError("expected by the test")

    def body(make):
        once = make(dgo.Once)
        with pytest.raises(ValueError, match="expected"):
            once.do(fail)
        once.do(fail)
        elsewhere(once.do, fail).result(timeout=LIMIT)

    everywhere(body, make)


def test_the_function_runs_in_the_goroutine_that_asked(everywhere, make):
    def ask(once, ch):
        once.do(lambda: ch.send(dgo.current().id))
        return dgo.current().id

    def body(make):
        ch = dgo.Chan(1)
        assert elsewhere(ask, make(dgo.Once), ch).result(timeout=LIMIT) == ch.recv(timeout=LIMIT)

    everywhere(body, make)


# ---- Cond ----------------------------------------------------------------------------------------


@pytest.fixture(params=[(build, build), (build, build_away), (build_away, build), (build_away, build_away)])
def pair(request):
    """How to make a Mutex and its Cond."""
    return request.param


def make_pair(how):
    make_mutex, make_cond = how
    mutex = make_mutex(dgo.Mutex)
    return mutex, make_cond(dgo.Cond, mutex)


def wait_once(cond, woken):
    with cond.mutex:
        cond.wait(timeout=LIMIT)
        woken.send(None, timeout=LIMIT)


def test_notify_wakes_one_and_notify_all_the_rest(everywhere, pair):
    def body(pair):
        mutex, cond = make_pair(pair)
        woken = dgo.Chan(4)
        goroutines = [elsewhere(wait_once, cond, woken) for _ in range(4)]
        come_true(lambda: cond.statistics().waiting == 4)
        cond.notify()
        woken.recv(timeout=LIMIT)
        with pytest.raises(dgo.Timeout):
            woken.recv(timeout=NOTHING)
        with mutex:
            cond.notify_all()
        take(woken, 3)
        for goroutine in goroutines:
            goroutine.result(timeout=LIMIT)

    everywhere(body, pair)


def test_what_is_put_is_taken_once(everywhere, pair):
    def consume(cond, stock, count):
        for _ in range(count):
            with cond.mutex:
                while not stock.load():
                    cond.wait(timeout=LIMIT)
                stock.store(stock.load() - 1)

    def body(pair):
        mutex, cond = make_pair(pair)
        stock = dgo.Atomic(0)
        consumers = [elsewhere(consume, cond, stock, 4) for _ in range(3)]
        for _ in range(12):
            with mutex:
                stock.store(stock.load() + 1)
                cond.notify()
        for consumer in consumers:
            consumer.result(timeout=LIMIT)
        assert stock.load() == 0

    everywhere(body, pair)


def test_a_wait_that_times_out_holds_the_lock_again_and_leaves_no_waiter(everywhere, pair):
    def body(pair):
        mutex, cond = make_pair(pair)
        with mutex:
            with pytest.raises(dgo.Timeout):
                cond.wait(timeout=NOTHING)
            assert not mutex.try_lock()
        assert mutex.try_lock()
        mutex.unlock()
        assert cond.statistics() == (0,)

    everywhere(body, pair)


def test_a_wait_without_the_lock_is_misuse_and_leaves_no_waiter(everywhere, pair):
    def body(pair):
        mutex, cond = make_pair(pair)
        with pytest.raises(dgo.MisuseError):
            cond.wait(timeout=LIMIT)
        assert mutex.try_lock()
        mutex.unlock()
        assert cond.statistics() == (0,)

    everywhere(body, pair)


def test_a_wait_during_which_a_holder_was_lost_raises_and_holds_the_lock(everywhere, pair):
    def lock_and_notify(cond):
        cond.mutex.lock(timeout=LIMIT)
        cond.notify()

    def body(pair):
        mutex, cond = make_pair(pair)
        with mutex:
            goroutine = elsewhere(lock_and_notify, cond)
            with pytest.raises(dgo.LockLost):
                cond.wait(timeout=LIMIT)
            assert not mutex.try_lock()
        goroutine.result(timeout=LIMIT)
        assert mutex.try_lock()
        mutex.unlock()

    everywhere(body, pair)


def test_a_cond_takes_a_lock(cluster):
    with pytest.raises(TypeError, match=r"dgo\.Mutex"):
        dgo.Cond(dgo.Chan())


def test_an_rwmutex_that_is_locked_for_writing_will_do(everywhere):
    def body():
        rw, woken = dgo.RWMutex(), dgo.Chan(1)
        cond = dgo.Cond(rw)

        def wait():
            with rw.write():
                cond.wait(timeout=LIMIT)
            woken.send(None, timeout=LIMIT)

        goroutine = elsewhere(wait)
        come_true(lambda: cond.statistics().waiting == 1)
        cond.notify()
        woken.recv(timeout=LIMIT)
        goroutine.result(timeout=LIMIT)

    everywhere(body)
