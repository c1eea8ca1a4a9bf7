"""WaitGroups (contract section 5, Go's rules of sync.WaitGroup)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, elsewhere, take


def made():
    """A WaitGroup that lives where this runs."""
    return dgo.WaitGroup()


def made_elsewhere():
    """A WaitGroup that lives in another goroutine's process."""
    return elsewhere(made).result(timeout=LIMIT)


@pytest.fixture(params=["here", "away"])
def group(request):
    return made if request.param == "here" else made_elsewhere


def test_a_wait_on_a_new_group_returns_at_once(everywhere, group):
    def body(make):
        make().wait(timeout=LIMIT)

    everywhere(body, group)


def test_a_wait_returns_when_every_one_is_done(everywhere, group):
    def work(wg, ch):
        ch.send(1, timeout=LIMIT)
        wg.done()

    def body(make):
        wg, ch = make(), dgo.Chan(10)
        wg.add(10)
        for _ in range(10):
            elsewhere(work, wg, ch)
        wg.wait(timeout=LIMIT)
        assert len(ch) == 10

    everywhere(body, group)


def test_a_wait_does_not_return_while_one_is_missing(everywhere, group):
    def body(make):
        wg = make()
        wg.add(2)
        wg.done()
        with pytest.raises(dgo.Timeout):
            wg.wait(timeout=NOTHING)
        wg.done()
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_add_counts_one_unless_told_otherwise_and_zero_changes_nothing(everywhere, group):
    def body(make):
        wg = make()
        wg.add()
        wg.add(0)
        wg.done()
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_add_of_a_negative_number_counts_down(everywhere, group):
    def body(make):
        wg = make()
        wg.add(3)
        wg.add(-2)
        wg.done()
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_a_negative_counter_is_a_value_error(everywhere, group):
    def body(make):
        with pytest.raises(ValueError):
            make().done()
        with pytest.raises(ValueError):
            make().add(-1)
        wg = make()
        wg.add(1)
        with pytest.raises(ValueError):
            wg.add(-2)

    everywhere(body, group)


def test_all_of_several_waiters_are_released(everywhere, group):
    def wait(wg, ready, released):
        ready.send(None, timeout=LIMIT)
        wg.wait(timeout=LIMIT)
        released.send(None, timeout=LIMIT)

    def body(make):
        wg, ready, released = make(), dgo.Chan(), dgo.Chan(8)
        wg.add(1)
        for _ in range(8):
            elsewhere(wait, wg, ready, released)
        take(ready, 8)
        assert len(released) == 0
        wg.done()
        take(released, 8)

    everywhere(body, group)


def test_a_group_can_be_used_again_after_its_wait(everywhere, group):
    def body(make):
        wg = make()
        for _ in range(5):
            wg.add(3)
            for _ in range(3):
                elsewhere(wg.done)
            wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_a_wait_that_timed_out_does_not_disturb_the_others(everywhere, group):
    def body(make):
        wg = make()
        wg.add(1)
        waiter = elsewhere(lambda: wg.wait(timeout=LIMIT))
        with pytest.raises(dgo.Timeout):
            wg.wait(timeout=NOTHING)
        wg.done()
        waiter.result(timeout=LIMIT)
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_go_counts_its_goroutine_until_its_end(everywhere, group):
    def work(gate, done):
        gate.recv(timeout=LIMIT)
        done.send(None, timeout=LIMIT)

    def body(make):
        wg, gate, done = make(), dgo.Chan(), dgo.Chan(3)
        for _ in range(3):
            wg.go(work, gate, done)
        with pytest.raises(dgo.Timeout):
            wg.wait(timeout=NOTHING)
        for _ in range(3):
            gate.send(None, timeout=LIMIT)
        wg.wait(timeout=LIMIT)
        assert len(done) == 3

    everywhere(body, group)


def test_go_hands_over_positional_and_keyword_arguments(everywhere, group):
    def tell(ch, *args, **kwargs):
        ch.send((args, kwargs), timeout=LIMIT)

    def body(make):
        wg, ch = make(), dgo.Chan(1)
        wg.go(tell, ch, 1, 2, key="value")
        wg.wait(timeout=LIMIT)
        assert ch.recv(timeout=LIMIT) == ((1, 2), {"key": "value"})

    everywhere(body, group)


def test_go_counts_down_also_when_the_function_raises(everywhere, group):
    def fail():
        raise ValueError("expected by the test")

    def body(make):
        wg = make()
        wg.go(fail)
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_go_counts_down_also_when_the_goroutine_exits(everywhere, group):
    def body(make):
        wg = make()
        wg.go(dgo.goexit)
        wg.wait(timeout=LIMIT)

    everywhere(body, group)


def test_a_goroutine_of_the_group_can_add_another_one(everywhere, group):
    def grow(wg, ch, depth):
        ch.send(depth, timeout=LIMIT)
        if depth:
            wg.go(grow, wg, ch, depth - 1)
            wg.go(grow, wg, ch, depth - 1)

    def body(make):
        wg, ch = make(), dgo.Chan(100)
        wg.go(grow, wg, ch, 3)
        wg.wait(timeout=LIMIT)
        assert len(ch) == 15

    everywhere(body, group)


def test_the_with_form_waits_on_exit(everywhere):
    def body():
        ch = dgo.Chan(5)
        with dgo.WaitGroup() as wg:
            for i in range(5):
                wg.go(ch.send, i)
        assert sorted(take(ch, 5)) == [0, 1, 2, 3, 4]

    everywhere(body)


def test_what_was_done_before_done_is_seen_after_wait(everywhere, group):
    def work(wg, ch, i):
        ch.send(i, timeout=LIMIT)
        wg.done()

    def body(make):
        for _ in range(5):
            wg, ch = make(), dgo.Chan(4)
            wg.add(4)
            for i in range(4):
                elsewhere(work, wg, ch, i)
            wg.wait(timeout=LIMIT)
            assert sorted(ch.recv_nowait() for _ in range(4)) == [0, 1, 2, 3]

    everywhere(body, group)
