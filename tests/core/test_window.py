"""How many calls of an executor are in flight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgo.core.window import LONG_SECONDS, MOST, PER_WORKER, SHORT_SECONDS, Window

SHORT, MIDDLE, LONG = SHORT_SECONDS / 2, (SHORT_SECONDS + LONG_SECONDS) / 2, LONG_SECONDS * 2


def rounds(window: Window, seconds: float, count: int) -> None:
    """That many rounds of so many seconds, while others wait."""
    now = 0.0
    window.ended(1, now, True)
    for _ in range(count):
        now += seconds
        window.ended(window.size, now, True)
        window.check()


def test_a_given_width_never_changes():
    window = Window(3, workers=8)
    rounds(window, SHORT, 5)
    rounds(window, LONG, 5)
    window.workers(100)
    assert window.size == 3


def test_it_begins_with_a_few_calls_for_each_worker():
    assert Window(None, workers=2).size == 2 * PER_WORKER


def test_short_rounds_double_it_up_to_a_bound():
    window = Window(None, workers=2)
    rounds(window, SHORT, 3)
    assert window.size == 2 * PER_WORKER * 8
    rounds(window, SHORT, 100)
    assert window.size == MOST


def test_long_rounds_halve_it_down_to_a_few_calls_for_each_worker():
    window = Window(None, workers=2)
    rounds(window, SHORT, 4)
    rounds(window, LONG, 1)
    assert window.size == 2 * PER_WORKER * 8
    rounds(window, LONG, 100)
    assert window.size == 2 * PER_WORKER


def test_rounds_of_middle_length_leave_it():
    window = Window(None, workers=2)
    rounds(window, SHORT, 2)
    before = window.size
    rounds(window, MIDDLE, 10)
    assert window.size == before


def test_ends_while_nobody_waits_say_nothing():
    window = Window(None, workers=2)
    for step in range(100):
        window.ended(10, step * SHORT, False)
    assert window.size == 2 * PER_WORKER


def test_more_workers_widen_it_at_once():
    window = Window(None, workers=2)
    window.workers(3 * MOST)
    assert window.size == 3 * MOST * PER_WORKER
    rounds(window, SHORT, 3)
    assert window.size == 3 * MOST * PER_WORKER


@pytest.mark.parametrize("limit", [None, 5])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("workers"), st.integers(0, 5000), st.none()),
            st.tuples(st.integers(0, 20000), st.floats(0, 1), st.booleans()),
        )
    )
)
def test_the_invariants_hold_after_any_steps(limit, steps):
    window, now = Window(limit, workers=4), 0.0
    for first, second, third in steps:
        if first == "workers":
            window.workers(second)
        else:
            now += second
            window.ended(first, now, third)
        window.check()
