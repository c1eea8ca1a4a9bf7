"""A worker that dies: what becomes of the locks, units, calls and contexts that it had (contract section 5)."""

from __future__ import annotations

import os
import threading

import pytest

import dgo

from ..conftest import eventually
from ..places import LIMIT, NOTHING, elsewhere, take
from .common import LONG, cancel_pair, closes, die, die_when_told, outcome

#: What an operation on an object raises whose process died.
LOST = ("ChannelLost", "LockLost")


@pytest.fixture(autouse=True)
def cluster():
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


def take_and_die(take_it, ready, told):
    take_it()
    die_when_told(ready, told)


class Doomed:
    """A goroutine that has done something and will take its worker with it."""

    def __init__(self, fn, *args):
        ready, self._told = dgo.Chan(), dgo.Chan(1)
        self._goroutine = elsewhere(fn, *args, ready, self._told)
        self._goroutine.add_done_callback(lambda _: ready.close())
        self.pid, prepared = ready.recv_ok(timeout=LIMIT)
        if not prepared:
            self._goroutine.result(timeout=LIMIT)  # raises what kept it from its preparations

    def kill(self):
        """Ends the worker and waits until that is known here."""
        self.tell()
        self.known()

    def tell(self):
        self._told.send(None, timeout=LIMIT)

    def known(self):
        assert isinstance(self._goroutine.exception(timeout=LIMIT), dgo.WorkerLost)


def make_and_die(make, back, ready, told):
    back.send(make(), timeout=LIMIT)
    die_when_told(ready, told)


def orphan(make):
    """An object whose process has died."""
    back = dgo.Chan(1)
    owner = Doomed(make_and_die, make, back)
    it = back.recv(timeout=LIMIT)
    owner.kill()
    return it


def lock_and_tell(lock, unlock, name, told):
    """Locks, again if the first try tells of a loss, and tells what happened."""
    first = outcome(lock)
    if first == "LockLost":
        lock()
    told.send((name, first), timeout=LIMIT)
    unlock()


# ---- locks ---------------------------------------------------------------------------------------

LOCKS = [pytest.param(lambda: dgo.Mutex(), id="Mutex"), pytest.param(lambda: dgo.RWMutex(), id="RWMutex")]


@pytest.mark.parametrize("make", LOCKS)
def test_a_lock_after_the_death_of_the_holder_raises_lock_lost_once(make):
    m = make()
    Doomed(take_and_die, m.lock).kill()
    with pytest.raises(dgo.LockLost):
        m.lock(timeout=LIMIT)
    m.lock(timeout=LIMIT)
    m.unlock()
    m.lock(timeout=LIMIT)
    m.unlock()


@pytest.mark.parametrize("make", LOCKS)
def test_a_try_lock_after_the_death_of_the_holder_raises_lock_lost_once(make):
    m = make()
    Doomed(take_and_die, m.lock).kill()
    with pytest.raises(dgo.LockLost):
        m.try_lock()
    assert m.try_lock() is True
    m.unlock()


@pytest.mark.parametrize("make", LOCKS)
def test_who_is_told_of_the_loss_does_not_hold_the_lock(make):
    m = make()
    Doomed(take_and_die, m.lock).kill()
    with pytest.raises(dgo.LockLost):
        m.lock(timeout=LIMIT)
    with pytest.raises(dgo.MisuseError):
        m.unlock()
    assert elsewhere(m.try_lock).result(timeout=LIMIT) is True


@pytest.mark.parametrize("make", LOCKS)
def test_a_lock_that_waits_when_the_holder_dies_raises_lock_lost(make):
    m = make()
    holder = Doomed(take_and_die, m.lock)
    assert m.try_lock() is False
    holder.tell()
    with pytest.raises(dgo.LockLost):
        m.lock(timeout=LIMIT)
    m.lock(timeout=LIMIT)
    m.unlock()
    holder.known()


@pytest.mark.parametrize("make", LOCKS)
def test_of_many_that_wait_when_the_holder_dies_one_is_told_and_all_get_the_lock(make):
    m, told = make(), dgo.Chan(4)
    holder = Doomed(take_and_die, m.lock)
    waiters = [threading.Thread(target=lock_and_tell, args=(m.lock, m.unlock, i, told)) for i in range(4)]
    for waiter in waiters:
        waiter.start()
    holder.kill()
    outcomes = take(told, 4)
    for waiter in waiters:
        waiter.join()
    assert sorted(name for name, _ in outcomes) == [0, 1, 2, 3]
    assert sorted(str(first) for _, first in outcomes) == ["LockLost", "None", "None", "None"]


def test_the_with_form_of_a_lost_mutex_raises_and_does_not_enter_its_block():
    m, entered = dgo.Mutex(), []
    Doomed(take_and_die, m.lock).kill()
    with pytest.raises(dgo.LockLost), m:
        entered.append(1)
    with m:
        entered.append(2)
    assert entered == [2]


def test_the_loss_of_a_lock_is_told_in_words():
    m = dgo.Mutex()
    Doomed(take_and_die, m.lock).kill()
    with pytest.raises(dgo.LockLost, match=r"(?i)take_and_die|worker|goroutine"):
        m.lock(timeout=LIMIT)


def test_a_lock_held_elsewhere_stays_held_when_another_worker_dies():
    m = dgo.Mutex()
    m.lock()
    dgo.go(die).exception(timeout=LIMIT)
    assert m.try_lock() is False
    m.unlock()
    assert m.try_lock() is True
    m.unlock()


@pytest.mark.parametrize("make", LOCKS)
def test_a_lock_that_the_dead_had_given_back_is_not_lost(make):
    m = make()
    Doomed(lambda ready, told: (m.lock(), m.unlock(), die_when_told(ready, told))).kill()
    m.lock(timeout=LIMIT)
    m.unlock()


def test_a_goroutine_that_dies_while_it_waits_does_not_get_the_lock():
    m, asking = dgo.Mutex(), dgo.Chan(1)
    m.lock()
    killer = Doomed(die_when_told)

    def wait_in_vain(name):
        asking.send((name, os.getpid()), timeout=LIMIT)
        m.lock()

    waiters = [elsewhere(wait_in_vain, name) for name in range(6)]
    pids = [waiter_pid for _, waiter_pid in sorted(take(asking, 6))]
    killer.kill()
    assert killer.pid in pids
    for waiter, pid in zip(waiters, pids, strict=True):
        if pid != killer.pid:
            waiter.cancel()
        waiter.wait(timeout=LIMIT)
        assert waiter.cancelled() is (pid != killer.pid)
    m.unlock()
    m.lock(timeout=LIMIT)
    m.unlock()


def test_the_read_locks_of_the_dead_are_returned_without_a_word():
    rw = dgo.RWMutex()
    Doomed(take_and_die, rw.rlock).kill()
    rw.lock(timeout=LIMIT)
    rw.unlock()


def test_a_writer_that_waits_for_a_reader_goes_on_when_the_reader_dies():
    rw = dgo.RWMutex()
    reader = Doomed(take_and_die, rw.rlock)
    assert rw.try_lock() is False
    reader.tell()
    rw.lock(timeout=LIMIT)
    rw.unlock()
    reader.known()


def test_the_read_locks_of_the_living_stay():
    rw = dgo.RWMutex()
    rw.rlock()
    Doomed(take_and_die, rw.rlock).kill()
    assert rw.try_lock() is False
    rw.runlock()
    assert rw.try_lock() is True
    rw.unlock()


# ---- units ---------------------------------------------------------------------------------------


def test_the_units_of_the_dead_are_returned():
    sem = dgo.Semaphore(3)
    sem.acquire()
    Doomed(take_and_die, lambda: sem.acquire(2)).kill()
    assert sem.try_acquire(3) is False
    assert sem.try_acquire(2) is True
    sem.release(3)


def test_an_acquire_that_waits_goes_on_when_the_holder_dies():
    sem = dgo.Semaphore(2)
    holder = Doomed(take_and_die, lambda: sem.acquire(2))
    assert sem.try_acquire() is False
    holder.tell()
    sem.acquire(2, timeout=LIMIT)
    sem.release(2)
    holder.known()


# ---- calls and members ---------------------------------------------------------------------------


def test_once_whose_caller_died_inside_its_function_does_not_block_the_others():
    once = dgo.Once()
    caller = Doomed(lambda ready, told: once.do(die_when_told, ready, told))
    waiter = elsewhere(outcome, once.do, int)
    caller.kill()
    waiter.wait(timeout=LIMIT)
    elsewhere(outcome, once.do, int).wait(timeout=LIMIT)


def test_the_loss_of_the_leader_reaches_all_that_wait_for_its_call():
    flights, asking, got = dgo.SingleFlight(), dgo.Chan(), dgo.Chan(3)
    leader = Doomed(lambda ready, told: flights.do("key", die_when_told, ready, told))

    def ask():
        asking.send(None)
        got.send(outcome(flights.do, "key", int))

    waiters = [threading.Thread(target=ask) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    take(asking, 3)  # what they do next is a call within this process: it is done long before a worker has died
    leader.kill()
    assert take(got, 3) == ["WorkerLost"] * 3
    for waiter in waiters:
        waiter.join()


def test_after_the_loss_of_the_leader_the_key_is_free():
    flights = dgo.SingleFlight()
    Doomed(lambda ready, told: flights.do("key", die_when_told, ready, told)).kill()
    assert flights.do("key", pow, 2, 3) == (8, False)


def test_a_member_whose_worker_died_cancels_its_group_and_makes_wait_raise_worker_lost():
    group = dgo.ErrGroup()
    group.go(die)
    assert closes(group.ctx.done())
    with pytest.raises(dgo.WorkerLost):
        group.wait()


def test_the_place_of_a_member_that_died_is_free_for_another():
    group = dgo.ErrGroup(limit=1)
    group.go(die)
    group.go(int)
    with pytest.raises(dgo.WorkerLost):
        group.wait()


def test_the_with_form_of_a_waitgroup_ends_when_its_members_died():
    with dgo.WaitGroup() as wg:
        wg.go(die)
    wg.wait(timeout=LIMIT)


# ---- objects whose process died ------------------------------------------------------------------


def loss_seen(ctx):
    """What a context whose process died tells: cancelled, or the name of the error of the receive."""
    seen = outcome(ctx.done().recv_ok, timeout=LIMIT)
    return "cancelled" if seen == (None, False) else seen


def test_a_context_whose_process_died_is_cancelled_or_raises_channel_lost():
    ctx, _ = orphan(lambda: cancel_pair(dgo.background()))
    assert loss_seen(ctx) in ("cancelled", "ChannelLost")


def test_who_waits_for_a_context_learns_that_its_process_died():
    back = dgo.Chan(1)
    owner = Doomed(make_and_die, lambda: cancel_pair(dgo.background()), back)
    ctx, _ = back.recv(timeout=LIMIT)
    with pytest.raises(dgo.Timeout):
        ctx.done().recv_ok(timeout=NOTHING)
    owner.tell()
    assert loss_seen(ctx) in ("cancelled", "ChannelLost")
    owner.known()


USES = {
    "Mutex.lock": (lambda: dgo.Mutex(), lambda m: m.lock(timeout=LIMIT)),
    "Mutex.try_lock": (lambda: dgo.Mutex(), lambda m: m.try_lock()),
    "RWMutex.rlock": (lambda: dgo.RWMutex(), lambda rw: rw.rlock(timeout=LIMIT)),
    "Semaphore.acquire": (lambda: dgo.Semaphore(1), lambda sem: sem.acquire(timeout=LIMIT)),
    "Once.do": (lambda: dgo.Once(), lambda once: once.do(int)),
    "Cond.notify": (lambda: dgo.Cond(dgo.Mutex()), lambda cond: cond.notify()),
    "Atomic.add": (lambda: dgo.Atomic(0), lambda cell: cell.add(1)),
    "Map.load": (lambda: dgo.Map(), lambda m: m.load("key")),
    "SingleFlight.do": (lambda: dgo.SingleFlight(), lambda flights: flights.do("key", int)),
    "ErrGroup.wait": (lambda: dgo.ErrGroup(), lambda group: group.wait()),
    "Timer.c": (lambda: dgo.Timer(LONG), lambda timer: timer.c.recv(timeout=LIMIT)),
    "Timer.stop": (lambda: dgo.Timer(LONG), lambda timer: timer.stop()),
}


def test_objects_whose_process_died_are_reported_as_lost_and_never_waited_for():
    objects = orphan(lambda: {name: make() for name, (make, _) in USES.items()})
    seen = {name: outcome(use, objects[name]) for name, (_, use) in USES.items()}
    assert {name: what for name, what in seen.items() if what not in LOST} == {}


def test_a_goroutine_on_another_worker_is_told_of_the_loss_too():
    m = orphan(lambda: dgo.Mutex())
    assert elsewhere(outcome, m.try_lock).result(timeout=LIMIT) in LOST
