"""Goroutines and their handles on every runtime (contract section 3)."""

from __future__ import annotations

import contextvars
import operator

import pytest

import dgo

from .places import LIMIT, NOTHING, OddError, elsewhere, take


class Account:
    """Has a bound method and can be called."""

    def __init__(self, balance):
        self.balance = balance

    def plus(self, amount):
        return self.balance + amount

    def __call__(self, amount):
        return self.balance - amount


def add(a, b=10):
    return a + b


def fail(text):
    raise OddError(text)


def wait_for(ch):
    return ch.recv(timeout=LIMIT)


def fibonacci(n):
    if n < 2:
        return n
    left = dgo.go(fibonacci, n - 1)
    return fibonacci(n - 2) + left.result(timeout=LIMIT)


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "expected"),
    [
        pytest.param(add, (1,), {}, 11, id="function"),
        pytest.param(add, (1,), {"b": 2}, 3, id="keyword argument"),
        pytest.param(lambda x: x * 2, (4,), {}, 8, id="lambda"),
        pytest.param(Account(10).plus, (1,), {}, 11, id="bound method"),
        pytest.param(Account(10), (1,), {}, 9, id="callable object"),
        pytest.param(operator.add, (1, 2), {}, 3, id="builtin function"),
        pytest.param(sum, ([1, 2],), {}, 3, id="builtin"),
    ],
)
def test_a_goroutine_runs_any_callable_and_gives_its_result(everywhere, fn, args, kwargs, expected):
    def body():
        return dgo.go(fn, *args, **kwargs).result(timeout=LIMIT)

    assert everywhere(body) == expected


def test_a_closure_travels_with_its_cells(everywhere):
    def body():
        base = 40
        return dgo.go(lambda: base + 2).result(timeout=LIMIT)

    assert everywhere(body) == 42


def test_a_nested_function_can_spawn_itself(everywhere):
    def body():
        def count(n):
            return 0 if n == 0 else 1 + dgo.go(count, n - 1).result(timeout=LIMIT)

        return count(5)

    assert everywhere(body) == 5


def test_nested_spawns_never_run_out_of_workers(everywhere):
    assert everywhere(fibonacci, 9) == 34


def test_a_keyword_argument_may_have_any_name(everywhere):
    def body():
        return dgo.go(lambda **names: names, fn=1, self=2, name=3).result(timeout=LIMIT)

    assert everywhere(body) == {"fn": 1, "self": 2, "name": 3}


@pytest.mark.parametrize("spread", [False, True])
def test_a_later_change_of_an_argument_is_not_seen(everywhere, spread):
    def read(gate, value):
        gate.recv(timeout=LIMIT)
        return value

    def body():
        gate, value = dgo.Chan(), [1]
        goroutine = dgo.go.options(spread=spread)(read, gate, value)
        value.append(2)
        gate.send(None, timeout=LIMIT)
        return goroutine.result(timeout=LIMIT)

    assert everywhere(body) == [1]


@pytest.mark.parametrize("spread", [False, True])
def test_a_later_change_of_a_closure_variable_is_not_seen(everywhere, spread):
    def body():
        gate, value, number = dgo.Chan(), [1], 1

        def read():
            gate.recv(timeout=LIMIT)
            return value, number

        goroutine = dgo.go.options(spread=spread)(read)
        value.append(2)
        number += 1
        gate.send(None, timeout=LIMIT)
        return goroutine.result(timeout=LIMIT)

    assert everywhere(body) == ([1], 1)


@pytest.mark.parametrize("spread", [False, True])
def test_the_spawner_does_not_see_what_the_goroutine_changes(everywhere, spread):
    def body():
        value = [1]
        dgo.go.options(spread=spread)(value.append, 2).result(timeout=LIMIT)
        dgo.go.options(spread=spread)(lambda: value.append(3)).result(timeout=LIMIT)
        return value

    assert everywhere(body) == [1]


def test_two_spawns_of_one_closure_have_each_their_own_snapshot(everywhere):
    def body():
        value = []

        def grow():
            value.append(1)
            return value

        first = dgo.go(grow).result(timeout=LIMIT)
        value.append("later")
        return first, dgo.go(grow).result(timeout=LIMIT)

    assert everywhere(body) == ([1], ["later", 1])


def test_what_cannot_travel_is_refused_at_the_spawn(everywhere):
    def body():
        stuck = (i for i in range(3))
        with pytest.raises(dgo.SerializationError):
            dgo.go(add, stuck)
        with pytest.raises(TypeError):
            dgo.go(lambda: stuck)

    everywhere(body)


def test_a_refused_argument_is_named_with_the_way_to_it(everywhere):
    def body():
        account = Account(i for i in range(3))
        with pytest.raises(dgo.SerializationError, match=r"(?s)account.*balance"):
            dgo.go(lambda: account)

    everywhere(body)


def test_what_is_not_callable_is_a_type_error(everywhere):
    def body():
        with pytest.raises(TypeError):
            dgo.go(3)

    everywhere(body)


def test_a_result_that_cannot_travel_is_a_serialization_error(everywhere):
    def body():
        with pytest.raises(dgo.SerializationError):
            elsewhere(lambda: (i for i in range(3))).result(timeout=LIMIT)

    everywhere(body)


def test_the_result_is_isolated_from_the_goroutine_that_made_it(everywhere):
    def keep(ch, gate):
        value = [1]
        ch.send(value, timeout=LIMIT)
        gate.recv(timeout=LIMIT)
        return value

    def body():
        ch, gate = dgo.Chan(), dgo.Chan()
        goroutine = dgo.go(keep, ch, gate)
        ch.recv(timeout=LIMIT).append(2)
        gate.send(None, timeout=LIMIT)
        return goroutine.result(timeout=LIMIT)

    assert everywhere(body) == [1]


def test_a_result_may_contain_channels(everywhere):
    def open_line():
        ch = dgo.Chan(1)
        ch.send("hello", timeout=LIMIT)
        return {"line": [ch]}

    def body():
        return elsewhere(open_line).result(timeout=LIMIT)["line"][0].recv(timeout=LIMIT)

    assert everywhere(body) == "hello"


def test_result_raises_the_goroutines_own_exception(everywhere):
    def body():
        with pytest.raises(OddError, match="too odd") as caught:
            elsewhere(fail, "too odd").result(timeout=LIMIT)
        assert caught.value.args == ("too odd",)

    everywhere(body)


def test_the_remote_traceback_is_the_cause_of_the_exception(everywhere):
    def innermost_function():
        raise ValueError("deep")

    def body():
        with pytest.raises(ValueError, match="deep") as caught:
            elsewhere(lambda: innermost_function()).result(timeout=LIMIT)
        assert "innermost_function" in str(caught.value.__cause__)

    everywhere(body)


def test_exception_returns_the_exception_or_none(everywhere):
    def body():
        error = elsewhere(fail, "kept").exception(timeout=LIMIT)
        assert type(error) is OddError
        assert error.args == ("kept",)
        assert elsewhere(add, 1).exception(timeout=LIMIT) is None

    everywhere(body)


def test_wait_returns_none_however_the_goroutine_ended(everywhere):
    def body():
        for goroutine in (elsewhere(add, 1), elsewhere(fail, "expected"), elsewhere(dgo.goexit)):
            assert goroutine.wait(timeout=LIMIT) is None
            assert goroutine.done()

    everywhere(body)


def test_a_result_can_be_asked_for_again(everywhere):
    def body():
        goroutine = dgo.go(add, 1)
        return [goroutine.result(timeout=LIMIT) for _ in range(3)]

    assert everywhere(body) == [11, 11, 11]


def test_a_wait_that_runs_out_of_time_leaves_the_goroutine_running(everywhere):
    def body():
        ch = dgo.Chan()
        goroutine = elsewhere(wait_for, ch)
        for ask in (goroutine.wait, goroutine.result, goroutine.exception):
            with pytest.raises(dgo.Timeout):
                ask(timeout=NOTHING)
        assert not goroutine.done()
        ch.send("done", timeout=LIMIT)
        assert goroutine.result(timeout=LIMIT) == "done"
        assert not goroutine.cancelled()

    everywhere(body)


def test_a_done_callback_gets_the_handle(everywhere):
    def body():
        ended = dgo.Chan(2)
        goroutine = elsewhere(add, 1)
        goroutine.add_done_callback(lambda handle: ended.send_nowait(handle.result()))
        assert ended.recv(timeout=LIMIT) == 11
        goroutine.add_done_callback(lambda handle: ended.send_nowait(handle.done()))
        assert ended.recv(timeout=LIMIT) is True

    everywhere(body)


def test_a_handle_can_be_asked_by_another_goroutine(everywhere):
    def body():
        ch = dgo.Chan()
        worker = elsewhere(wait_for, ch)
        asker = elsewhere(lambda: worker.result(timeout=LIMIT) + 1)
        ch.send(1, timeout=LIMIT)
        assert asker.result(timeout=LIMIT) == 2
        assert worker.result(timeout=LIMIT) == 1

    everywhere(body)


def test_a_handle_travels_through_a_channel(everywhere):
    def ask(ch):
        error = ch.recv(timeout=LIMIT).exception(timeout=LIMIT)
        return type(error).__name__

    def body():
        ch = dgo.Chan()
        asker = elsewhere(ask, ch)
        ch.send(elsewhere(fail, "asked elsewhere"), timeout=LIMIT)
        assert asker.result(timeout=LIMIT) == "OddError"

    everywhere(body)


def test_goexit_ends_the_goroutine_after_its_finally_blocks(everywhere):
    def leave(ch):
        try:
            dgo.goexit()
            ch.send("after goexit", timeout=LIMIT)
        finally:
            ch.send("finally", timeout=LIMIT)

    def body():
        ch = dgo.Chan(2)
        elsewhere(leave, ch).wait(timeout=LIMIT)
        assert ch.recv_nowait() == "finally"
        with pytest.raises(dgo.WouldBlock):
            ch.recv_nowait()

    everywhere(body)


def test_goexit_is_not_caught_by_except_exception(everywhere):
    def leave(ch):
        try:
            dgo.goexit()
        except Exception:  # noqa: BLE001 - what a careless function does
            ch.send("caught", timeout=LIMIT)

    def body():
        ch = dgo.Chan(1)
        elsewhere(leave, ch).wait(timeout=LIMIT)
        assert len(ch) == 0

    everywhere(body)


def test_current_is_the_goroutine_that_asks(everywhere):
    def body():
        goroutines = [elsewhere(lambda: dgo.current().id) for _ in range(3)]
        assert [g.result(timeout=LIMIT) for g in goroutines] == [g.id for g in goroutines]
        assert len({g.id for g in goroutines}) == 3

    everywhere(body)


def test_a_name_given_to_the_spawn_is_the_goroutines_name(everywhere):
    def body():
        goroutine = dgo.go.options(name="counter")(lambda: dgo.current().name)
        assert goroutine.name == "counter"
        assert goroutine.result(timeout=LIMIT) == "counter"

    everywhere(body)


def test_gosched_lets_others_run_and_returns_none(everywhere):
    def body():
        assert dgo.gosched() is None

    everywhere(body)


def test_num_goroutine_counts_those_that_live(everywhere):
    def body():
        before, started, gate = dgo.num_goroutine(), dgo.Chan(), dgo.Chan()

        def stay():
            started.send(None, timeout=LIMIT)
            gate.recv_ok(timeout=LIMIT)

        staying = [elsewhere(stay) for _ in range(4)]
        take(started, 4)
        during = dgo.num_goroutine()
        gate.close()
        for goroutine in staying:
            goroutine.wait(timeout=LIMIT)
        return during - before

    assert everywhere(body) == 4


VARIABLE = contextvars.ContextVar("VARIABLE", default="nothing set")


def set_and_tell(value):
    before = VARIABLE.get()
    VARIABLE.set(value)
    dgo.gosched()
    return before, VARIABLE.get()


def test_a_goroutine_sees_no_context_variable_that_others_have_set(everywhere):
    def body():
        ended_before = [dgo.go(set_and_tell, value).result(timeout=LIMIT) for value in range(3)]
        together = dgo.gather(*[dgo.go(set_and_tell, value) for value in range(3, 10)])
        return ended_before + list(together)

    assert everywhere(body) == [("nothing set", value) for value in range(10)]


def tell(*args, **kwargs):
    return args, kwargs


@pytest.mark.parametrize("kwargs", [{}, {"key": "word"}], ids=["positional", "with a keyword"])
@pytest.mark.parametrize("count", range(6))
def test_a_goroutine_gets_its_arguments_however_many(everywhere, count, kwargs):
    args = tuple(f"argument {number}" for number in range(count))
    assert everywhere(lambda: dgo.go(tell, *args, **kwargs).result(timeout=LIMIT)) == (args, kwargs)
