"""The progress bars of ``map`` and ``as_completed``, and what both refuse at the call."""

from __future__ import annotations

import sys

import pytest

import dgo

pytestmark = pytest.mark.usefixtures("cluster")


def double(number: int) -> int:
    return 2 * number


def fail_at_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def no_bar_is_open() -> bool:
    from tqdm import tqdm

    return not list(getattr(tqdm, "_instances", ()))


# ---- what is shown ---------------------------------------------------------------------------------


def test_map_shows_its_progress_on_stderr(capsys):
    assert list(dgo.map(double, [1, 2, 3], progress=True)) == [2, 4, 6]
    shown = capsys.readouterr()
    assert "100%" in shown.err
    assert "3/3" in shown.err
    assert shown.out == ""


def test_a_string_is_the_label_of_the_bar(capsys):
    assert sorted(dgo.map(double, [1, 2, 3], ordered=False, progress="doubling")) == [2, 4, 6]
    assert "doubling: 100%" in capsys.readouterr().err


def test_as_completed_shows_its_progress(capsys):
    handles = [dgo.go(double, n) for n in range(4)]
    assert sorted(g.result() for g in dgo.as_completed(handles, progress="ended")) == [0, 2, 4, 6]
    shown = capsys.readouterr().err
    assert "ended: 100%" in shown
    assert "4/4" in shown


def test_the_bar_knows_no_total_when_the_input_has_no_length(capsys):
    assert list(dgo.map(double, (n for n in (1, 2, 3)), progress=True)) == [2, 4, 6]
    shown = capsys.readouterr().err
    assert "3it" in shown
    assert "%" not in shown


def test_the_shortest_input_with_a_length_gives_the_total(capsys):
    assert list(dgo.map(pow, range(10), [2, 2, 2], iter([None] * 10), progress=True)) == [0, 1, 4]
    assert "3/3" in capsys.readouterr().err


def test_what_a_channel_stores_at_the_moment_is_no_total(capsys):
    ch: dgo.Chan[int] = dgo.Chan(2)
    ch.send(1)
    ch.send(2)
    ch.close()
    assert list(dgo.map(double, ch, progress=True)) == [2, 4]
    assert "2it" in capsys.readouterr().err


def test_without_progress_nothing_is_shown_and_tqdm_is_not_imported(program):
    ended = program("""
        import sys
        import dgo
        print(list(dgo.map(abs, [1, -2])), "tqdm" in sys.modules)
    """)
    assert (ended.stdout, ended.stderr) == ("[1, 2] False\n", "")


def test_in_a_goroutine_nothing_is_shown(program):
    ended = program("""
        import dgo

        def inner():
            handles = [dgo.go(abs, -3)]
            return list(dgo.map(abs, [1, -2], progress=True)), len(list(dgo.as_completed(handles, progress=True)))

        print(dgo.go(inner).result())
    """)
    assert (ended.stdout, ended.stderr) == ("([1, 2], 1)\n", "")


# ---- the end of the bar ----------------------------------------------------------------------------


def test_the_bar_is_closed_when_a_call_raises(capsys):
    results = dgo.map(fail_at_two, range(5), progress=True)
    with pytest.raises(ValueError, match="two"):
        list(results)
    assert no_bar_is_open()
    assert "2/5" in capsys.readouterr().err


def test_the_bar_is_closed_when_the_iterator_is_dropped(capsys):
    results = dgo.map(double, range(5), progress=True)
    assert next(results) == 0
    assert not no_bar_is_open()
    del results
    assert no_bar_is_open()
    assert capsys.readouterr().err.endswith("\n")


def test_the_bar_of_as_completed_is_closed_when_its_time_runs_out():
    stuck = dgo.go(dgo.Chan().recv)
    with pytest.raises(dgo.Timeout):
        list(dgo.as_completed([stuck], timeout=0.01, progress=True))
    assert no_bar_is_open()
    stuck.cancel()
    stuck.wait()


# ---- refused at the call, before anything is asked for ---------------------------------------------


@pytest.mark.parametrize(
    "call", [lambda: dgo.map(double, [1], progress=True), lambda: dgo.as_completed([], progress="x")]
)
def test_without_tqdm_the_error_names_what_to_install(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'dgo-runtime\[progress\]'"):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dgo.map(double), TypeError, "at least one iterable"),
        (lambda: dgo.map("double", [1]), TypeError, "takes a function"),
        (lambda: dgo.map(double, 1), TypeError, "iterable"),
        (lambda: dgo.map(double, [1], limit=0), ValueError, "at least one call"),
        (lambda: dgo.map(double, [1], limit="2"), TypeError, "takes an integer"),
        (lambda: dgo.map(double, [1], progress=1.5), TypeError, "progress=True"),
        (lambda: dgo.as_completed([1]), TypeError, r"what dgo\.go\(\) returned"),
        (lambda: dgo.as_completed([], progress=None), TypeError, "progress=True"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(call, error, message):
    with pytest.raises(error, match=message):
        call()
