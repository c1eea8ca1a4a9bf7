"""Two waves: when everything sleeps, and when that is not certain."""

from __future__ import annotations

from dgo.core.quiescence import Quiescence, Report, Step

A, B = 1, 2


def report(busy=False, activity=0, links=None, waits=()):
    return Report(busy, activity, links or {}, tuple(waits))


def attempt(first, second):
    """The steps of an attempt in which A and B answer so in the two waves."""
    quiescence = Quiescence()
    wave = quiescence.begin(frozenset(first))
    steps = [quiescence.answer(node, wave, answer) for node, answer in first.items()]
    if steps[-1] is Step.SECOND_WAVE:
        wave = quiescence.second()
        steps += [quiescence.answer(node, wave, answer) for node, answer in second.items()]
    return steps[-1]


def test_when_nobody_is_busy_and_nothing_changes_everything_is_asleep():
    both = {A: report(links={B: (3, 4)}), B: report(links={A: (4, 3)})}
    assert attempt(both, both) is Step.ASLEEP


def test_one_that_is_busy_wakes_the_verdict():
    assert attempt({A: report(), B: report(busy=True)}, {}) is Step.AWAKE


def test_a_batch_on_its_way_wakes_the_verdict():
    both = {A: report(links={B: (3, 0)}), B: report(links={A: (0, 2)})}
    assert attempt(both, both) is Step.AWAKE


def test_a_batch_to_one_that_knows_nothing_of_the_link_wakes_the_verdict():
    both = {A: report(links={B: (1, 0)}), B: report()}
    assert attempt(both, both) is Step.AWAKE


def test_activity_between_the_waves_wakes_the_verdict():
    assert attempt({A: report(), B: report()}, {A: report(), B: report(activity=1)}) is Step.AWAKE


def test_batches_that_came_and_went_between_the_waves_wake_the_verdict():
    first = {A: report(links={B: (1, 1)}), B: report(links={A: (1, 1)})}
    second = {A: report(links={B: (2, 2)}), B: report(links={A: (2, 2)})}
    assert attempt(first, second) is Step.AWAKE


def test_one_that_becomes_busy_in_the_second_wave_wakes_the_verdict():
    assert attempt({A: report(), B: report()}, {A: report(), B: report(busy=True)}) is Step.AWAKE


def test_an_answer_to_an_earlier_wave_counts_for_nothing():
    quiescence = Quiescence()
    old = quiescence.begin(frozenset({A}))
    quiescence.begin(frozenset({A}))
    assert quiescence.answer(A, old, report()) is Step.WAIT


def test_an_attempt_that_was_abandoned_gives_no_verdict():
    quiescence = Quiescence()
    wave = quiescence.begin(frozenset({A}))
    quiescence.abandon()
    assert quiescence.answer(A, wave, report()) is Step.WAIT
    assert not quiescence.running


def test_the_verdict_knows_who_waits_for_what():
    quiescence = Quiescence()
    quiescence.answer(A, quiescence.begin(frozenset({A})), report(waits=["a waits"]))
    quiescence.answer(A, quiescence.second(), report(waits=["a waits"]))
    assert quiescence.waits() == ["a waits"]


def test_main_programs_are_named_first_and_the_rest_of_many_behind_their_process():
    workers = report(waits=["goroutine 1 waits", "goroutine 2 waits", "7 more on worker-1"])
    driver = report(waits=["the main program on driver waits"])
    quiescence = Quiescence()
    wave = quiescence.begin(frozenset({A, B}))
    quiescence.answer(A, wave, workers)
    quiescence.answer(B, wave, driver)
    assert quiescence.waits() == ["the main program on driver waits", *workers.waits]
