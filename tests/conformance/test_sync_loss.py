"""Locks, semaphores, once and cond when a process dies (contract sections 5 and 8)."""

from __future__ import annotations

import os
import signal

import pytest

import dgo
from dgo.runtime import current

from .conftest import eventually
from .places import LIMIT, NOTHING, build, come_true, elsewhere

SEEDS = range(8)
DRIVER, FIRST, SECOND = range(3)


def here_is():
    """The name of the node that runs this."""
    return current.get().name


def start_on(name, fn, *args):
    """A goroutine that runs on the node of this name."""
    said = dgo.Chan()

    def start():
        stays = here_is() == name
        said.send(stays, timeout=LIMIT)
        return fn(*args) if stays else None

    for _ in range(50):
        goroutine = elsewhere(start)
        if said.recv(timeout=LIMIT):
            return goroutine
    raise AssertionError(f"{name} gets no goroutines")


def make_on(name, kind, *args):
    return kind(*args) if name == here_is() else start_on(name, build, kind, *args).result(timeout=LIMIT)


def hold_for_ever(take, ready):
    take()
    ready.send(None, timeout=LIMIT)
    dgo.Chan().recv()


def start_holder(name, take):
    """A goroutine on that node has taken something and waits until it dies."""
    ready = dgo.Chan()
    start_on(name, hold_for_ever, take, ready)
    ready.recv(timeout=LIMIT)


def outcome_of_lock(lock):
    try:
        lock.lock(timeout=LIMIT)
    except dgo.DgoError as error:
        return type(error).__name__
    lock.unlock()
    return "locked"


# ---- simulated: every schedule ---------------------------------------------------------------------


@pytest.fixture(params=SEEDS)
def nodes(request):
    from dgo.testing import LocalCluster

    with LocalCluster(nodes=3, seed=request.param) as simulated:
        yield simulated


@pytest.fixture(params=["driver", "worker-2"])
def home(request):
    return request.param


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_of_those_who_wait_when_the_holder_dies_one_is_told(nodes, home, kind):
    def body():
        lock = make_on(home, getattr(dgo, kind))
        start_holder("worker-1", lock.lock)
        start_on("worker-1", lock.lock)  # it waits, and dies too
        waiters = [start_on("worker-2", outcome_of_lock, lock) for _ in range(3)]
        come_true(lambda: sum(part for part in lock.statistics() if isinstance(part, int)) == 4)
        nodes.kill(FIRST)
        outcomes = [waiter.result(timeout=LIMIT) for waiter in waiters]
        assert sorted(outcomes) == ["LockLost", "locked", "locked"]
        assert outcome_of_lock(lock) == "locked"

    nodes.run(body)


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_the_first_who_locks_after_the_holder_s_death_is_told(nodes, home, kind):
    def body():
        lock = make_on(home, getattr(dgo, kind))
        start_holder("worker-1", lock.lock)
        nodes.kill(FIRST)
        assert [outcome_of_lock(lock) for _ in range(3)] == ["LockLost", "locked", "locked"]

    nodes.run(body)


def test_the_read_locks_of_the_dead_are_returned_and_writers_are_told_nothing(nodes, home):
    def body():
        rw = make_on(home, dgo.RWMutex)
        start_holder("worker-1", rw.rlock)
        writer = start_on("worker-2", outcome_of_lock, rw)
        come_true(lambda: rw.statistics().waiting_writers == 1)
        nodes.kill(FIRST)
        assert writer.result(timeout=LIMIT) == "locked"

    nodes.run(body)


def test_readers_that_wait_for_a_writer_that_waits_go_on_when_it_dies(nodes, home):
    def body():
        rw = make_on(home, dgo.RWMutex)
        rw.rlock()
        start_on("worker-1", rw.lock)
        come_true(lambda: rw.statistics().waiting_writers == 1)
        start_on("worker-1", rw.rlock)
        reader = start_on("worker-2", rw.rlock)
        come_true(lambda: rw.statistics().waiting_readers == 2)
        nodes.kill(FIRST)
        reader.result(timeout=LIMIT)
        rw.runlock()
        rw.lock(timeout=LIMIT)

    nodes.run(body)


def test_the_units_of_the_dead_are_returned_also_when_their_goroutine_had_ended(nodes, home):
    def body():
        semaphore = make_on(home, dgo.Semaphore, 3)
        start_on("worker-1", semaphore.acquire, 2).result(timeout=LIMIT)
        start_on("worker-1", semaphore.acquire, 3)
        come_true(lambda: semaphore.statistics() == (3, 1, 1))
        waiter = start_on("worker-2", semaphore.acquire, 3)
        nodes.kill(FIRST)
        waiter.result(timeout=LIMIT)
        assert semaphore.statistics() == (3, 0, 0)

    nodes.run(body)


def test_the_units_that_a_process_holds_without_a_handle_are_returned_when_it_dies(nodes):
    def body():
        semaphore = dgo.Semaphore(3)
        start_on("worker-1", semaphore.acquire, 3).result(timeout=LIMIT)
        number = nodes.nodes[DRIVER].values.number(semaphore._core)
        come_true(lambda: nodes.nodes[DRIVER].values.exports.get(number) is None)
        nodes.kill(FIRST)
        semaphore.acquire(3, timeout=LIMIT)

    nodes.run(body)


def test_when_the_runner_of_a_once_dies_one_is_told_and_the_next_runs_it(nodes, home):
    def run_for_ever(ready):
        ready.send(None, timeout=LIMIT)
        dgo.Chan().recv()

    def outcome(once, calls):
        try:
            once.do(calls.add, 1)
        except dgo.LockLost:
            return "LockLost"
        return "done"

    def body():
        once, calls, ready = make_on(home, dgo.Once), dgo.Atomic(0), dgo.Chan()
        start_on("worker-1", once.do, run_for_ever, ready)
        ready.recv(timeout=LIMIT)
        waiters = [start_on("worker-2", outcome, once, calls) for _ in range(3)]
        come_true(lambda: once.statistics().waiting == 3)
        nodes.kill(FIRST)
        assert sorted(waiter.result(timeout=LIMIT) for waiter in waiters) == ["LockLost", "done", "done"]
        once.do(calls.add, 1)
        assert calls.load() == 1

    nodes.run(body)


def test_a_notification_that_the_dead_had_not_used_goes_to_the_next(nodes, home):
    def wait(cond, woken):
        with cond.mutex:
            cond.wait()
            woken.send(here_is())

    def body():
        cond, woken = make_on(home, dgo.Cond, dgo.Mutex()), dgo.Chan(2)
        start_on("worker-1", wait, cond, woken)
        come_true(lambda: cond.statistics().waiting == 1)
        start_on("worker-2", wait, cond, woken)
        come_true(lambda: cond.statistics().waiting == 2)
        with cond.mutex:
            cond.notify()  # the first cannot go on: the mutex is held
            with pytest.raises(dgo.Timeout):
                woken.recv(timeout=NOTHING)
            nodes.kill(FIRST)
            with pytest.raises(dgo.Timeout):
                woken.recv(timeout=1)
        assert woken.recv(timeout=LIMIT) == "worker-2"

    nodes.run(body)


def test_a_lock_whose_home_has_died_is_lost(nodes):
    def body():
        mutex = make_on("worker-1", dgo.Mutex)
        cond = dgo.Cond(mutex)
        mutex.lock()
        waiter = start_on("worker-2", mutex.lock)
        nodes.kill(FIRST)
        assert isinstance(waiter.exception(timeout=LIMIT), dgo.ChannelLost)
        for use in (mutex.lock, mutex.try_lock, mutex.unlock, cond.wait):
            with pytest.raises(dgo.ChannelLost):
                use()

    nodes.run(body)


# ---- real processes --------------------------------------------------------------------------------


@pytest.fixture
def cluster():
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


def take_and_die_when_told(take, ready, told):
    take()
    ready.send(None, timeout=LIMIT)
    told.recv(timeout=LIMIT)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def holder(cluster):
    """Returns ``start(take)``: has a goroutine take something, and returns how to kill its worker."""

    def start(take):
        ready, told = dgo.Chan(), dgo.Chan(1)
        goroutine = elsewhere(take_and_die_when_told, take, ready, told)
        ready.recv(timeout=LIMIT)

        def kill():
            told.send(None, timeout=LIMIT)
            assert isinstance(goroutine.exception(timeout=LIMIT), dgo.WorkerLost)

        return kill

    return start


@pytest.mark.parametrize("kind", ["Mutex", "RWMutex"])
def test_a_lock_whose_holder_was_killed_is_free_after_it_has_been_told_once(holder, kind):
    lock = getattr(dgo, kind)()
    kill = holder(lock.lock)
    waiters = [elsewhere(outcome_of_lock, lock) for _ in range(2)]
    kill()
    outcomes = [waiter.exception(timeout=LIMIT) or waiter.result() for waiter in waiters]
    outcomes += [outcome_of_lock(lock) for _ in range(2)]
    assert outcomes.count("LockLost") <= 1, "of those who survive, one is told"
    assert outcomes[-1] == "locked"


def test_a_killed_holder_is_told_to_the_next_who_locks(holder):
    mutex = dgo.Mutex()
    holder(mutex.lock)()
    with pytest.raises(dgo.LockLost, match="died while it held this Mutex"):
        mutex.lock(timeout=LIMIT)
    mutex.lock(timeout=LIMIT)
    mutex.unlock()


def test_the_units_and_read_locks_of_a_killed_process_are_returned(holder):
    semaphore, rw = dgo.Semaphore(2), dgo.RWMutex()

    def take():
        semaphore.acquire(2, timeout=LIMIT)
        rw.rlock(timeout=LIMIT)

    holder(take)()
    semaphore.acquire(2, timeout=LIMIT)
    rw.lock(timeout=LIMIT)
    rw.unlock()


def test_a_once_whose_runner_was_killed_runs_again_after_one_was_told(holder):
    once, calls = dgo.Once(), dgo.Atomic(0)
    ready, told = dgo.Chan(), dgo.Chan(1)
    goroutine = elsewhere(once.do, take_and_die_when_told, int, ready, told)
    ready.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    assert isinstance(goroutine.exception(timeout=LIMIT), dgo.WorkerLost)
    with pytest.raises(dgo.LockLost):
        once.do(calls.add, 1)
    once.do(calls.add, 1)
    once.do(calls.add, 1)
    assert calls.load() == 1
