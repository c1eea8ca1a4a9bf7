"""Inside one worker: spawn and wait, unbuffered ping-pong, a value through a buffered channel, an uncontended
Mutex, and select, in ns each."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable

import _bench

import dgo

SPAWNS = 20_000
TRIPS = 20_000
VALUES = 100_000
LOCKS = 50_000
SELECTS = 20_000
CAPACITY = 100


def noop() -> None:
    """Does nothing."""


def each(started: float, count: int) -> float:
    """The ns since a moment, for each of so many operations."""
    return (time.perf_counter() - started) * 1e9 / count


# dgo: one worker, everything on it


def dgo_group(count: int) -> float:
    """Goroutines in a WaitGroup."""
    started = time.perf_counter()
    group = dgo.WaitGroup()
    for _ in range(count):
        group.go(noop)
    group.wait()
    return each(started, count)


def dgo_handles(count: int) -> float:
    """Goroutines whose handles are awaited."""
    started = time.perf_counter()
    goroutines = [dgo.go(noop) for _ in range(count)]
    for goroutine in goroutines:
        goroutine.wait()
    return each(started, count)


def dgo_pong(balls: dgo.Chan[int], returns: dgo.Chan[int]) -> None:
    """Throws every ball back."""
    for ball in balls:
        returns.send(ball)


def dgo_trips(count: int) -> float:
    """Round trips over two unbuffered channels."""
    balls: dgo.Chan[int] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    partner = dgo.go(dgo_pong, balls, returns)
    balls.send(0)
    returns.recv()
    started = time.perf_counter()
    for ball in range(count):
        balls.send(ball)
        returns.recv()
    taken = each(started, count)
    balls.close()
    partner.wait()
    return taken


def dgo_send(values: dgo.Chan[int], count: int) -> None:
    """Sends the values one by one."""
    for value in range(count):
        values.send(value)


def dgo_values(count: int) -> float:
    """Values through a buffered channel."""
    values: dgo.Chan[int] = dgo.Chan(CAPACITY)
    started = time.perf_counter()
    sender = dgo.go(dgo_send, values, count)
    for _ in range(count):
        values.recv()
    sender.wait()
    return each(started, count)


def dgo_mutex(count: int) -> float:
    """Locking and unlocking a Mutex that nobody else wants."""
    mutex = dgo.Mutex()
    started = time.perf_counter()
    for _ in range(count):
        mutex.lock()
        mutex.unlock()
    return each(started, count)


def dgo_select_ready(count: int) -> float:
    """Selects of which both cases are ready; what one takes is put back, which is part of the time."""
    channels: list[dgo.Chan[int]] = [dgo.Chan(1), dgo.Chan(1)]
    for channel in channels:
        channel.send(0)
    one, other = channels
    started = time.perf_counter()
    for _ in range(count):
        index, value, _ = dgo.select(dgo.recv(one), dgo.recv(other))
        channels[index].send(value)
    return each(started, count)


def dgo_throw(one: dgo.Chan[int], other: dgo.Chan[int], returns: dgo.Chan[int], count: int) -> None:
    """Throws balls to both sides in turn; each has to come back first."""
    for ball in range(count):
        (one if ball % 2 else other).send(ball)
        returns.recv()


def dgo_select_trips(count: int) -> float:
    """Round trips of which one way is a select that waits on two channels."""
    one: dgo.Chan[int] = dgo.Chan()
    other: dgo.Chan[int] = dgo.Chan()
    returns: dgo.Chan[int] = dgo.Chan()
    partner = dgo.go(dgo_throw, one, other, returns, count)
    started = time.perf_counter()
    for _ in range(count):
        returns.send(dgo.select(dgo.recv(one), dgo.recv(other)).value)
    taken = each(started, count)
    partner.wait()
    return taken


def dgo_select_default(count: int) -> float:
    """Selects of which no case is ready, with a default."""
    one: dgo.Chan[int] = dgo.Chan()
    other: dgo.Chan[int] = dgo.Chan()
    started = time.perf_counter()
    for _ in range(count):
        dgo.select(dgo.recv(one), dgo.recv(other), default=True)
    return each(started, count)


def on_worker(fn: Callable[[int], float], count: int) -> float:
    """Runs a measurement as a goroutine."""
    return dgo.go(fn, count).result()


# The floor and the peers, each in a fresh interpreter.


def raw_greenlet(divisor: int) -> dict[str, float]:
    """Greenlets that switch to each other, and greenlets that are made and run: no scheduler."""
    import greenlet

    main = greenlet.getcurrent()

    def echo() -> None:
        while True:
            main.switch()

    partner = greenlet.greenlet(echo)
    partner.switch()
    started = time.perf_counter()
    for _ in range(TRIPS // divisor):
        partner.switch()
    trips = each(started, TRIPS // divisor)
    started = time.perf_counter()
    for _ in range(SPAWNS // divisor):
        greenlet.greenlet(noop).switch()
    return {"trips": trips, "spawns": each(started, SPAWNS // divisor)}


def with_gevent(divisor: int) -> dict[str, float]:
    """gevent's greenlets, its Channel and its Queue."""
    import gevent
    from gevent.queue import Channel, Queue

    started = time.perf_counter()
    gevent.joinall([gevent.spawn(noop) for _ in range(SPAWNS // divisor)])
    found = {"spawns": each(started, SPAWNS // divisor)}

    def pong(balls: Channel[int], returns: Channel[int]) -> None:
        for _ in range(TRIPS // divisor):
            returns.put(balls.get())

    balls: Channel[int] = Channel()
    returns: Channel[int] = Channel()
    partner = gevent.spawn(pong, balls, returns)
    started = time.perf_counter()
    for ball in range(TRIPS // divisor):
        balls.put(ball)
        returns.get()
    found["trips"] = each(started, TRIPS // divisor)
    partner.join()

    def send(values: Queue[int]) -> None:
        for value in range(VALUES // divisor):
            values.put(value)

    values: Queue[int] = Queue(CAPACITY)
    started = time.perf_counter()
    sender = gevent.spawn(send, values)
    for _ in range(VALUES // divisor):
        values.get()
    found["values"] = each(started, VALUES // divisor)
    sender.join()
    return found


async def with_asyncio(divisor: int) -> dict[str, float]:
    """asyncio's tasks and its Queue, which has no unbuffered form: the round trip uses queues of one."""

    async def nothing() -> None:
        return None

    started = time.perf_counter()
    await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(SPAWNS // divisor)])
    found = {"spawns": each(started, SPAWNS // divisor)}

    async def pong(balls: asyncio.Queue[int], returns: asyncio.Queue[int]) -> None:
        for _ in range(TRIPS // divisor):
            await returns.put(await balls.get())

    balls: asyncio.Queue[int] = asyncio.Queue(1)
    returns: asyncio.Queue[int] = asyncio.Queue(1)
    partner = asyncio.create_task(pong(balls, returns))
    started = time.perf_counter()
    for ball in range(TRIPS // divisor):
        await balls.put(ball)
        await returns.get()
    found["trips"] = each(started, TRIPS // divisor)
    await partner

    async def send(values: asyncio.Queue[int]) -> None:
        for value in range(VALUES // divisor):
            await values.put(value)

    values: asyncio.Queue[int] = asyncio.Queue(CAPACITY)
    started = time.perf_counter()
    sender = asyncio.create_task(send(values))
    for _ in range(VALUES // divisor):
        await values.get()
    found["values"] = each(started, VALUES // divisor)
    await sender
    return found


CHILDREN: dict[str, Callable[[int], dict[str, float]]] = {
    "raw greenlet": raw_greenlet,
    "gevent": with_gevent,
    "asyncio": lambda divisor: asyncio.run(with_asyncio(divisor)),
}


def dgo_all(divisor: int) -> dict[str, float]:
    """One sample of everything, on the worker."""
    return {
        "spawns": on_worker(dgo_group, SPAWNS // divisor),
        "handles": on_worker(dgo_handles, SPAWNS // divisor),
        "trips": on_worker(dgo_trips, TRIPS // divisor),
        "values": on_worker(dgo_values, VALUES // divisor),
        "mutex": on_worker(dgo_mutex, LOCKS // divisor),
        "select ready": on_worker(dgo_select_ready, SELECTS // divisor),
        "select trips": on_worker(dgo_select_trips, SELECTS // divisor),
        "select default": on_worker(dgo_select_default, SELECTS // divisor),
    }


def figures(options: _bench.Options) -> list[_bench.Figure]:
    """Measures dgo on one worker, and its peers in turn with it."""
    divisor = 10 if options.quick else 1
    contenders: dict[str, Callable[[], dict[str, float]]] = {_bench.DGO: lambda: dgo_all(divisor)}
    for who in CHILDREN:
        contenders[who] = functools.partial(_bench.child, __file__, who, divisor)
    whats: dict[str, tuple[str, bool | None]] = {
        "spawns": ("spawn and wait in one worker, WaitGroup [ns]", False),
        "handles": ("spawn and wait in one worker, handles [ns]", False),
        "trips": ("unbuffered round trip in one worker [ns]", False),
        "values": (f"value in one worker, capacity {CAPACITY} [ns]", False),
        "mutex": ("uncontended Mutex, lock and unlock [ns]", False),
        "select ready": ("select in one worker, 2 of 2 ready, and a send [ns]", False),
        "select trips": ("round trip in one worker, one way a select of 2 [ns]", False),
        "select default": ("select in one worker, default of 2 [ns]", False),
    }
    if not options.with_dgo:
        return _bench.compare_several(whats, contenders, options)
    with dgo.init(workers=1):
        dgo_all(100)
        return _bench.compare_several(whats, contenders, options)


if __name__ == "__main__":
    _bench.main(__doc__, figures, CHILDREN)
