"""What a cancelled waiter leaves behind, and goroutines that were cancelled before they started."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, elsewhere
from .common import made, nothing_comes


def use(started, block, it):
    started.send(None)
    block(it)


def cancel_a_waiter(block, it):
    started = dgo.Chan(1)
    goroutine = elsewhere(use, started, block, it)
    started.recv(timeout=LIMIT)
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    assert goroutine.cancelled() is True


def test_a_cancelled_receiver_takes_no_value(everywhere, home):
    def body(home):
        ch = made(home, dgo.Chan)
        cancel_a_waiter(lambda it: it.recv(), ch)
        with pytest.raises(dgo.WouldBlock):
            ch.send_nowait("nobody waits")

    everywhere(body, home)


def test_a_cancelled_sender_leaves_no_value(everywhere, home):
    def body(home):
        ch = made(home, dgo.Chan)
        cancel_a_waiter(lambda it: it.send("withdrawn"), ch)
        with pytest.raises(dgo.WouldBlock):
            ch.recv_nowait()

    everywhere(body, home)


def test_a_cancelled_waiter_does_not_get_the_lock(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        m.lock()
        cancel_a_waiter(lambda it: it.lock(), m)
        m.unlock()
        assert m.try_lock() is True
        m.unlock()

    everywhere(body, home)


def test_a_cancelled_writer_no_longer_holds_back_the_readers(everywhere, home):
    def body(home):
        rw = made(home, dgo.RWMutex)
        rw.rlock()
        cancel_a_waiter(lambda it: it.lock(), rw)
        assert rw.try_rlock() is True
        rw.runlock()
        rw.runlock()

    everywhere(body, home)


def test_a_cancelled_waiter_does_not_get_units(everywhere, home):
    def body(home):
        sem = made(home, dgo.Semaphore, 1)
        sem.acquire()
        cancel_a_waiter(lambda it: it.acquire(), sem)
        sem.release()
        assert sem.try_acquire() is True
        sem.release()

    everywhere(body, home)


def wait_on_a_cond(m):
    with m:
        dgo.Cond(m).wait()


def test_a_wait_on_a_cond_that_was_cancelled_has_given_the_mutex_back(everywhere, home):
    def body(home):
        m = made(home, dgo.Mutex)
        cancel_a_waiter(wait_on_a_cond, m)
        m.lock(timeout=LIMIT)
        m.unlock()

    everywhere(body, home)


# ---- a goroutine that has not started ------------------------------------------------------------


def test_a_cancelled_goroutine_that_was_queued_never_starts(simulated):
    def spawn_and_cancel(ran):
        # Spawned by a goroutine it is queued in the same process, and cannot start before this one waits.
        goroutine = dgo.go(ran.send, "started")
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        return goroutine.cancelled()

    def body():
        ran = dgo.Chan(1)
        cancelled = elsewhere(spawn_and_cancel, ran).result(timeout=LIMIT)
        return cancelled, nothing_comes(ran)

    assert simulated(body) == (True, True)


def test_a_cancelled_goroutine_that_no_worker_can_take_never_starts(everywhere):
    def body():
        ran = dgo.Chan(1)
        goroutine = dgo.go.options(labels={"room": "that no worker has"})(ran.send, "started")
        assert nothing_comes(ran)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body)
