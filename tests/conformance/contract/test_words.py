"""Errors say what was wrong, also when the object lives elsewhere (contract section 8)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING
from .common import made


@pytest.mark.parametrize(
    ("make", "misuse", "word"),
    [
        pytest.param(lambda: dgo.Mutex(), lambda m: m.unlock(), "unlock", id="Mutex.unlock"),
        pytest.param(lambda: dgo.RWMutex(), lambda rw: rw.unlock(), "unlock", id="RWMutex.unlock"),
        pytest.param(lambda: dgo.RWMutex(), lambda rw: rw.runlock(), "runlock", id="RWMutex.runlock"),
        pytest.param(lambda: dgo.Semaphore(1), lambda sem: sem.release(), "release", id="Semaphore.release"),
        pytest.param(lambda: dgo.Cond(dgo.Mutex()), lambda cond: cond.wait(timeout=LIMIT), "lock", id="Cond.wait"),
    ],
)
def test_a_misuse_is_told_in_words(everywhere, home, make, misuse, word):
    def body(home):
        with pytest.raises(dgo.MisuseError, match=word):
            misuse(made(home, make))

    everywhere(body, home)


@pytest.mark.parametrize(
    ("make", "prepare", "wait"),
    [
        pytest.param(lambda: dgo.Mutex(), lambda m: m.lock(), lambda m, t: m.lock(timeout=t), id="Mutex.lock"),
        pytest.param(lambda: dgo.RWMutex(), lambda rw: rw.lock(), lambda rw, t: rw.rlock(timeout=t), id="rlock"),
        pytest.param(lambda: dgo.RWMutex(), lambda rw: rw.rlock(), lambda rw, t: rw.lock(timeout=t), id="lock"),
        pytest.param(
            lambda: dgo.Semaphore(1), lambda sem: sem.acquire(), lambda sem, t: sem.acquire(timeout=t), id="acquire"
        ),
    ],
)
def test_a_wait_for_a_lock_whose_time_runs_out_is_pythons_timeout_error_too(everywhere, home, make, prepare, wait):
    def body(home):
        it = made(home, make)
        prepare(it)
        with pytest.raises(TimeoutError) as caught:
            wait(it, NOTHING)
        assert isinstance(caught.value, dgo.Timeout)

    everywhere(body, home)


def test_the_error_of_a_context_says_which_of_the_two_it_is(everywhere):
    def body():
        with dgo.timeout(NOTHING) as timed:
            timed.done().recv_ok(timeout=LIMIT)
        with dgo.with_cancel(dgo.background()) as cancelled:
            pass
        assert isinstance(timed.err(), TimeoutError)
        assert not isinstance(timed.err(), dgo.ContextCancelled)
        assert isinstance(cancelled.err(), dgo.ContextCancelled)
        assert not isinstance(cancelled.err(), TimeoutError)
        assert isinstance(timed.err(), dgo.DgoError)
        assert isinstance(cancelled.err(), dgo.DgoError)

    everywhere(body)


def test_cancelled_is_no_exception_and_cancelled_error_is_one():
    assert not issubclass(dgo.Cancelled, Exception)
    assert issubclass(dgo.CancelledError, dgo.DgoError)
