"""SingleFlight (contract section 5, Go's rules of singleflight)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, come_true, elsewhere


def made_here():
    return dgo.SingleFlight()


def made_elsewhere():
    """One that lives in another goroutine's process."""
    return elsewhere(made_here).result(timeout=LIMIT)


@pytest.fixture(params=["here", "away"])
def make(request):
    return made_here if request.param == "here" else made_elsewhere


def call(calls, gate, result):
    """What leads: says that it runs, waits for the gate, returns a list."""
    calls.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)
    if isinstance(result, BaseException):
        raise result
    return [result]


def never():
    raise AssertionError("somebody else leads")


def join(flights, key):
    """Takes part in a flight that is under way."""
    return flights.do(key, never)


def passengers(flights, key, count, take_part=join):
    """Goroutines all over that wait for the flight of ``key``."""
    waiting = [elsewhere(take_part, flights, key) for _ in range(count)]
    come_true(lambda: flights.statistics().waiting == count)
    return waiting


def test_one_caller_alone_gets_its_result_and_shares_it_with_nobody(everywhere, make):
    def body(make):
        flights = make()
        for n in range(3):
            assert flights.do("key", lambda a, *, b: [a, b], n, b=2) == ([n, 2], False)

    everywhere(body, make)


def test_all_who_come_meanwhile_get_the_result_of_the_one_call(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", call, calls, gate, 7)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 5)
        gate.close()
        assert leader.result(timeout=LIMIT) == ([7], True)
        assert [g.result(timeout=LIMIT) for g in waiting] == [([7], True)] * 5
        assert len(calls) == 0

    everywhere(body, make)


def test_the_call_is_made_by_the_goroutine_that_came_first(everywhere, make):
    def who(flights):
        return flights.do("key", lambda: dgo.current().id)[0] == dgo.current().id

    def body(make):
        assert elsewhere(who, make()).result(timeout=LIMIT)

    everywhere(body, make)


def test_nobody_shares_the_result_itself(everywhere, make):
    def change(flights, key):
        value, _ = join(flights, key)
        value.append("mine")
        return value

    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", call, calls, gate, 7)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 3, change)
        gate.close()
        assert [g.result(timeout=LIMIT) for g in waiting] == [[7, "mine"]] * 3
        assert leader.result(timeout=LIMIT)[0] == [7]

    everywhere(body, make)


def test_an_error_of_the_call_reaches_all(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", call, calls, gate, KeyError("missing"))
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 3)
        gate.close()
        for g in (leader, *waiting):
            with pytest.raises(KeyError, match="missing"):
                g.result(timeout=LIMIT)
        assert flights.do("key", int) == (0, False)  # the key is free again

    everywhere(body, make)


def test_a_leader_that_exits_lets_the_others_go(everywhere, make):
    def leave(calls, gate):
        call(calls, gate, 0)
        dgo.goexit()

    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", leave, calls, gate)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 2)
        gate.close()
        assert leader.result(timeout=LIMIT) is None
        for g in waiting:
            with pytest.raises(dgo.CancelledError):
                g.result(timeout=LIMIT)

    everywhere(body, make)


def test_different_keys_do_not_wait_for_each_other(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "one", call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        assert flights.do("two", lambda: 2) == (2, False)
        gate.close()
        assert leader.result(timeout=LIMIT) == ([1], False)

    everywhere(body, make)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (1, 1),
        ("a", "a"),
        (None, None),
        (b"x", b"x"),
        (("a", (1, None)), ("a", (1, None))),
        ([1, 2], [1, 2]),
        (1 << 70, 1 << 70),
    ],
)
def test_equal_keys_are_one(everywhere, make, one, same):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, one, call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, same, 1)
        gate.close()
        assert waiting[0].result(timeout=LIMIT) == ([1], True)
        leader.result(timeout=LIMIT)

    everywhere(body, make)


def test_a_channel_in_a_key_is_that_channel(everywhere, make):
    def body(make):
        flights, calls, gate, other = make(), dgo.Chan(10), dgo.Chan(), dgo.Chan()
        leader = elsewhere(flights.do, ("of", gate), call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, ("of", gate), 1)
        assert flights.do(("of", other), int) == (0, False)
        gate.close()
        assert waiting[0].result(timeout=LIMIT) == ([1], True)
        leader.result(timeout=LIMIT)

    everywhere(body, make)


def test_a_tuple_is_no_list(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, (1, 2), call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        assert flights.do([1, 2], int) == (0, False)
        gate.close()
        leader.result(timeout=LIMIT)

    everywhere(body, make)


def test_after_forget_the_next_caller_makes_a_call_of_its_own(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 1)
        flights.forget("key")
        flights.forget("unknown")
        assert flights.do("key", lambda: 2) == (2, False)
        gate.close()
        assert leader.result(timeout=LIMIT) == ([1], True)
        assert waiting[0].result(timeout=LIMIT) == ([1], True)

    everywhere(body, make)


def test_a_result_that_cannot_travel_is_an_error_for_all(everywhere, make):
    def unsendable(calls, gate):
        call(calls, gate, 0)
        return open("/dev/null")

    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        leader = elsewhere(flights.do, "key", unsendable, calls, gate)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 1)
        gate.close()
        for g in (leader, *waiting):
            with pytest.raises(dgo.SerializationError):
                g.result(timeout=LIMIT)

    everywhere(body, make)


def test_a_channel_can_be_the_result(everywhere, make):
    def body(make):
        flights, calls, gate, ch = make(), dgo.Chan(10), dgo.Chan(), dgo.Chan(5)
        leader = elsewhere(flights.do, "key", call, calls, gate, ch)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 2)
        gate.close()
        for g in (leader, *waiting):
            ([same], _) = g.result(timeout=LIMIT)
            assert same == ch

    everywhere(body, make)


def test_statistics_count_calls_and_callers(everywhere, make):
    def body(make):
        flights, calls, gate = make(), dgo.Chan(10), dgo.Chan()
        assert flights.statistics() == (0, 0)
        leader = elsewhere(flights.do, "key", call, calls, gate, 1)
        calls.recv(timeout=LIMIT)
        waiting = passengers(flights, "key", 2)
        statistics = flights.statistics()
        assert (statistics.calls, statistics.waiting) == (1, 2)
        gate.close()
        for g in (leader, *waiting):
            g.result(timeout=LIMIT)
        assert flights.statistics() == (0, 0)

    everywhere(body, make)
