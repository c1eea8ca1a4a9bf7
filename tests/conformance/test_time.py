"""Sleep, timers and tickers (contract section 7, Go 1.23's rules of package time)."""

from __future__ import annotations

import gc
import time
import weakref

import pytest

import dgo
from dgo.runtime import current

from .places import LIMIT, NOTHING, elsewhere, take

SHORT = NOTHING
LONG = 3600  # nothing that a test sets so far away ever comes


def clock():
    """Seconds: of the virtual clock in a simulation."""
    return current.get().clock()


def wall():
    """The time of day that timers send."""
    return current.get().wall()


def timer_here(seconds):
    return dgo.Timer(seconds)


def timer_away(seconds):
    """A timer that lives in another goroutine's process."""
    return elsewhere(timer_here, seconds).result(timeout=LIMIT)


@pytest.fixture(params=["here", "away"])
def make(request):
    return timer_here if request.param == "here" else timer_away


def nothing_comes(ch, seconds=NOTHING):
    with pytest.raises(dgo.Timeout):
        ch.recv(timeout=seconds)


# ---- sleep ---------------------------------------------------------------------------------------


def test_sleep_takes_the_time_it_is_given(everywhere):
    def body():
        before = clock()
        dgo.sleep(SHORT)
        return clock() - before

    assert everywhere(body) >= SHORT * 0.99


def test_sleep_of_nothing_returns(everywhere):
    def body():
        for seconds in (0, -1, -1e300):
            dgo.sleep(seconds)

    everywhere(body)


def test_those_who_sleep_do_not_hold_up_each_other(everywhere):
    def body():
        before = clock()
        sleeping = [elsewhere(dgo.sleep, 1) for _ in range(20)]
        for g in sleeping:
            g.wait(timeout=LIMIT)
        return clock() - before

    assert 0.99 <= everywhere(body) < 10


@pytest.mark.parametrize("seconds", ["1", None, [1]])
@pytest.mark.parametrize(
    "use", [dgo.sleep, dgo.after, dgo.tick, dgo.Timer, dgo.Ticker, lambda s: dgo.after_func(s, print)]
)
def test_seconds_are_a_number(use, seconds):
    with pytest.raises(TypeError, match="number of seconds"):
        use(seconds)


@pytest.mark.parametrize(
    "use", [dgo.sleep, dgo.after, dgo.tick, dgo.Timer, dgo.Ticker, lambda s: dgo.after_func(s, print)]
)
def test_nan_is_no_number_of_seconds(use):
    with pytest.raises(ValueError, match="NaN"):
        use(float("nan"))


# ---- after and timers ----------------------------------------------------------------------------


def test_after_sends_the_time_once(everywhere):
    def body():
        before = wall()
        ch = dgo.after(SHORT)
        came = ch.recv(timeout=LIMIT)
        assert before + SHORT * 0.99 <= came <= wall() + 0.001
        nothing_comes(ch)

    everywhere(body)


def test_the_value_is_the_time_of_day(cluster):
    assert abs(dgo.after(0).recv(timeout=LIMIT) - time.time()) < 5


def test_a_timer_of_no_time_fires_at_once(everywhere, make):
    def body(make):
        for seconds in (0, -5):
            make(seconds).c.recv(timeout=LIMIT)

    everywhere(body, make)


def test_a_timer_sends_once(everywhere, make):
    def body(make):
        timer = make(SHORT)
        assert isinstance(timer.c.recv(timeout=LIMIT), float)
        nothing_comes(timer.c, 3 * SHORT)

    everywhere(body, make)


def test_the_channel_of_a_timer_seems_to_have_no_buffer(everywhere, make):
    def body(make):
        timer = make(0)
        dgo.sleep(SHORT)
        assert (len(timer.c), timer.c.capacity) == (0, 0)
        timer.c.recv(timeout=LIMIT)

    everywhere(body, make)


def test_a_stopped_timer_sends_nothing(everywhere, make):
    def body(make):
        timer = make(SHORT)
        assert timer.stop() is True
        assert timer.stop() is False
        nothing_comes(timer.c, 3 * SHORT)

    everywhere(body, make)


def test_stop_of_an_expired_and_unread_timer_is_true_and_forgets_the_value(everywhere, make):
    def body(make):
        timer = make(0)
        dgo.sleep(SHORT)
        assert timer.stop() is True
        nothing_comes(timer.c)
        with pytest.raises(dgo.WouldBlock):
            timer.c.recv_nowait()

    everywhere(body, make)


def test_stop_of_a_timer_whose_value_was_received_is_false(everywhere, make):
    def body(make):
        timer = make(0)
        timer.c.recv(timeout=LIMIT)
        assert timer.stop() is False

    everywhere(body, make)


def test_reset_forgets_the_value_from_before(everywhere, make):
    def body(make):
        timer = make(0)
        dgo.sleep(SHORT)
        asked = wall()
        assert timer.reset(SHORT) is True
        assert timer.c.recv(timeout=LIMIT) >= asked + SHORT * 0.9
        nothing_comes(timer.c, 2 * SHORT)
        assert timer.reset(0) is False
        timer.c.recv(timeout=LIMIT)

    everywhere(body, make)


def test_reset_moves_the_time(everywhere, make):
    def body(make):
        timer = make(LONG)
        assert timer.reset(SHORT) is True
        timer.c.recv(timeout=LIMIT)

    everywhere(body, make)


def test_a_timer_can_be_used_by_several_goroutines_anywhere(everywhere, make):
    def body(make):
        timer = make(LONG)
        receiver = elsewhere(lambda t: t.c.recv(timeout=LIMIT), timer)
        assert elsewhere(timer.reset, SHORT).result(timeout=LIMIT) is True
        assert isinstance(receiver.result(timeout=LIMIT), float)
        assert timer.stop() is False

    everywhere(body, make)


def test_a_timer_that_nobody_holds_is_forgotten(cluster):
    """It does not keep its memory, or a place in the heap, for its whole time."""
    timer = dgo.Timer(LONG)
    core = weakref.ref(timer._core)
    node = timer._node
    with node.lock:
        before = len(node.timers)
    del timer
    gc.collect()
    assert core() is None
    with node.lock:
        node.flush()
        assert len(node.timers) == before - 1


def test_a_thousand_timers_ring_in_order(everywhere):
    def body():
        ch = dgo.Chan(1000)
        first = dgo.Timer(SHORT)
        timers = [dgo.Timer(0.3 + i / 10_000) for i in range(300)]
        first.c.recv(timeout=LIMIT)
        times = [timer.c.recv(timeout=LIMIT) for timer in timers]
        assert times == sorted(times)
        assert len(ch) == 0

    everywhere(body)


# ---- tickers -------------------------------------------------------------------------------------


def test_a_ticker_ticks_at_its_period(everywhere):
    def body():
        ticker = dgo.Ticker(SHORT)
        times = take(ticker.c, 4)
        ticker.stop()
        assert times == sorted(times)
        assert times[-1] - times[0] >= 2 * SHORT  # a late first tick makes the first gap short

    everywhere(body)


def test_a_stopped_ticker_sends_nothing_more(everywhere):
    def body():
        ticker = dgo.Ticker(SHORT / 5)
        dgo.sleep(SHORT)
        ticker.stop()
        nothing_comes(ticker.c, 2 * SHORT)
        assert not ticker.c.closed

    everywhere(body)


def test_ticks_are_dropped_for_a_slow_receiver(everywhere):
    def body():
        ticker = dgo.Ticker(SHORT)
        dgo.sleep(5.5 * SHORT)
        ticker.c.recv(timeout=LIMIT)
        with pytest.raises(dgo.WouldBlock):  # one was kept, not five
            ticker.c.recv_nowait()
        ticker.stop()

    everywhere(body)


def test_a_ticker_can_be_reset_to_another_period(everywhere):
    def body():
        ticker = dgo.Ticker(LONG)
        ticker.reset(SHORT)
        take(ticker.c, 2)
        elsewhere(ticker.stop).wait(timeout=LIMIT)
        nothing_comes(ticker.c, 2 * SHORT)

    everywhere(body)


def test_a_ticker_has_receivers_anywhere(everywhere):
    def body():
        ticker = dgo.Ticker(SHORT)
        receivers = [elsewhere(take, ticker.c, 2) for _ in range(2)]
        got = [time for g in receivers for time in g.result(timeout=LIMIT)]
        assert len(set(got)) == 4

    everywhere(body)


def test_a_period_is_positive(cluster):
    for seconds in (0, -1):
        with pytest.raises(ValueError, match="positive"):
            dgo.Ticker(seconds)
        with pytest.raises(ValueError, match="positive"):
            dgo.Ticker(LONG).reset(seconds)
        assert dgo.tick(seconds) is None


def test_tick_is_a_ticker_that_is_never_stopped(everywhere):
    def body():
        assert len(take(dgo.tick(SHORT), 3)) == 3

    everywhere(body)


# ---- after_func ----------------------------------------------------------------------------------


def test_after_func_starts_a_goroutine_in_time(everywhere):
    def tell(ch, word, *, mark):
        ch.send(word + mark, timeout=LIMIT)

    def body():
        ch = dgo.Chan()
        before = clock()
        timer = dgo.after_func(SHORT, tell, ch, "now", mark="!")
        assert timer.c is None
        assert ch.recv(timeout=LIMIT) == "now!"
        assert clock() - before >= SHORT * 0.99
        assert timer.stop() is False

    everywhere(body)


def test_after_func_calls_also_if_nobody_keeps_its_timer(everywhere):
    def body():
        ch = dgo.Chan()
        dgo.after_func(SHORT, ch.send, 1)
        assert ch.recv(timeout=LIMIT) == 1

    everywhere(body)


def test_the_snapshot_of_after_func_is_taken_when_it_is_called(everywhere):
    def body():
        ch, words = dgo.Chan(), ["before"]
        dgo.after_func(SHORT, lambda: ch.send(words, timeout=LIMIT))
        words.append("after")
        assert ch.recv(timeout=LIMIT) == ["before"]

    everywhere(body)


def test_a_stopped_after_func_calls_nothing(everywhere):
    def body():
        ch = dgo.Chan(1)
        timer = dgo.after_func(SHORT, ch.send, 1)
        assert elsewhere(timer.stop).result(timeout=LIMIT) is True
        nothing_comes(ch, 3 * SHORT)

    everywhere(body)


def test_each_reset_of_an_after_func_lets_it_start_again(everywhere):
    def body():
        ch, data = dgo.Chan(), {"n": 1}
        timer = dgo.after_func(0, lambda: ch.send(data, timeout=LIMIT))
        assert ch.recv(timeout=LIMIT) == {"n": 1}
        for _ in range(2):
            assert timer.reset(0) is False
            assert ch.recv(timeout=LIMIT) == {"n": 1}
        assert timer.reset(LONG) is False
        assert timer.reset(0) is True
        assert ch.recv(timeout=LIMIT) == {"n": 1}

    everywhere(body)


def test_what_cannot_travel_is_refused_by_after_func_at_once(everywhere):
    def body():
        with pytest.raises(dgo.SerializationError):
            dgo.after_func(SHORT, print, open("/dev/null"))  # noqa: SIM115 - it is refused

    everywhere(body)
