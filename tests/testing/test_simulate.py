"""``@simulate``: it finds what is planted, says under which seed, and that seed shows it again."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import textwrap
import time

import pytest

import dgo
from dgo.testing import simulate

from . import programs

SEED = re.compile(r"seed (\d+) failed \((\d+) of (\d+) schedules tried\); run it again alone: DGO_SEED=\1 pytest -k ")


def failure_of(test):
    with pytest.raises(BaseException) as caught:
        test()
    return caught.value


def seed_of(error):
    (found,) = (match for note in error.__notes__ if (match := SEED.match(note)))
    return int(found[1])


@pytest.mark.parametrize("program", programs.WRONG, ids=lambda program: program.__name__)
def test_a_planted_bug_is_found_within_200_seeds(program, capsys):
    error = failure_of(simulate(program))
    assert f"seed {seed_of(error)} failed" in capsys.readouterr().err


@pytest.mark.parametrize("program", programs.RIGHT, ids=lambda program: program.__name__)
def test_the_program_put_right_passes_50_seeds(program):
    simulate(seeds=50)(program)()


@pytest.mark.slow
@pytest.mark.parametrize("program", programs.RIGHT, ids=lambda program: program.__name__)
def test_the_program_put_right_passes_2000_seeds(program):
    simulate(seeds=2000)(program)()


@pytest.mark.parametrize("program", [programs.lost_update_within_one_process, programs.results_in_the_order_of_spawns])
def test_the_seed_that_was_printed_fails_alone_with_the_same_trace(program, capsys, monkeypatch):
    first = failure_of(simulate(program))
    trace = capsys.readouterr().err.splitlines()[1:]
    assert len(trace) > 10
    monkeypatch.setenv("DGO_SEED", str(seed_of(first)))
    again = failure_of(simulate(program))
    printed = capsys.readouterr().err.splitlines()
    assert type(again) is type(first)
    assert "(1 of 1 schedules tried)" in printed[0]
    assert printed[1:] == trace


def test_the_seeds_are_tried_in_order_from_the_first():
    tried = []

    @simulate(seeds=3, first=7)
    def test(cluster):
        tried.append(cluster.seed)

    test()
    assert tried == [7, 8, 9]


def test_the_environment_has_the_last_word_about_the_seeds(monkeypatch):
    tried = []

    @simulate(seeds=3)
    def test(cluster):
        tried.append(cluster.seed)

    monkeypatch.setenv("DGO_SEEDS", "2")
    test()
    monkeypatch.setenv("DGO_SEED", "40")
    test()
    assert tried == [0, 1, 40]


@pytest.mark.parametrize(("name", "value"), [("DGO_SEED", "x"), ("DGO_SEED", "-1"), ("DGO_SEEDS", "0")])
def test_what_is_no_seed_in_the_environment_is_refused(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name):
        simulate(lambda: None)()


def test_an_exception_that_nobody_asked_for_fails_the_run():
    @simulate(seeds=1)
    def test():
        def fail():
            raise KeyError("nobody asks")

        with dgo.WaitGroup() as wg:
            wg.go(fail)

    assert "KeyError: 'nobody asks'" in str(failure_of(test))


def test_an_exception_whose_handle_is_never_asked_fails_the_run():
    @simulate(seeds=1)
    def test():
        def fail():
            raise KeyError("nobody asks")

        handle = dgo.go(fail)
        handle.wait()

    assert "KeyError: 'nobody asks'" in str(failure_of(test))


def test_what_a_goroutine_died_of_is_told_beside_the_deadlock_that_follows():
    @simulate(seeds=1)
    def test():
        def fail(ch):
            raise KeyError("before it sends")

        ch = dgo.Chan()
        dgo.go(fail, ch)
        ch.recv()

    error = failure_of(test)
    assert isinstance(error, dgo.Deadlock)
    assert any("KeyError: 'before it sends'" in note for note in error.__notes__)


@pytest.mark.parametrize("go_round", [dgo.gosched, lambda: dgo.sleep(1), lambda: dgo.Atomic(0).load()])
def test_a_program_that_goes_round_for_ever_is_stopped(go_round):
    @simulate(seeds=1, steps=2000)
    def test():
        while True:
            go_round()

    error = failure_of(test)
    assert isinstance(error, dgo.testing.NoEnd)
    assert seed_of(error) == 0


def test_a_ticker_that_nobody_reads_does_not_keep_a_run_alive_for_ever():
    @simulate(seeds=1, steps=2000)
    def test():
        ticker = dgo.Ticker(1)
        dgo.Chan().recv()
        ticker.stop()

    assert isinstance(failure_of(test), dgo.testing.NoEnd | dgo.Deadlock)


def test_time_is_virtual_and_random_begins_with_the_seed():
    seen = []

    @simulate(seeds=2)
    def test():
        begin = time.monotonic(), time.perf_counter(), time.time(), time.time_ns()
        time.sleep(3600)
        end = time.monotonic(), time.perf_counter(), time.time(), time.time_ns()
        passed = [after - before for before, after in zip(begin, end, strict=True)]
        assert passed[:3] == pytest.approx([3600] * 3)
        assert passed[3] == pytest.approx(3600e9)
        seen.append((begin[2], random.random()))

    random.seed(5)
    state = random.getstate()
    functions = time.sleep, time.time, time.monotonic
    test()
    test()
    assert seen[:2] == seen[2:]
    assert seen[0][1] != seen[1][1]
    assert random.getstate() == state
    assert (time.sleep, time.time, time.monotonic) == functions


def test_a_sleep_of_the_standard_library_parks_its_goroutine_only():
    def sleep_and_tell(ch, seconds):
        time.sleep(seconds)
        ch.send(seconds)

    @simulate(seeds=20)
    def test():
        ch = dgo.Chan(3)
        for seconds in (3, 1, 2):
            dgo.go(sleep_and_tell, ch, seconds)
        assert [ch.recv(), ch.recv(), ch.recv()] == [1, 2, 3]

    test()


def test_the_body_can_kill_a_worker():
    def stay(told):
        told.send(dgo.current().worker)
        dgo.Chan().recv()

    @simulate(seeds=20)
    def test(cluster):
        told = dgo.Chan()
        handle = dgo.go(stay, told)
        cluster.kill(told.recv())
        with pytest.raises(dgo.WorkerLost):
            handle.result()

    test()


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"nodes": 1}, {"first": -1}, {"steps": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulate(**wrong)


def test_what_is_no_plain_function_is_refused():
    async def coroutine():
        pass

    def generator():
        yield

    for wrong in (coroutine, generator):
        with pytest.raises(TypeError, match=wrong.__name__):
            simulate(wrong)
    with pytest.raises(TypeError, match="names"):
        simulate(200)
    with pytest.raises(TypeError, match="seeds"):
        simulate(seeds="many")


USERS_TESTS = """
    import pytest
    import dgo
    import dgo.testing

    @pytest.fixture
    def counter_start():
        return 10

    def add(counter):
        counter.store(counter.load() + 1)

    @dgo.testing.simulate(seeds=200)
    def test_lost(counter_start, cluster):
        counter = dgo.Atomic(counter_start)
        with dgo.WaitGroup() as wg:
            wg.go(add, counter)
            wg.go(add, counter)
        assert counter.load() == counter_start + 2

    @pytest.mark.parametrize("capacity", [0, 1])
    @dgo.testing.simulate
    def test_fine(capacity, tmp_path):
        ch = dgo.Chan(capacity)
        dgo.go(ch.send, str(tmp_path))
        assert ch.recv() == str(tmp_path)

    @dgo.testing.simulate
    def test_skipped():
        pytest.skip("not today")
"""


def run_pytest(tmp_path, **env):
    (tmp_path / "test_users.py").write_text(textwrap.dedent(USERS_TESTS))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_users.py"],
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    ).stdout


def test_under_pytest_fixtures_come_through_and_another_process_replays_the_trace(tmp_path):
    first = run_pytest(tmp_path, PYTHONHASHSEED="1")
    assert "1 failed, 2 passed, 1 skipped" in first
    seed = SEED.search(first)[1]
    again = run_pytest(tmp_path, PYTHONHASHSEED="2", DGO_SEED=seed)
    assert "1 failed, 2 passed, 1 skipped" in again

    def trace_of(output):
        return [line for line in output.splitlines() if " ms  " in line]

    assert len(trace_of(first)) > 10
    assert trace_of(again) == trace_of(first)


def test_dgo_testing_does_not_import_pytest():
    code = "import sys, dgo.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
