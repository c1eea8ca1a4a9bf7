"""Mutex and RWMutex (contract section 5, Go's rules of sync.Mutex and sync.RWMutex)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere, take
from .common import Room, come_to_rest, made


def hold(lock, unlock, held, gate):
    lock()
    held.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    unlock()


def held_elsewhere(lock, unlock):
    """Has another goroutine take the lock; returns its handle and the channel whose close lets it go."""
    held, gate = dgo.Chan(), dgo.Chan()
    holder = elsewhere(hold, lock, unlock, held, gate)
    held.recv(timeout=LIMIT)
    return holder, gate


def visit_often(lock, room):
    for _ in range(5):
        with lock:
            room.visit()


def queue_up(lock, unlock, name, order):
    lock()
    order.send(name, timeout=LIMIT)
    unlock()


# ---- Mutex ---------------------------------------------------------------------------------------


def test_a_new_mutex_can_be_locked_and_unlocked_again_and_again(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        for _ in range(3):
            assert m.lock(timeout=LIMIT) is None
            assert m.unlock() is None

    everywhere(body, home)


def test_only_one_goroutine_at_a_time_is_inside_a_mutex(everywhere, home):
    def body(home):
        m, room = made(home, dgo.Mutex), Room(1)
        for visitor in [elsewhere(visit_often, m, room) for _ in range(6)]:
            visitor.result(timeout=LIMIT)

    everywhere(body, home)


def test_try_lock_takes_a_free_mutex_and_leaves_a_held_one(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        assert m.try_lock() is True
        assert m.try_lock() is False
        assert elsewhere(m.try_lock).result(timeout=LIMIT) is False
        m.unlock()
        assert m.try_lock() is True
        m.unlock()

    everywhere(body, home)


def test_a_lock_waits_until_the_holder_elsewhere_unlocks(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        holder, gate = held_elsewhere(m.lock, m.unlock)
        with pytest.raises(dgo.Timeout):
            m.lock(timeout=NOTHING)
        gate.close()
        m.lock(timeout=LIMIT)
        m.unlock()
        holder.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_lock_that_timed_out_does_not_take_the_mutex_later(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        m.lock()
        waiter = elsewhere(lambda: m.lock(timeout=NOTHING))
        assert isinstance(waiter.exception(timeout=LIMIT), dgo.Timeout)
        m.unlock()
        assert m.try_lock() is True
        m.unlock()

    everywhere(body, home)


def test_a_mutex_does_not_know_that_its_holder_asks_again(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        m.lock()
        with pytest.raises(dgo.Timeout):
            m.lock(timeout=NOTHING)
        m.unlock()

    everywhere(body, home)


def test_the_with_form_of_a_mutex_unlocks_also_after_an_error(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        with m:
            assert m.try_lock() is False
        with pytest.raises(KeyError), m:
            raise KeyError("in the block")
        assert m.try_lock() is True
        m.unlock()

    everywhere(body, home)


def test_unlock_of_an_unlocked_mutex_is_a_misuse_error(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        with pytest.raises(dgo.MisuseError):
            m.unlock()
        m.lock()
        m.unlock()
        with pytest.raises(RuntimeError):
            m.unlock()

    everywhere(body, home)


def test_a_misused_mutex_works_as_before(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        with pytest.raises(dgo.MisuseError):
            m.unlock()
        assert m.try_lock() is True
        assert m.try_lock() is False
        m.unlock()

    everywhere(body, home)


def test_those_who_wait_for_a_mutex_are_served_in_order_of_arrival(simulated, home):
    def body():
        m, order = made(home, dgo.Mutex), dgo.Chan(5)
        m.lock()
        for name in range(5):
            elsewhere(queue_up, m.lock, m.unlock, name, order)
            come_to_rest()
        m.unlock()
        return take(order, 5)

    assert simulated(body) == [0, 1, 2, 3, 4]


# ---- RWMutex -------------------------------------------------------------------------------------


def test_several_readers_hold_an_rwmutex_at_once(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        holders = [held_elsewhere(rw.rlock, rw.runlock) for _ in range(3)]
        rw.rlock(timeout=LIMIT)
        assert rw.try_rlock() is True
        rw.runlock()
        rw.runlock()
        for holder, gate in holders:
            gate.close()
            holder.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_writer_waits_for_every_reader(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        holders = [held_elsewhere(rw.rlock, rw.runlock) for _ in range(2)]
        for holder, gate in holders:
            assert rw.try_lock() is False
            with pytest.raises(dgo.Timeout):
                rw.lock(timeout=NOTHING)
            gate.close()
            holder.result(timeout=LIMIT)
        assert rw.try_lock() is True
        rw.unlock()

    everywhere(body, home)


def test_readers_and_writers_wait_for_a_writer(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        holder, gate = held_elsewhere(rw.lock, rw.unlock)
        assert rw.try_rlock() is False
        assert rw.try_lock() is False
        with pytest.raises(dgo.Timeout):
            rw.rlock(timeout=NOTHING)
        with pytest.raises(dgo.Timeout):
            rw.lock(timeout=NOTHING)
        gate.close()
        rw.rlock(timeout=LIMIT)
        rw.runlock()
        holder.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_writer_is_alone_inside_an_rwmutex(everywhere, home):
    def write(rw, inside):
        for _ in range(5):
            with rw.write():
                assert inside.add(100) == 100
                dgo.gosched()
                assert inside.add(-100) == 0

    def read(rw, inside):
        for _ in range(5):
            with rw.read():
                assert inside.add(1) < 100
                dgo.gosched()
                assert inside.add(-1) < 100

    def body(home):
        rw, inside = made(home, dgo.RWMutex), dgo.Atomic(0)
        for visitor in [elsewhere(fn, rw, inside) for fn in (read, write, read, write, read)]:
            visitor.result(timeout=LIMIT)

    everywhere(body, home)


def test_a_waiting_writer_holds_back_new_readers(simulated, home):
    def body():
        rw, order = made(home, dgo.RWMutex), dgo.Chan(2)
        rw.rlock()
        elsewhere(queue_up, rw.lock, rw.unlock, "writer", order)
        come_to_rest()
        refused = rw.try_rlock()
        elsewhere(queue_up, rw.rlock, rw.runlock, "reader", order)
        come_to_rest()
        waiting = len(order)
        rw.runlock()
        return refused, waiting, take(order, 2)

    assert simulated(body) == (False, 0, ["writer", "reader"])


def test_readers_that_waited_for_a_writer_come_before_the_next_writer(simulated, home):
    def body():
        rw, order = made(home, dgo.RWMutex), dgo.Chan(3)
        rw.lock()
        elsewhere(queue_up, rw.rlock, rw.runlock, "reader", order)
        come_to_rest()
        elsewhere(queue_up, rw.lock, rw.unlock, "writer", order)
        come_to_rest()
        rw.unlock()
        return take(order, 2)

    assert simulated(body) == ["reader", "writer"]


def test_a_writer_that_timed_out_no_longer_holds_back_the_readers(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        rw.rlock()
        with pytest.raises(dgo.Timeout):
            rw.lock(timeout=NOTHING)
        rw.rlock(timeout=LIMIT)
        rw.runlock()
        rw.runlock()

    everywhere(body, home)


def test_readers_that_wait_behind_a_writer_go_on_when_it_times_out(simulated, home):
    def body():
        rw, order = made(home, dgo.RWMutex), dgo.Chan(1)
        rw.rlock()
        writer = dgo.go(rw.lock, timeout=10)
        come_to_rest()
        reader = dgo.go(queue_up, rw.rlock, rw.runlock, "reader", order)
        come_to_rest()
        before = len(order)
        assert isinstance(writer.exception(timeout=LIMIT), dgo.Timeout)
        reader.result(timeout=LIMIT)
        rw.runlock()
        return before, len(order)

    assert simulated(body) == (0, 1)


def test_the_with_forms_of_an_rwmutex_give_it_back_also_after_an_error(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        with rw.read():
            assert rw.try_lock() is False
        with rw.write():
            assert rw.try_rlock() is False
        with pytest.raises(KeyError), rw.read():
            raise KeyError("in the block")
        with pytest.raises(KeyError), rw.write():
            raise KeyError("in the block")
        assert rw.try_lock() is True
        rw.unlock()

    everywhere(body, home)


@pytest.mark.parametrize("operation", ["unlock", "runlock"])
def test_giving_back_a_free_rwmutex_is_a_misuse_error_and_changes_nothing(everywhere, home, operation):
    def body(home):
        rw = made(home, dgo.RWMutex)
        with pytest.raises(dgo.MisuseError):
            getattr(rw, operation)()
        assert rw.try_lock() is True
        assert rw.try_rlock() is False
        rw.unlock()

    everywhere(body, home)


def test_unlock_of_what_is_only_read_is_a_misuse_error_and_leaves_it_read(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        rw.rlock()
        with pytest.raises(dgo.MisuseError):
            rw.unlock()
        assert rw.try_lock() is False
        rw.runlock()
        assert rw.try_lock() is True
        rw.unlock()

    everywhere(body, home)


def test_runlock_of_what_is_written_is_a_misuse_error_and_leaves_it_written(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        rw.lock()
        with pytest.raises(dgo.MisuseError):
            rw.runlock()
        assert rw.try_rlock() is False
        rw.unlock()

    everywhere(body, home)
