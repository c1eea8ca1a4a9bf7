"""The initializer of an executor, and the loss of workers."""

from __future__ import annotations

import concurrent.futures
import os

import pytest

import dgo

from .calls import LIMIT, OddError, die, pass_gate, square

pytestmark = pytest.mark.usefixtures("cluster")

prepared: list[object] = []  # of each process


def prepare(value, counter):
    dgo.gosched()  # others may come meanwhile
    prepared.append(value)
    counter.add(1)


def look(_=None):
    return os.getpid(), prepared[-1]


def refuse(gate=None):
    if gate is not None:
        gate.recv_ok(timeout=LIMIT)
    raise OddError("no such device")


def refuse_by_leaving(gate):
    gate.recv_ok(timeout=LIMIT)
    raise SystemExit("no such device")


def test_it_has_run_once_in_each_process_before_any_call_there():
    counter = dgo.Atomic(0)
    with dgo.Executor(initializer=prepare, initargs=("mine", counter)) as executor:
        found = list(executor.map(look, range(60)))
        assert {value for _, value in found} == {"mine"}
        assert counter.load() == len({process for process, _ in found})


def test_it_has_run_before_the_calls_of_a_chunk_too():
    with dgo.Executor(initializer=prepare, initargs=("chunks", dgo.Atomic(0))) as executor:
        assert {value for _, value in executor.map(look, range(20), chunksize=5)} == {"chunks"}


def test_each_executor_has_its_own():
    first_count, second_count = dgo.Atomic(0), dgo.Atomic(0)
    with (
        dgo.Executor(initializer=prepare, initargs=("a", first_count)) as first,
        dgo.Executor(initializer=prepare, initargs=("b", second_count)) as second,
    ):
        first.submit(square, 1).result(LIMIT)
        second.submit(square, 1).result(LIMIT)
    assert (first_count.load(), second_count.load()) == (1, 1)


def test_its_arguments_are_those_of_the_moment_when_the_executor_was_made():
    values = [1]
    executor = dgo.Executor(initializer=prepare, initargs=(values, dgo.Atomic(0)))
    values.append(2)
    with executor:
        assert executor.submit(look).result(LIMIT)[1] == [1]


@pytest.mark.parametrize("initializer", [refuse, refuse_by_leaving])
def test_if_it_raises_pending_and_later_calls_fail_and_name_the_cause(initializer):
    gate = dgo.Chan()
    executor = dgo.Executor(max_workers=1, initializer=initializer, initargs=(gate,))
    futures = [executor.submit(square, value) for value in range(5)]
    gate.close()
    for future in futures:
        error = future.exception(LIMIT)
        assert isinstance(error, concurrent.futures.BrokenExecutor)
        assert isinstance(error, dgo.BrokenExecutor)
        assert "no such device" in str(error)
    assert "in refuse" in str(futures[0].exception().__cause__)
    with pytest.raises(concurrent.futures.BrokenExecutor, match="no such device"):
        executor.submit(square, 1)
    executor.shutdown()


def test_a_broken_executor_of_a_call_breaks_only_that_one():
    def use_a_broken_one():
        with dgo.Executor(initializer=refuse) as inner:
            return inner.submit(square, 1).result(LIMIT)

    with dgo.Executor(initializer=prepare, initargs=("fine", dgo.Atomic(0))) as executor:
        with pytest.raises(dgo.BrokenExecutor):
            executor.submit(use_a_broken_one).result(LIMIT)
        assert executor.submit(square, 3).result(LIMIT) == 9


def test_a_lost_worker_ends_its_calls_with_worker_lost_and_the_executor_goes_on():
    with dgo.Executor(max_workers=1) as executor:
        lost, pending = executor.submit(die), executor.submit(square, 3)
        with pytest.raises(dgo.WorkerLost):
            lost.result(LIMIT)
        assert pending.result(LIMIT) == 9


def test_it_runs_in_the_worker_that_replaces_a_lost_one():
    counter = dgo.Atomic(0)
    with dgo.Executor(initializer=prepare, initargs=("again", counter)) as executor:
        before = {worker.pid for worker in dgo.cluster().workers()}
        assert isinstance(executor.submit(die).exception(LIMIT), dgo.WorkerLost)
        seen: set[int] = set()
        while not seen - before:  # until the one that replaces it has had a call
            dgo.cluster().wait_for_workers(2, timeout=LIMIT)
            found = list(executor.map(look, range(20)))
            assert {value for _, value in found} == {"again"}
            seen.update(process for process, _ in found)
        assert counter.load() >= len(seen)


def test_calls_that_come_while_it_runs_wait_for_its_end():
    gate = dgo.Chan()
    with dgo.Executor(initializer=pass_gate, initargs=(gate,)) as executor:
        futures = [executor.submit(square, value) for value in range(8)]
        assert concurrent.futures.wait(futures, 0.05).done == set()
        gate.close()
        assert [future.result(LIMIT) for future in futures] == [value * value for value in range(8)]


def test_globals_that_it_assigns_in_a_script_are_seen_by_the_calls(output):
    source = """
        import dgo, os

        connection = None

        def connect(name):
            global connection
            connection = (name, os.getpid())

        def helper(value):
            return connection[0], value, connection[1] == os.getpid()

        def use(value):
            return helper(value)

        if __name__ == "__main__":
            with dgo.Executor(initializer=connect, initargs=("db",)) as executor:
                print(set(executor.map(use, [1] * 20)))
                print(set(executor.map(use, [1] * 20, chunksize=4)))
            print(connection)
    """
    assert output(source) == ["{('db', 1, True)}", "{('db', 1, True)}", "None"]
