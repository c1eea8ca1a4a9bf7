"""A wait that is interrupted holds nothing: what it was given in that moment is undone.

In a driver, a signal's exception may end a wait at any time: while the operation is under way, or just when it
has succeeded. Here the exception is raised instead of the wait (``"early"``), or at its end (``"late"``).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import dgo
import dgo.testing
from dgo.runtime import current

from .places import LIMIT, build, build_away, come_true, elsewhere

SEEDS = range(6)


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt."""


@contextmanager
def interrupted(when: str) -> Iterator[None]:
    """The waits of the driver in the block end with ``Interrupted``; so does the block."""
    host = current.get().host
    park = host.park

    def broken(ticket, timeout):
        if when == "late":
            park(ticket, timeout)
        raise Interrupted

    host.park = broken
    try:
        with pytest.raises(Interrupted):
            yield
    finally:
        del host.park


@pytest.fixture(params=SEEDS)
def run(request):
    def run(body, *args):
        with dgo.testing.LocalCluster(nodes=3, seed=request.param) as cluster:
            return cluster.run(body, *args)

    return run


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


when = pytest.mark.parametrize("when", ["early", "late"])

LOCKS: dict[str, tuple[str, str, str, str]] = {
    "Mutex": ("Mutex", "lock", "unlock", "try_lock"),
    "RWMutex, writing": ("RWMutex", "lock", "unlock", "try_lock"),
    "RWMutex, reading": ("RWMutex", "rlock", "unlock", "try_lock"),
}


def hold_until_waited_for(lock, ready):
    lock.lock(timeout=LIMIT)
    ready.send(None, timeout=LIMIT)
    come_true(lambda: sum(part for part in lock.statistics() if isinstance(part, int)) == 1)
    lock.unlock()


@when
@pytest.mark.parametrize("case", LOCKS)
def test_an_interrupted_wait_for_a_lock_that_is_held_does_not_take_it(run, make, when, case):
    kind, lock_name, _, try_name = LOCKS[case]

    def body():
        lock, ready, gate = make(getattr(dgo, kind)), dgo.Chan(), dgo.Chan()

        def hold():
            lock.lock(timeout=LIMIT)
            ready.send(None, timeout=LIMIT)
            gate.recv_ok(timeout=LIMIT)
            lock.unlock()

        holder = elsewhere(hold_until_waited_for, lock, ready) if when == "late" else elsewhere(hold)
        ready.recv(timeout=LIMIT)
        with interrupted(when):
            getattr(lock, lock_name)()
        gate.close()
        holder.result(timeout=LIMIT)
        come_true(getattr(lock, try_name))

    run(body)


@when
@pytest.mark.parametrize("case", LOCKS)
@pytest.mark.parametrize("attempt", [False, True], ids=["lock", "try"])
def test_an_interrupted_lock_of_a_free_one_elsewhere_does_not_keep_it(run, when, case, attempt):
    kind, name, _, try_name = LOCKS[case]

    def body():
        lock = build_away(getattr(dgo, kind))
        with interrupted(when):
            getattr(lock, "try_" + name if attempt else name)()
        come_true(getattr(lock, try_name))

    run(body)


def test_an_interrupted_try_that_fails_undoes_nothing(run):
    def body():
        mutex, semaphore = build_away(dgo.Mutex), build_away(dgo.Semaphore, 1)
        mutex.lock()
        semaphore.acquire()
        for attempt in (mutex.try_lock, semaphore.try_acquire):
            with interrupted("late"):
                attempt()
        assert not mutex.try_lock()
        assert not semaphore.try_acquire()

    run(body)


@when
@pytest.mark.parametrize("name", ["acquire", "try_acquire"])
def test_an_interrupted_acquire_gives_its_units_back(run, when, name):
    def body():
        semaphore = build_away(dgo.Semaphore, 3)
        with interrupted(when):
            getattr(semaphore, name)(2)
        come_true(lambda: semaphore.try_acquire(3))

    run(body)


def test_an_acquire_interrupted_when_it_was_served_gives_its_units_back(run, make):
    def release_when_waited_for(semaphore):
        come_true(lambda: semaphore.statistics().waiting == 1)
        semaphore.release(3)

    def body():
        semaphore = make(dgo.Semaphore, 3)
        semaphore.acquire(3)
        goroutine = elsewhere(release_when_waited_for, semaphore)
        with interrupted("late"):
            semaphore.acquire(2)
        goroutine.result(timeout=LIMIT)
        come_true(lambda: semaphore.try_acquire(3))

    run(body)


@when
def test_an_interrupted_once_is_as_new(run, when):
    def body():
        once, calls = build_away(dgo.Once), dgo.Atomic(0)
        with interrupted(when):
            once.do(calls.add, 1)
        once.do(calls.add, 10)
        return calls.load()

    assert run(body) == 10


def interrupt(fn: Callable[[], object], operation: str) -> None:
    """Calls ``fn``; the wait for this operation of it is interrupted at its end."""
    node = current.get()
    park = node.host.park

    def broken(ticket, timeout):
        kind = ticket.kind
        park(ticket, timeout)
        if kind == operation:
            raise Interrupted

    node.host.park = broken
    try:
        with pytest.raises(Interrupted):
            fn()
    finally:
        del node.host.park


@pytest.mark.parametrize("operation", ["Cond.enter", "Mutex.unlock", "Cond.wait"])
def test_an_interrupted_wait_of_a_cond_passes_its_notification_on_and_holds_the_lock(run, operation):
    def wait(cond):
        with cond.mutex:
            cond.wait(timeout=LIMIT)

    def notify_all_who_come(cond, last):
        come_true(lambda: cond.statistics().waiting == 1)
        cond.notify()
        last.recv(timeout=LIMIT)

    def body():
        cond = build_away(dgo.Cond, build_away(dgo.Mutex))
        mutex, last = cond.mutex, dgo.Chan(1)
        mutex.lock()
        notifier = elsewhere(notify_all_who_come, cond, last) if operation == "Cond.wait" else None
        interrupt(cond.wait, operation)
        assert not mutex.try_lock()
        mutex.unlock()
        come_true(lambda: cond.statistics().waiting == 0)
        if notifier is not None:
            last.send(None)
            notifier.result(timeout=LIMIT)
        waiter = elsewhere(wait, cond)
        come_true(lambda: cond.statistics().waiting == 1)
        cond.notify()
        waiter.result(timeout=LIMIT)

    run(body)


def test_a_signal_ends_a_wait_for_a_lock_in_the_driver_and_leaves_the_lock_free(cluster, make):
    def give_up(_signum, _frame):
        raise Interrupted

    def send_signal():
        come_true(lambda: mutex.statistics().waiting == 1)
        os.kill(os.getpid(), signal.SIGUSR1)

    def hold(ready, gate):
        with mutex:
            ready.send(None, timeout=LIMIT)
            gate.recv_ok(timeout=LIMIT)

    mutex, ready, gate = make(dgo.Mutex), dgo.Chan(), dgo.Chan()
    holder = elsewhere(hold, ready, gate)
    ready.recv(timeout=LIMIT)
    sender = threading.Thread(target=send_signal)
    before = signal.signal(signal.SIGUSR1, give_up)
    try:
        sender.start()
        with pytest.raises(Interrupted):
            mutex.lock()
    finally:
        signal.signal(signal.SIGUSR1, before)
        sender.join()
    gate.close()
    holder.result(timeout=LIMIT)
    assert mutex.statistics() == (None, 0)
