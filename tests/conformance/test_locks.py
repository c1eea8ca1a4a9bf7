"""Mutex and RWMutex (contract section 5, Go's rules of sync.Mutex and sync.RWMutex)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, build, build_away, come_true, elsewhere, take


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


def lock_and_end(lock, how=None):
    lock.lock(timeout=LIMIT)
    if how is not None:
        how()


def fail():
    raise ValueError("expected by the test")


def hold(lock, ready, gate, name="lock"):
    """Holds it until the gate is closed."""
    getattr(lock, name)(timeout=LIMIT)
    ready.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    (lock.runlock if name == "rlock" else lock.unlock)()


def outcome_of_lock(lock):
    """Locks and unlocks; returns the name of the error, if there is one."""
    try:
        lock.lock(timeout=LIMIT)
    except dgo.DgoError as error:
        return type(error).__name__
    lock.unlock()
    return "locked"


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_what_many_goroutines_do_under_a_lock_is_not_mixed(everywhere, make, kind):
    def count(lock, counter):
        for _ in range(10):
            lock.lock(timeout=LIMIT)
            counter.store(counter.load() + 1)
            lock.unlock()

    def body(make):
        lock, counter = make(getattr(dgo, kind)), make(dgo.Atomic, 0)
        for goroutine in [elsewhere(count, lock, counter) for _ in range(6)]:
            goroutine.result(timeout=LIMIT)
        assert counter.load() == 60

    everywhere(body, make)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_a_lock_that_is_held_is_waited_for_and_not_taken(everywhere, make, kind):
    def body(make):
        lock, ready, gate = make(getattr(dgo, kind)), dgo.Chan(), dgo.Chan()
        holder = elsewhere(hold, lock, ready, gate)
        ready.recv(timeout=LIMIT)
        assert not lock.try_lock()
        with pytest.raises(dgo.Timeout):
            lock.lock(timeout=NOTHING)
        waiter = elsewhere(outcome_of_lock, lock)
        gate.close()
        assert waiter.result(timeout=LIMIT) == "locked"
        holder.result(timeout=LIMIT)
        assert lock.try_lock(), "the wait that timed out has not taken it"
        lock.unlock()

    everywhere(body, make)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_unlock_of_an_unlocked_one_is_misuse_and_changes_nothing(everywhere, make, kind):
    def body(make):
        lock = make(getattr(dgo, kind))
        with pytest.raises(dgo.MisuseError, match=r"lock\(\) has to come first"):
            lock.unlock()
        assert lock.try_lock()
        lock.unlock()
        with pytest.raises(dgo.MisuseError):
            lock.unlock()

    everywhere(body, make)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_another_goroutine_may_unlock(everywhere, make, kind):
    def body(make):
        lock = make(getattr(dgo, kind))
        lock.lock(timeout=LIMIT)
        elsewhere(lock.unlock).result(timeout=LIMIT)
        assert lock.try_lock()
        lock.unlock()

    everywhere(body, make)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
@pytest.mark.parametrize("how", [None, fail, dgo.goexit], ids=["return", "exception", "goexit"])
def test_a_holder_that_ended_is_told_once_and_the_lock_is_free(everywhere, make, kind, how):
    def body(make, how):
        lock = make(getattr(dgo, kind))
        elsewhere(lock_and_end, lock, how).exception(timeout=LIMIT)
        assert [outcome_of_lock(lock) for _ in range(3)] == ["LockLost", "locked", "locked"]

    everywhere(body, make, how)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_try_lock_is_told_too(everywhere, make, kind):
    def body(make):
        lock = make(getattr(dgo, kind))
        elsewhere(lock_and_end, lock).result(timeout=LIMIT)
        come_true(lambda: lock.statistics()[0] is None)  # its home has heard of the end
        with pytest.raises(dgo.LockLost, match="half-changed"):
            lock.try_lock()
        assert lock.try_lock()
        lock.unlock()

    everywhere(body, make)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_of_those_who_wait_when_the_holder_ends_one_is_told_and_the_others_lock(everywhere, make, kind):
    def body(make):
        lock, told, started = make(getattr(dgo, kind)), dgo.Chan(), dgo.Chan()

        def wait_and_end():
            lock.lock(timeout=LIMIT)
            started.send(None, timeout=LIMIT)
            told.recv(timeout=LIMIT)

        elsewhere(wait_and_end)
        started.recv(timeout=LIMIT)
        waiters = [elsewhere(outcome_of_lock, lock) for _ in range(3)]
        told.send(None, timeout=LIMIT)
        assert sorted(waiter.result(timeout=LIMIT) for waiter in waiters) == ["LockLost", "locked", "locked"]

    everywhere(body, make)


def test_the_end_of_a_goroutine_whose_lock_another_has_unlocked_is_no_loss(everywhere, make):
    def body(make):
        mutex, ready, gate = make(dgo.Mutex), dgo.Chan(), dgo.Chan()

        def lock_and_wait():
            mutex.lock(timeout=LIMIT)
            ready.send(None, timeout=LIMIT)
            gate.recv_ok(timeout=LIMIT)

        holder = elsewhere(lock_and_wait)
        ready.recv(timeout=LIMIT)
        mutex.unlock()
        mutex.lock(timeout=LIMIT)
        gate.close()
        holder.result(timeout=LIMIT)
        with pytest.raises(dgo.Timeout):
            mutex.lock(timeout=NOTHING)
        mutex.unlock()
        assert outcome_of_lock(mutex) == "locked"

    everywhere(body, make)


def test_the_with_form_unlocks_also_when_the_block_raises(everywhere, make):
    def body(make):
        mutex = make(dgo.Mutex)
        with pytest.raises(ValueError), mutex:
            fail()
        assert mutex.try_lock()
        mutex.unlock()

    everywhere(body, make)


def test_a_lock_is_the_same_one_wherever_its_handle_has_been(everywhere, make):
    def body(make):
        mutex, ch = make(dgo.Mutex), dgo.Chan(1)
        elsewhere(lambda: ch.send(mutex)).result(timeout=LIMIT)
        other = ch.recv(timeout=LIMIT)
        assert other == mutex
        assert hash(other) == hash(mutex)
        mutex.lock(timeout=LIMIT)
        assert not other.try_lock()
        other.unlock()
        assert mutex.try_lock()
        mutex.unlock()

    everywhere(body, make)


def test_statistics_tell_the_holder_and_how_many_wait(everywhere, make):
    def name_and_wait(mutex, ch, gate):
        with mutex:
            ch.send(dgo.current().id, timeout=LIMIT)
            gate.recv_ok(timeout=LIMIT)

    def body(make):
        mutex, ch, gate = make(dgo.Mutex), dgo.Chan(), dgo.Chan()
        assert mutex.statistics() == (None, 0)
        elsewhere(name_and_wait, mutex, ch, gate)
        holder = ch.recv(timeout=LIMIT)
        waiters = [elsewhere(outcome_of_lock, mutex) for _ in range(2)]
        come_true(lambda: mutex.statistics().waiting == 2)
        assert mutex.statistics().holder == holder
        if make is build:
            assert f"locked by {holder}, 2 waiting" in repr(mutex)
        else:
            assert "elsewhere" in repr(mutex)
        gate.close()
        for waiter in waiters:
            waiter.result(timeout=LIMIT)

    everywhere(body, make)


# ---- RWMutex -------------------------------------------------------------------------------------


def test_readers_read_together_and_a_writer_waits_for_all(everywhere, make):
    def body(make):
        rw, ready, gate = make(dgo.RWMutex), dgo.Chan(), dgo.Chan()
        readers = [elsewhere(hold, rw, ready, gate, "rlock") for _ in range(3)]
        take(ready, 3)
        assert rw.try_rlock()
        rw.runlock()
        assert not rw.try_lock()
        with pytest.raises(dgo.Timeout):
            rw.lock(timeout=NOTHING)
        gate.close()
        rw.lock(timeout=LIMIT)
        rw.unlock()
        for reader in readers:
            reader.result(timeout=LIMIT)

    everywhere(body, make)


def test_nobody_reads_while_somebody_writes(everywhere, make):
    def body(make):
        rw, ready, gate = make(dgo.RWMutex), dgo.Chan(), dgo.Chan()
        writer = elsewhere(hold, rw, ready, gate)
        ready.recv(timeout=LIMIT)
        assert not rw.try_rlock()
        with pytest.raises(dgo.Timeout):
            rw.rlock(timeout=NOTHING)
        gate.close()
        with rw.read():
            pass
        writer.result(timeout=LIMIT)

    everywhere(body, make)


def test_a_writer_that_waits_stops_new_readers_until_it_gives_up(everywhere, make):
    def give_up(rw):
        with pytest.raises(dgo.Timeout):
            rw.lock(timeout=1)

    def body(make):
        rw = make(dgo.RWMutex)
        rw.rlock(timeout=LIMIT)
        writer = elsewhere(give_up, rw)
        come_true(lambda: rw.statistics().waiting_writers == 1)
        assert not rw.try_rlock()
        rw.rlock(timeout=LIMIT)
        writer.result(timeout=LIMIT)
        assert rw.statistics() == (None, 2, 0, 0)
        rw.runlock()
        rw.runlock()

    everywhere(body, make)


def test_runlock_of_one_that_nobody_reads_is_misuse(everywhere, make):
    def body(make):
        rw = make(dgo.RWMutex)
        with pytest.raises(dgo.MisuseError):
            rw.runlock()
        with rw.write(), pytest.raises(dgo.MisuseError):
            rw.runlock()
        with rw.read(), pytest.raises(dgo.MisuseError):
            rw.unlock()
        assert rw.statistics() == (None, 0, 0, 0)

    everywhere(body, make)


def test_the_read_locks_of_a_goroutine_that_ended_are_returned(everywhere, make):
    def read_and_end(rw):
        rw.rlock(timeout=LIMIT)
        rw.rlock(timeout=LIMIT)
        rw.runlock()

    def body(make):
        rw = make(dgo.RWMutex)
        elsewhere(read_and_end, rw).result(timeout=LIMIT)
        rw.lock(timeout=LIMIT)
        rw.unlock()

    everywhere(body, make)


def test_readers_are_not_told_that_a_writer_was_lost(everywhere, make):
    def body(make):
        rw = make(dgo.RWMutex)
        elsewhere(lock_and_end, rw).result(timeout=LIMIT)
        rw.rlock(timeout=LIMIT)
        rw.runlock()
        assert outcome_of_lock(rw) == "LockLost"

    everywhere(body, make)
