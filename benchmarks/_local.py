"""Inside one worker, in ns each: spawn and wait, unbuffered ping-pong, a value through a buffered channel, an
uncontended Mutex, and select. The scripts ``local*.py`` choose among these."""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import _bench
import _processes
from _bench import Peer
from _work import noop

import dgo

SPAWNS = 20_000
TRIPS = 20_000
VALUES = 100_000
LOCKS = 50_000
SELECTS = 20_000
CAPACITY = 100


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
    """Greenlets that switch to each other, that are made and run, and that fill and empty a deque: no scheduler."""
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
    spawns = each(started, SPAWNS // divisor)
    values: collections.deque[int] = collections.deque()

    def send() -> None:
        for value in range(VALUES // divisor):
            while len(values) == CAPACITY:
                main.switch()
            values.append(value)

    sender = greenlet.greenlet(send)
    started = time.perf_counter()
    for _ in range(VALUES // divisor):
        while not values:
            sender.switch()
        values.popleft()
    return {"trips": trips, "spawns": spawns, "values": each(started, VALUES // divisor)}


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


def with_uvloop(divisor: int) -> dict[str, float]:
    """asyncio's tasks and Queue on uvloop's event loop."""
    import uvloop

    return uvloop.run(with_asyncio(divisor))


def with_aiochan(divisor: int) -> dict[str, float]:
    """aiochan's go blocks and channels."""
    import aiochan

    async def trips_and_values() -> dict[str, float]:
        balls, returns, values = aiochan.Chan(), aiochan.Chan(), aiochan.Chan(CAPACITY)

        async def pong() -> None:
            for _ in range(TRIPS // divisor):
                await returns.put(await balls.get())

        async def send() -> None:
            for value in range(VALUES // divisor):
                await values.put(value)

        partner = aiochan.go(pong())
        started = time.perf_counter()
        for ball in range(TRIPS // divisor):
            await balls.put(ball)
            await returns.get()
        found = {"trips": each(started, TRIPS // divisor)}
        await partner
        started = time.perf_counter()
        sender = aiochan.go(send())
        for _ in range(VALUES // divisor):
            await values.get()
        found["values"] = each(started, VALUES // divisor)
        await sender
        return found

    return asyncio.run(trips_and_values())


GO = str(Path(__file__).with_name("go") / "local.go")


def with_go(divisor: int) -> dict[str, float]:
    """Go itself, on one processor."""
    return _processes.answered(_processes.run(["go", "run", GO, str(divisor)]))


PEERS = (
    Peer("raw greenlet", raw_greenlet),
    Peer("gevent", with_gevent),
    Peer("asyncio", lambda divisor: asyncio.run(with_asyncio(divisor))),
    Peer("asyncio on uvloop", with_uvloop, ("uvloop",)),
    Peer("aiochan", with_aiochan, ("aiochan",)),
    Peer("Go, one processor", with_go, programs=("go",)),
)

#: By key: the program, how many, the comparison, and its unit. Less is better in each.
MEASURED: dict[str, tuple[Callable[[int], float], int, str]] = {
    "spawns": (dgo_group, SPAWNS, "spawn and wait in one worker, WaitGroup"),
    "handles": (dgo_handles, SPAWNS, "spawn and wait in one worker, handles"),
    "trips": (dgo_trips, TRIPS, "unbuffered round trip in one worker"),
    "values": (dgo_values, VALUES, f"value in one worker, capacity {CAPACITY}"),
    "mutex": (dgo_mutex, LOCKS, "uncontended Mutex, lock and unlock"),
    "select ready": (dgo_select_ready, SELECTS, "select in one worker, 2 of 2 ready, and a send"),
    "select trips": (dgo_select_trips, SELECTS, "round trip in one worker, one way a select of 2"),
    "select default": (dgo_select_default, SELECTS, "select in one worker, default of 2"),
}


def measured(keys: Iterable[str], *, peers: bool = True) -> Callable[[_bench.Run], None]:
    """What measures these on one worker, and the peers in turn with it."""

    def measure(run: _bench.Run) -> None:
        divisor = max(1, round(1 / run.options.scale))

        def sample(divisor: int = divisor) -> dict[str, float]:
            return {key: on_worker(MEASURED[key][0], max(1, MEASURED[key][1] // divisor)) for key in keys}

        whats: dict[str, tuple[str, str, Any]] = {key: (MEASURED[key][2], "ns", False) for key in keys}
        with run.cluster(1):
            if run.options.with_dgo:
                sample(max(100, divisor))
            run.compare_several(whats, dgo=sample, peers=PEERS if peers else (), amounts=(divisor,))

    return measure


def script(description: str | None, file: str, keys: Iterable[str], *, peers: bool = True) -> None:
    """Runs a script that measures these."""
    _bench.main(description, file, measured(tuple(keys), peers=peers), PEERS)
