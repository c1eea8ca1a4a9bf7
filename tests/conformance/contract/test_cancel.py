"""cancel() and cancelled() (contract section 3)."""

from __future__ import annotations

import concurrent.futures

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere
from .common import LONG, made, outcome, unreached

# What can block a goroutine for ever: how the object is made so that it does, and the operation. What the
# body itself holds (a lock, units) it holds until its own end.


def locked_mutex(home):
    m = made(home, dgo.Mutex)
    m.lock()
    return m


def written_rwmutex(home):
    rw = made(home, dgo.RWMutex)
    rw.lock()
    return rw


def exhausted_semaphore(home):
    sem = made(home, dgo.Semaphore, 1)
    sem.acquire()
    return sem


def counting_group(home):
    wg = made(home, dgo.WaitGroup)
    wg.add(1)
    return wg


def wait_on_a_cond(m):
    with m:
        dgo.Cond(m).wait()


def cancellable(parent):
    ctx, _ = dgo.with_cancel(parent)
    return ctx


BLOCKING = {
    "receive": (lambda home: made(home, dgo.Chan), lambda ch: ch.recv()),
    "recv_ok": (lambda home: made(home, dgo.Chan), lambda ch: ch.recv_ok()),
    "iteration": (lambda home: made(home, dgo.Chan), lambda ch: list(ch)),
    "unbuffered send": (lambda home: made(home, dgo.Chan), lambda ch: ch.send(1)),
    "send to a full channel": (lambda home: made(home, dgo.Chan, 1), lambda ch: [ch.send(i) for i in range(2)]),
    "select": (lambda home: made(home, dgo.Chan), lambda ch: dgo.select(dgo.recv(ch), dgo.recv(dgo.Chan()))),
    "WaitGroup.wait": (counting_group, lambda wg: wg.wait()),
    "Mutex.lock": (locked_mutex, lambda m: m.lock()),
    "Mutex as a context manager": (locked_mutex, lambda m: m.__enter__()),
    "RWMutex.lock": (written_rwmutex, lambda rw: rw.lock()),
    "RWMutex.rlock": (written_rwmutex, lambda rw: rw.rlock()),
    "Semaphore.acquire": (exhausted_semaphore, lambda sem: sem.acquire()),
    "Cond.wait": (lambda home: made(home, dgo.Mutex), wait_on_a_cond),
    "sleep": (lambda home: LONG, lambda seconds: dgo.sleep(seconds)),
    "Timer": (lambda home: made(home, dgo.Timer, LONG), lambda timer: timer.c.recv()),
    "Context.done": (lambda home: made(home, cancellable, dgo.background()), lambda ctx: ctx.done().recv_ok()),
    "an operation with a timeout": (lambda home: made(home, dgo.Chan), lambda ch: ch.recv(timeout=LONG)),
}


def use(started, block, it):
    started.send(None)
    block(it)


def receive_for_ever(started):
    started.send(None)
    dgo.Chan().recv()


def cancelled_receiver():
    """A goroutine that was cancelled and has ended."""
    started = dgo.Chan(1)
    goroutine = elsewhere(receive_for_ever, started)
    started.recv(timeout=LIMIT)
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    return goroutine


@pytest.mark.parametrize("operation", BLOCKING)
def test_cancel_ends_a_goroutine_that_waits(everywhere, home, operation):
    def body(home, prepare, block):
        it, started = prepare(home), dgo.Chan(1)
        goroutine = elsewhere(use, started, block, it)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body, home, *BLOCKING[operation])


def running_once(gate):
    """A Once whose function runs until the gate is closed."""
    once, started = dgo.Once(), dgo.Chan(1)
    dgo.go(once.do, open_and_wait, started, gate)
    started.recv(timeout=LIMIT)
    return once


def running_flight(gate):
    """A SingleFlight with a call that runs until the gate is closed."""
    flights, started = dgo.SingleFlight(), dgo.Chan(1)
    dgo.go(flights.do, "key", open_and_wait, started, gate)
    started.recv(timeout=LIMIT)
    return flights


def full_group(gate):
    """An ErrGroup with as many members as it may have, which stay until the gate is closed."""
    group = dgo.ErrGroup(limit=1)
    group.go(gate.recv_ok)
    return group


def open_and_wait(started, gate):
    started.send(None)
    gate.recv_ok()


@pytest.mark.parametrize(
    ("prepare", "block"),
    [
        pytest.param(running_once, lambda once: once.do(unreached), id="Once.do"),
        pytest.param(running_flight, lambda flights: flights.do("key", unreached), id="SingleFlight.do"),
        pytest.param(full_group, lambda group: group.wait(), id="ErrGroup.wait"),
        pytest.param(full_group, lambda group: group.go(unreached), id="ErrGroup.go at the limit"),
    ],
)
def test_cancel_ends_a_goroutine_that_waits_for_the_work_of_others(everywhere, home, prepare, block):
    def body(home):
        gate, started = dgo.Chan(), dgo.Chan(1)
        it = made(home, prepare, gate)
        waiter = elsewhere(use, started, block, it)
        started.recv(timeout=LIMIT)
        waiter.cancel()
        waiter.wait(timeout=LIMIT)
        assert waiter.cancelled() is True
        gate.close()

    everywhere(body, home)


def test_cancel_ends_a_goroutine_that_waits_for_another(everywhere):
    def body():
        gate, started = dgo.Chan(), dgo.Chan(3)
        stuck = elsewhere(gate.recv_ok)
        for block in (lambda g: g.wait(), lambda g: g.result(), lambda g: dgo.gather(g)):
            waiter = elsewhere(use, started, block, stuck)
            started.recv(timeout=LIMIT)
            waiter.cancel()
            waiter.wait(timeout=LIMIT)
            assert waiter.cancelled() is True
        assert stuck.done() is False
        gate.close()
        assert stuck.result(timeout=LIMIT) == (None, False)

    everywhere(body)


def test_cancel_returns_none_and_does_not_wait_for_the_end(everywhere):
    def linger(started, gate):
        try:
            receive_for_ever(started)
        finally:
            gate.recv_ok(timeout=LIMIT)

    def body():
        started, gate = dgo.Chan(1), dgo.Chan()
        goroutine = elsewhere(linger, started, gate)
        started.recv(timeout=LIMIT)
        assert goroutine.cancel() is None
        with pytest.raises(dgo.Timeout):
            goroutine.wait(timeout=NOTHING)
        gate.close()
        goroutine.wait(timeout=LIMIT)

    everywhere(body)


def test_the_result_of_a_cancelled_goroutine_is_a_cancelled_error(everywhere):
    def body():
        goroutine = cancelled_receiver()
        with pytest.raises(dgo.CancelledError):
            goroutine.result(timeout=LIMIT)
        with pytest.raises(concurrent.futures.CancelledError):
            goroutine.result(timeout=LIMIT)

    everywhere(body)


def test_the_exception_of_a_cancelled_goroutine_raises_as_that_of_a_future_does(everywhere):
    def body():
        with pytest.raises(dgo.CancelledError):
            cancelled_receiver().exception(timeout=LIMIT)

    everywhere(body)


def test_a_cancelled_goroutine_is_done_and_its_wait_returns(everywhere):
    def body():
        goroutine = cancelled_receiver()
        assert goroutine.wait(timeout=LIMIT) is None
        assert goroutine.done() is True

    everywhere(body)


def test_a_goroutine_that_runs_is_not_cancelled(everywhere):
    def body():
        gate = dgo.Chan()
        goroutine = elsewhere(gate.recv_ok)
        assert goroutine.cancelled() is False
        gate.close()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is False

    everywhere(body)


def test_a_done_callback_is_told_of_a_cancelled_goroutine(everywhere):
    def body():
        ended, started = dgo.Chan(1), dgo.Chan(1)
        goroutine = elsewhere(receive_for_ever, started)
        goroutine.add_done_callback(lambda handle: ended.send_nowait(handle.cancelled()))
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert ended.recv(timeout=LIMIT) is True

    everywhere(body)


def test_a_cancel_after_the_end_does_nothing(everywhere):
    def body():
        goroutine = elsewhere(pow, 2, 3)
        goroutine.wait(timeout=LIMIT)
        goroutine.cancel()
        assert goroutine.result(timeout=LIMIT) == 8
        assert goroutine.cancelled() is False

    everywhere(body)


def test_a_handle_that_was_passed_on_cancels_too(everywhere):
    def body():
        started = dgo.Chan(1)
        goroutine = elsewhere(receive_for_ever, started)
        started.recv(timeout=LIMIT)
        elsewhere(goroutine.cancel).result(timeout=LIMIT)
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True
        assert elsewhere(goroutine.cancelled).result(timeout=LIMIT) is True
        assert elsewhere(outcome, goroutine.result).result(timeout=LIMIT) == "CancelledError"

    everywhere(body)


def test_a_goroutine_that_is_cancelled_before_it_blocks_is_cancelled_when_it_does(everywhere):
    def body():
        goroutine = elsewhere(receive_for_ever, dgo.Chan(1))
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body)


def test_a_cancel_does_not_reach_the_goroutines_that_a_goroutine_started(everywhere):
    def spawn_and_block(children, started, gate):
        children.send(elsewhere(gate.recv_ok))
        receive_for_ever(started)

    def body():
        children, started, gate = dgo.Chan(1), dgo.Chan(1), dgo.Chan()
        goroutine = elsewhere(spawn_and_block, children, started, gate)
        child = children.recv(timeout=LIMIT)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        gate.close()
        assert child.result(timeout=LIMIT) == (None, False)

    everywhere(body)


def test_concurrent_futures_see_a_cancelled_goroutine_as_done(cluster):
    goroutine = cancelled_receiver()
    done, pending = concurrent.futures.wait([goroutine], timeout=LIMIT)
    assert (done, pending) == ({goroutine}, set())


# ---- clean-up ------------------------------------------------------------------------------------


def test_finally_runs_and_may_block_again(everywhere):
    def clean_up(started, log):
        try:
            receive_for_ever(started)
        finally:
            dgo.sleep(NOTHING)
            log.send("clean", timeout=LIMIT)

    def body():
        started, log = dgo.Chan(1), dgo.Chan()
        goroutine = elsewhere(clean_up, started, log)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert log.recv(timeout=LIMIT) == "clean"
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body)


def test_cancelled_is_no_exception_that_a_careless_function_catches(everywhere):
    def careless(started):
        try:
            receive_for_ever(started)
        except Exception:  # noqa: BLE001 - what a careless function does
            return "swallowed"

    def body():
        started = dgo.Chan(1)
        goroutine = elsewhere(careless, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body)


def count_cancels(started, words):
    count = 0
    while True:
        try:
            started.send(count)
            words.recv()
        except dgo.Cancelled:
            count += 1
        else:
            return count


def test_cancelled_is_raised_once_a_call_of_cancel(everywhere):
    def body():
        started, words = dgo.Chan(1), dgo.Chan()
        goroutine = elsewhere(count_cancels, started, words)
        for i in range(3):
            assert started.recv(timeout=LIMIT) == i
            goroutine.cancel()
        assert started.recv(timeout=LIMIT) == 3
        words.send("end", timeout=LIMIT)
        assert goroutine.result(timeout=LIMIT) == 3

    everywhere(body)


def test_a_goroutine_that_swallowed_its_cancel_and_returned_has_its_value(everywhere):
    def swallow(started):
        try:
            receive_for_ever(started)
        except dgo.Cancelled:
            return "value"

    def body():
        started = dgo.Chan(1)
        goroutine = elsewhere(swallow, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert goroutine.result(timeout=LIMIT) == "value"
        assert goroutine.cancelled() is False

    everywhere(body)


def test_an_error_of_the_clean_up_is_the_goroutines_error(everywhere):
    def stumble(started):
        try:
            receive_for_ever(started)
        finally:
            raise KeyError("in the clean-up")

    def body():
        started = dgo.Chan(1)
        goroutine = elsewhere(stumble, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert isinstance(goroutine.exception(timeout=LIMIT), KeyError)
        assert goroutine.cancelled() is False

    everywhere(body)


def test_a_cancelled_holder_of_a_lock_gives_it_back_by_its_with_block(everywhere, home):
    def hold(m, started):
        with m:
            receive_for_ever(started)

    def body(home):
        m, started = made(home, dgo.Mutex), dgo.Chan(1)
        goroutine = elsewhere(hold, m, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        m.lock(timeout=LIMIT)
        m.unlock()
        goroutine.wait(timeout=LIMIT)

    everywhere(body, home)
