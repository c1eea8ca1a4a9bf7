"""Cancelling goroutines, wherever they are and whatever they wait for (contract section 3)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest

import dgo
from dgo.runtime import current

from .places import LIMIT, NOTHING, elsewhere, take

LONG = 1000  # seconds: nothing waits that long


def receive(ch):
    ch.recv()


def send(ch):
    ch.send(1)


def wait_for_group(group):
    group.wait()


def wait_for_result(ch):
    child = dgo.go(receive, ch)
    try:
        child.result()
    finally:
        child.cancel()


def iterate(ch):
    for _ in ch:
        pass


def make_group():
    group = dgo.WaitGroup()
    group.add(1)
    return group


def assert_cancelled(goroutine):
    goroutine.wait(timeout=LIMIT)
    assert goroutine.cancelled()
    assert goroutine.done()
    with pytest.raises(dgo.CancelledError, match=goroutine.name):
        goroutine.result(timeout=LIMIT)
    with pytest.raises(dgo.CancelledError):
        goroutine.exception(timeout=LIMIT)


BLOCKED = [
    pytest.param(receive, dgo.Chan, id="receive"),
    pytest.param(send, dgo.Chan, id="send"),
    pytest.param(iterate, dgo.Chan, id="iteration"),
    pytest.param(wait_for_result, dgo.Chan, id="result"),
    pytest.param(wait_for_group, make_group, id="WaitGroup"),
]


@pytest.mark.parametrize("at_home", ["here", "elsewhere"])
@pytest.mark.parametrize(("fn", "make"), BLOCKED)
def test_a_goroutine_that_waits_is_cancelled(everywhere, fn, make, at_home):
    def body():
        on_what = make() if at_home == "here" else elsewhere(make).result(timeout=LIMIT)
        goroutines = [elsewhere(fn, on_what) for _ in range(3)]
        dgo.gosched()
        for goroutine in goroutines:
            goroutine.cancel()
        for goroutine in goroutines:
            assert_cancelled(goroutine)

    everywhere(body)


def test_a_goroutine_that_waits_for_what_only_it_knows_is_cancelled(everywhere):
    def wait_alone(started):
        started.send(None, timeout=LIMIT)
        dgo.Chan().recv()

    def body():
        started = dgo.Chan(1)
        goroutine = elsewhere(wait_alone, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert_cancelled(goroutine)

    everywhere(body)


def compute():
    while True:
        pass


def compute_in_the_library():
    import statistics

    while True:
        statistics.fmean([1, 2, 3])


def compute_in_a_generator():
    def numbers():
        while True:
            yield 1

    for _ in numbers():
        pass


def let_others_run():
    while True:
        dgo.gosched()


def sleep():
    time.sleep(LONG)


def read_socket():
    near, far = socket.socketpair()
    with near, far:
        near.recv(1)


def take_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def run_program():
    subprocess.run(["sleep", str(LONG)], check=True)


def join_thread():
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait, daemon=True)
    thread.start()
    try:
        thread.join()
    finally:
        gate.set()


@pytest.mark.parametrize(
    "fn",
    [
        compute,
        compute_in_the_library,
        compute_in_a_generator,
        let_others_run,
        sleep,
        read_socket,
        take_lock,
        run_program,
        join_thread,
    ],
)
@pytest.mark.parametrize("settled", [False, True])
def test_a_goroutine_that_computes_or_waits_outside_dgo_is_cancelled(cluster, fn, settled):
    goroutine = dgo.go(fn)
    if settled:
        time.sleep(NOTHING)
    goroutine.cancel()
    assert_cancelled(goroutine)


def test_nothing_is_left_of_a_cancelled_subprocess(cluster):
    started = dgo.Chan(1)

    def run():
        with subprocess.Popen(["sleep", str(LONG)]) as child:
            try:
                started.send(child.pid, timeout=LIMIT)
                child.wait()
            finally:
                child.kill()

    goroutine = dgo.go(run)
    pid = started.recv(timeout=LIMIT)
    goroutine.cancel()
    assert_cancelled(goroutine)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_has_no_worker_yet_is_cancelled(everywhere):
    def body():
        before = dgo.num_goroutine()
        goroutine = dgo.go.options(labels={"kind": "no worker has this"})(receive, dgo.Chan())
        assert not goroutine.done()
        goroutine.cancel()
        assert_cancelled(goroutine)
        assert dgo.num_goroutine() == before

    everywhere(body)


def test_one_that_has_not_started_never_does(everywhere):
    def body():
        ran = dgo.Chan(100)
        goroutines = [dgo.go(ran.send_nowait, number) for number in range(50)]
        for goroutine in goroutines:
            goroutine.cancel()
        for goroutine in goroutines:
            goroutine.wait(timeout=LIMIT)
        cancelled = sum(goroutine.cancelled() for goroutine in goroutines)
        assert len(ran) + cancelled >= 50
        assert len(ran) <= 50

    everywhere(body)


def test_the_end_of_a_goroutine_is_not_changed_by_a_later_cancel(everywhere):
    def body():
        goroutine = elsewhere(lambda: 7)
        goroutine.wait(timeout=LIMIT)
        goroutine.cancel()
        assert goroutine.result(timeout=LIMIT) == 7
        assert not goroutine.cancelled()
        goroutine.cancel()

    everywhere(body)


def test_cancel_returns_none_before_the_goroutine_has_ended(everywhere):
    def stay(started, gate):
        started.send(None, timeout=LIMIT)
        try:
            dgo.Chan().recv()
        finally:
            gate.recv(timeout=LIMIT)

    def body():
        started, gate = dgo.Chan(), dgo.Chan()
        goroutine = elsewhere(stay, started, gate)
        started.recv(timeout=LIMIT)
        assert goroutine.cancel() is None
        assert not goroutine.done()
        gate.send(None, timeout=LIMIT)
        assert_cancelled(goroutine)

    everywhere(body)


def test_finally_blocks_and_context_managers_run_and_may_block_again(everywhere):
    @contextlib.contextmanager
    def announced(log):
        try:
            yield
        finally:
            log.send("context manager", timeout=LIMIT)

    def work(started, log, gate):
        with announced(log):
            try:
                started.send(None, timeout=LIMIT)
                dgo.Chan().recv()
                log.send("went on", timeout=LIMIT)
            finally:
                log.send("finally", timeout=LIMIT)
                gate.recv(timeout=LIMIT)
                dgo.go(int).result(timeout=LIMIT)
                log.send("still there", timeout=LIMIT)

    def body():
        started, log, gate = dgo.Chan(), dgo.Chan(), dgo.Chan()
        goroutine = elsewhere(work, started, log, gate)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert log.recv(timeout=LIMIT) == "finally"
        gate.send(None, timeout=LIMIT)
        assert take(log, 2) == ["still there", "context manager"]
        assert_cancelled(goroutine)

    everywhere(body)


def test_cancelled_is_raised_once_for_each_call_of_cancel(everywhere):
    def count(started, log):
        try:
            started.send(None, timeout=LIMIT)
            dgo.Chan().recv()
        finally:
            try:
                log.send("cleaning up", timeout=LIMIT)
                dgo.Chan().recv()
            finally:
                log.send("cleaning up the second time", timeout=LIMIT)
                started.send(None, timeout=LIMIT)

    def body():
        started, log = dgo.Chan(), dgo.Chan(5)
        goroutine = elsewhere(count, started, log)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert log.recv(timeout=LIMIT) == "cleaning up"
        with pytest.raises(dgo.Timeout):
            goroutine.wait(timeout=NOTHING)
        goroutine.cancel()
        assert log.recv(timeout=LIMIT) == "cleaning up the second time"
        started.recv(timeout=LIMIT)
        assert_cancelled(goroutine)

    everywhere(body)


def test_cancelled_is_not_caught_by_except_exception(everywhere):
    def careless(started, log):
        while True:
            try:
                started.send(None, timeout=LIMIT)
                dgo.Chan().recv()
            except Exception:  # noqa: BLE001 - what a careless function does
                log.send("caught", timeout=LIMIT)

    def body():
        started, log = dgo.Chan(), dgo.Chan(1)
        goroutine = elsewhere(careless, started, log)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert_cancelled(goroutine)
        assert len(log) == 0

    everywhere(body)


def test_an_exception_that_replaces_cancelled_is_how_the_goroutine_ended(everywhere):
    def translate(started):
        started.send(None, timeout=LIMIT)
        try:
            dgo.Chan().recv()
        except dgo.Cancelled:
            raise ValueError("told otherwise") from None

    def body():
        started = dgo.Chan()
        goroutine = elsewhere(translate, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        with pytest.raises(ValueError, match="told otherwise"):
            goroutine.result(timeout=LIMIT)
        assert not goroutine.cancelled()

    everywhere(body)


def test_goexit_while_cleaning_up_is_how_the_goroutine_ended(everywhere):
    def leave(started):
        started.send(None, timeout=LIMIT)
        try:
            dgo.Chan().recv()
        finally:
            dgo.goexit()

    def body():
        started = dgo.Chan()
        goroutine = elsewhere(leave, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert goroutine.result(timeout=LIMIT) is None
        assert not goroutine.cancelled()

    everywhere(body)


def test_a_goroutine_that_catches_cancelled_and_returns_has_its_result(everywhere):
    def stubborn(started):
        started.send(None, timeout=LIMIT)
        try:
            dgo.Chan().recv()
        except dgo.Cancelled:
            return "my result"

    def body():
        started = dgo.Chan()
        goroutine = elsewhere(stubborn, started)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        assert goroutine.result(timeout=LIMIT) == "my result"
        assert not goroutine.cancelled()

    everywhere(body)


def test_a_wait_group_counts_members_down_that_are_cancelled(everywhere):
    def body():
        group, gate = dgo.WaitGroup(), dgo.Chan()
        node = current.get()
        before = set(node.spawner.ledger)
        for _ in range(3):
            group.go(receive, gate)
        with node.lock:  # a group keeps no handles
            for number in set(node.spawner.ledger) - before:
                node.spawner.ledger[number].cancel()
        group.wait(timeout=LIMIT)

    everywhere(body)


def test_the_handle_of_another_process_s_goroutine_cancels_it(everywhere):
    def body():
        ch, handles = dgo.Chan(), dgo.Chan(1)

        def spawn():
            handles.send(dgo.go(receive, ch), timeout=LIMIT)
            ch.recv_ok(timeout=LIMIT)

        spawner = elsewhere(spawn)
        goroutine = handles.recv(timeout=LIMIT)
        elsewhere(lambda: goroutine.cancel()).result(timeout=LIMIT)
        assert_cancelled(goroutine)
        ch.close()
        spawner.result(timeout=LIMIT)

    everywhere(body)


def test_a_done_callback_may_cancel(everywhere):
    def body():
        ch = dgo.Chan()
        goroutine = elsewhere(receive, ch)
        first = elsewhere(int)
        first.add_done_callback(lambda ended: (ended.cancel(), goroutine.cancel()))
        assert_cancelled(goroutine)
        assert first.result(timeout=LIMIT) == 0

    everywhere(body)


def test_a_goroutine_may_cancel_itself(everywhere):
    def ends_itself(handles):
        handles.recv(timeout=LIMIT).cancel()
        dgo.Chan().recv()

    def body():
        handles = dgo.Chan()
        goroutine = elsewhere(ends_itself, handles)
        handles.send(goroutine, timeout=LIMIT)
        assert_cancelled(goroutine)

    everywhere(body)


def test_who_waits_for_a_cancelled_goroutine_is_not_cancelled(everywhere):
    def ask(other):
        try:
            other.result(timeout=LIMIT)
        except dgo.CancelledError:
            return "it was cancelled"

    def body():
        goroutine = elsewhere(receive, dgo.Chan())
        asker = elsewhere(ask, goroutine)
        goroutine.cancel()
        assert asker.result(timeout=LIMIT) == "it was cancelled"

    everywhere(body)


def test_a_value_that_was_not_received_because_of_a_cancel_is_still_there(everywhere):
    def body():
        ch = dgo.Chan()
        receivers = [elsewhere(receive, ch) for _ in range(8)]
        for receiver in receivers:
            receiver.cancel()
        for receiver in receivers:
            receiver.wait(timeout=LIMIT)
        sender = elsewhere(send, ch)
        assert ch.recv(timeout=LIMIT) == 1
        sender.result(timeout=LIMIT)

    everywhere(body)


def test_a_cancelled_goroutine_is_not_reported_as_a_panic(output):
    source = """
        import dgo

        def receive(started):
            started.send(None)
            dgo.Chan().recv()

        started = dgo.Chan()
        goroutine = dgo.go(receive, started)
        started.recv()
        goroutine.cancel()
        goroutine.wait()
        print("waited")
    """
    assert output(source) == ["waited"]


@pytest.mark.parametrize(
    "went_on",
    [
        pytest.param("dgo.Chan().recv_ok(timeout=0.1)", id="blocks again"),
        pytest.param("wait_a_while()", id="computes"),
        pytest.param("pass", id="returns"),
    ],
)
def test_who_catches_cancelled_and_goes_on_is_told_once(program, went_on):
    source = f"""
        import contextlib
        import time
        import dgo

        def wait_a_while():
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass

        def fetch(started):
            started.send(None)
            try:
                dgo.Chan().recv()
            except dgo.Cancelled:
                pass
            for _ in range(2):
                with contextlib.suppress(dgo.Timeout):
                    {went_on}
            return "went on"

        started = dgo.Chan()
        goroutine = dgo.go(fetch, started)
        started.recv()
        goroutine.cancel()
        print(goroutine.result(), goroutine.id)
    """
    ended = program(source)
    result, _, identity = ended.stdout.strip().rpartition(" ")
    assert result == "went on"
    lines = [line for line in ended.stderr.splitlines() if "caught dgo.Cancelled and went on" in line]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith(f"goroutine {identity} (fetch) on worker-")


def test_who_cleans_up_after_cancelled_is_not_told_anything(program):
    source = """
        import contextlib
        import time
        import dgo

        @contextlib.contextmanager
        def tidy():
            try:
                yield
            finally:
                dgo.go(int).result()

        def compute():
            end = time.monotonic() + 0.2
            while time.monotonic() < end:
                pass

        def fetch(started):
            with tidy():
                started.send(None)
                try:
                    dgo.Chan().recv()
                except dgo.Cancelled:
                    with contextlib.suppress(dgo.Timeout):
                        dgo.Chan().recv(timeout=0.05)
                    compute()
                    try:
                        raise KeyError("of its own")
                    except KeyError:
                        dgo.gosched()
                        compute()
                    raise
                finally:
                    dgo.go(int).result()

        started = dgo.Chan()
        goroutine = dgo.go(fetch, started)
        started.recv()
        goroutine.cancel()
        goroutine.wait()
        print(goroutine.cancelled())
    """
    ended = program(source)
    assert ended.stdout.split() == ["True"]
    assert ended.stderr == ""


def test_a_goroutine_that_is_being_cancelled_is_no_deadlock(cluster):
    def slow(started):
        try:
            started.send(None, timeout=LIMIT)
            dgo.Chan().recv()
        finally:
            time.sleep(2.5)

    started = dgo.Chan()
    goroutine = elsewhere(slow, started)
    started.recv(timeout=LIMIT)
    goroutine.cancel()
    goroutine.wait()
    assert goroutine.cancelled()
