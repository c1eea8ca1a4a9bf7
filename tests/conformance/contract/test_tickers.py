"""Ticker and tick (contract section 7, the rules of Go 1.23)."""

from __future__ import annotations

import time

import pytest

import dgo

from ..places import LIMIT, elsewhere
from .common import LONG, made, nothing_comes

SOON, LATER = 0.05, 0.1


def ready_now(ch, tries):
    """How many values the channel gives without waiting."""
    got = 0
    for _ in range(tries):
        try:
            ch.recv_nowait()
        except dgo.WouldBlock:
            continue
        got += 1
    return got


def nothing_within(ch, seconds):
    """Whether a wait of so many (virtual) seconds ends with a timeout."""
    try:
        ch.recv(timeout=seconds)
    except dgo.Timeout:
        return True
    return False


def test_a_ticker_ticks_again_and_again(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        values = [ticker.c.recv(timeout=LIMIT) for _ in range(4)]
        ticker.stop()
        assert all(isinstance(value, float) for value in values)
        assert values == sorted(values)

    everywhere(body, home)


def test_a_ticker_does_not_tick_before_its_time(cluster):
    start = time.monotonic()
    ticker = dgo.Ticker(0.1)
    for _ in range(3):
        ticker.c.recv(timeout=LIMIT)
    ticker.stop()
    assert time.monotonic() - start >= 0.3


def test_a_ticker_drops_ticks_that_nobody_receives(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, LATER)
        dgo.sleep(6.5 * LATER)
        got = ready_now(ticker.c, 6)
        ticker.stop()
        assert 1 <= got <= 3  # one, and those of the time that the asking took

    everywhere(body, home)


def test_a_ticker_keeps_one_tick_for_who_receives_late(simulated):
    def body():
        ticker = dgo.Ticker(1)
        dgo.sleep(10.5)
        return ready_now(ticker.c, 3), ticker.stop()

    assert simulated(body)[0] == 1


def test_a_ticker_goes_on_in_step_after_ticks_were_dropped(simulated):
    def body():
        ticker = dgo.Ticker(10)
        dgo.sleep(35)
        ticker.c.recv_nowait()
        early = nothing_within(ticker.c, 4)
        on_time = not nothing_within(ticker.c, 2)
        ticker.stop()
        return early, on_time

    assert simulated(body) == (True, True)


def test_a_stopped_ticker_ticks_no_more_and_its_channel_stays_open(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        ticker.c.recv(timeout=LIMIT)
        ticker.stop()
        dgo.sleep(3 * SOON)
        assert nothing_comes(ticker.c)
        with pytest.raises(dgo.WouldBlock):
            ticker.c.recv_nowait()

    everywhere(body, home)


def test_a_stop_leaves_no_stale_tick(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        dgo.sleep(3 * SOON)
        ticker.stop()
        assert nothing_comes(ticker.c)

    everywhere(body, home)


def test_a_ticker_may_be_stopped_again(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        ticker.stop()
        ticker.stop()
        assert nothing_comes(ticker.c)

    everywhere(body, home)


def test_a_reset_changes_the_time_between_ticks(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, LONG)
        ticker.reset(SOON)
        assert all(isinstance(ticker.c.recv(timeout=LIMIT), float) for _ in range(3))
        ticker.reset(LONG)
        assert nothing_comes(ticker.c)
        ticker.stop()

    everywhere(body, home)


def test_a_reset_leaves_no_stale_tick(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        dgo.sleep(3 * SOON)
        ticker.reset(LONG)
        assert nothing_comes(ticker.c)
        ticker.stop()

    everywhere(body, home)


def test_a_stopped_ticker_ticks_again_after_a_reset(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, LONG)
        ticker.stop()
        ticker.reset(SOON)
        assert isinstance(ticker.c.recv(timeout=LIMIT), float)
        ticker.stop()

    everywhere(body, home)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_ticker_without_time_between_ticks_is_a_value_error(everywhere, seconds):
    def body():
        with pytest.raises(ValueError):
            dgo.Ticker(seconds)

    everywhere(body)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_reset_to_no_time_is_a_value_error_and_the_ticker_goes_on(everywhere, home, seconds):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        with pytest.raises(ValueError):
            ticker.reset(seconds)
        assert isinstance(ticker.c.recv(timeout=LIMIT), float)
        ticker.stop()

    everywhere(body, home)


def test_the_channel_of_a_ticker_shows_no_buffer(everywhere, home):
    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        dgo.sleep(2 * SOON)
        assert len(ticker.c) == 0
        ticker.stop()

    everywhere(body, home)


def test_a_ticker_can_be_read_and_stopped_elsewhere(everywhere, home):
    def use(ticker):
        values = [ticker.c.recv(timeout=LIMIT) for _ in range(3)]
        ticker.stop()
        return values == sorted(values)

    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        assert elsewhere(use, ticker).result(timeout=LIMIT) is True
        assert nothing_comes(ticker.c)

    everywhere(body, home)


def test_each_tick_reaches_one_of_several_receivers(everywhere, home):
    def receive(ch):
        return [ch.recv(timeout=LIMIT) for _ in range(2)]

    def body(home):
        ticker = made(home, dgo.Ticker, SOON)
        receivers = [elsewhere(receive, ticker.c) for _ in range(3)]
        values = [value for receiver in receivers for value in receiver.result(timeout=LIMIT)]
        ticker.stop()
        assert len(set(values)) == 6

    everywhere(body, home)


def test_tick_is_the_channel_of_a_ticker(simulated):
    def body():
        ch = dgo.tick(1)
        return [isinstance(ch.recv(timeout=LIMIT), float) for _ in range(3)]

    assert simulated(body) == [True] * 3


@pytest.mark.parametrize("seconds", [0, -1, -0.5])
def test_tick_without_time_between_ticks_is_none(everywhere, seconds):
    def body():
        assert dgo.tick(seconds) is None

    everywhere(body)
