"""``go.options(retries=..., timeout=...)``, and what its values must be (contract section 3)."""

from __future__ import annotations

import math

import pytest

import dgo
from dgo.runtime import current

from .places import LIMIT, NOTHING, OddError, elsewhere

LONG = 3600  # seconds: never reached where time is real


def block():
    dgo.Chan().recv()


def block_and_return():
    try:
        block()
    except dgo.Cancelled:
        return "caught it"


def block_and_raise():
    try:
        block()
    finally:
        raise OddError("while it cleaned up")


def clean_up_slowly(cleaning, go_on, started=None):
    if started is not None:
        started.send(None, timeout=LIMIT)
    try:
        block()
    finally:
        cleaning.send(None, timeout=LIMIT)
        go_on.recv(timeout=LIMIT)


def compute():
    while True:
        pass


def ask(goroutine):
    """How the goroutine has ended, as this process sees it."""
    error = goroutine.exception(timeout=LIMIT)
    return type(error).__name__, str(error), goroutine.done(), goroutine.cancelled()


def spawn_and_ask():
    return ask(dgo.go.options(timeout=NOTHING)(block))


# ---- timeout ---------------------------------------------------------------------------------------


def test_when_the_time_has_run_out_result_raises_deadline_exceeded(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING)(block)
        with pytest.raises(dgo.DeadlineExceeded):
            goroutine.result(timeout=LIMIT)

    everywhere(body)


def test_the_error_says_whose_time_has_run_out_and_how_much_it_was(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING, name="slowpoke")(block)
        text = str(goroutine.exception(timeout=LIMIT))
        for part in (goroutine.id, "slowpoke", f"{NOTHING:g} s"):
            assert part in text

    everywhere(body)


def test_one_whose_time_has_run_out_is_done_and_was_not_cancelled(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING)(block)
        goroutine.wait(timeout=LIMIT)
        assert goroutine.done()
        assert not goroutine.cancelled()

    everywhere(body)


def test_other_processes_see_the_same_end(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING)(block)
        here = ask(goroutine)
        assert here[0] == "DeadlineExceeded"
        assert elsewhere(ask, goroutine).result(timeout=LIMIT) == here

    everywhere(body)


def test_a_goroutine_of_a_worker_has_a_deadline_too(everywhere):
    def body():
        name, _, done, cancelled = elsewhere(spawn_and_ask).result(timeout=LIMIT)
        assert (name, done, cancelled) == ("DeadlineExceeded", True, False)

    everywhere(body)


def test_one_that_waits_for_a_worker_runs_out_of_time_there(everywhere):
    def body():
        nowhere = dgo.go.options(timeout=NOTHING, labels={"kind": "none has it"})
        assert isinstance(nowhere(block).exception(timeout=LIMIT), dgo.DeadlineExceeded)

    everywhere(body)


def test_one_that_catches_cancelled_ends_as_it_ends(everywhere):
    def body():
        assert dgo.go.options(timeout=NOTHING)(block_and_return).result(timeout=LIMIT) == "caught it"
        assert isinstance(dgo.go.options(timeout=NOTHING)(block_and_raise).exception(timeout=LIMIT), OddError)

    everywhere(body)


def test_one_that_ends_in_time_has_its_own_end(everywhere):
    def body():
        assert dgo.go.options(timeout=LONG)(pow, 2, 3).result(timeout=LIMIT) == 8

    everywhere(body)


def test_one_that_is_cancelled_in_time_was_cancelled(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=LONG)(block)
        goroutine.cancel()
        with pytest.raises(dgo.CancelledError):
            goroutine.result(timeout=LIMIT)
        assert goroutine.cancelled()

    everywhere(body)


def test_a_cancel_after_the_time_has_run_out_changes_nothing(everywhere):
    def body():
        cleaning, go_on = dgo.Chan(), dgo.Chan()
        goroutine = dgo.go.options(timeout=NOTHING)(clean_up_slowly, cleaning, go_on)
        cleaning.recv(timeout=LIMIT)
        goroutine.cancel()
        assert isinstance(goroutine.exception(timeout=LIMIT), dgo.DeadlineExceeded)

    everywhere(body)


def test_the_clean_up_of_a_cancelled_one_is_not_cut_short_by_its_deadline(everywhere):
    def body():
        cleaning, go_on, started = dgo.Chan(), dgo.Chan(), dgo.Chan()
        goroutine = dgo.go.options(timeout=1)(clean_up_slowly, cleaning, go_on, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        cleaning.recv(timeout=LIMIT)
        with pytest.raises(dgo.Timeout):
            goroutine.wait(timeout=1.1)  # meanwhile its time has run out
        go_on.send(None, timeout=LIMIT)
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled()

    everywhere(body)


def test_one_that_computes_is_cancelled_when_its_time_has_run_out(cluster):
    assert isinstance(dgo.go.options(timeout=NOTHING)(compute).exception(timeout=LIMIT), dgo.DeadlineExceeded)


def test_nothing_is_left_of_deadlines_that_were_not_reached(everywhere):
    def body():
        timers = current.get().timers
        before = len(timers)
        for _ in range(20):
            goroutines = [dgo.go.options(timeout=LONG)(pow, 2, 3) for _ in range(10)]
            assert dgo.gather(*goroutines) == [8] * 10
        return len(timers) - before

    assert everywhere(body) <= 1, "more than the worker's own, of its next report"


def test_a_deadline_that_nobody_asks_about_is_not_reported(output):
    assert (
        output(
            """
            import dgo

            def block():
                dgo.Chan().recv()

            dgo.go.options(timeout=0.05)(block).wait(timeout=20)
            """
        )
        == []
    )


# ---- retries ---------------------------------------------------------------------------------------


def count_and_fail(runs):
    runs.send(None, timeout=LIMIT)
    raise OddError("of the function")


def test_an_error_of_the_function_is_no_reason_to_run_it_again(everywhere):
    def body():
        runs = dgo.Chan(3)
        assert isinstance(dgo.go.options(retries=2)(count_and_fail, runs).exception(timeout=LIMIT), OddError)
        assert len(runs) == 1

    everywhere(body)


def test_one_with_retries_that_is_cancelled_was_cancelled(everywhere):
    def body():
        goroutine = dgo.go.options(retries=2)(block)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled()

    everywhere(body)


# ---- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", 1),
        ("name", b"bytes"),
        ("retries", None),
        ("retries", True),
        ("retries", 1.0),
        ("retries", "1"),
        ("timeout", True),
        ("timeout", "1"),
        ("timeout", 1j),
        ("resources", ["gpu"]),
        ("resources", {"gpu": "1"}),
        ("resources", {"gpu": True}),
        ("resources", {1: 1.0}),
        ("labels", "zone"),
        ("labels", {"zone": 1}),
        ("labels", {1: "zone"}),
    ],
)
def test_an_option_of_the_wrong_type_is_a_type_error_at_once(option, value):
    with pytest.raises(TypeError, match=rf"go\.options\({option}=\.\.\.\)"):
        dgo.go.options(**{option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("retries", -1),
        ("timeout", 0),
        ("timeout", -1.5),
        ("timeout", math.nan),
        ("timeout", -math.inf),
        ("resources", {"gpu": -1}),
        ("resources", {"gpu": math.nan}),
        ("resources", {"gpu": math.inf}),
    ],
)
def test_a_number_that_makes_no_sense_is_a_value_error_at_once(option, value):
    with pytest.raises(ValueError, match=rf"go\.options\({option}=\.\.\.\)"):
        dgo.go.options(**{option: value})


def test_an_endless_timeout_is_none(everywhere):
    def body():
        assert dgo.go.options(timeout=math.inf)(pow, 2, 3).result(timeout=LIMIT) == 8
        assert dgo.go.options(timeout=None)(pow, 2, 3).result(timeout=LIMIT) == 8

    everywhere(body)


def test_what_happens_to_a_dict_of_options_later_is_not_seen():
    resources, labels = {"gpu": 1}, {"zone": "a"}
    go = dgo.go.options(resources=resources, labels=labels)
    resources["gpu"], labels["zone"] = 2, "b"
    assert go._options.wire() == {"spread": False, "resources": {"gpu": 1.0}, "labels": {"zone": "a"}}


async def wait_for_ever():
    await dgo.Chan().arecv()


def test_an_async_goroutine_has_a_deadline_too(cluster):
    assert isinstance(dgo.go.options(timeout=NOTHING)(wait_for_ever).exception(timeout=LIMIT), dgo.DeadlineExceeded)


async def await_it(goroutine):
    try:
        await goroutine
    except dgo.DeadlineExceeded as error:
        return str(error)


def test_who_awaits_one_whose_time_has_run_out_gets_deadline_exceeded(cluster):
    goroutine = dgo.go.options(timeout=NOTHING)(block)
    assert goroutine.id in dgo.go(await_it, goroutine).result(timeout=LIMIT)
