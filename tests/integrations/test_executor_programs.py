"""The end of programs that use ``dgo.Executor``, and of their clusters."""

from __future__ import annotations

import textwrap

import pytest

HEAD = """
import os, signal, sys, threading, time
import dgo

def slow(value):
    time.sleep(0.05)
    print("ended", value)
    return value
"""


def script(body: str) -> str:
    return HEAD + textwrap.dedent(body)


def test_what_was_submitted_is_finished_before_the_interpreter_ends(output):
    source = script("""
        executor = dgo.Executor(max_workers=1)
        for value in range(4):
            executor.submit(slow, value)
        print("main ends")
    """)
    assert sorted(output(source)) == ["ended 0", "ended 1", "ended 2", "ended 3", "main ends"]


def test_so_is_that_of_an_executor_that_was_dropped_or_shut_down_without_wait(output):
    source = script("""
        dgo.Executor(max_workers=1).map(slow, range(3))
        other = dgo.Executor(max_workers=1)
        other.map(slow, range(3, 6))
        other.shutdown(wait=False)
    """)
    assert sorted(output(source)) == [f"ended {value}" for value in range(6)]


@pytest.mark.slow
def test_done_callbacks_are_run_to_their_end_and_may_start_threads(output):
    source = script("""
        def ended(future):
            thread = threading.Thread(target=print, args=("callback", future.result()))
            thread.start()
            thread.join()

        executor = dgo.Executor(max_workers=1)
        executor.submit(slow, 1).add_done_callback(ended)
        executor.submit(slow, 2).add_done_callback(ended)
    """)
    assert sorted(output(source)) == ["callback 1", "callback 2", "ended 1", "ended 2"]


@pytest.mark.slow
@pytest.mark.parametrize(("end", "status"), [("sys.exit(3)", 3), ("raise KeyError('main')", 1)])
def test_that_holds_for_a_program_that_ends_with_an_error_too(program, end, status):
    ended = program(
        script(f"""
        dgo.Executor(max_workers=1).map(slow, range(2))
        {end}
    """)
    )
    assert ended.returncode == status
    assert sorted(ended.stdout.splitlines()) == ["ended 0", "ended 1"]


@pytest.mark.slow
def test_a_thread_that_submits_while_the_interpreter_ends_is_refused(output):
    source = script("""
        executor = dgo.Executor()

        def late():
            threading.main_thread().join()
            while True:
                try:
                    executor.submit(int)
                except RuntimeError as error:
                    print(error)
                    return

        threading.Thread(target=late).start()
        executor.submit(slow, 1)
    """)
    assert sorted(output(source)) == ["cannot schedule new futures after interpreter shutdown", "ended 1"]


def test_shutting_dgo_down_ends_running_and_pending_calls_with_cluster_error(output):
    source = script("""
        executor = dgo.Executor(max_workers=1)
        gate = dgo.Chan()
        futures = [executor.submit(gate.recv) for _ in range(3)]
        dgo.shutdown()
        for future in futures:
            print(type(future.exception(30)).__name__)
        executor.shutdown()
    """)
    assert output(source) == ["ClusterError"] * 3


@pytest.mark.slow
def test_an_executor_can_be_used_with_the_next_cluster(output):
    source = script("""
        executor = dgo.Executor()
        print(executor.submit(pow, 2, 3).result())
        dgo.shutdown()
        with dgo.init(workers=1):
            print(executor.submit(pow, 2, 4).result())
    """)
    assert output(source) == ["8", "16"]


@pytest.mark.slow
def test_the_death_of_the_cluster_ends_all_futures_and_the_program(program):
    ended = program(
        script("""
        executor = dgo.Executor(max_workers=2)
        gate = dgo.Chan()
        futures = [executor.submit(gate.recv) for _ in range(5)]
        os.kill(dgo.cluster()._processes.pid, signal.SIGKILL)
        print({type(future.exception(30)).__name__ for future in futures})
    """)
    )
    assert ended.returncode == 0
    assert ended.stdout == "{'ClusterError'}\n"


@pytest.mark.slow
def test_ctrl_c_at_the_end_does_not_wait_for_what_runs(program):
    ended = program(
        script("""
        from dgo.executor import leaving
        gate = dgo.Chan()
        executor = dgo.Executor()
        started = dgo.Chan()
        def wait():
            started.send(1)
            gate.recv()
        executor.submit(wait)
        started.recv()

        def interrupt():
            while not leaving.ending():
                time.sleep(0.005)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
    """)
    )
    assert "KeyboardInterrupt" in ended.stderr


@pytest.mark.slow
def test_no_guard_of_main_is_needed(output):
    source = """
        import dgo
        with dgo.Executor() as executor:
            print(list(executor.map(lambda value: value + 1, range(3))))
    """
    assert output(source, how="-c") == ["[1, 2, 3]"]


@pytest.mark.slow
def test_calls_that_sleep_for_ever_are_a_deadlock_of_the_shutdown_that_waits_for_them(program):
    ended = program(
        script("""
        executor = dgo.Executor()
        executor.submit(dgo.Chan().recv)
        try:
            executor.shutdown()
        except dgo.Deadlock as error:
            print("executor" in str(error))
        """)
    )
    assert ended.stdout == "True\n"
    assert "Deadlock" in ended.stderr  # once more, at the end of the interpreter: it does not hang


@pytest.mark.slow
def test_an_executor_at_rest_hides_no_deadlock(output):
    source = script("""
        executor = dgo.Executor()
        executor.submit(int).result()
        try:
            dgo.Chan().recv()
        except dgo.Deadlock:
            print("deadlock")
    """)
    assert output(source) == ["deadlock"]
