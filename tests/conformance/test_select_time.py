"""Select over the channels of contexts and timers (contract sections 4, 6 and 7)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, elsewhere, take


def derive_here():
    return dgo.with_cancel(dgo.background())


def derive_away():
    return elsewhere(derive_here).result(timeout=LIMIT)


def timer_here(seconds):
    return dgo.Timer(seconds)


def timer_away(seconds):
    return elsewhere(timer_here, seconds).result(timeout=LIMIT)


@pytest.fixture(params=[derive_here, derive_away])
def derive(request):
    return request.param


@pytest.fixture(params=[timer_here, timer_away])
def timer(request):
    return request.param


def count_until_done(ctx, ch):
    """Go's usual loop: receives until the context ends."""
    count = 0
    while True:
        chosen = dgo.select(dgo.recv(ctx.done()), dgo.recv(ch), timeout=LIMIT)
        if chosen.index == 0:
            assert chosen == (0, None, False)
            return count, str(ctx.cause())
        count += 1


def test_workers_select_on_their_work_and_on_the_end_of_their_context(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        ch = dgo.Chan()
        workers = [elsewhere(count_until_done, ctx, ch) for _ in range(3)]
        for i in range(20):
            ch.send(i, timeout=LIMIT)
        cancel(ValueError("enough"))
        results = [g.result(timeout=LIMIT) for g in workers]
        assert sum(count for count, _ in results) == 20
        assert {cause for _, cause in results} == {"enough"}

    everywhere(body, derive)


def test_the_background_is_never_done_for_a_select(everywhere):
    def body():
        cases = dgo.recv(dgo.background().done()), dgo.recv(dgo.after(NOTHING))
        assert dgo.select(*cases, timeout=LIMIT).index == 1

    everywhere(body)


def test_a_select_with_default_sees_whether_a_context_has_ended(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        assert dgo.select(dgo.recv(ctx.done()), default=True).index == dgo.DEFAULT
        cancel()
        assert dgo.select(dgo.recv(ctx.done()), default=True).index == 0

    everywhere(body, derive)


def test_after_is_a_timeout_of_a_select(everywhere):
    def body():
        chosen = dgo.select(dgo.recv(dgo.Chan()), dgo.recv(dgo.after(NOTHING)), timeout=LIMIT)
        assert chosen.index == 1
        assert isinstance(chosen.value, float)

    everywhere(body)


def test_a_deadline_ends_a_select(everywhere):
    def body():
        with dgo.timeout(NOTHING) as ctx:
            assert dgo.select(dgo.recv(dgo.Chan()), dgo.recv(ctx.done()), timeout=LIMIT).index == 1
            assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body)


def test_each_value_of_a_timer_is_selected_once_whoever_resets_it_meanwhile(everywhere, timer):
    """Stop and reset race with selects that wait for the timer, here and elsewhere."""

    def wait(timer, stop):
        got = 0
        while dgo.select(dgo.recv(stop), dgo.recv(timer.c), timeout=LIMIT).index:
            got += 1
        return got

    def body(make):
        timer, stop = make(0), dgo.Chan()
        waiting = [elsewhere(wait, timer, stop) for _ in range(3)]
        kept = 0
        for i in range(20):
            dgo.sleep(NOTHING / 50 * (i % 4))
            kept += timer.reset(NOTHING / 100)  # what it kept from being received is received by nobody
        dgo.sleep(2 * NOTHING)
        kept += timer.stop()
        stop.close()
        assert sum(g.result(timeout=LIMIT) for g in waiting) + kept == 21

    everywhere(body, timer)


def test_a_ticker_and_a_channel_are_selected_in_turn(everywhere):
    def body():
        ticker, ch = dgo.Ticker(NOTHING), dgo.Chan(3)
        for i in range(3):
            ch.send(i)
        seen = [dgo.select(dgo.recv(ticker.c), dgo.recv(ch), timeout=LIMIT).index for _ in range(6)]
        ticker.stop()
        assert sorted(seen) == [0, 0, 0, 1, 1, 1]
        assert take(dgo.tick(NOTHING), 1)

    everywhere(body)
