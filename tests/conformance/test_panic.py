"""Exceptions that nobody asks for (contract section 2, ``panic``)."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow  # each test starts real programs and waits for them

BOOM = """
import concurrent.futures
import dgo

def boom():
    raise ValueError("nobody asked")
"""


def test_the_report_names_goroutine_function_and_worker_and_has_the_traceback(program):
    ended = program(BOOM + "g = dgo.go(boom)\ng.wait()\nprint(g.id)\n")
    assert ended.returncode == 0
    assert ended.stdout.strip() in ended.stderr
    assert "boom" in ended.stderr
    assert re.search("worker", ended.stderr, re.IGNORECASE)
    assert "Traceback" in ended.stderr
    assert 'raise ValueError("nobody asked")' in ended.stderr
    assert "ValueError: nobody asked" in ended.stderr


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("wg = dgo.WaitGroup(); wg.go(boom); wg.wait()", id="group"),
        pytest.param("g = dgo.go(boom); g.wait(); del g", id="handle dropped"),
        pytest.param("g = dgo.go(boom); g.wait()", id="handle kept to the end"),
    ],
)
def test_an_exception_that_nobody_asks_for_is_reported_once(program, ending):
    ended = program(BOOM + ending)
    assert ended.returncode == 0
    assert ended.stderr.count("ValueError: nobody asked") == 1


@pytest.mark.parametrize(
    "asking",
    [
        pytest.param("try: g.result()\nexcept ValueError: pass", id="result"),
        pytest.param("g.exception()", id="exception"),
        pytest.param("g.add_done_callback(lambda _: None); g.wait()", id="done callback"),
        pytest.param("try: dgo.gather(g)\nexcept ValueError: pass", id="gather"),
        pytest.param("list(dgo.as_completed([g]))", id="as_completed"),
        pytest.param("concurrent.futures.wait([g])", id="futures.wait"),
    ],
)
def test_an_exception_that_somebody_asks_for_is_not_reported(program, asking):
    # Under "crash", because a report there would also end the program.
    ended = program(BOOM + f"dgo.init(workers=1, panic='crash')\ng = dgo.go(boom)\n{asking}\n")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_exception_that_somebody_asks_for_is_not_logged_either(program):
    ended = program(BOOM + "dgo.init(workers=1)\ndgo.go(boom).exception()\n")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("panic", ["log", "crash"])
def test_goexit_is_not_reported(program, panic):
    ended = program(f"import dgo\ndgo.init(workers=1, panic={panic!r})\ndgo.go(dgo.goexit).wait()\n")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_crash_ends_the_program_with_status_2_before_the_wait_that_it_releases(program):
    ended = program(
        BOOM
        + """
dgo.init(workers=1, panic="crash")
wg = dgo.WaitGroup()
wg.go(boom)
wg.wait()
print("not reached")
"""
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "ValueError: nobody asked" in ended.stderr


def test_a_crash_reaches_a_program_that_waits_for_something_else(program):
    ended = program(BOOM + "dgo.init(workers=1, panic='crash')\ndgo.go(boom)\ndgo.Chan().recv(timeout=20)\n")
    assert ended.returncode == 2
    assert "ValueError: nobody asked" in ended.stderr


def test_output_before_a_crash_is_printed(program):
    ended = program(
        "import dgo\ndgo.init(workers=1, panic='crash')\n"
        "def boom():\n    print('last words')\n    raise ValueError('nobody asked')\n"
        "wg = dgo.WaitGroup()\nwg.go(boom)\nwg.wait()\n"
    )
    assert ended.returncode == 2
    assert ended.stdout == "last words\n"


def test_any_other_panic_mode_is_a_value_error(program):
    ended = program("import dgo\ntry: dgo.init(workers=1, panic='ignore')\nexcept ValueError: print('refused')\n")
    assert ended.stdout == "refused\n"
