"""asyncio programs: handles awaited in every way, several loops, shutdown, and the end of the program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

import dgo

from .async_places import arest, outcome
from .conftest import eventually
from .places import LIMIT, OddError, elsewhere


def fail(text="expected by the test"):
    raise OddError(text)


def test_a_handle_may_be_awaited_twice_and_by_two_tasks(async_everywhere):
    async def body():
        gate = dgo.Chan()
        handle = elsewhere(gate.arecv)

        async def wait():
            return await handle

        tasks = [asyncio.create_task(wait()) for _ in range(2)]
        await arest()
        await gate.asend("value")
        return [*await asyncio.gather(*tasks), await handle, await handle]

    assert async_everywhere(body) == ["value"] * 4


def test_an_exception_may_be_awaited_twice(async_everywhere):
    async def body():
        handle = dgo.go(fail)
        return [await outcome(_await(handle)) for _ in range(2)]

    assert async_everywhere(body) == ["OddError"] * 2


async def _await(handle):
    return await handle


def test_gather_wait_wait_for_as_completed_and_shield_take_handles(async_everywhere):
    async def body():
        def square(x):
            return x * x

        gathered = await asyncio.gather(*[dgo.go(square, number) for number in range(3)])
        excepted = await asyncio.gather(dgo.go(fail), dgo.go(square, 2), return_exceptions=True)
        limited = await asyncio.wait_for(dgo.go(square, 3), LIMIT)
        shielded = await asyncio.shield(dgo.go(square, 4))
        completed = sorted([await each for each in asyncio.as_completed([dgo.go(square, n) for n in range(3)])])
        done, pending = await asyncio.wait([asyncio.ensure_future(dgo.go(square, n)) for n in range(3)])
        return (
            gathered,
            (type(excepted[0]).__name__, excepted[1]),
            limited,
            shielded,
            completed,
            (sorted(task.result() for task in done), len(pending)),
        )

    assert async_everywhere(body) == ([0, 1, 4], ("OddError", 4), 9, 16, [0, 1, 4], ([0, 1, 4], 0))


@pytest.mark.parametrize("how", ["task", "timeout", "wait_for", "shield"])
def test_cancelling_the_await_leaves_the_goroutine_alone(async_everywhere, how):
    async def body():
        gate = dgo.Chan()
        handle = elsewhere(gate.arecv)
        if how == "task":
            task = asyncio.create_task(_await(handle))
            await arest()
            task.cancel()
            await asyncio.wait([task])
            told = task.cancelled()
        elif how == "timeout":
            try:
                async with asyncio.timeout(0.01):
                    await handle
            except TimeoutError:
                told = True
        else:
            waited = asyncio.shield(handle) if how == "shield" else handle
            told = await outcome(asyncio.wait_for(waited, 0.01)) == "TimeoutError"
        before = handle.done(), handle.cancelled()
        await gate.asend("value")
        return told, before, await handle

    assert async_everywhere(body) == (True, (False, False), "value")


def test_the_cancel_of_a_goroutine_is_dgo_s_error_and_does_not_look_like_the_cancel_of_the_awaiting(
    async_everywhere,
):
    async def body():
        handle = elsewhere(dgo.Chan().arecv)
        await arest()
        handle.cancel()
        try:
            await handle
        except dgo.CancelledError as error:
            return isinstance(error, asyncio.CancelledError), asyncio.current_task().cancelling()

    assert async_everywhere(body) == (False, 0)


def test_the_handles_of_a_task_group_s_tasks_end_it_with_their_error(async_everywhere):
    async def body():
        never = dgo.Chan()
        stuck = elsewhere(never.recv_ok)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_await(stuck))
                tasks.create_task(_await(dgo.go(fail)))
        except ExceptionGroup as group:
            names = [type(error).__name__ for error in group.exceptions]
        alone = not stuck.done()
        never.close()
        await stuck
        return names, alone

    assert async_everywhere(body) == (["OddError"], True)


def test_asyncio_run_may_be_called_again(cluster):
    handle = dgo.go(pow, 2, 3)

    async def main():
        ch = dgo.Chan(1)
        await ch.asend(await handle)
        return await ch.arecv()

    assert [asyncio.run(main()) for _ in range(3)] == [8, 8, 8]


def test_a_channel_of_one_loop_is_served_by_another(cluster):
    async def make():
        return dgo.Chan(1)

    async def send(ch):
        await ch.asend("value")

    async def receive(ch):
        return await ch.arecv(timeout=LIMIT)

    ch = asyncio.run(make())
    asyncio.run(send(ch))
    assert asyncio.run(receive(ch)) == "value"


def test_what_a_closed_loop_had_awaited_takes_no_value_from_the_next(cluster):
    ch = dgo.Chan()

    async def leave():
        task = asyncio.create_task(ch.arecv())  # asyncio.run() cancels it
        await asyncio.sleep(0)
        return task

    async def main():
        return await asyncio.gather(ch.asend("value"), ch.arecv(timeout=LIMIT))

    asyncio.run(leave())
    assert asyncio.run(main()) == [None, "value"]


def test_loops_of_several_threads_talk_over_channels(cluster):
    there, back, got = dgo.Chan(), dgo.Chan(), []

    async def echo():
        async for value in there:
            await back.asend(value)
        back.close()

    async def talk():
        for number in range(20):
            await there.asend(number)
            got.append(await back.arecv(timeout=LIMIT))
        there.close()

    threads = [threading.Thread(target=lambda fn=fn: asyncio.run(fn())) for fn in (echo, talk)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert got == list(range(20))


def test_a_handle_is_awaited_by_the_loops_of_several_threads(cluster):
    gate, results = dgo.Chan(), []
    handle = elsewhere(gate.recv)
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(_await(handle)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    gate.send("value", timeout=LIMIT)
    for thread in threads:
        thread.join(LIMIT)
    assert results == ["value"] * 3


def test_a_thread_of_to_thread_may_block_in_an_asyncio_driver(cluster):
    async def main():
        ch = dgo.Chan()
        blocked = asyncio.create_task(asyncio.to_thread(ch.recv, timeout=LIMIT))
        await ch.asend("value", timeout=LIMIT)
        return await blocked

    assert asyncio.run(main()) == "value"


def test_plain_goroutines_that_run_loops_of_their_own_interleave(cluster):
    async def turn(mine, others, count):
        log = []
        for _ in range(count):
            log.append(await mine.arecv(timeout=LIMIT))
            await others.asend(log[-1] + 1, timeout=LIMIT)
        return log

    def plain(mine, others, count):
        import time

        time.sleep(0.001)  # parks this goroutine only
        first = asyncio.run(turn(mine, others, count))
        others.send(mine.recv(timeout=LIMIT) + 1, timeout=LIMIT)
        return first, dgo.go(sum, first).result(timeout=LIMIT)

    def ring():
        count, links = 5, [dgo.Chan() for _ in range(3)]
        members = [dgo.go(plain, links[n], links[(n + 1) % 3], count) for n in range(2)]
        for number in range(0, 3 * (count + 1), 3):
            links[0].send(number, timeout=LIMIT)
            assert links[2].recv(timeout=LIMIT) == number + 2
        return [member.result(timeout=LIMIT) for member in members]

    first, second = dgo.go(ring).result(timeout=LIMIT)
    assert first == ([0, 3, 6, 9, 12], 30)
    assert second == ([1, 4, 7, 10, 13], 35)


def test_a_coroutine_inside_asyncio_run_of_a_plain_goroutine_may_block_that_goroutine(cluster):
    async def block(ch):
        return ch.recv(timeout=LIMIT)

    def both():
        ch = dgo.Chan()
        blocked = dgo.go(lambda: asyncio.run(block(ch)))  # on this worker, as is its sender
        ch.send("value", timeout=LIMIT)
        return blocked.result(timeout=LIMIT)

    assert dgo.go(both).result(timeout=LIMIT) == "value"


def test_many_plain_goroutines_run_loops_at_once_on_one_worker(cluster):
    async def wait(ready, gate, number):
        await ready.asend(None)
        await asyncio.sleep(0.001)
        await outcome(gate.arecv())
        return number

    def all_of_them():
        ready, gate = dgo.Chan(), dgo.Chan()
        handles = [dgo.go(lambda number=number: asyncio.run(wait(ready, gate, number))) for number in range(20)]
        for _ in handles:
            ready.recv(timeout=LIMIT)
        gate.close()
        return dgo.gather(*handles)

    assert list(dgo.go(all_of_them).result(timeout=LIMIT)) == list(range(20))


PROGRAM = """
import asyncio, dgo, os, sys
dgo.init(workers=1)
async def stuck(ready):
    await ready.asend(None)
    await asyncio.sleep(1000)
"""


def test_a_shutdown_releases_what_coroutines_await_with_an_error(output):
    assert output(
        PROGRAM
        + """
async def main():
    ready = dgo.Chan()
    handle = dgo.go(stuck, ready)
    await ready.arecv()
    away = await dgo.go(dgo.Chan)
    waiting = {
        "handle": handle, "arecv": dgo.Chan().arecv(), "asend": away.asend(1), "aselect": dgo.aselect(dgo.recv(away)),
        "nothing": dgo.aselect(),
    }
    async def told(name, what):
        try:
            await asyncio.wait_for(what, 10)
        except TimeoutError as error:
            print(name, "hung", repr(error))
        except dgo.ClusterError:
            pass
        except BaseException as error:
            print(name, repr(error))
    tasks = [asyncio.create_task(told(name, what)) for name, what in waiting.items()]
    await asyncio.sleep(0.2)
    await asyncio.to_thread(dgo.shutdown)
    await asyncio.gather(*tasks)
    print("over")
asyncio.run(main())
"""
    ) == ["over"]


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param("await dgo.Chan().arecv()", id="arecv"),
        pytest.param("await dgo.Chan().asend(1)", id="asend", marks=pytest.mark.slow),
        pytest.param("await dgo.aselect(dgo.recv(dgo.Chan()))", id="aselect", marks=pytest.mark.slow),
        pytest.param("await dgo.go(dgo.Chan().recv)", id="handle of a plain goroutine", marks=pytest.mark.slow),
        pytest.param("await dgo.go(dgo.Chan().arecv)", id="handle of an async goroutine", marks=pytest.mark.slow),
        pytest.param("await asyncio.create_task(dgo.Chan().arecv())", id="one task"),
        pytest.param(
            "raise (await asyncio.gather(dgo.Chan().arecv(), dgo.Chan().arecv(), return_exceptions=True))[0]",
            id="two tasks",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_asyncio_driver_that_waits_for_ever_gets_a_deadlock(output, wait):
    assert output(
        PROGRAM
        + f"""
async def main():
    try:
        {wait}
    except dgo.Deadlock:
        print("deadlock")
asyncio.run(asyncio.wait_for(main(), None))
"""
    ) == ["deadlock"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pending",
    [
        pytest.param("asyncio.get_running_loop().call_later(3, ch.send_nowait, 1)", id="timer"),
        pytest.param(
            "task = asyncio.create_task(asyncio.sleep(3, 1)); task.add_done_callback("
            "lambda t: ch.send_nowait(t.result()))",
            id="sleep",
        ),
        pytest.param("task = asyncio.create_task(by_socket(ch))", id="socket"),
        pytest.param("task = asyncio.create_task(by_thread(ch))", id="thread"),
        pytest.param("task = asyncio.create_task(by_process(ch))", id="subprocess"),
        pytest.param("goroutine = dgo.go(asleep, ch)", id="async goroutine that sleeps"),
    ],
)
def test_an_asyncio_driver_that_something_will_wake_is_no_deadlock(output, pending):
    assert output(
        PROGRAM
        + f"""
import socket, time, threading
async def by_socket(ch):
    here, there = socket.socketpair()
    threading.Timer(3, lambda: there.send(b"1")).start()
    reader, writer = await asyncio.open_connection(sock=here)
    await ch.asend(int(await reader.readexactly(1)))
    writer.close()
async def by_thread(ch):
    await asyncio.to_thread(time.sleep, 3)
    await ch.asend(1)
async def by_process(ch):
    process = await asyncio.create_subprocess_exec("sleep", "3")
    await process.wait()
    await ch.asend(1)
async def asleep(ch):
    await asyncio.sleep(3)
    await ch.asend(1)
async def main():
    ch = dgo.Chan(1)
    {pending}
    print(await ch.arecv())
asyncio.run(main())
"""
    ) == ["1"]


@pytest.mark.parametrize(
    "wait",
    [
        "ch.arecv()",
        *[pytest.param(wait, marks=pytest.mark.slow) for wait in ("dgo.go(stuck, ready)", "asyncio.sleep(1000)")],
    ],
)
def test_ctrl_c_ends_an_asyncio_program_and_leaves_no_process(tmp_path, wait):
    script = tmp_path / "main.py"
    script.write_text(
        PROGRAM
        + f"""
async def main():
    ch, ready = dgo.Chan(), dgo.Chan(3)
    stays = [dgo.go(stuck, ready) for _ in range(2)]
    for _ in stays:
        await ready.arecv()
    print(*[worker.pid for worker in dgo.cluster().workers()], flush=True)
    try:
        await {wait}
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
asyncio.run(main())
"""
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert pids
    assert out == "cancelled\n"
    assert "KeyboardInterrupt" in err
    assert process.returncode in (130, 1, -signal.SIGINT)
    assert eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 15)


@pytest.mark.slow
def test_the_exception_of_an_async_goroutine_that_nobody_asks_for_is_reported(program):
    ended = program(
        PROGRAM
        + """
async def boom():
    await asyncio.sleep(0)
    raise ValueError("nobody asked")
async def main():
    dgo.go(boom)
    group = dgo.WaitGroup()
    group.go(boom)
    await asyncio.to_thread(group.wait)
asyncio.run(main())
"""
    )
    assert ended.returncode == 0
    assert "boom" in ended.stderr
    assert "ValueError: nobody asked" in ended.stderr


@pytest.mark.slow
def test_an_exception_that_is_awaited_is_not_reported(program):
    ended = program(
        PROGRAM
        + """
async def boom():
    raise ValueError("nobody asked")
async def main():
    try:
        await dgo.go(boom)
    except ValueError:
        pass
asyncio.run(main())
"""
    )
    assert (ended.returncode, ended.stderr) == (0, "")
