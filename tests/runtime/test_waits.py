"""The wait table: everybody who waits is found in it, however they wait, and nobody who does not."""

from __future__ import annotations

import time

import pytest

import dgo
from dgo.core.channel import Channel
from dgo.runtime import current
from dgo.runtime.awaiting import IN_A_ROW
from dgo.runtime.task import Task
from dgo.testing import LocalCluster


def receive(ch):
    return ch.recv()


def send(ch):
    ch.send("value")


def lock(mutex):
    with mutex:
        pass


def select(a, b):
    return dgo.select(dgo.recv(a), dgo.recv(b)).value


def receive_within(ch):
    return ch.recv(timeout=1000)


async def receive_async(ch):
    return await ch.arecv()


def rows():
    """What the others in this process wait in: kinds, objects and timeouts."""
    return sorted((row.kind, repr(row.target), row.timeout) for row in current.get().waits)


@pytest.mark.parametrize(
    ("fn", "kind", "timeout"),
    [
        (receive, "chan receive", None),
        (send, "chan send", None),
        (lock, "Mutex.lock", None),
        (select, "select", None),
        (receive_within, "chan receive", 1000),
        (receive_async, "chan receive", None),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_goroutine_that_waits_is_in_the_wait_table_until_it_goes_on(fn, kind, timeout, seed):
    def worker():
        if fn is lock:
            target = dgo.Mutex()
            target.lock()
            args = (target,)
        elif fn is select:
            args = (dgo.Chan(name="a"), dgo.Chan(name="b"))
        else:
            args = (dgo.Chan(name="here"),)
        waiting = dgo.go(fn, *args)
        while not (found := rows()):
            dgo.gosched()
        since = [current.get().clock() - row.since for row in current.get().waits]
        if fn is lock:
            args[0].unlock()
        elif fn is send:
            args[0].recv()
        else:
            args[0].send("value")
        waiting.wait()
        return found, since, rows()

    with LocalCluster(nodes=2, seed=seed, explore=True) as cluster:
        found, since, after = cluster.run(lambda: dgo.go(worker).result())
    assert [(row[0], row[2]) for row in found] == [(kind, timeout)]
    assert all(0 <= seconds < 1 for seconds in since)
    assert after == []


def test_who_is_no_goroutine_is_in_the_table_too():
    with (
        LocalCluster(nodes=2) as cluster,
        pytest.raises(dgo.Deadlock, match=r"main program .* chan receive of .*nobody"),
    ):
        cluster.run(lambda: dgo.Chan(name="nobody").recv())


# ---- another thread is quicker ---------------------------------------------------------------------------


class MeddlingLock:
    """The node's lock, which calls an action once it has been returned: what another thread may do then."""

    def __init__(self, lock):
        self.lock = lock
        self.action = None

    def acquire(self):
        return self.lock.acquire()

    def release(self):
        self.lock.release()
        action, self.action = self.action, None
        if action is not None:
            action()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exc):
        self.release()


@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("closed", [False, True])
def test_a_goroutine_that_is_served_before_it_has_left_goes_on_once(others, closed):
    """Between the return of the lock and the switch another thread may serve it."""

    def worker():
        node = current.get()
        plain = node.lock
        node.lock = meddling = MeddlingLock(plain)
        order = []
        ch = dgo.Chan()
        core: Channel = ch._core

        def serve():
            with plain:
                if closed:
                    core.close()
                else:
                    assert core.try_send("early")

        async def nothing():
            pass

        try:
            neighbours = [dgo.go(len, "") for _ in range(others)]
            meddling.action = serve
            order.append(ch.recv_ok())
            parked = [task for task in node.execution.live.values() if type(task) is Task and task.ticket is not None]
            assert not parked, "it is found as waiting although it goes on"
            for goroutine in neighbours:
                goroutine.wait()
        finally:
            node.lock = plain
        return order

    with LocalCluster(nodes=2) as cluster:
        found = cluster.run(lambda: dgo.go(worker).result())
    assert found == [(None, False) if closed else ("early", True)]


# ---- coroutines in a row ---------------------------------------------------------------------------------


def test_coroutines_that_wake_each_other_let_the_others_of_their_loop_come_between():
    async def echo(to, back):
        async for value in to:
            await back.asend(value)

    async def worker():
        import asyncio

        loop = asyncio.get_running_loop()
        to, back = dgo.Chan(), dgo.Chan()
        dgo.go(echo, to, back)
        longest = 0
        for _ in range(5):
            called = []
            loop.call_soon(called.append, True)
            trips = 0
            while not called:
                await to.asend(trips)
                assert await back.arecv() == trips
                trips += 1
            longest = max(longest, trips)
        to.close()
        return longest

    with LocalCluster(nodes=2) as cluster:
        longest = cluster.run(lambda: dgo.go(worker).result())
    assert longest <= IN_A_ROW


def test_a_timer_of_asyncio_s_rings_while_coroutines_wake_each_other():
    async def echo(to, back):
        async for value in to:
            await back.asend(value)

    async def main():
        import asyncio

        to, back = dgo.Chan(), dgo.Chan()
        partner = asyncio.ensure_future(echo(to, back))
        started = time.monotonic()
        rung = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, rung.set)
        while not rung.is_set():
            await to.asend(1)
            await back.arecv()
            assert time.monotonic() - started < 60, "the timer starves"
        to.close()
        await partner
        return True

    with LocalCluster(nodes=2) as cluster:
        assert cluster.run(lambda: dgo.go(everything, main).result())


def everything(main):
    import asyncio

    return asyncio.run(main())
