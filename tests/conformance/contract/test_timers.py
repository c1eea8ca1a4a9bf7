"""sleep, after, Timer and after_func (contract section 7, the rules of Go 1.23)."""

from __future__ import annotations

import time

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere
from .common import LONG, cannot_travel, made, nothing_comes, outcome, unreached

#: A time that is over soon, and one that is over a little later.
SOON, LATER = 0.05, 0.1


def expired(home):
    """A timer whose time is over and whose value nobody has received."""
    timer = made(home, dgo.Timer, SOON)
    dgo.sleep(4 * SOON)
    return timer


# ---- sleep and after -----------------------------------------------------------------------------


def test_a_sleep_ends_and_returns_none(everywhere):
    def body():
        assert dgo.sleep(SOON) is None
        assert dgo.sleep(0) is None

    everywhere(body)


def test_a_sleep_lasts_as_long_as_it_was_told(cluster):
    def measure():
        start = time.monotonic()
        dgo.sleep(0.2)
        return time.monotonic() - start

    assert measure() >= 0.2
    assert elsewhere(measure).result(timeout=LIMIT) >= 0.2


def test_sleepers_wake_in_the_order_of_their_times(everywhere):
    def sleep_and_tell(seconds, order):
        dgo.sleep(seconds)
        order.send(seconds, timeout=LIMIT)

    def body():
        order = dgo.Chan(3)
        for seconds in (1.0, 0.1, 0.5):
            dgo.go(sleep_and_tell, seconds, order)
        assert [order.recv(timeout=LIMIT) for _ in range(3)] == [0.1, 0.5, 1.0]

    everywhere(body)


def test_a_sleep_of_an_hour_costs_nothing_where_time_is_virtual(simulated):
    start = time.monotonic()
    simulated(dgo.sleep, LONG)
    assert time.monotonic() - start < 60


def test_after_gives_one_value(everywhere, home):
    def body(home):
        ch = made(home, dgo.after, SOON)
        assert isinstance(ch.recv(timeout=LIMIT), float)
        assert nothing_comes(ch)

    everywhere(body, home)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_time_that_is_over_already_fires_at_once(everywhere, home, seconds):
    def body(home):
        assert isinstance(made(home, dgo.after, seconds).recv(timeout=LIMIT), float)
        assert isinstance(made(home, dgo.Timer, seconds).c.recv(timeout=LIMIT), float)

    everywhere(body, home)


def test_the_value_is_the_time_of_the_day(cluster):
    before = time.time()
    value = dgo.after(0.1).recv(timeout=LIMIT)
    assert before + 0.1 - 0.05 <= value <= time.time() + 0.05


def test_after_does_not_fire_before_its_time(cluster):
    start = time.monotonic()
    dgo.after(0.2).recv(timeout=LIMIT)
    assert time.monotonic() - start >= 0.2


def test_what_after_returns_can_only_be_received_from(everywhere):
    def body():
        for ch in (dgo.after(LONG), dgo.Timer(LONG).c):
            for name in ("send", "send_nowait", "close"):
                assert not hasattr(ch, name), name

    everywhere(body)


@pytest.mark.parametrize("name", ["sleep", "after", "Timer", "Ticker", "tick"])
def test_seconds_that_are_no_number_are_a_type_error(everywhere, name):
    def body():
        with pytest.raises(TypeError):
            getattr(dgo, name)("1")

    everywhere(body)


# ---- Timer ---------------------------------------------------------------------------------------


def test_a_timer_gives_one_value(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, SOON)
        assert isinstance(timer.c.recv(timeout=LIMIT), float)
        assert nothing_comes(timer.c)

    everywhere(body, home)


def test_a_timer_gives_its_value_to_one_of_several_receivers(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LATER)
        receivers = [elsewhere(outcome, lambda: timer.c.recv(timeout=4 * LATER)) for _ in range(3)]
        got = [receiver.result(timeout=LIMIT) for receiver in receivers]
        assert sorted(type(one).__name__ for one in got) == ["float", "str", "str"]

    everywhere(body, home)


def test_stop_of_a_running_timer_is_true_and_then_false(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LONG)
        assert timer.stop() is True
        assert timer.stop() is False

    everywhere(body, home)


def test_a_stopped_timer_gives_nothing_and_its_channel_stays_open(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LATER)
        assert timer.stop() is True
        dgo.sleep(2 * LATER)
        assert nothing_comes(timer.c)
        with pytest.raises(dgo.WouldBlock):
            timer.c.recv_nowait()

    everywhere(body, home)


def test_stop_of_an_expired_and_unread_timer_is_true_and_leaves_no_stale_value(everywhere, home):
    def body(home):
        timer = expired(home)
        assert timer.stop() is True
        assert nothing_comes(timer.c)
        assert timer.stop() is False

    everywhere(body, home)


def test_stop_of_a_timer_that_was_read_is_false(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, SOON)
        timer.c.recv(timeout=LIMIT)
        assert timer.stop() is False

    everywhere(body, home)


def test_an_expired_timer_keeps_its_value_for_who_receives_late(everywhere, home):
    def body(home):
        assert isinstance(expired(home).c.recv_nowait(), float)

    everywhere(body, home)


def test_reset_of_a_running_timer_is_true_and_moves_its_end(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LONG)
        assert timer.reset(SOON) is True
        assert isinstance(timer.c.recv(timeout=LIMIT), float)
        assert nothing_comes(timer.c)

    everywhere(body, home)


def test_reset_to_a_longer_time_gives_nothing_at_the_old_one(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LATER)
        timer.reset(LONG)
        dgo.sleep(2 * LATER)
        assert nothing_comes(timer.c)
        assert timer.stop() is True

    everywhere(body, home)


def test_reset_of_an_expired_and_unread_timer_is_true_and_leaves_no_stale_value(everywhere, home):
    def body(home):
        timer = expired(home)
        assert timer.reset(LONG) is True
        assert nothing_comes(timer.c)
        assert timer.reset(SOON) is True
        assert isinstance(timer.c.recv(timeout=LIMIT), float)
        assert nothing_comes(timer.c)

    everywhere(body, home)


def test_reset_of_a_timer_that_was_read_is_false_and_it_fires_again(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, SOON)
        timer.c.recv(timeout=LIMIT)
        assert timer.reset(SOON) is False
        assert isinstance(timer.c.recv(timeout=LIMIT), float)

    everywhere(body, home)


def test_reset_of_a_stopped_timer_is_false_and_it_fires(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LONG)
        timer.stop()
        assert timer.reset(SOON) is False
        assert isinstance(timer.c.recv(timeout=LIMIT), float)

    everywhere(body, home)


def test_a_receiver_that_waits_gets_the_value_of_the_new_time_after_a_reset(everywhere, home):
    def body(home):
        timer, ready = made(home, dgo.Timer, LONG), dgo.Chan()

        def receive():
            ready.send(None, timeout=LIMIT)
            return timer.c.recv(timeout=LIMIT)

        receiver = elsewhere(receive)
        ready.recv(timeout=LIMIT)
        timer.reset(SOON)
        assert isinstance(receiver.result(timeout=LIMIT), float)

    everywhere(body, home)


def test_the_channel_of_a_timer_shows_no_buffer(everywhere, home):
    def body(home):
        timer = expired(home)
        assert len(timer.c) == 0
        assert timer.c.capacity == 0
        timer.c.recv(timeout=LIMIT)
        assert len(timer.c) == 0

    everywhere(body, home)


def test_a_timer_can_be_stopped_elsewhere(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, LONG)
        assert elsewhere(timer.stop).result(timeout=LIMIT) is True
        assert timer.stop() is False

    everywhere(body, home)


def test_a_timer_can_be_reset_and_read_elsewhere(everywhere, home):
    def use(timer):
        return timer.reset(SOON), type(timer.c.recv(timeout=LIMIT)).__name__

    def body(home):
        timer = made(home, dgo.Timer, LONG)
        assert elsewhere(use, timer).result(timeout=LIMIT) == (True, "float")
        assert timer.stop() is False

    everywhere(body, home)


def test_a_timer_outlives_the_goroutine_that_made_it(everywhere):
    def body():
        timer = made("away", dgo.Timer, LATER)
        assert isinstance(timer.c.recv(timeout=LIMIT), float)

    everywhere(body)


# ---- after_func ----------------------------------------------------------------------------------


def test_after_func_runs_its_function_once_with_its_arguments(everywhere, home):
    def tell(ch, *args, **kwargs):
        ch.send((args, kwargs), timeout=LIMIT)

    def schedule(ch):
        return dgo.after_func(SOON, tell, ch, 1, 2, key="value")

    def body(home):
        ch = dgo.Chan(2)
        timer = made(home, schedule, ch)
        assert ch.recv(timeout=LIMIT) == ((1, 2), {"key": "value"})
        assert nothing_comes(ch)
        assert timer.stop() is False

    everywhere(body, home)


def test_after_func_runs_its_function_as_a_goroutine(everywhere):
    def tell_id(ch):
        ch.send(dgo.current().id, timeout=LIMIT)

    def body():
        ch = dgo.Chan(1)
        timer = dgo.after_func(SOON, tell_id, ch)
        assert ch.recv(timeout=LIMIT) not in ("main", dgo.current().id)
        timer.stop()

    everywhere(body)


def test_the_function_of_after_func_may_block(everywhere):
    def ping(pings, pongs):
        pongs.send(pings.recv(timeout=LIMIT), timeout=LIMIT)

    def body():
        pings, pongs = dgo.Chan(), dgo.Chan()
        timer = dgo.after_func(SOON, ping, pings, pongs)
        pings.send("ping", timeout=LIMIT)
        assert pongs.recv(timeout=LIMIT) == "ping"
        timer.stop()

    everywhere(body)


def test_after_func_that_was_stopped_in_time_does_not_run(everywhere, home):
    def body(home):
        ch = dgo.Chan(1)
        timer = made(home, dgo.after_func, LONG, ch.send, "ran")
        assert timer.stop() is True
        assert timer.stop() is False
        assert nothing_comes(ch)

    everywhere(body, home)


def test_after_func_can_be_stopped_elsewhere(everywhere, home):
    def body(home):
        timer = made(home, dgo.after_func, LONG, unreached)
        assert elsewhere(timer.stop).result(timeout=LIMIT) is True
        assert timer.stop() is False

    everywhere(body, home)


def test_after_func_runs_again_after_a_reset(everywhere, home):
    def body(home):
        ch = dgo.Chan(2)
        timer = made(home, dgo.after_func, SOON, ch.send, "ran")
        ch.recv(timeout=LIMIT)
        assert timer.reset(SOON) is False
        assert ch.recv(timeout=LIMIT) == "ran"
        assert nothing_comes(ch)

    everywhere(body, home)


def test_the_arguments_of_after_func_are_snapshotted_at_the_call(everywhere):
    def body():
        ch, value = dgo.Chan(1), [1]
        timer = dgo.after_func(LATER, ch.send, value)
        value.append(2)
        assert ch.recv(timeout=LIMIT) == [1]
        timer.stop()

    everywhere(body)


def test_what_after_func_cannot_run_is_refused_at_the_call(everywhere):
    def body():
        with pytest.raises(TypeError):
            dgo.after_func(LONG, 3)
        with pytest.raises(TypeError):
            dgo.after_func("1", unreached)
        with pytest.raises(dgo.SerializationError):
            dgo.after_func(LONG, len, cannot_travel())

    everywhere(body)


def test_a_select_can_wait_for_a_timer(everywhere, home):
    def body(home):
        timer = made(home, dgo.Timer, NOTHING)
        chosen = dgo.select(dgo.recv(dgo.Chan()), dgo.recv(timer.c), timeout=LIMIT)
        assert (chosen.index, chosen.ok) == (1, True)

    everywhere(body, home)
