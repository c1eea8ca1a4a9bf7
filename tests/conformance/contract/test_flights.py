"""SingleFlight: one call for all that ask for the same at the same time (contract section 5)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, OddError, elsewhere, take
from .common import come_to_rest, fail, made, outcome


def fetch(started, gate, value):
    started.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    return value


def fetch_and_fail(started, gate, text):
    started.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    raise OddError(text)


def ask(flights, key, fn, *args):
    """What ``do`` returned, or the name and the text of its error."""
    try:
        return flights.do(key, fn, *args)
    except OddError as error:
        return type(error).__name__, str(error)


def test_a_lone_call_gives_its_value_and_is_not_shared(everywhere, home):
    def body(home):
        assert made(home, dgo.SingleFlight).do("key", pow, 2, 3) == (8, False)

    everywhere(body, home)


def test_the_function_gets_positional_and_keyword_arguments(everywhere, home):
    def tell(*args, **kwargs):
        return args, kwargs

    def body(home):
        value, _ = made(home, dgo.SingleFlight).do("key", tell, 1, 2, name="value")
        assert value == ((1, 2), {"name": "value"})

    everywhere(body, home)


def test_a_call_after_the_end_of_another_runs_the_function_again(everywhere, home):
    def body(home):
        flights, runs = made(home, dgo.SingleFlight), dgo.Chan(2)
        for _ in range(2):
            assert flights.do("key", runs.send, None) == (None, False)
        assert len(runs) == 2

    everywhere(body, home)


def test_an_error_reaches_the_caller_and_is_not_kept(everywhere, home):
    def body(home):
        flights = made(home, dgo.SingleFlight)
        with pytest.raises(OddError, match="once"):
            flights.do("key", fail, "once")
        assert flights.do("key", pow, 2, 3) == (8, False)

    everywhere(body, home)


def test_calls_for_different_keys_do_not_wait_for_each_other(everywhere, home):
    def body(home):
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(), dgo.Chan()
        slow = elsewhere(flights.do, ("key", 1), fetch, started, gate, "slow")
        started.recv(timeout=LIMIT)
        assert flights.do(("key", 2), pow, 2, 3) == (8, False)
        gate.close()
        assert slow.result(timeout=LIMIT) == ("slow", False)

    everywhere(body, home)


def test_a_forgotten_key_is_fetched_again_while_the_first_call_still_runs(everywhere, home):
    def body(home):
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(), dgo.Chan()
        slow = elsewhere(flights.do, "key", fetch, started, gate, "slow")
        started.recv(timeout=LIMIT)
        flights.forget("key")
        assert flights.do("key", pow, 2, 3) == (8, False)
        gate.close()
        assert slow.result(timeout=LIMIT)[0] == "slow"

    everywhere(body, home)


def test_forget_of_a_key_that_nobody_asked_for_does_nothing(everywhere, home):
    def body(home):
        flights = made(home, dgo.SingleFlight)
        assert flights.forget("key") is None
        assert flights.do("key", pow, 2, 3) == (8, False)

    everywhere(body, home)


def test_as_many_values_are_seen_as_calls_ran_and_who_has_the_same_one_shares_it(everywhere, home):
    def fetch_number(numbers):
        number = numbers.add(1)
        for _ in range(3):
            dgo.gosched()
        return number

    def body(home):
        flights, numbers = made(home, dgo.SingleFlight), dgo.Atomic(0)
        calls = [elsewhere(flights.do, "key", fetch_number, numbers) for _ in range(8)]
        seen = [call.result(timeout=LIMIT) for call in calls]
        values = [value for value, _ in seen]
        assert set(values) == set(range(1, numbers.load() + 1))
        for value, shared in seen:
            assert shared is (values.count(value) > 1)

    everywhere(body, home)


def test_what_cannot_be_called_is_a_type_error_and_leaves_the_key_free(everywhere, home):
    def body(home):
        flights = made(home, dgo.SingleFlight)
        assert outcome(flights.do, "key", 3) == "TypeError"
        assert flights.do("key", pow, 2, 3) == (8, False)

    everywhere(body, home)


def test_those_who_ask_meanwhile_get_the_value_of_the_call_that_runs(simulated, home):
    def body():
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(4), dgo.Chan()
        calls = []
        for name in range(4):
            calls.append(elsewhere(ask, flights, "key", fetch, started, gate, name))
            come_to_rest()
        gate.close()
        return len(started), [call.result(timeout=LIMIT) for call in calls]

    assert simulated(body) == (1, [(0, True)] * 4)


def test_those_who_ask_meanwhile_get_the_error_of_the_call_that_runs(simulated, home):
    def body():
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(4), dgo.Chan()
        calls = []
        for name in range(4):
            calls.append(elsewhere(ask, flights, "key", fetch_and_fail, started, gate, f"of {name}"))
            come_to_rest()
        gate.close()
        return len(started), [call.result(timeout=LIMIT) for call in calls]

    assert simulated(body) == (1, [("OddError", "of 0")] * 4)


def test_each_of_those_who_share_has_a_value_of_its_own(simulated, home):
    def ask_and_change(flights, started, gate):
        value, _ = flights.do("key", fetch, started, gate, ["shared"])
        seen = list(value)
        value.append("changed")
        return seen

    def body():
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(3), dgo.Chan()
        calls = []
        for _ in range(3):
            calls.append(dgo.go(ask_and_change, flights, started, gate))
            come_to_rest()
        gate.close()
        return [call.result(timeout=LIMIT) for call in calls]

    assert simulated(body) == [["shared"]] * 3


def test_keys_are_compared_by_equality(simulated, home):
    def body():
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(2), dgo.Chan()
        calls = []
        for name in range(2):
            calls.append(elsewhere(ask, flights, ("key", 1), fetch, started, gate, name))
            come_to_rest()
        gate.close()
        return [call.result(timeout=LIMIT) for call in calls]

    assert simulated(body) == [(0, True)] * 2


def test_after_a_forget_the_waiting_share_the_old_call_and_the_new_share_a_new_one(simulated, home):
    def body():
        flights, started, gate = made(home, dgo.SingleFlight), dgo.Chan(4), dgo.Chan()
        calls = []
        for name in range(4):
            if name == 2:
                flights.forget("key")
            calls.append(elsewhere(ask, flights, "key", fetch, started, gate, name))
            come_to_rest()
        take(started, 2)
        gate.close()
        return [call.result(timeout=LIMIT) for call in calls]

    assert simulated(body) == [(0, True), (0, True), (2, True), (2, True)]
