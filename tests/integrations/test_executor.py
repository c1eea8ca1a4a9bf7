"""``dgo.Executor``: submit, cancel, map, wait, as_completed, done callbacks (contract section 10)."""

from __future__ import annotations

import concurrent.futures
import functools
import gc
import threading
import weakref

import pytest

import dgo
from dgo.runtime import current, spawner
from dgo.runtime.cpus import usable_cpus

from .calls import (
    LIMIT,
    OddError,
    arrive,
    fail,
    fail_at,
    identity,
    make_unloadable,
    make_unpicklable,
    measure,
    pass_gate,
    raise_unloadable,
    report,
    square,
    tell,
)

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def executor():
    with dgo.Executor() as made:
        yield made


@pytest.fixture
def gate():
    """What calls wait at; opened at the latest when the test ends."""
    made = dgo.Chan()
    yield made
    if not made.closed:
        made.close()


@pytest.fixture
def single(gate):
    """An executor that runs one call at a time; ends after the gate has been opened."""
    made = dgo.Executor(max_workers=1)
    yield made
    if not gate.closed:
        gate.close()
    made.shutdown()


# ---- submit ----------------------------------------------------------------------------------------


def test_a_call_gives_its_result(executor):
    assert executor.submit(square, 7).result(LIMIT) == 49


def test_a_future_is_a_standard_one(executor):
    assert isinstance(executor.submit(square, 7), concurrent.futures.Future)


def test_all_arguments_arrive_whatever_their_names(executor):
    future = executor.submit(report, 1, self=2, fn=3, args=4)
    assert future.result(LIMIT) == ((1,), {"self": 2, "fn": 3, "args": 4})


def test_closures_lambdas_and_partials_can_be_submitted(executor):
    base = 10
    assert executor.submit(lambda x: x + base, 1).result(LIMIT) == 11
    assert executor.submit(functools.partial(square, 3)).result(LIMIT) == 9


def test_an_exception_is_the_calls_own_with_the_remote_traceback_as_its_cause(executor):
    future = executor.submit(fail, "because")
    with pytest.raises(OddError, match="because") as caught:
        future.result(LIMIT)
    assert "in fail" in str(caught.value.__cause__)


def test_arguments_are_those_of_the_moment_of_submit_also_of_a_pending_call(single, gate):
    values = [1, 2]
    single.submit(pass_gate, gate)
    pending = single.submit(identity, values)
    values.append(3)
    gate.close()
    assert pending.result(LIMIT) == [1, 2]


def test_what_cannot_travel_is_refused_at_submit_and_the_executor_goes_on(executor):
    with pytest.raises(dgo.SerializationError, match="argument 1"):
        executor.submit(identity, threading.Lock())
    assert executor.submit(square, 2).result(LIMIT) == 4


def test_a_result_that_cannot_travel_is_its_futures_exception_and_the_executor_goes_on(executor):
    assert isinstance(executor.submit(make_unpicklable).exception(LIMIT), dgo.SerializationError)
    assert executor.submit(square, 2).result(LIMIT) == 4


def test_a_result_that_cannot_be_rebuilt_is_its_futures_exception_and_the_executor_goes_on(executor):
    assert isinstance(executor.submit(make_unloadable).exception(LIMIT), dgo.SerializationError)
    assert executor.submit(square, 2).result(LIMIT) == 4


def test_an_exception_that_cannot_be_rebuilt_becomes_a_remote_error(executor):
    error = executor.submit(raise_unloadable).exception(LIMIT)
    assert isinstance(error, dgo.RemoteError)
    assert error.type_name.endswith("UnloadableError")


def test_a_call_that_ends_by_goexit_has_no_result(executor):
    assert executor.submit(dgo.goexit).result(LIMIT) is None


def test_many_threads_may_submit_at_once(executor):
    def submit_some(start):
        futures.extend(executor.submit(identity, value) for value in range(start, start + 50))

    futures = []
    threads = [threading.Thread(target=submit_some, args=(50 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(future.result(LIMIT) for future in futures) == list(range(300))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        pytest.param({"max_workers": 0}, ValueError, "must be greater than 0", id="none"),
        pytest.param({"max_workers": -1}, ValueError, "must be greater than 0", id="negative"),
        pytest.param({"max_workers": "2"}, TypeError, "takes an integer", id="a text"),
        pytest.param({"max_workers": True}, TypeError, "takes an integer", id="a bool"),
        pytest.param({"initializer": 3}, TypeError, "takes a callable", id="no callable"),
        pytest.param(
            {"initializer": print, "initargs": (threading.Lock(),)},
            dgo.SerializationError,
            "initializer",
            id="an initializer that cannot travel",
        ),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments, error, words):
    with pytest.raises(error, match=words):
        dgo.Executor(**arguments)


def test_what_cannot_be_called_is_refused_at_submit(executor):
    with pytest.raises(TypeError, match="takes a function"):
        executor.submit(square(3))


def test_an_executor_cannot_travel_and_says_what_to_do(executor):
    with pytest.raises(dgo.SerializationError, match="make one of their own"):
        dgo.go(identity, executor)


# ---- in flight, pending, cancelled -----------------------------------------------------------------


def test_no_more_than_max_workers_calls_are_in_flight(gate):
    now, most = dgo.Atomic(0), dgo.Atomic(0)
    with dgo.Executor(max_workers=3) as executor:
        for _ in range(12):
            executor.submit(measure, now, most, gate)
        while now.load() < 3:
            dgo.sleep(0.001)
        gate.close()
    assert most.load() == 3


def test_pending_calls_run_in_the_order_of_submission(single, gate):
    order = dgo.Chan(20)
    single.submit(pass_gate, gate)
    for value in range(20):
        single.submit(tell, order, value)
    gate.close()
    assert [order.recv(timeout=LIMIT) for _ in range(20)] == list(range(20))


def test_a_pending_call_can_be_cancelled_and_never_runs(single, gate):
    told = dgo.Chan(3)
    single.submit(pass_gate, gate)
    futures = [single.submit(tell, told, value) for value in range(3)]
    assert futures[1].cancel()
    gate.close()
    concurrent.futures.wait(futures, LIMIT)
    single.shutdown()
    assert [told.recv_nowait() for _ in range(len(told))] == [0, 2]
    with pytest.raises(concurrent.futures.CancelledError):
        futures[1].result(0)


def test_a_running_call_cannot_be_cancelled(single, gate):
    running = single.submit(pass_gate, gate, "result")
    assert running.running()
    assert not running.cancel()
    gate.close()
    assert running.result(LIMIT) == "result"


def test_without_max_workers_there_are_at_least_four_for_each_worker_in_flight_and_the_rest_can_be_cancelled(gate):
    width = 4 * max(usable_cpus(), 2)
    executor = dgo.Executor()
    arrivals = dgo.Chan(width + 10)
    futures = [executor.submit(arrive, arrivals, gate) for _ in range(width + 10)]
    for _ in range(8):
        arrivals.recv(timeout=LIMIT)
    assert futures[-1].cancel()
    assert not futures[0].cancel()
    executor.shutdown(wait=False, cancel_futures=True)
    gate.close()
    executor.shutdown()


def test_short_calls_widen_the_window_and_all_of_them_run(executor):
    assert sum(executor.map(identity, range(3000))) == sum(range(3000))


def test_where_there_is_no_room_for_more_goroutines_calls_wait_and_submit_does_not_block(monkeypatch, gate):
    monkeypatch.setattr(spawner, "WINDOW", 4)
    with dgo.Executor(max_workers=1000) as executor:
        with current.get().lock:  # no news of starts come in
            futures = [executor.submit(pass_gate, gate, value) for value in range(100)]
            assert [future.running() for future in futures] == [True] * 4 + [False] * 96
        gate.close()
        assert [future.result(LIMIT) for future in futures] == list(range(100))


def test_cancel_all_ends_running_calls_too(gate):
    executor = dgo.Executor(max_workers=1)
    arrivals = dgo.Chan()
    running = executor.submit(arrive, arrivals, gate)
    pending = executor.submit(square, 3)
    arrivals.recv(timeout=LIMIT)
    executor.cancel_all()
    assert pending.cancelled()
    with pytest.raises(dgo.CancelledError):
        running.result(LIMIT)
    executor.shutdown()


def test_a_future_that_the_program_settles_itself_holds_nothing_up(single, gate, caplog):
    running = single.submit(pass_gate, gate)
    running.set_result("mine")
    gate.close()
    assert single.submit(square, 2).result(LIMIT) == 4
    single.shutdown()
    assert "settled a future of an Executor itself" in caplog.text


# ---- map -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 2, 7, 100])
def test_map_gives_the_results_in_order_whatever_the_chunks(executor, chunksize):
    found = executor.map(pow, range(20), range(30), chunksize=chunksize)
    assert list(found) == list(map(pow, range(20), range(30)))


@pytest.mark.parametrize("chunksize", [0, -1])
def test_map_refuses_a_chunksize_that_is_not_positive(executor, chunksize):
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        executor.map(square, [1], chunksize=chunksize)


def test_map_reads_its_input_at_once_and_runs_without_being_iterated(executor):
    told = dgo.Chan(3)
    values = iter(range(3))
    executor.map(functools.partial(tell, told), values)
    assert list(values) == []
    assert sorted(told.recv(timeout=LIMIT) for _ in range(3)) == [0, 1, 2]


@pytest.mark.parametrize("chunksize", [1, 2])
def test_map_raises_the_exception_of_a_call_in_its_place(executor, chunksize):
    found = executor.map(functools.partial(fail_at, 2), range(5), chunksize=chunksize)
    assert next(found) == 0
    assert next(found) == 1
    with pytest.raises(OddError, match="at 2"):
        next(found)


def test_map_raises_timeout_error_and_cancels_what_is_pending(single, gate):
    arrivals = dgo.Chan(3)
    found = single.map(arrive, [arrivals] * 3, [gate] * 3, timeout=0.05)
    with pytest.raises(TimeoutError):
        next(found)
    gate.close()
    single.shutdown()
    assert len(arrivals) == 1


@pytest.mark.parametrize("chunksize", [1, 2])
def test_closing_maps_iterator_cancels_what_is_pending(gate, chunksize):
    told = dgo.Chan(20)

    def step(value):
        told.send(value)
        if value >= chunksize:
            gate.recv_ok(timeout=LIMIT)
        return value

    with dgo.Executor(max_workers=1) as executor:
        found = executor.map(step, range(10 * chunksize), chunksize=chunksize)
        assert next(found) == 0
        found.close()
        gate.close()
    assert len(told) == 2 * chunksize  # what has given its results, and what was in flight


# ---- wait and as_completed -------------------------------------------------------------------------


def test_wait_returns_with_the_first_that_has_ended(executor, gate):
    slow, quick = executor.submit(pass_gate, gate), executor.submit(square, 2)
    done, rest = concurrent.futures.wait([slow, quick], LIMIT, concurrent.futures.FIRST_COMPLETED)
    assert (done, rest) == ({quick}, {slow})
    gate.close()


def test_wait_returns_with_the_first_exception(executor, gate):
    slow, quick, bad = executor.submit(pass_gate, gate), executor.submit(square, 2), executor.submit(fail, "x")
    done, rest = concurrent.futures.wait([slow, quick, bad], LIMIT, concurrent.futures.FIRST_EXCEPTION)
    assert bad in done
    assert slow in rest
    gate.close()


def test_wait_for_all_has_a_timeout(executor, gate):
    slow, quick = executor.submit(pass_gate, gate), executor.submit(square, 2)
    quick.result(LIMIT)
    assert concurrent.futures.wait([slow, quick], 0.01) == ({quick}, {slow})
    gate.close()
    assert concurrent.futures.wait([slow, quick], LIMIT) == ({slow, quick}, set())


def test_as_completed_gives_each_future_once_as_it_ends(executor, gate):
    slow, quick = executor.submit(pass_gate, gate), executor.submit(square, 2)
    found = concurrent.futures.as_completed([slow, quick, quick], LIMIT)
    assert next(found) is quick
    gate.close()
    assert list(found) == [slow]


def test_futures_and_goroutines_can_be_waited_for_together(executor):
    both = [executor.submit(square, 2), dgo.go(square, 3)]
    done, rest = concurrent.futures.wait(both, LIMIT)
    assert not rest
    assert sorted(each.result() for each in done) == [4, 9]


# ---- done callbacks --------------------------------------------------------------------------------


def test_callbacks_are_called_in_order_with_the_future_and_one_that_raises_stops_no_other(executor, gate, caplog):
    called, all_called = [], threading.Event()

    def bad(future):
        called.append(("bad", future))
        raise OddError("in a callback")

    def last(future):
        called.append(("last", future))
        all_called.set()

    future = executor.submit(pass_gate, gate)
    future.add_done_callback(bad)
    future.add_done_callback(last)
    gate.close()
    assert all_called.wait(LIMIT)
    assert called == [("bad", future), ("last", future)]
    assert "in a callback" in caplog.text


def test_a_callback_that_raises_system_exit_does_not_end_the_executor(executor, gate, caplog):
    def leave(future):
        raise SystemExit("from a callback")

    future = executor.submit(pass_gate, gate)
    future.add_done_callback(leave)
    gate.close()
    future.result(LIMIT)
    assert executor.submit(square, 2).result(LIMIT) == 4
    executor.shutdown()
    assert "a done callback raised" in caplog.text


def test_a_callback_added_after_the_end_is_called_at_once(executor):
    called = []
    future = executor.submit(square, 2)
    future.result(LIMIT)
    future.add_done_callback(called.append)
    assert called == [future]


def test_a_callback_may_submit(executor, gate):
    second, there = [], threading.Event()

    def submit(future):
        second.append(executor.submit(square, future.result()))
        there.set()

    first = executor.submit(pass_gate, gate, 3)
    first.add_done_callback(submit)
    gate.close()
    assert there.wait(LIMIT)
    assert second[0].result(LIMIT) == 9


def test_a_callback_that_blocks_holds_up_no_other_executor_and_no_goroutine(executor, gate):
    blocked, free = threading.Event(), threading.Event()

    def block(future):
        blocked.set()
        assert free.wait(LIMIT)

    first = executor.submit(pass_gate, gate)
    first.add_done_callback(block)
    gate.close()
    assert blocked.wait(LIMIT)
    with dgo.Executor() as other:
        assert other.submit(square, 2).result(LIMIT) == 4
    assert dgo.go(square, 3).result(LIMIT) == 9
    free.set()


def test_a_callback_that_waits_for_its_own_executor_is_told_so(executor, gate):
    errors, told = [], threading.Event()

    def shut(future):
        try:
            executor.shutdown()
        except RuntimeError as error:
            errors.append(error)
        told.set()

    future = executor.submit(pass_gate, gate)
    future.add_done_callback(shut)
    gate.close()
    assert told.wait(LIMIT)
    assert "waits for the executor that runs it" in str(errors[0])


# ---- shutdown --------------------------------------------------------------------------------------


def test_after_shutdown_nothing_can_be_submitted(executor):
    executor.shutdown()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(square, 2)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.map(square, [2])


def test_shutdown_without_a_call_starts_nothing_and_returns():
    dgo.Executor().shutdown()


def test_leaving_the_block_waits_for_pending_calls_too():
    with dgo.Executor(max_workers=1) as executor:
        futures = [executor.submit(square, value) for value in range(10)]
    assert all(future.done() for future in futures)


def test_shutdown_without_wait_lets_everything_submitted_run(single, gate):
    futures = [single.submit(pass_gate, gate, value) for value in range(3)]
    single.shutdown(wait=False)
    gate.close()
    assert [future.result(LIMIT) for future in futures] == [0, 1, 2]


def test_shutdown_can_cancel_what_is_pending_and_those_who_wait_for_it_learn_that(single, gate):
    running, *pending = [single.submit(pass_gate, gate, value) for value in range(4)]
    waited = []
    thread = threading.Thread(target=lambda: waited.append(concurrent.futures.wait(pending, LIMIT)))
    thread.start()
    single.shutdown(wait=False, cancel_futures=True)
    thread.join(LIMIT)
    assert waited[0].done == set(pending)
    assert all(future.cancelled() for future in pending)
    gate.close()
    single.shutdown()
    assert running.result(0) == 0


def test_an_executor_that_was_dropped_finishes_its_calls(gate):
    executor = dgo.Executor(max_workers=1)
    futures = [executor.submit(pass_gate, gate, value) for value in range(3)]
    gone = weakref.ref(executor)
    del executor
    gc.collect()
    assert gone() is None
    gate.close()
    assert [future.result(LIMIT) for future in futures] == [0, 1, 2]


# ---- memory ----------------------------------------------------------------------------------------


class Thing:
    """Can be referred to weakly."""


def test_neither_future_nor_executor_keeps_an_argument_alive(executor):
    thing = Thing()
    gone = weakref.ref(thing)
    future = executor.submit(report, thing)
    del thing
    gc.collect()
    assert gone() is None
    future.result(LIMIT)


def test_a_result_lives_as_long_as_its_future(executor):
    future = executor.submit(identity, Thing())
    gone = weakref.ref(future.result(LIMIT))
    executor.shutdown()
    gc.collect()
    assert gone() is not None
    del future
    gc.collect()
    assert gone() is None


def test_map_keeps_no_result_that_it_has_given(executor):
    found = executor.map(identity, [Thing(), Thing()])
    gone = weakref.ref(next(found))
    executor.shutdown()
    gc.collect()
    assert gone() is None
    assert isinstance(next(found), Thing)


# ---- in goroutines ---------------------------------------------------------------------------------


def squares_by_executor(count, max_workers=None):
    with dgo.Executor(max_workers) as executor:
        return list(executor.map(square, range(count)))


@pytest.mark.parametrize("max_workers", [None, 1, 3])
def test_a_goroutine_can_have_an_executor(max_workers):
    assert dgo.go(squares_by_executor, 40, max_workers).result(LIMIT) == [value * value for value in range(40)]


def test_a_call_of_an_executor_can_have_an_executor(executor):
    found = executor.map(squares_by_executor, range(6), [1] * 6)
    assert list(found) == [[value * value for value in range(count)] for count in range(6)]


def callbacks_in_a_goroutine():
    called = dgo.Chan(1)
    with dgo.Executor() as executor:
        executor.submit(square, 5).add_done_callback(lambda future: called.send(future.result()))
        return called.recv(timeout=LIMIT)


def test_done_callbacks_of_an_executor_in_a_goroutine_may_block():
    assert dgo.go(callbacks_in_a_goroutine).result(LIMIT) == 25


def waits_in_a_goroutine():
    gate = dgo.Chan()
    with dgo.Executor(max_workers=1) as executor:
        running, pending = executor.submit(pass_gate, gate), executor.submit(square, 2)
        cancelled = pending.cancel(), running.cancel()
        gate.close()
        concurrent.futures.wait([running, pending], LIMIT)
        return cancelled


def test_cancel_and_wait_work_in_a_goroutine():
    assert dgo.go(waits_in_a_goroutine).result(LIMIT) == (True, False)
