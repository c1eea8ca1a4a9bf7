"""Operations that asyncio calls off: each took effect or was withdrawn, and no value is lost or doubled."""

from __future__ import annotations

import asyncio
import random

import pytest

import dgo

from .async_places import (
    HOMES,
    WAYS,
    WITHDRAWN,
    arest,
    attempt,
    plain_receives,
    plain_sends,
    storm_of_receives,
    storm_of_selects,
    storm_of_sends,
    turns,
)
from .places import LIMIT, elsewhere, empty, full

HOME = pytest.mark.parametrize("home", list(HOMES))
SOONEST = ("timeout", "bare task")  # the storms mix all of them
WAY = pytest.mark.parametrize(
    "way", [way if way in SOONEST else pytest.param(way, marks=pytest.mark.slow) for way in WAYS]
)


@HOME
@WAY
def test_a_receive_that_is_called_off_takes_nothing(async_everywhere, home, way):
    async def body():
        ch = await HOMES[home](1)
        assert await WAYS[way](random.Random(1), ch.arecv) == WITHDRAWN
        await ch.asend("still here")
        return await ch.arecv(timeout=LIMIT)

    assert async_everywhere(body) == "still here"


@HOME
@WAY
def test_a_send_that_is_called_off_leaves_nothing(async_everywhere, home, way):
    async def body():
        ch = await HOMES[home]()
        assert await WAYS[way](random.Random(1), lambda: ch.asend("nobody should get this")) == WITHDRAWN
        return (await dgo.aselect(dgo.recv(ch), default=True)).index

    assert async_everywhere(body)


@HOME
@WAY
def test_a_select_that_is_called_off_takes_nothing_and_leaves_nothing(async_everywhere, home, way):
    async def body():
        ins, out = await HOMES[home](), await HOMES[home]()
        cases = (dgo.recv(ins), dgo.send(out, "nobody should get this"))
        assert await WAYS[way](random.Random(1), lambda: dgo.aselect(*cases)) == WITHDRAWN
        first = await dgo.aselect(dgo.recv(out), default=True)
        second = await dgo.aselect(dgo.send(ins, 1), default=True)
        return first.index, second.index

    assert async_everywhere(body) == (dgo.DEFAULT, dgo.DEFAULT)


def test_a_receive_that_happened_before_its_bare_task_is_cancelled_gives_its_value(async_everywhere):
    async def body():
        ch = dgo.Chan()
        task = asyncio.create_task(ch.arecv())
        await turns(3)
        ch.send_nowait("value")
        task.cancel()
        return await task

    assert async_everywhere(body) == "value"


def test_a_send_that_happened_before_its_bare_task_is_cancelled_counts_as_sent(async_everywhere):
    async def body():
        ch = dgo.Chan()
        task = asyncio.create_task(ch.asend("value"))
        await turns(3)
        value = ch.recv_nowait()
        task.cancel()
        await asyncio.wait([task])
        return value, task.cancelled()

    assert async_everywhere(body) == ("value", False)


def test_a_select_that_happened_before_its_bare_task_is_cancelled_gives_its_value(async_everywhere):
    async def body():
        ch = dgo.Chan()
        task = asyncio.create_task(dgo.aselect(dgo.recv(ch), dgo.recv(dgo.Chan())))
        await turns(3)
        ch.send_nowait("value")
        task.cancel()
        selected = await task
        return selected.index, selected.value, selected.ok

    assert async_everywhere(body) == (0, "value", True)


def test_after_what_happened_the_cancellation_comes_at_the_next_await(async_everywhere):
    async def body():
        ch, log = dgo.Chan(), []

        async def receive():
            log.append(await ch.arecv())
            log.append("no await yet")
            try:
                await asyncio.sleep(LIMIT)
            except asyncio.CancelledError:
                log.append("cancelled")
                raise

        task = asyncio.create_task(receive())
        await turns(3)
        ch.send_nowait("value")
        task.cancel()
        await asyncio.wait([task])
        return log, task.cancelled()

    assert async_everywhere(body) == (["value", "no await yet", "cancelled"], True)


def test_a_cancellation_after_what_happened_reaches_a_next_await_that_need_not_wait(async_everywhere):
    async def body():
        ch, ready, log = dgo.Chan(), dgo.Chan(2), []
        ready.send_nowait("first")
        ready.send_nowait("second")

        async def receive():
            log.append(await ch.arecv())
            try:
                while True:
                    log.append(await ready.arecv())
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                log.append("cancelled")
                raise

        task = asyncio.create_task(receive())
        await turns(3)
        ch.send_nowait("value")
        task.cancel()
        await asyncio.wait([task])
        taken = [each for each in log if each in ("first", "second")]
        return log[0], log[-1], len(taken) + len(ready)

    assert async_everywhere(body) == ("value", "cancelled", 2)


def test_a_timeout_that_came_too_late_does_not_cancel_what_follows_its_block(async_everywhere):
    async def body():
        ch = dgo.Chan()

        async def receive():
            async with asyncio.timeout(None) as late:
                limits.append(late)
                value = await ch.arecv()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return value

        limits = []
        task = asyncio.create_task(receive())
        await turns(3)
        loop = asyncio.get_running_loop()
        limits[0].reschedule(loop.time() - 1)  # it expires in this turn of the loop, as does the value
        ch.send_nowait("value")
        return await task

    assert async_everywhere(body) == "value"


def test_a_task_group_that_was_called_off_loses_no_value_of_its_tasks(async_everywhere):
    async def body():
        ch, got = dgo.Chan(8), []

        async def receive():
            while True:
                got.append(await ch.arecv())

        async def fail():
            raise ValueError("expected by the test")

        async def group():
            async with asyncio.TaskGroup() as tasks:
                for _ in range(3):
                    tasks.create_task(receive())
                await turns(5)
                for number in range(6):
                    ch.send_nowait(number)
                tasks.create_task(fail())

        try:
            await group()
        except* ValueError:
            pass
        while len(ch):
            got.append(ch.recv_nowait())
        return sorted(got)

    assert async_everywhere(body) == list(range(6))


@HOME
@pytest.mark.parametrize("capacity", [0, 3])
def test_in_a_storm_of_cancellations_every_value_sent_is_received_once(async_everywhere, home, capacity):
    async def body():
        ch = await HOMES[home](capacity)
        receivers = [elsewhere(storm_of_receives, ch, seed) for seed in (1, 2)]
        senders = [elsewhere(storm_of_sends, ch, name, 60, seed) for seed, name in enumerate("ab", 3)]
        own = asyncio.create_task(storm_of_receives(ch, 5))
        sent = await storm_of_sends(ch, "own", 60, 6)
        for sender in senders:
            sent += await sender
        ch.close()
        got = await own
        for receiver in receivers:
            got += await receiver
        return sorted(sent), sorted(got)

    sent, got = async_everywhere(body)
    assert sent == got
    assert sent, "a storm in which nothing is sent shows nothing"


@HOME
def test_what_no_storm_received_is_still_in_the_channel(async_everywhere, home):
    async def body():
        ch = await HOMES[home](500)
        sender = elsewhere(storm_of_sends, ch, "away", 60, 1)
        sent = await storm_of_sends(ch, "own", 60, 2) + await sender
        ch.close()
        return sorted(sent), sorted([value async for value in ch])

    sent, left = async_everywhere(body)
    assert sent == left
    assert sent


@HOME
def test_a_storm_of_async_and_plain_goroutines_over_one_channel_loses_nothing(async_everywhere, home):
    async def body():
        ch = await HOMES[home](2)
        receivers = [elsewhere(storm_of_receives, ch, 1), elsewhere(plain_receives, ch, 2)]
        senders = [elsewhere(storm_of_sends, ch, "async", 60, 3), elsewhere(plain_sends, ch, "plain", 60, 4)]
        sent = [value for sender in senders for value in await sender]
        ch.close()
        got = [value for receiver in receivers for value in await receiver]
        return sorted(sent), sorted(got)

    sent, got = async_everywhere(body)
    assert sent == got
    assert sent


def test_a_storm_of_selects_over_channels_of_several_processes_loses_nothing(async_everywhere):
    async def body():
        first, second, out = await HOMES["here"](), await HOMES["away"](2), await HOMES["away"]()
        selecting = [elsewhere(storm_of_selects, [first, second], out, name, seed) for seed, name in enumerate("xy", 1)]
        collector = elsewhere(storm_of_receives, out, 3)
        senders = [
            elsewhere(storm_of_sends, first, "first", 50, 4),
            elsewhere(plain_sends, second, "second", 50, 5),
        ]
        sent = [value for sender in senders for value in await sender]
        first.close()
        second.close()
        got = []
        for goroutine in selecting:
            received, passed_on = await goroutine
            got += received
            sent += passed_on
        out.close()
        return sorted(sent), sorted(got + await collector)

    sent, got = async_everywhere(body)
    assert sent == got
    assert sent


@HOME
def test_an_async_goroutine_that_is_cancelled_again_and_again_loses_no_value(async_everywhere, home):
    async def receive(ch, started, cancels):
        got = []
        await started.asend(None)
        while True:
            try:
                async for value in ch:
                    got.append(value)
                return got
            except asyncio.CancelledError:
                cancels -= 1
                if not cancels:
                    return got

    async def body():
        ch, started = await HOMES[home](), dgo.Chan()
        receiver = elsewhere(receive, ch, started, 8)
        await started.arecv(timeout=LIMIT)
        sender = elsewhere(storm_of_sends, ch, "away", 80, 1, ("timeout", "bare task"))
        for _ in range(7):
            receiver.cancel()
            await arest()
        sent = await sender
        ch.close()
        return sent, await receiver

    sent, got = async_everywhere(body)
    assert sent == got
    assert sent


@HOME
def test_after_a_storm_the_channel_has_no_waiter_left(async_everywhere, home):
    async def body():
        ch = await HOMES[home]()
        goroutines = [elsewhere(storm_of_sends, ch, "a", 30, 1), elsewhere(storm_of_sends, ch, "b", 30, 2)]
        for goroutine in goroutines:
            assert await goroutine == []  # nobody receives
        others = [elsewhere(of_receives, ch, seed) for seed in (3, 4)]
        for other in others:
            assert await other == []
        return await elsewhere(lambda: (empty(ch), full(ch)))

    async def of_receives(ch, seed):
        rng = random.Random(seed)
        return [got for _ in range(30) if (got := await attempt(rng, ch.arecv)) != WITHDRAWN]

    assert async_everywhere(body) == (True, True)
