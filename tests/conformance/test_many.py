"""Many goroutines asked at once: gather, as_completed, map (contract section 3)."""

from __future__ import annotations

import itertools

import pytest

import dgo

from .places import LIMIT, NOTHING, OddError, elsewhere


def add(a, b=10):
    return a + b


def fail(text):
    raise OddError(text)


def wait_for(ch):
    return ch.recv(timeout=LIMIT)


def test_gather_gives_the_results_in_the_order_of_its_arguments(everywhere):
    def body():
        gate = dgo.Chan()
        slow, quick = elsewhere(wait_for, gate), elsewhere(add, 1)
        quick.wait(timeout=LIMIT)
        gate.send("slow", timeout=LIMIT)
        return list(dgo.gather(slow, quick))

    assert everywhere(body) == ["slow", 11]


def test_gather_raises_what_one_of_them_raised(everywhere):
    def body():
        with pytest.raises(OddError):
            dgo.gather(elsewhere(add, 1), elsewhere(fail, "gathered"))

    everywhere(body)


def test_as_completed_yields_handles_as_they_end(everywhere):
    def body():
        gate = dgo.Chan()
        slow, quick = elsewhere(wait_for, gate), elsewhere(add, 1)
        ending = iter(dgo.as_completed([slow, quick], timeout=LIMIT))
        assert next(ending) == quick
        gate.send(None, timeout=LIMIT)
        assert next(ending) == slow
        assert list(ending) == []

    everywhere(body)


def test_as_completed_raises_timeout_when_the_rest_does_not_end(everywhere):
    def body():
        gate = dgo.Chan()
        stuck = elsewhere(wait_for, gate)
        with pytest.raises(dgo.Timeout):
            list(dgo.as_completed([stuck], timeout=NOTHING))
        gate.send(None, timeout=LIMIT)
        stuck.wait(timeout=LIMIT)

    everywhere(body)


def test_map_gives_results_in_the_order_of_its_input(everywhere):
    def body():
        return list(dgo.map(add, range(20), range(20)))

    assert everywhere(body) == [2 * i for i in range(20)]


def test_map_without_order_gives_the_same_results(everywhere):
    def body():
        return sorted(dgo.map(add, range(20), ordered=False))

    assert everywhere(body) == [i + 10 for i in range(20)]


def test_map_with_a_limit_is_lazy_in_its_input(everywhere):
    def body():
        return list(itertools.islice(dgo.map(add, itertools.count(), limit=3), 10))

    assert everywhere(body) == [i + 10 for i in range(10)]


def test_map_never_has_more_than_limit_goroutines_in_flight(everywhere):
    def body():
        places = dgo.Chan(3)

        def visit(i):
            places.send_nowait(i)  # raises WouldBlock when a fourth one is in flight
            dgo.gosched()
            places.recv(timeout=LIMIT)
            return i

        return list(dgo.map(visit, range(30), limit=3))

    assert everywhere(body) == list(range(30))


@pytest.mark.parametrize("ordered", [True, False])
def test_a_map_whose_wait_is_broken_off_cancels_the_calls_in_flight(everywhere, ordered):
    def body():
        started, ended = dgo.Chan(4), dgo.Chan(4)

        def visit(i):
            try:
                started.send(i, timeout=LIMIT)
                dgo.Chan().recv(timeout=LIMIT)
            except dgo.Cancelled:
                ended.send(i, timeout=LIMIT)
                raise

        mapping = dgo.go(lambda: list(dgo.map(visit, range(30), limit=4, ordered=ordered)))
        begun = sorted(started.recv(timeout=LIMIT) for _ in range(4))
        mapping.cancel()
        return begun == sorted(ended.recv(timeout=LIMIT) for _ in range(4))

    assert everywhere(body)
