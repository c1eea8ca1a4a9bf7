"""Waits that nothing can end are a deadlock, and waits for time are none (contract section 8)."""

from __future__ import annotations

import pytest

import dgo

from .common import LONG

# ---- nobody can end them -------------------------------------------------------------------------


def lock_twice():
    m = dgo.Mutex()
    m.lock()
    m.lock()


def write_while_reading():
    rw = dgo.RWMutex()
    rw.rlock()
    rw.lock()


def acquire_too_much():
    sem = dgo.Semaphore(1)
    sem.acquire()
    sem.acquire()


def wait_on_a_cond_that_nobody_notifies():
    m = dgo.Mutex()
    with m:
        dgo.Cond(m).wait()


def wait_for_a_context_that_nobody_cancels():
    ctx, _ = dgo.with_cancel(dgo.background())
    ctx.done().recv_ok()


def wait_for_a_stopped_timer():
    timer = dgo.Timer(LONG)
    timer.stop()
    timer.c.recv()


STUCK = (
    lock_twice,
    write_while_reading,
    acquire_too_much,
    wait_on_a_cond_that_nobody_notifies,
    wait_for_a_context_that_nobody_cancels,
    wait_for_a_stopped_timer,
)


@pytest.mark.parametrize("wait", STUCK, ids=[wait.__name__ for wait in STUCK])
def test_a_wait_that_nobody_can_end_is_a_deadlock(cluster, wait):
    with pytest.raises(dgo.Deadlock):
        wait()


@pytest.mark.parametrize("wait", STUCK, ids=[wait.__name__ for wait in STUCK])
def test_a_wait_that_nobody_can_end_is_a_deadlock_in_a_simulated_cluster(simulated, wait):
    with pytest.raises(dgo.Deadlock):
        simulated(wait)


# ---- time ends them ------------------------------------------------------------------------------

#: Longer than it takes to find a deadlock.
SECONDS = 2.5


def sleep(seconds):
    dgo.sleep(seconds)


def wait_for_after(seconds):
    dgo.after(seconds).recv()


def wait_for_a_tick(seconds):
    ticker = dgo.Ticker(seconds)
    ticker.c.recv()
    ticker.stop()


def wait_for_a_deadline(seconds):
    ctx, _ = dgo.with_timeout(dgo.background(), seconds)
    ctx.done().recv_ok()


def wait_for_an_after_func(seconds):
    done = dgo.Chan()
    dgo.after_func(seconds, done.close)
    done.recv_ok()


TIMED = (sleep, wait_for_after, wait_for_a_tick, wait_for_a_deadline, wait_for_an_after_func)


@pytest.mark.parametrize("wait", TIMED, ids=[wait.__name__ for wait in TIMED])
def test_a_wait_that_time_will_end_is_no_deadlock(cluster, wait):
    wait(SECONDS)


@pytest.mark.parametrize("wait", TIMED, ids=[wait.__name__ for wait in TIMED])
def test_a_goroutine_that_time_will_wake_is_no_deadlock(cluster, wait):
    dgo.go(wait, SECONDS).result()


@pytest.mark.parametrize("wait", TIMED, ids=[wait.__name__ for wait in TIMED])
def test_a_wait_of_an_hour_is_no_deadlock_where_time_is_virtual(simulated, wait):
    simulated(wait, LONG)
