"""Channels in coroutines: ``asend``, ``arecv`` and ``async for``, alone and with plain goroutines at the other end."""

from __future__ import annotations

import asyncio

import pytest

import dgo

from .async_places import (
    HOMES,
    adrain,
    arest,
    asend_all,
    asend_all_and_close,
    atake,
    outcome,
)
from .places import LIMIT, drain, elsewhere, send_all, send_all_and_close, take

HOME = pytest.mark.parametrize("home", list(HOMES))
CAPACITY = pytest.mark.parametrize("capacity", [0, 3])
SENDERS = {"plain": send_all_and_close, "async": asend_all_and_close}
RECEIVERS = {"plain": drain, "async": adrain}


@HOME
@CAPACITY
@pytest.mark.parametrize("receiver", list(RECEIVERS))
@pytest.mark.parametrize("sender", list(SENDERS))
def test_values_arrive_in_order_whoever_sends_and_receives(async_everywhere, home, capacity, sender, receiver):
    async def body():
        ch = await HOMES[home](capacity)
        sending = elsewhere(SENDERS[sender], ch, range(20))
        got = await elsewhere(RECEIVERS[receiver], ch)
        await sending
        return got

    assert async_everywhere(body) == list(range(20))


@HOME
@CAPACITY
def test_the_driver_s_or_goroutine_s_own_coroutine_sends_and_receives(async_everywhere, home, capacity):
    async def body():
        there, back = await HOMES[home](capacity), await HOMES[home](capacity)

        async def echo():
            async for value in there:
                await back.asend(value)
            back.close()

        goroutine = elsewhere(echo)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asend_all_and_close(there, range(10)))
            got = tasks.create_task(adrain(back))
        await goroutine
        return got.result()

    assert async_everywhere(body) == list(range(10))


def test_two_tasks_of_one_loop_meet_over_an_unbuffered_channel(async_everywhere):
    async def body():
        ch = dgo.Chan()
        return await asyncio.gather(ch.arecv(), ch.asend("value"))

    assert async_everywhere(body) == ["value", None]


@HOME
def test_a_send_to_an_unbuffered_channel_ends_when_the_value_is_received(async_everywhere, home):
    async def body():
        ch = await HOMES[home]()
        task = asyncio.create_task(ch.asend("value"))
        await arest()
        before = task.done()
        value = await ch.arecv(timeout=LIMIT)
        await task
        return before, value

    assert async_everywhere(body) == (False, "value")


@HOME
def test_a_send_to_a_full_channel_waits_for_room(async_everywhere, home):
    async def body():
        ch = await HOMES[home](2)
        await asend_all(ch, (1, 2))
        task = asyncio.create_task(ch.asend(3))
        await arest()
        before = task.done()
        return before, await atake(ch, 3), await task

    assert async_everywhere(body) == (False, [1, 2, 3], None)


@HOME
def test_waiting_receivers_are_served_in_the_order_in_which_they_came(async_everywhere, home):
    async def body():
        ch, order = await HOMES[home](), []

        async def receive(number):
            await ch.arecv()
            order.append(number)

        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(receive(number)))
            await arest()
        await asend_all(ch, range(4))
        await asyncio.gather(*tasks)
        return order

    assert async_everywhere(body) == list(range(4))


@HOME
def test_a_value_is_isolated_from_its_sender(async_everywhere, home):
    async def body():
        ch, value = await HOMES[home](1), [1]
        await ch.asend(value)
        value.append(2)
        return await ch.arecv(timeout=LIMIT)

    assert async_everywhere(body) == [1]


@HOME
@pytest.mark.parametrize("use", ["arecv", "async for", "aselect"])
def test_a_close_wakes_every_waiting_receiver(async_everywhere, home, use):
    async def receive(ch, ready):
        await ready.asend(None)
        if use == "async for":
            return [value async for value in ch]
        if use == "aselect":
            selected = await dgo.aselect(dgo.recv(ch), dgo.recv(dgo.Chan()))
            return selected.index, selected.value, selected.ok
        return await outcome(ch.arecv())

    async def body():
        ch, ready = await HOMES[home](), dgo.Chan()
        goroutines = [elsewhere(receive, ch, ready) for _ in range(3)]
        await atake(ready, 3)
        await arest()
        ch.close()
        return await asyncio.gather(*goroutines)

    expected = {"arecv": "ChannelClosed", "async for": [], "aselect": (0, None, False)}[use]
    assert async_everywhere(body) == [expected] * 3


async def outcome_of_asend(ch, value):
    return await outcome(ch.asend(value))


@HOME
def test_a_close_wakes_waiting_senders_with_channel_closed(async_everywhere, home):
    async def body():
        ch = await HOMES[home]()
        tasks = [asyncio.create_task(outcome(ch.asend(number))) for number in range(3)]
        goroutine = elsewhere(outcome_of_asend, ch, "another's")
        await arest()
        ch.close()
        return await asyncio.gather(*tasks, goroutine)

    assert async_everywhere(body) == ["ChannelClosed"] * 4


@HOME
def test_a_closed_channel_is_drained_before_it_says_so(async_everywhere, home):
    async def body():
        ch = await HOMES[home](3)
        await asend_all_and_close(ch, (1, 2))
        return [await outcome(ch.arecv()) for _ in range(3)], await outcome(ch.asend(1))

    assert async_everywhere(body) == ([1, 2, "ChannelClosed"], "ChannelClosed")


@HOME
@pytest.mark.parametrize("operation", ["arecv", "asend", "aselect"])
def test_a_timeout_that_runs_out_is_dgo_s_and_withdraws_the_operation(async_everywhere, home, operation):
    async def body():
        ch = await HOMES[home]()
        if operation == "arecv":
            told = await outcome(ch.arecv(timeout=0.01))
        elif operation == "asend":
            told = await outcome(ch.asend("nobody should get this", timeout=0.01))
        else:
            told = await outcome(dgo.aselect(dgo.recv(ch), dgo.send(await HOMES[home](), 1), timeout=0.01))
        late = elsewhere(ch.send, "late")
        value = await ch.arecv(timeout=LIMIT)
        await late
        return told, value

    assert async_everywhere(body) == ("Timeout", "late")


@HOME
def test_a_timeout_of_zero_takes_what_is_there(async_everywhere, home):
    async def body():
        ch = await HOMES[home](1)
        nothing = await outcome(ch.arecv(timeout=0))
        await ch.asend("there", timeout=LIMIT)
        return nothing, await outcome(ch.asend("no room", timeout=0)), await outcome(ch.arecv(timeout=0))

    assert async_everywhere(body) == ("Timeout", "Timeout", "there")


@pytest.mark.parametrize("wrong", ["soon", [1]])
def test_a_timeout_that_is_no_number_is_a_type_error(async_everywhere, wrong):
    async def body():
        ch = dgo.Chan(1)
        return await outcome(ch.arecv(timeout=wrong)), len(ch)

    assert async_everywhere(body) == ("TypeError", 0)


def test_nowait_operations_work_in_coroutines_on_the_own_process_s_channels(async_everywhere):
    async def body():
        ch = dgo.Chan(1)
        ch.send_nowait("value")
        told = [await outcome(asyncio.wait_for(_call(ch.send_nowait, 1), LIMIT)), ch.recv_nowait()]
        return [*told, await outcome(_call(ch.recv_nowait))]

    async def _call(fn, *args):
        return fn(*args)

    assert async_everywhere(body) == ["WouldBlock", "value", "WouldBlock"]


@HOME
def test_a_loop_that_is_left_by_break_leaves_the_rest_in_the_channel(async_everywhere, home):
    async def body():
        ch = await HOMES[home](5)
        await asend_all_and_close(ch, range(5))
        async for value in ch:
            if value == 1:
                break
        return await adrain(ch)

    assert async_everywhere(body) == [2, 3, 4]


@HOME
def test_a_value_that_cannot_travel_is_refused_at_the_send(async_everywhere, home):
    async def body():
        ch = await HOMES[home](1)
        told = await outcome(ch.asend(each for each in "abc"))
        return told, await outcome(ch.arecv(timeout=0.01))

    assert async_everywhere(body) == ("SerializationError", "Timeout")


@HOME
def test_direction_views_have_the_asynchronous_methods_of_their_direction_only(async_everywhere, home):
    async def body():
        ch = await HOMES[home](2)
        sender, receiver = ch.sender(), ch.receiver()
        await sender.asend(1)
        await sender.asend(2)
        first = await receiver.arecv(timeout=LIMIT)
        sender.close()
        return first, [value async for value in receiver], hasattr(sender, "arecv"), hasattr(receiver, "asend")

    assert async_everywhere(body) == (1, [2], False, False)


@HOME
@CAPACITY
def test_many_plain_and_async_goroutines_share_one_channel_and_each_value_arrives_once(
    async_everywhere, home, capacity
):
    async def body():
        ch = await HOMES[home](capacity)
        receivers = [elsewhere(RECEIVERS[kind], ch) for kind in ("plain", "async") * 3]
        fns = {"plain": send_all, "async": asend_all}
        senders = [
            elsewhere(fns[kind], ch, [(number, each) for each in range(15)])
            for number, kind in enumerate(("plain", "async") * 3)
        ]
        await asyncio.gather(*senders)
        ch.close()
        got = await asyncio.gather(*receivers)
        in_order = all(
            [value for value in each if value[0] == number] == sorted(value for value in each if value[0] == number)
            for each in got
            for number in range(6)
        )
        return in_order, sorted(value for each in got for value in each)

    assert async_everywhere(body) == (True, [(number, each) for number in range(6) for each in range(15)])


def test_a_plain_goroutine_s_take_and_an_async_one_s_are_served_alike(async_everywhere):
    async def body():
        ch = dgo.Chan()
        takers = [elsewhere(take, ch, 5), elsewhere(atake, ch, 5)]
        await asend_all(ch, range(10))
        return sorted(value for each in await asyncio.gather(*takers) for value in each)

    assert async_everywhere(body) == list(range(10))


def test_an_iteration_over_a_channel_may_be_shared_by_tasks(async_everywhere):
    async def body():
        ch = dgo.Chan()
        tasks = [asyncio.create_task(adrain(ch)) for _ in range(3)]
        await asend_all_and_close(ch, range(9))
        return sorted(value for each in await asyncio.gather(*tasks) for value in each)

    assert async_everywhere(body) == list(range(9))


def test_a_loop_of_ready_operations_lets_other_tasks_run(async_everywhere):
    async def body():
        ch, log = dgo.Chan(1), []

        async def ping_pong():
            for _ in range(20_000):
                if log:
                    break
                await ch.asend(None)
                await ch.arecv()
            log.append("ping-pong ended")

        async def other():
            log.append("ran")

        # Each operation of the loop is ready at once: it must not keep the loop to itself for ever.
        await asyncio.gather(ping_pong(), other())
        return log

    assert async_everywhere(body) == ["ran", "ping-pong ended"]
