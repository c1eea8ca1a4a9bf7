"""``go.options(timeout=...)`` and ``retries`` (contract section 3)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere
from .common import LONG, outcome


def block():
    dgo.Chan().recv()


def test_a_goroutine_whose_time_ran_out_raises_deadline_exceeded_at_its_result(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING)(block)
        with pytest.raises(dgo.DeadlineExceeded):
            goroutine.result(timeout=LIMIT)

    everywhere(body)


def test_the_deadline_is_seen_by_all_that_ask(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=NOTHING, spread=True)(block)
        assert elsewhere(outcome, goroutine.result).result(timeout=LIMIT) == "DeadlineExceeded"
        assert outcome(goroutine.result, timeout=LIMIT) == "DeadlineExceeded"
        assert goroutine.done() is True

    everywhere(body)


def test_a_goroutine_whose_time_ran_out_cleans_up(everywhere):
    def work(log):
        try:
            block()
        finally:
            log.send("clean", timeout=LIMIT)

    def body():
        log = dgo.Chan()
        goroutine = dgo.go.options(timeout=NOTHING)(work, log)
        assert log.recv(timeout=LIMIT) == "clean"
        goroutine.wait(timeout=LIMIT)

    everywhere(body)


def test_a_goroutine_that_ends_in_time_has_its_result(everywhere):
    def body():
        assert dgo.go.options(timeout=LONG)(pow, 2, 3).result(timeout=LIMIT) == 8

    everywhere(body)


def test_a_goroutine_that_is_cancelled_before_its_time_was_cancelled(everywhere):
    def body():
        goroutine = dgo.go.options(timeout=LONG)(block)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled() is True

    everywhere(body)


DIE_ONCE = """
import os, signal, dgo
def die_once(mark):
    try:
        os.mkdir(mark)
    except FileExistsError:
        return "ran again"
    os.kill(os.getpid(), signal.SIGKILL)
dgo.init(workers=2).wait_for_workers(2, timeout=20)
"""


def test_a_goroutine_with_retries_runs_again_when_its_worker_is_lost(output):
    assert output(
        DIE_ONCE
        + """
print(dgo.go.options(retries=1)(die_once, "mark").result(timeout=25))
"""
    ) == ["ran again"]


def test_a_goroutine_without_retries_does_not_run_again(output):
    assert output(
        DIE_ONCE
        + """
print(type(dgo.go(die_once, "mark").exception(timeout=25)).__name__)
"""
    ) == ["WorkerLost"]


def test_a_goroutine_that_dies_more_often_than_it_may_be_retried_is_lost(output):
    assert output("""
        import os, signal, dgo
        def die():
            os.kill(os.getpid(), signal.SIGKILL)
        dgo.init(workers=2).wait_for_workers(2, timeout=20)
        print(type(dgo.go.options(retries=1)(die).exception(timeout=25)).__name__)
    """) == ["WorkerLost"]


def test_an_error_of_the_function_is_not_retried(everywhere):
    def count_and_fail(runs):
        runs.send(None, timeout=LIMIT)
        raise ValueError("of the function")

    def body():
        runs = dgo.Chan(3)
        goroutine = dgo.go.options(retries=2)(count_and_fail, runs)
        assert isinstance(goroutine.exception(timeout=LIMIT), ValueError)
        assert len(runs) == 1

    everywhere(body)
