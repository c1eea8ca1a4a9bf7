"""``await dgo.aselect(...)``: as ``select``, for coroutines."""

from __future__ import annotations

import asyncio
import collections

import pytest

import dgo

from .async_places import HOMES, arest, asend_all, atake, outcome
from .places import LIMIT, elsewhere, parts

HOME = pytest.mark.parametrize("home", list(HOMES))


@HOME
def test_the_case_that_is_ready_is_taken(async_everywhere, home):
    async def body():
        first, second = await HOMES[home](), await HOMES[home](1)
        await second.asend("value")
        return parts(await dgo.aselect(dgo.recv(first), dgo.recv(second), timeout=LIMIT))

    assert async_everywhere(body) == (1, "value", True)


@HOME
def test_a_send_case_that_is_ready_is_taken(async_everywhere, home):
    async def body():
        ch = await HOMES[home](1)
        selected = parts(await dgo.aselect(dgo.recv(None), dgo.send(ch, "value"), timeout=LIMIT))
        return selected, await ch.arecv(timeout=LIMIT)

    assert async_everywhere(body) == ((1, None, True), "value")


@pytest.mark.parametrize("waking", ["receive", "send"])
@HOME
def test_a_waiting_select_takes_the_case_that_becomes_ready(async_everywhere, home, waking):
    async def body():
        ins, out = await HOMES[home](), await HOMES[home]()
        task = asyncio.create_task(dgo.aselect(dgo.recv(ins), dgo.send(out, "mine")))
        await arest()
        if waking == "receive":
            await ins.asend("yours", timeout=LIMIT)
            other = None
        else:
            other = await out.arecv(timeout=LIMIT)
        return parts(await task), other, await outcome(ins.asend("too late", timeout=0.01))

    expected = ((0, "yours", True), None) if waking == "receive" else ((1, None, True), "mine")
    assert async_everywhere(body) == (*expected, "Timeout")


def test_of_several_ready_cases_each_is_taken_as_often_as_another(async_everywhere):
    async def body():
        channels, counts = [dgo.Chan(400) for _ in range(4)], collections.Counter()
        for ch in channels[:3]:
            for _ in range(400):
                ch.send_nowait(None)
        cases = [*[dgo.recv(ch) for ch in channels[:3]], dgo.send(channels[3], None)]
        for _ in range(400):
            counts[(await dgo.aselect(*cases)).index] += 1
        return [counts[index] for index in range(4)]

    counts = async_everywhere(body)
    # 100 are expected of each, with a standard deviation of 9: 40 is beyond the sixth.
    assert min(counts) > 40, counts


@HOME
def test_default_is_taken_when_no_case_is_ready_and_only_then(async_everywhere, home):
    async def body():
        ch = await HOMES[home](1)
        nothing = parts(await dgo.aselect(dgo.recv(ch), default=True))
        await ch.asend("value", timeout=LIMIT)
        return nothing, parts(await dgo.aselect(dgo.recv(ch), default=True))

    assert async_everywhere(body) == ((dgo.DEFAULT, None, False), (0, "value", True))


def test_default_without_a_case_is_taken(async_everywhere):
    async def body():
        return (await dgo.aselect(default=True)).index

    assert async_everywhere(body) == dgo.DEFAULT


@HOME
def test_a_timeout_that_runs_out_withdraws_every_case(async_everywhere, home):
    async def body():
        ins, out = await HOMES[home](), await HOMES[home]()
        told = await outcome(dgo.aselect(dgo.recv(ins), dgo.send(out, 1), timeout=0.01))
        after = await dgo.aselect(dgo.send(ins, 1), dgo.recv(out), default=True)
        return told, after.index

    assert async_everywhere(body) == ("Timeout", dgo.DEFAULT)


def test_a_nil_channel_is_never_ready(async_everywhere):
    async def body():
        return await outcome(dgo.aselect(dgo.recv(None), dgo.send(None, 1), timeout=0.01))

    assert async_everywhere(body) == "Timeout"


@HOME
def test_a_receive_of_a_closed_channel_is_ready_and_not_ok(async_everywhere, home):
    async def body():
        ch = await HOMES[home](1)
        await ch.asend("last")
        ch.close()
        return [parts(await dgo.aselect(dgo.recv(None), dgo.recv(ch), timeout=LIMIT)) for _ in range(2)]

    assert async_everywhere(body) == [(1, "last", True), (1, None, False)]


@HOME
@pytest.mark.parametrize("when", ["before", "while it waits"])
def test_a_send_to_a_closed_channel_raises_channel_closed(async_everywhere, home, when):
    async def body():
        ch, never = await HOMES[home](), dgo.Chan()
        if when == "before":
            ch.close()
        task = asyncio.create_task(outcome(dgo.aselect(dgo.recv(never), dgo.send(ch, 1), timeout=LIMIT)))
        if when != "before":
            await arest()
            ch.close()
        return await task

    assert async_everywhere(body) == "ChannelClosed"


def test_a_select_without_a_case_waits_until_it_is_cancelled(async_everywhere):
    async def body():
        task = asyncio.create_task(dgo.aselect())
        await arest()
        waits = not task.done()
        task.cancel()
        await asyncio.wait([task])
        return waits, task.cancelled(), await outcome(dgo.aselect(timeout=0.01))

    assert async_everywhere(body) == (True, True, "Timeout")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        pytest.param(lambda ch: dgo.aselect(ch), "TypeError", id="a channel"),
        pytest.param(lambda ch: dgo.aselect(dgo.recv(ch), 7), "TypeError", id="a number"),
        pytest.param(lambda ch: dgo.aselect([dgo.recv(ch)]), "TypeError", id="a list"),
        pytest.param(lambda ch: dgo.aselect(dgo.recv(ch), default=True, timeout=1), "ValueError", id="both"),
    ],
)
def test_bad_input_is_refused_and_the_ready_case_is_not_taken(async_everywhere, wrong, error):
    async def body():
        ch = dgo.Chan(1)
        ch.send_nowait("value")

        async def call():
            return await wrong(ch)

        return await outcome(call()), len(ch)

    assert async_everywhere(body) == (error, 1)


@pytest.mark.parametrize("ends", ["async and plain", "async and async"])
def test_selects_over_channels_of_several_processes_agree_on_exactly_one_case(async_everywhere, ends):
    async def rounds(channels, count):
        got = []
        for _ in range(count):
            selected = await dgo.aselect(*[dgo.recv(ch) for ch in channels], timeout=LIMIT)
            got.append((selected.index, selected.value))
        return got

    async def offer(channels, values):
        return [
            (selected.index, value)
            for value in values
            if (selected := await dgo.aselect(*[dgo.send(ch, value) for ch in channels], timeout=LIMIT))
        ]

    def plainly(channels, values):
        return [(dgo.select(*[dgo.send(ch, value) for ch in channels], timeout=LIMIT).index, value) for value in values]

    async def body():
        channels = [await HOMES["here"](), await HOMES["away"](), await HOMES["away"]()]
        other = offer if ends.endswith("async") else plainly
        sending = [elsewhere(other, channels, range(start, start + 15)) for start in (0, 100)]
        receiving = [elsewhere(rounds, channels, 10) for _ in range(3)]
        got = [pair for each in await asyncio.gather(*receiving) for pair in each]
        sent = [pair for each in await asyncio.gather(*sending) for pair in each]
        return sorted(sent), sorted(got)

    sent, got = async_everywhere(body)
    assert sent == got
    assert len(sent) == 30


def test_select_races_with_a_timer_and_a_context(async_everywhere):
    async def body():
        never = dgo.Chan()
        ctx, cancel = dgo.with_cancel(dgo.background())
        timed = await dgo.aselect(dgo.recv(never), dgo.recv(dgo.after(0.01)), timeout=LIMIT)
        cancel()
        cancelled = await dgo.aselect(dgo.recv(never), dgo.recv(ctx.done()), timeout=LIMIT)
        return timed.index, (cancelled.index, cancelled.ok)

    assert async_everywhere(body) == (1, (1, False))


def test_several_selects_of_one_loop_share_a_channel(async_everywhere):
    async def body():
        ch, stop = await HOMES["away"](), dgo.Chan()

        async def worker():
            got = []
            while (selected := await dgo.aselect(dgo.recv(ch), dgo.recv(stop))).index == 0:
                got.append(selected.value)
            return got

        tasks = [asyncio.create_task(worker()) for _ in range(4)]
        await asend_all(ch, range(20))
        await arest()
        stop.close()
        return sorted([value for task in tasks for value in await task])

    assert async_everywhere(body) == list(range(20))


def test_a_plain_select_at_the_other_end_meets_an_async_receive(async_everywhere):
    def choose(first, second):
        return sorted(dgo.select(dgo.send(first, 1), dgo.send(second, 2), timeout=LIMIT).index for _ in range(2))

    async def body():
        first, second = dgo.Chan(), await HOMES["away"]()
        goroutine = elsewhere(choose, first, second)
        got = sorted([*await atake(first, 1), *await atake(second, 1)])
        return await goroutine, got

    assert async_everywhere(body) == ([0, 1], [1, 2])
