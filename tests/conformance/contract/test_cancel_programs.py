"""What a program's stderr tells of cancelled goroutines (contract sections 2 and 3)."""

from __future__ import annotations

import pytest

WORK = """
import dgo

def obedient(started):
    started.send(None)
    dgo.Chan().recv()

def stubborn(started):
    try:
        obedient(started)
    except dgo.Cancelled:
        return "value of the stubborn"

def cancelled(fn):
    started = dgo.Chan(1)
    goroutine = dgo.go(fn, started)
    started.recv(timeout=20)
    goroutine.cancel()
    goroutine.wait(timeout=20)
    return goroutine
"""


@pytest.mark.parametrize("panic", ["log", "crash"])
def test_a_cancelled_goroutine_that_nobody_asks_about_is_not_reported(program, panic):
    ended = program(
        WORK
        + f"""
dgo.init(workers=1, panic={panic!r})
cancelled(obedient)
with dgo.WaitGroup() as wg:
    wg.go(int)
print("end")
"""
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")


def test_a_goroutine_that_swallowed_its_cancel_is_reported_by_name(program):
    ended = program(WORK + "dgo.init(workers=1)\nprint(cancelled(stubborn).result(timeout=20))\n")
    assert (ended.returncode, ended.stdout) == (0, "value of the stubborn\n")
    assert "stubborn" in ended.stderr
    assert "ancel" in ended.stderr


def test_the_report_of_a_swallowed_cancel_names_the_goroutine_and_does_not_end_the_program(program):
    ended = program(WORK + "dgo.init(workers=1, panic='crash')\ngoroutine = cancelled(stubborn)\nprint(goroutine.id)\n")
    assert ended.returncode == 0
    assert ended.stdout.strip() in ended.stderr


def test_an_error_of_the_clean_up_that_nobody_asks_for_is_reported(program):
    ended = program(
        WORK
        + """
def stumbling(started):
    try:
        obedient(started)
    finally:
        raise ValueError("in the clean-up")
dgo.init(workers=1)
cancelled(stumbling)
"""
    )
    assert ended.returncode == 0
    assert "ValueError: in the clean-up" in ended.stderr


def test_output_of_the_clean_up_is_printed(output):
    assert output(
        WORK
        + """
def tidy(started):
    try:
        obedient(started)
    finally:
        print("cleaned up")
dgo.init(workers=1)
cancelled(tidy)
print("end")
"""
    ) == ["cleaned up", "end"]
