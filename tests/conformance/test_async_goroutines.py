"""``async def`` functions as goroutines: their results, errors, neighbours and ends."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import sys

import pytest

import dgo

from .async_places import arest, atake, outcome, turns
from .places import LIMIT, OddError, elsewhere


async def double(x, factor=2, *, plus=0):
    await asyncio.sleep(0)
    return x * factor + plus


async def fail(text="expected by the test"):
    await asyncio.sleep(0)
    raise OddError(text)


class Account:
    """A value with asynchronous methods."""

    def __init__(self, amount):
        self.amount = amount

    async def doubled(self):
        await asyncio.sleep(0)
        return self.amount * 2

    async def __call__(self, more):
        await asyncio.sleep(0)
        return self.amount + more

    @classmethod
    async def empty(cls):
        await asyncio.sleep(0)
        return cls(0).amount

    @staticmethod
    async def rate():
        await asyncio.sleep(0)
        return 7


CALLS = {
    "function": (double, (4,), {}, 8),
    "arguments": (double, (4, 3), {"plus": 1}, 13),
    "lambda": (lambda x: double(x), (4,), {}, 8),
    "partial": (functools.partial(double, 4, plus=5), (), {}, 13),
    "partial of a partial": (functools.partial(functools.partial(double, 4), 10), (), {}, 40),
    "bound method": (Account(4).doubled, (), {}, 8),
    "callable object": (Account(4), (5,), {}, 9),
    "class method": (Account.empty, (), {}, 0),
    "static method": (Account.rate, (), {}, 7),
    "coroutine function of the library": (asyncio.sleep, (0, "slept"), {}, "slept"),
}


@pytest.mark.parametrize("call", list(CALLS))
def test_a_goroutine_of_an_async_callable_gives_what_its_coroutine_returns(async_everywhere, call):
    async def body():
        fn, args, kwargs, _ = CALLS[call]
        return await dgo.go(fn, *args, **kwargs)

    assert async_everywhere(body) == CALLS[call][3]


@pytest.mark.parametrize("call", list(CALLS))
def test_a_plain_program_gets_the_result_of_an_async_goroutine(everywhere, call):
    def body():
        fn, args, kwargs, _ = CALLS[call]
        return dgo.go(fn, *args, **kwargs).result(timeout=LIMIT)

    assert everywhere(body) == CALLS[call][3]


def test_the_awaiting_gets_the_goroutine_s_own_exception_with_the_remote_traceback_as_its_cause(async_everywhere):
    async def body():
        try:
            await dgo.go(fail, "odd")
        except OddError as error:
            return str(error), str(error.__cause__)

    text, cause = async_everywhere(body)
    assert text == "odd"
    assert "in fail" in cause
    assert "raise OddError(text)" in cause


def test_a_plain_program_gets_the_exception_of_an_async_goroutine_with_the_remote_traceback(everywhere):
    def body():
        error = dgo.go(fail, "odd").exception(timeout=LIMIT)
        return type(error), str(error), str(error.__cause__)

    kind, text, cause = everywhere(body)
    assert (kind, text) == (OddError, "odd")
    assert "raise OddError(text)" in cause


def test_an_exception_group_of_a_goroutine_arrives_as_one(async_everywhere):
    async def grouped():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail("one"))
            tasks.create_task(double(1))

    async def body():
        try:
            await dgo.go(grouped)
        except ExceptionGroup as group:
            return [(type(error), str(error)) for error in group.exceptions]

    assert async_everywhere(body) == [(OddError, "one")]


def test_a_closure_s_cells_are_snapshotted_at_the_call(async_everywhere):
    async def body():
        numbers = [1]

        async def add(more):
            await asyncio.sleep(0)
            numbers.append(more)
            return numbers

        goroutine = dgo.go(add, 2)
        numbers.append(100)
        return await goroutine, numbers

    assert async_everywhere(body) == ([1, 2], [1, 100])


def test_an_async_generator_function_given_by_mistake_is_told_by_name(async_everywhere):
    async def numbers():
        yield 1

    async def body():
        try:
            await dgo.go(numbers)
        except TypeError as error:  # SerializationError is one
            return str(error)

    assert "async_generator" in (async_everywhere(body) or "").replace("async generator", "async_generator")


def test_a_coroutine_given_instead_of_its_function_is_a_type_error_at_the_call(async_everywhere):
    async def body():
        coroutine = double(1)
        try:
            dgo.go(coroutine)
        except TypeError as error:
            return str(error)
        finally:
            coroutine.close()

    assert "coroutine" in (async_everywhere(body) or "")


def test_async_goroutines_spawn_and_await_async_goroutines(async_everywhere):
    async def sum_below(depth):
        if depth == 0:
            return 1
        return sum(await asyncio.gather(*[dgo.go(sum_below, depth - 1) for _ in range(2)]))

    async def body():
        return await dgo.go(sum_below, 4)

    assert async_everywhere(body) == 16


def test_a_hundred_run_at_once(async_everywhere):
    async def wait(ready, gate, number):
        await ready.asend(None)
        await gate.arecv()
        return number

    async def body():
        ready, gate = dgo.Chan(), dgo.Chan()
        goroutines = [elsewhere(wait, ready, gate, number) for number in range(100)]
        await atake(ready, 100)  # all have begun and none has ended
        for _ in range(100):
            await gate.asend(None)
        return await asyncio.gather(*goroutines)

    assert async_everywhere(body) == list(range(100))


VARIABLE = contextvars.ContextVar("VARIABLE", default="nothing set")


async def set_and_look(number, arrived, gate):
    before = VARIABLE.get()
    VARIABLE.set(number)
    await arrived.asend(None)
    await outcome(gate.arecv())
    return before, VARIABLE.get()


def look():
    return VARIABLE.get()


def test_each_goroutine_has_its_own_context_variables(async_everywhere):
    async def body():
        arrived, gate = dgo.Chan(), dgo.Chan()
        goroutines = [elsewhere(set_and_look, number, arrived, gate) for number in range(4)]
        await atake(arrived, 4)
        gate.close()
        return await asyncio.gather(*goroutines), look()

    assert async_everywhere(body) == ([("nothing set", number) for number in range(4)], "nothing set")


def test_current_is_right_in_a_goroutine_and_in_the_tasks_that_it_makes(async_everywhere):
    async def look():
        await asyncio.sleep(0)
        return dgo.current().id

    async def goroutine():
        own = dgo.current().id
        child = asyncio.create_task(look())
        async with asyncio.TaskGroup() as tasks:
            grand = tasks.create_task(asyncio.wait_for(look(), LIMIT))
        await asyncio.sleep(0)
        return own, await child, grand.result(), dgo.current().id

    async def body():
        handles = [dgo.go(goroutine) for _ in range(3)]
        found = await asyncio.gather(*handles)
        return [handle.id for handle in handles], found

    ids, found = async_everywhere(body)
    assert found == [(each,) * 4 for each in ids]


def test_the_name_of_a_goroutine_is_its_functions_or_the_one_given(async_everywhere):
    async def name():
        await asyncio.sleep(0)
        return dgo.current().name

    async def body():
        return await dgo.go.options(name="given")(name), await dgo.go(name)

    given, own = async_everywhere(body)
    assert given == "given"
    assert "name" in own


def test_what_asyncio_has_works_inside(async_everywhere):
    async def work():
        queue, event, lock = asyncio.Queue(1), asyncio.Event(), asyncio.Lock()

        async def put():
            async with lock:
                for number in range(3):
                    await queue.put(number)
            event.set()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(put())
            numbers = [await queue.get() for _ in range(3)]
        await event.wait()
        too_long = await outcome(asyncio.wait_for(asyncio.sleep(LIMIT), 0.001))
        doubled = await asyncio.gather(double(1), double(2))
        own = asyncio.current_task() is not None and asyncio.current_task() in asyncio.all_tasks()
        return numbers, too_long, doubled, own

    async def body():
        return await dgo.go(work)

    assert async_everywhere(body) == ([0, 1, 2], "TimeoutError", [2, 4], True)


def test_a_thread_of_to_thread_works_inside_and_may_block(cluster):
    async def work(ch):
        value = await asyncio.to_thread(ch.recv)
        return value, await asyncio.to_thread(lambda: dgo.go(double, value).result())

    ch = dgo.Chan()
    goroutine = elsewhere(work, ch)
    ch.send(21, timeout=LIMIT)
    assert goroutine.result(timeout=LIMIT) == (21, 42)


def test_a_subprocess_works_inside(cluster):
    async def work():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(input()[::-1])", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate(b"abc\n")
        return process.returncode, out

    assert dgo.go(work).result(timeout=LIMIT) == (0, b"cba\n")


def test_goroutines_of_several_processes_talk_over_asyncio_s_streams(cluster):
    async def serve(address, done):
        async def upper(reader, writer):
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
            await address.asend(server.sockets[0].getsockname())
            await outcome(done.arecv())
        return "served"

    async def ask(where, text):
        reader, writer = await asyncio.open_connection(*where)
        writer.write(text.encode() + b"\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode().strip()

    address, done = dgo.Chan(), dgo.Chan()
    server = elsewhere(serve, address, done)
    where = address.recv(timeout=LIMIT)
    clients = [elsewhere(ask, where, text) for text in ("a", "b", "c", "d")]
    assert [client.result(timeout=LIMIT) for client in clients] == ["A", "B", "C", "D"]
    done.close()
    assert server.result(timeout=LIMIT) == "served"


ENDINGS = {
    "goexit": dgo.goexit,
    "sys.exit": lambda: sys.exit(3),
    "KeyboardInterrupt": lambda: raise_interrupt(),
}


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_an_end_by_goexit_exit_or_interrupt_ends_only_its_goroutine(async_everywhere, ending):
    async def neighbour(ready, gate):
        await ready.asend(os.getpid())
        return await gate.arecv()

    async def end(log):
        try:
            await asyncio.sleep(0)
            ENDINGS[ending]()
        finally:
            await log.asend("cleaned up")

    async def body():
        ready, gate, log = dgo.Chan(), dgo.Chan(), dgo.Chan(8)
        neighbours = [elsewhere(neighbour, ready, gate) for _ in range(4)]
        before = sorted(await atake(ready, 4))
        ended = [elsewhere(end, log) for _ in range(4)]
        cleaned = await atake(log, 4)
        for each in ended:
            await asyncio.wait([asyncio.ensure_future(finished(each))])
        for number in range(4):
            await gate.asend(number)
        return len(before), cleaned, sorted(await asyncio.gather(*neighbours))

    async def finished(handle):
        try:
            await handle
        except BaseException:  # however it ended: that is another test's  # noqa: BLE001
            return

    assert async_everywhere(body) == (4, ["cleaned up"] * 4, [0, 1, 2, 3])


def test_goexit_of_an_async_goroutine_gives_none(async_everywhere):
    async def leave():
        await asyncio.sleep(0)
        dgo.goexit()

    def plainly():
        dgo.goexit()

    async def body():
        return await outcome(dgo.go(leave)), await outcome(dgo.go(plainly))

    async_result, plain_result = async_everywhere(body)
    assert async_result == plain_result


BLOCKING = {
    "recv": lambda ch, **_: ch.recv(),
    "recv with a timeout": lambda ch, **_: ch.recv(timeout=LIMIT),
    "recv_ok": lambda ch, **_: ch.recv_ok(),
    "send": lambda ch, **_: ch.send(1),
    "iteration": lambda ch, **_: list(ch),
    "select": lambda ch, **_: dgo.select(dgo.recv(ch), dgo.send(ch, 1)),
    "select of nothing": lambda **_: dgo.select(),
    "result": lambda goroutine, **_: goroutine.result(),
    "wait": lambda goroutine, **_: goroutine.wait(),
    "exception": lambda goroutine, **_: goroutine.exception(),
    "gather": lambda goroutine, **_: dgo.gather(goroutine),
    "as_completed": lambda goroutine, **_: list(dgo.as_completed([goroutine])),
    "map": lambda later, **_: list(dgo.map(lambda _: later.recv_ok()[1], [1])),
    "mutex": lambda mutex, **_: mutex.lock(),
    "with mutex": lambda mutex, **_: mutex.__enter__(),
    "group": lambda group, **_: group.wait(),
    "semaphore": lambda semaphore, **_: semaphore.acquire(),
    "sleep": lambda **_: dgo.sleep(LIMIT),
}


@pytest.mark.parametrize("how", list(BLOCKING))
def test_a_call_that_would_block_is_misuse_and_the_goroutine_can_go_on(async_everywhere, how):
    async def misuse(things):
        try:
            BLOCKING[how](**things)
        except dgo.MisuseError as error:
            return "await" in str(error) or "asyncio" in str(error) or "to_thread" in str(error)

    async def body():
        ch, mutex, group, semaphore = dgo.Chan(), dgo.Mutex(), dgo.WaitGroup(), dgo.Semaphore(1)
        assert mutex.try_lock()
        assert semaphore.try_acquire()
        group.add(1)
        stuck = dgo.go(ch.recv_ok)
        things = {
            "ch": dgo.Chan(),
            "mutex": mutex,
            "group": group,
            "semaphore": semaphore,
            "goroutine": stuck,
            "later": ch,
        }
        told = await elsewhere(misuse, things)
        ch.close()
        await stuck
        return told, await outcome(elsewhere(double, 4))

    assert async_everywhere(body) == (True, 8)


def test_a_call_that_need_not_wait_is_no_misuse(async_everywhere):
    async def use(ch):
        ch.send_nowait(1)
        mutex, group, total = dgo.Mutex(), dgo.WaitGroup(), dgo.Atomic(0)
        with mutex:
            group.wait()
            total.add(5)
        done = dgo.go(double, 2)
        await done
        return ch.recv_nowait(), total.load(), done.result(), len(ch)

    async def body():
        return await dgo.go(use, dgo.Chan(1))

    assert async_everywhere(body) == (1, 5, 4, 0)


def test_a_cancel_arrives_as_asyncio_s_cancellation_at_the_await(async_everywhere):
    async def wait(log, ready):
        try:
            await ready.asend(None)
            await asyncio.sleep(3 * LIMIT)
        except asyncio.CancelledError:
            await log.asend("cancelled")
            raise
        finally:
            await log.asend("finally may await")

    async def body():
        log, ready = dgo.Chan(2), dgo.Chan()
        goroutine = elsewhere(wait, log, ready)
        await ready.arecv(timeout=LIMIT)
        goroutine.cancel()
        kind = await outcome_of_cancelled(goroutine)
        return kind, goroutine.cancelled(), await atake(log, 2)

    assert async_everywhere(body) == ("dgo.CancelledError", True, ["cancelled", "finally may await"])


async def outcome_of_cancelled(handle):
    """Tells dgo's error, which says that the goroutine was cancelled, from asyncio's, which says that we were."""
    try:
        return await handle
    except asyncio.CancelledError:
        return "asyncio.CancelledError"
    except dgo.CancelledError:
        return "dgo.CancelledError"


@pytest.mark.parametrize("waiting", ["arecv", "asend", "aselect", "aselect of nothing", "handle"])
def test_a_cancel_ends_every_await_of_dgo(async_everywhere, waiting):
    async def wait(ready, never):
        await ready.asend(None)
        if waiting == "arecv":
            await never.arecv()
        elif waiting == "asend":
            await never.asend(None)
        elif waiting == "aselect":
            await dgo.aselect(dgo.recv(never), dgo.recv(dgo.Chan()))
        elif waiting == "aselect of nothing":
            await dgo.aselect()
        else:
            await dgo.go(never.recv_ok)

    async def body():
        ready, never = dgo.Chan(), dgo.Chan()
        goroutine = elsewhere(wait, ready, never)
        await ready.arecv(timeout=LIMIT)
        await arest()
        goroutine.cancel()
        kind = await outcome_of_cancelled(goroutine)
        never.close()
        return kind

    assert async_everywhere(body) == "dgo.CancelledError"


def test_a_goroutine_that_catches_its_cancel_goes_on_and_gives_its_result(async_everywhere):
    async def wait(ready):
        try:
            await ready.asend(None)
            await asyncio.sleep(3 * LIMIT)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "I go on"

    async def body():
        ready = dgo.Chan()
        goroutine = elsewhere(wait, ready)
        await ready.arecv(timeout=LIMIT)
        goroutine.cancel()
        return await goroutine, goroutine.cancelled()

    assert async_everywhere(body) == ("I go on", False)


def test_a_cancel_reaches_an_async_goroutine_that_computes(cluster):
    async def spin(ready):
        await ready.asend(None)
        while True:
            pass

    # Again and again: the cancel may meet the end of the await before, and there is no next one.
    for _ in range(20):
        ready = dgo.Chan(1)
        goroutine = dgo.go(spin, ready)
        ready.recv(timeout=LIMIT)
        goroutine.cancel()
        with pytest.raises(dgo.CancelledError):
            goroutine.result(timeout=LIMIT)


def test_a_goroutine_that_cancels_its_own_task_was_not_cancelled_by_anybody_else(async_everywhere):
    async def leave():
        asyncio.current_task().cancel()
        await asyncio.sleep(LIMIT)

    async def body():
        return await outcome_of_cancelled(dgo.go(leave))

    assert async_everywhere(body) == "dgo.CancelledError"


def test_tasks_that_a_goroutine_left_behind_do_not_keep_it_from_ending(async_everywhere):
    async def leave(ch):
        async def late():
            await asyncio.sleep(3 * LIMIT)
            ch.send_nowait("too late")

        dgo_task = asyncio.create_task(late())
        await asyncio.sleep(0)
        return dgo_task.done()

    async def body():
        return await dgo.go(leave, dgo.Chan(1))

    assert async_everywhere(body) is False


def test_what_async_goroutines_print_appears_in_the_driver_before_their_end_is_seen(cluster, capfd):
    async def say(number):
        print("first", number)
        await asyncio.sleep(0)
        print("second", number)

    async def main():
        await asyncio.gather(*[dgo.go(say, number) for number in range(3)])

    asyncio.run(main())
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(f"{which} {number}" for which in ("first", "second") for number in range(3))
    for number in range(3):
        assert lines.index(f"first {number}") < lines.index(f"second {number}")


def test_a_wait_group_waits_for_async_goroutines(everywhere):
    async def add(total, number):
        await turns(3)
        total.add(number)

    def body():
        total = dgo.Atomic(0)
        with dgo.WaitGroup() as group:
            for number in range(10):
                group.go(add, total, number)
        return total.load()

    assert everywhere(body) == 45


def test_an_error_group_cancels_its_context_at_the_first_error_of_an_async_goroutine(everywhere):
    async def wait(done):
        return await outcome(done.arecv())

    def body():
        group = dgo.ErrGroup()
        group.go(wait, group.ctx.done())
        group.go(fail, "first")
        try:
            group.wait()
        except OddError as error:
            return str(error)

    assert everywhere(body) == "first"


def test_after_func_runs_an_async_function(everywhere):
    async def say(ch):
        await ch.asend("later")

    def body():
        ch = dgo.Chan()
        timer = dgo.after_func(0.01, say, ch)
        return ch.recv(timeout=LIMIT), timer.stop()

    assert everywhere(body) == ("later", False)


def test_map_gather_and_as_completed_take_async_functions(everywhere):
    def body():
        mapped = list(dgo.map(double, range(5), limit=2))
        unordered = sorted(dgo.map(double, range(5), limit=2, ordered=False))
        gathered = dgo.gather(*[dgo.go(double, number) for number in range(5)])
        completed = sorted(each.result() for each in dgo.as_completed([dgo.go(double, number) for number in range(5)]))
        return mapped, unordered, list(gathered), completed

    assert everywhere(body) == ([0, 2, 4, 6, 8],) * 4


def test_a_goroutine_with_a_timeout_is_cancelled_when_it_runs_out(async_everywhere):
    async def wait():
        await asyncio.sleep(3 * LIMIT)

    async def body():
        return await outcome(dgo.go.options(timeout=0.02)(wait))

    assert async_everywhere(body) == "DeadlineExceeded"
