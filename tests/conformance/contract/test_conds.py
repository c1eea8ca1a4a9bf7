"""Once and Cond (contract section 5, Go's rules of sync.Once and sync.Cond)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, OddError, elsewhere, take
from .common import come_to_rest, fail, made, unreached

# ---- Once ----------------------------------------------------------------------------------------


def test_once_runs_its_first_function_and_no_other(everywhere, home):
    def body(home):
        once, ran = made(home, dgo.Once), dgo.Chan(2)
        once.do(ran.send, "first")
        once.do(unreached)
        elsewhere(once.do, unreached).result(timeout=LIMIT)
        assert ran.recv_nowait() == "first"

    everywhere(body, home)


def test_once_hands_over_positional_and_keyword_arguments(everywhere, home):
    def tell(ch, *args, **kwargs):
        ch.send((args, kwargs), timeout=LIMIT)

    def body(home):
        once, ch = made(home, dgo.Once), dgo.Chan(1)
        once.do(tell, ch, 1, 2, key="value")
        assert ch.recv(timeout=LIMIT) == ((1, 2), {"key": "value"})

    everywhere(body, home)


def test_once_runs_the_function_in_the_caller_itself(everywhere, home):
    def body(home):
        got = []
        made(home, dgo.Once).do(got.append, 1)
        assert got == [1]

    everywhere(body, home)


def test_of_many_callers_of_once_one_runs_the_function(everywhere, home):
    def body(home):
        once, ran = made(home, dgo.Once), dgo.Chan(8)
        for caller in [elsewhere(once.do, ran.send, i) for i in range(8)]:
            caller.result(timeout=LIMIT)
        assert len(ran) == 1

    everywhere(body, home)


def test_every_caller_of_once_returns_only_when_the_function_has_ended(everywhere, home):
    def slowly(started, gate, ran):
        started.send(None, timeout=LIMIT)
        gate.recv_ok(timeout=LIMIT)
        ran.send(None, timeout=LIMIT)

    def call_and_look(once, ran):
        once.do(unreached)
        return len(ran)

    def body(home):
        once, started, gate, ran = made(home, dgo.Once), dgo.Chan(), dgo.Chan(), dgo.Chan(1)
        first = elsewhere(once.do, slowly, started, gate, ran)
        started.recv(timeout=LIMIT)
        others = [elsewhere(call_and_look, once, ran) for _ in range(3)]
        with pytest.raises(dgo.Timeout):
            others[0].wait(timeout=NOTHING)
        gate.close()
        assert [other.result(timeout=LIMIT) for other in others] == [1, 1, 1]
        first.result(timeout=LIMIT)

    everywhere(body, home)


def test_once_counts_a_function_that_raised_as_run_and_its_caller_gets_the_error(everywhere, home):
    def body(home):
        once = made(home, dgo.Once)
        with pytest.raises(OddError, match="first"):
            once.do(fail, "first")
        once.do(unreached)

    everywhere(body, home)


def test_once_takes_nothing_that_cannot_be_called_and_stays_unused(everywhere, home):
    def body(home):
        once, ran = made(home, dgo.Once), dgo.Chan(1)
        with pytest.raises(TypeError):
            once.do(3)
        once.do(ran.send, "first")
        assert len(ran) == 1

    everywhere(body, home)


# ---- Cond ----------------------------------------------------------------------------------------


def wait_and_tell(m, cond, ready, woken, name):
    with m:
        ready.send(name, timeout=LIMIT)  # under the mutex: who takes it next finds this one waiting
        cond.wait()
        woken.send(name, timeout=LIMIT)


def test_a_wait_gives_the_mutex_back_and_has_it_again_afterwards(everywhere, home):
    def notify(m, cond):
        with m:
            cond.notify()

    def body(home):
        m = dgo.Mutex()
        cond = made(home, dgo.Cond, m)
        m.lock()
        notifier = elsewhere(notify, m, cond)  # blocks until the wait has given the mutex back
        cond.wait(timeout=LIMIT)
        assert m.try_lock() is False
        m.unlock()
        notifier.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_cond_and_its_mutex_may_both_live_elsewhere(everywhere):
    def pair():
        m = dgo.Mutex()
        return m, dgo.Cond(m)

    def body():
        m, cond = made("away", pair)
        ready, woken = dgo.Chan(), dgo.Chan(1)
        waiter = elsewhere(wait_and_tell, m, cond, ready, woken, "one")
        ready.recv(timeout=LIMIT)
        with m:
            cond.notify()
        waiter.result(timeout=LIMIT)
        assert woken.recv_nowait() == "one"

    everywhere(body)


def test_notify_wakes_one(everywhere, home):
    def body(home):
        m, ready, woken = dgo.Mutex(), dgo.Chan(), dgo.Chan(3)
        cond = made(home, dgo.Cond, m)
        waiters = [elsewhere(wait_and_tell, m, cond, ready, woken, i) for i in range(3)]
        take(ready, 3)
        for _ in range(3):
            with m:
                cond.notify()
            woken.recv(timeout=LIMIT)
            with pytest.raises(dgo.Timeout):
                woken.recv(timeout=NOTHING)
        for waiter in waiters:
            waiter.result(timeout=LIMIT)

    everywhere(body, home)


def test_notify_all_wakes_all(everywhere, home):
    def body(home):
        m, ready, woken = dgo.Mutex(), dgo.Chan(), dgo.Chan(4)
        cond = made(home, dgo.Cond, m)
        waiters = [elsewhere(wait_and_tell, m, cond, ready, woken, i) for i in range(4)]
        take(ready, 4)
        with m:
            cond.notify_all()
        assert sorted(take(woken, 4)) == [0, 1, 2, 3]
        for waiter in waiters:
            waiter.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_notification_that_nobody_waits_for_is_not_kept(everywhere, home):
    def body(home):
        m = dgo.Mutex()
        cond = made(home, dgo.Cond, m)
        with m:
            cond.notify()
            cond.notify_all()
            with pytest.raises(dgo.Timeout):
                cond.wait(timeout=NOTHING)

    everywhere(body, home)


def test_a_notification_needs_no_mutex(everywhere, home):
    def body(home):
        m, ready, woken = dgo.Mutex(), dgo.Chan(), dgo.Chan(1)
        cond = made(home, dgo.Cond, m)
        waiter = elsewhere(wait_and_tell, m, cond, ready, woken, "one")
        ready.recv(timeout=LIMIT)
        m.lock(timeout=LIMIT)  # it waits now
        m.unlock()
        cond.notify()
        waiter.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_wait_that_timed_out_has_the_mutex_again(everywhere, home):
    def body(home):
        m = dgo.Mutex()
        cond = made(home, dgo.Cond, m)
        m.lock()
        with pytest.raises(dgo.Timeout):
            cond.wait(timeout=NOTHING)
        assert m.try_lock() is False
        m.unlock()

    everywhere(body, home)


def test_a_wait_that_timed_out_takes_no_later_notification(everywhere, home):
    def body(home):
        m, ready, woken = dgo.Mutex(), dgo.Chan(), dgo.Chan(1)
        cond = made(home, dgo.Cond, m)
        with m, pytest.raises(dgo.Timeout):
            cond.wait(timeout=NOTHING)
        waiter = elsewhere(wait_and_tell, m, cond, ready, woken, "later")
        ready.recv(timeout=LIMIT)
        with m:
            cond.notify()
        assert woken.recv(timeout=LIMIT) == "later"
        waiter.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_wait_without_the_mutex_is_a_misuse_error_and_leaves_it_free(everywhere, home):
    def body(home):
        m = dgo.Mutex()
        cond = made(home, dgo.Cond, m)
        with pytest.raises(dgo.MisuseError):
            cond.wait(timeout=LIMIT)
        assert m.try_lock() is True
        m.unlock()

    everywhere(body, home)


def test_a_cond_of_what_is_no_mutex_is_a_type_error(everywhere):
    def body():
        with pytest.raises(TypeError):
            dgo.Cond(3)

    everywhere(body)


def test_a_bounded_store_built_on_a_cond_loses_nothing(everywhere, home):
    def produce(m, cond, store, values):
        for value in values:
            with m:
                while len(store.load()) == 2:
                    cond.wait(timeout=LIMIT)
                store.store((*store.load(), value))
                cond.notify_all()

    def consume(m, cond, store, count):
        got = []
        for _ in range(count):
            with m:
                while not store.load():
                    cond.wait(timeout=LIMIT)
                first, *rest = store.load()
                got.append(first)
                store.store(tuple(rest))
                cond.notify_all()
        return got

    def body(home):
        m, store = dgo.Mutex(), dgo.Atomic(())
        cond = made(home, dgo.Cond, m)
        for start in (0, 10):
            elsewhere(produce, m, cond, store, range(start, start + 10))
        consumers = [elsewhere(consume, m, cond, store, 10) for _ in range(2)]
        got = [value for consumer in consumers for value in consumer.result(timeout=LIMIT)]
        assert sorted(got) == list(range(20))

    everywhere(body, home)


def test_the_longest_waiting_is_notified_first(simulated, home):
    def body():
        m, ready, woken = dgo.Mutex(), dgo.Chan(), dgo.Chan(4)
        cond = made(home, dgo.Cond, m)
        for name in range(4):
            elsewhere(wait_and_tell, m, cond, ready, woken, name)
            ready.recv(timeout=LIMIT)
            come_to_rest()
        order = []
        for _ in range(4):
            with m:
                cond.notify()
            order.append(woken.recv(timeout=LIMIT))
        return order

    assert simulated(body) == [0, 1, 2, 3]
