"""Looking for input before sleeping: only while that pays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dgo.core.eagerness import LOOK_SECONDS, MOST, PRICE, RATHER_SOON, SOON, Eagerness

SOON_ENOUGH = LOOK_SECONDS / 2
A_LITTLE_LATE = 1.5 * LOOK_SECONDS
LATE = 10 * LOOK_SECONDS

IDLE = st.sampled_from([0.0, SOON_ENOUGH, LOOK_SECONDS, A_LITTLE_LATE, 2 * LOOK_SECONDS, LATE, 3600.0])


def idle(eagerness: Eagerness, seconds: float) -> bool:
    """It is idle for so long; returns whether it has looked."""
    looked = eagerness.looks()
    eagerness.idled(seconds, looked)
    eagerness.check()
    return looked


@given(st.lists(IDLE))
def test_looks_in_vain_are_paid_for(times: list[float]) -> None:
    eagerness = Eagerness()
    paid = spent = 0
    for seconds in times:
        looked = idle(eagerness, seconds)
        if seconds < LOOK_SECONDS:
            paid += SOON
        elif seconds < 2 * LOOK_SECONDS:
            paid += RATHER_SOON
        if looked and seconds >= LOOK_SECONDS:
            spent += PRICE
        assert spent <= paid


def test_nobody_looks_at_first() -> None:
    assert not Eagerness().looks()


def test_one_answer_that_comes_soon_is_enough_to_look_for_the_next() -> None:
    eagerness = Eagerness()
    assert not idle(eagerness, SOON_ENOUGH)
    assert idle(eagerness, SOON_ENOUGH)


def test_whoever_is_no_longer_talked_to_soon_stops_looking() -> None:
    eagerness = Eagerness()
    for _ in range(1000):
        idle(eagerness, SOON_ENOUGH)
    looks = [idle(eagerness, LATE) for _ in range(1000)]
    assert looks == [True] * (MOST // PRICE) + [False] * (1000 - MOST // PRICE)


def test_answers_that_come_a_little_late_are_worth_a_try_now_and_then() -> None:
    eagerness = Eagerness()
    looks = [idle(eagerness, A_LITTLE_LATE) for _ in range(900)]
    assert 900 // (PRICE + 2) <= sum(looks) <= 900 // (PRICE - 1)


def test_input_that_comes_seldom_is_never_looked_for() -> None:
    eagerness = Eagerness()
    assert not any(idle(eagerness, LATE) for _ in range(100))
