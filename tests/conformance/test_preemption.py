"""Goroutines that compute share their process with others (contract section 3; real workers only).

Each test has a cluster of one worker, so that whoever computes is everybody's neighbour.
"""

from __future__ import annotations

import ctypes
import decimal
import gc
import hashlib
import socket
import statistics
import sys
import threading
import time
import types

import pytest

import dgo

from .places import LIMIT, take

pytestmark = pytest.mark.slow  # goroutines that compute or stay in C for seconds

PINGS = 30
PING_SECONDS = 0.05  # while a neighbour computes


@pytest.fixture(scope="module")
def cluster():
    """One worker."""
    running = dgo.init(workers=1)
    running.wait_for_workers(1, timeout=LIMIT)
    yield running
    left = dgo.num_goroutine()
    dgo.shutdown()
    assert left == 1


def compute_for_ever():
    while True:
        pass


def compute(seconds):
    """Counts for some seconds of the clock, without a blocking operation."""
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        count += 1
    return count


@pytest.fixture
def hog(cluster):
    """A goroutine that computes for as long as the test runs."""
    goroutine = dgo.go(compute_for_ever)
    yield goroutine
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    assert goroutine.cancelled()


def echo(balls, returns):
    for ball in balls:
        returns.send(ball, timeout=LIMIT)


def median_ping():
    balls, returns = dgo.Chan(), dgo.Chan()
    partner = dgo.go(echo, balls, returns)
    seconds = []
    for ball in range(PINGS):
        started = time.monotonic()
        balls.send(ball, timeout=LIMIT)
        assert returns.recv(timeout=LIMIT) == ball
        seconds.append(time.monotonic() - started)
    balls.close()
    partner.wait(timeout=LIMIT)
    return statistics.median(seconds)


def test_a_goroutine_answers_while_its_neighbour_computes(hog):
    assert min(median_ping() for _ in range(3)) < PING_SECONDS


def test_a_goroutine_answers_while_four_neighbours_compute(hog):
    others = [dgo.go(compute_for_ever) for _ in range(3)]
    best = min(median_ping() for _ in range(3))
    for other in others:
        other.cancel()
    for other in others:
        other.wait(timeout=LIMIT)
    assert best < PING_SECONDS


def test_four_goroutines_that_compute_have_equal_shares(cluster):
    started = dgo.WaitGroup()
    started.add(4)

    def share():
        started.done()
        started.wait(timeout=LIMIT)
        return compute(1.5)

    counts = [goroutine.result(timeout=LIMIT) for goroutine in [dgo.go(share) for _ in range(4)]]
    assert min(counts) > max(counts) / 2, counts


def test_goroutines_spawned_beside_one_that_computes_run(hog):
    assert [dgo.go(int, number).result(timeout=LIMIT) for number in range(5)] == [0, 1, 2, 3, 4]

    def spawn():
        return sum(goroutine.result(timeout=LIMIT) for goroutine in [dgo.go(int, 1) for _ in range(50)])

    assert dgo.go(spawn).result(timeout=LIMIT) == 50


def test_timers_of_neighbours_ring_in_time(hog):
    def wait_for_nothing():
        started = time.monotonic()
        with pytest.raises(dgo.Timeout):
            dgo.Chan().recv(timeout=0.1)
        time.sleep(0.1)
        return time.monotonic() - started

    assert 0.2 <= dgo.go(wait_for_nothing).result(timeout=LIMIT) < 1


def test_sockets_of_neighbours_are_served(hog):
    def talk():
        near, far = socket.socketpair()

        def answer():
            far.sendall(far.recv(10).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        near.sendall(b"hello")
        said = near.recv(10)
        thread.join()
        near.close()
        far.close()
        return said

    assert dgo.go(talk).result(timeout=LIMIT) == b"HELLO"


def test_what_a_neighbour_prints_comes_while_one_computes(hog, capfd):
    dgo.go(print, "beside it").result(timeout=LIMIT)
    assert capfd.readouterr().out == "beside it\n"


def test_a_goroutine_switched_out_in_deep_recursion_goes_on(hog):
    def depth(n):
        total = 0
        for _ in range(200):
            total += 1
        return total if n == 0 else depth(n - 1) + total

    def recur():
        return [depth(300) for _ in range(60)]

    assert dgo.go(recur).result(timeout=LIMIT) == [301 * 200] * 60


def test_a_goroutine_switched_out_in_a_generator_or_a_finally_block_goes_on(hog):
    def numbers():
        try:
            for number in range(2_000):
                sum(1 for _ in range(100))
                yield number
        finally:
            compute(0.05)

    def add_up():
        total = 0
        try:
            for number in numbers():
                total += number
            raise KeyError(total)
        except KeyError:
            compute(0.05)
            try:
                raise
            except KeyError as again:
                return again.args[0]

    goroutines = [dgo.go(add_up) for _ in range(3)]
    assert [goroutine.result(timeout=LIMIT) for goroutine in goroutines] == [1_999_000] * 3


def test_exceptions_and_context_variables_are_each_goroutine_s_own(hog):
    def keep(value):
        decimal.getcontext().prec = value  # is kept in a context variable
        try:
            raise ValueError(value)
        except ValueError:
            for _ in range(5):
                compute(0.02)
                assert decimal.getcontext().prec == value
                assert sys.exc_info()[1].args == (value,)
        compute(0.02)
        assert sys.exc_info()[1] is None
        return decimal.getcontext().prec

    goroutines = [dgo.go(keep, number) for number in range(1, 5)]
    assert [goroutine.result(timeout=LIMIT) for goroutine in goroutines] == [1, 2, 3, 4]


def test_a_goroutine_that_imports_while_others_compute_has_whole_modules(hog):
    def load():
        import xml.dom.minidom  # costs a while, and is not loaded yet

        return xml.dom.minidom.parseString("<a/>").documentElement.tagName

    assert [dgo.go(load).result(timeout=LIMIT) for _ in range(3)] == ["a", "a", "a"]


def test_a_lock_is_held_across_a_switch(cluster):
    def increase():
        fresh = types.SimpleNamespace(lock=threading.Lock(), count=0)
        shared = sys.modules.setdefault("what the goroutines of this test share", fresh)
        for _ in range(20):
            with shared.lock:
                before = shared.count
                compute(0.003)
                shared.count = before + 1
        return shared.count

    goroutines = [dgo.go(increase) for _ in range(4)]
    assert max(goroutine.result(timeout=LIMIT) for goroutine in goroutines) == 80


def test_within_no_preempt_others_do_not_run(cluster):
    def alone():
        ran = dgo.Chan(10)
        with dgo.no_preempt():
            with dgo.no_preempt():
                compute(0.05)
            dgo.go(ran.send, "beside", timeout=LIMIT)
            compute(0.1)
            meanwhile = len(ran)
        compute(0.1)
        return meanwhile, len(ran)

    assert dgo.go(alone).result(timeout=LIMIT) == (0, 1)


def test_within_no_preempt_a_computation_is_not_cancelled(cluster):
    started, log = dgo.Chan(), dgo.Chan(5)

    def careful():
        with dgo.no_preempt():
            started.send(None, timeout=LIMIT)
            compute(0.3)
            log.send("whole", timeout=LIMIT)
        compute_for_ever()

    goroutine = dgo.go(careful)
    started.recv(timeout=LIMIT)
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    assert goroutine.cancelled()
    assert log.recv_nowait() == "whole"


def test_no_preempt_has_no_effect_in_the_driver(cluster):
    with dgo.no_preempt(), dgo.no_preempt():
        assert dgo.go(int).result(timeout=LIMIT) == 0


def test_many_switches_lose_nothing(cluster):
    """Goroutines that compute, talk, spawn and sleep, all in one process."""

    def busy(ch, number):
        total = 0
        for step in range(10):
            total += compute(0.004) > 0
            ch.send((number, step), timeout=LIMIT)
            if step % 3 == 0:
                total += dgo.go(compute, 0.002).result(timeout=LIMIT) > 0
                time.sleep(0.001)
        return total

    def gather():
        ch = dgo.Chan()
        goroutines = [dgo.go(busy, ch, number) for number in range(12)]
        got = sorted(take(ch, 120))
        assert got == [(number, step) for number in range(12) for step in range(10)]
        return [goroutine.result(timeout=LIMIT) for goroutine in goroutines]

    assert dgo.go(gather).result(timeout=LIMIT) == [14] * 12


# ---- while C code runs -------------------------------------------------------------------------------

AWAY_SECONDS = 2.0


def derive(seconds):
    """Computes in C without the GIL for about so many seconds."""
    started = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 200_000)
    speed = 200_000 / (time.monotonic() - started)
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", int(speed * seconds))


def shielded(seconds):
    with dgo.no_preempt():
        compute(seconds)


def own_and_go_away(objects, away):
    ch, group = dgo.Chan(10), dgo.WaitGroup()
    objects.send((ch, group), timeout=LIMIT)
    away(AWAY_SECONDS)
    return "back"


@pytest.mark.parametrize("away", [derive, shielded])
def test_objects_of_a_process_are_served_while_its_goroutine_is_in_c_or_not_to_be_interrupted(cluster, away):
    objects = dgo.Chan()
    goroutine = dgo.go(own_and_go_away, objects, away)
    ch, group = objects.recv(timeout=LIMIT)
    time.sleep(0.3)
    seconds = []
    for value in range(20):
        started = time.monotonic()
        ch.send(value, timeout=LIMIT)
        assert ch.recv(timeout=LIMIT) == value
        group.add(1)
        group.done()
        group.wait(timeout=LIMIT)
        seconds.append(time.monotonic() - started)
    assert not goroutine.done(), "the objects were used meanwhile"
    assert statistics.median(seconds) < 0.2
    assert goroutine.result(timeout=LIMIT) == "back"


def test_a_timer_rings_while_a_goroutine_is_in_c(cluster):
    objects = dgo.Chan()
    goroutine = dgo.go(own_and_go_away, objects, derive)
    ch, _ = objects.recv(timeout=LIMIT)
    with pytest.raises(dgo.Timeout):
        ch.recv(timeout=0.2)
    assert not goroutine.done()
    assert goroutine.result(timeout=LIMIT) == "back"


def test_what_a_goroutine_in_c_has_made_ready_runs_afterwards(cluster):
    """A goroutine is woken by what comes while its neighbour is in C, and by nothing after that."""
    objects, done = dgo.Chan(), dgo.Chan(1)

    def wait_for(ch):
        done.send(ch.recv(timeout=LIMIT), timeout=LIMIT)

    goroutine = dgo.go(own_and_go_away, objects, derive)
    ch, _ = objects.recv(timeout=LIMIT)
    waiter = dgo.go(wait_for, ch)
    ch.send("came meanwhile", timeout=LIMIT)
    assert done.recv(timeout=LIMIT) == "came meanwhile"
    waiter.result(timeout=LIMIT)
    goroutine.result(timeout=LIMIT)


def test_c_code_that_keeps_the_gil_delays_but_breaks_nothing(cluster):
    def hold(ch):
        ctypes.PyDLL(None).usleep(400_000)
        ch.send("after", timeout=LIMIT)
        return ch.recv(timeout=LIMIT)

    ch = dgo.Chan(1)
    goroutines = [dgo.go(hold, ch) for _ in range(3)]
    assert [goroutine.result(timeout=LIMIT) for goroutine in goroutines] == ["after"] * 3
    assert len(ch) == 0


def test_a_goroutine_in_c_is_cancelled_when_it_comes_back(cluster):
    objects = dgo.Chan()
    goroutine = dgo.go(own_and_go_away, objects, derive)
    objects.recv(timeout=LIMIT)
    goroutine.cancel()
    goroutine.wait(timeout=LIMIT)
    assert goroutine.cancelled()


def test_unstarted_goroutines_behind_one_in_c_are_cancelled_at_once(cluster):
    objects = dgo.Chan()
    goroutine = dgo.go(own_and_go_away, objects, derive)
    objects.recv(timeout=LIMIT)
    time.sleep(0.1)
    others = [dgo.go(compute_for_ever) for _ in range(5)]
    time.sleep(0.1)
    for other in others:
        other.cancel()
    for other in others:
        other.wait(timeout=LIMIT)
        assert other.cancelled()
    assert not goroutine.done()
    goroutine.wait(timeout=LIMIT)


def test_unstarted_goroutines_behind_one_in_c_are_stolen(program):
    source = f"""
        import hashlib
        import time
        import dgo

        def where():
            return dgo.current().worker, time.monotonic()

        def spawn_and_go_away():
            goroutines = [dgo.go(where) for _ in range(20)]
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", {int(AWAY_SECONDS * 1_000_000)})
            back = time.monotonic()
            return [worker for worker, then in (g.result() for g in goroutines) if then < back]

        with dgo.init(workers=2) as cluster:
            cluster.wait_for_workers(2)
            print(len(dgo.go(spawn_and_go_away).result()) >= 10)
    """
    assert program(source).stdout.split() == ["True"]


def test_a_goroutine_that_stalls_others_is_reported_with_its_line(program):
    source = """
        import ctypes
        import dgo

        def compute_without_the_gil():
            import hashlib
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 10_000_000)

        def compute_with_the_gil():
            ctypes.PyDLL(None).usleep(1_500_000)

        def give_way():
            while True:
                dgo.gosched()

        with dgo.init(workers=1):
            neighbour = dgo.go(give_way)
            dgo.go(compute_without_the_gil).wait()
            dgo.go(compute_with_the_gil).wait()
            neighbour.cancel()
            neighbour.wait()
    """
    ended = program(source)
    reports = [line for line in ended.stderr.splitlines() if "kept this worker's other goroutines waiting" in line]
    assert len(reports) == 2, ended.stderr
    for report, name in zip(reports, ("compute_without_the_gil", "compute_with_the_gil"), strict=True):
        assert name in report
        assert "WARNING" in report


def test_a_goroutine_that_takes_long_is_not_reported_while_nobody_waits_for_its_worker(program):
    source = """
        import dgo

        def compute():
            import hashlib
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 6_000_000)

        with dgo.init(workers=1):
            dgo.go(compute).wait()
    """
    ended = program(source)
    assert (ended.returncode, ended.stderr) == (0, "")


# ---- what runs unasked, inside the runtime's own steps ------------------------------------------------

SENDERS, VALUES, BETWEEN = 4, 300, 40


class Burns:
    """Garbage in a circle, whose end takes several ticks: it comes wherever the collector happens to run."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        compute(0.03)


def burn_and_send(values, mine):
    for number in range(VALUES):
        if number % BETWEEN == 0:
            Burns()
        values.send((mine, number), timeout=LIMIT)


def crowd():
    """Goroutines that pass values while finalizers compute inside their operations; returns what each has sent."""
    before = gc.get_threshold()
    gc.set_threshold(7, 3, 3)
    try:
        values, never = dgo.Chan(), dgo.Chan()
        senders = [dgo.go(burn_and_send, values, mine) for mine in range(SENDERS)]
        got = [[] for _ in senders]
        for _ in range(SENDERS * VALUES):
            # The steps of a select make many objects, so the collector comes often in them.
            chosen = dgo.select(dgo.recv(values), dgo.recv(never), timeout=LIMIT)
            mine, number = chosen.value
            got[mine].append(number)
        for sender in senders:
            sender.result(timeout=LIMIT)
        return got
    finally:
        gc.set_threshold(*before)


def test_finalizers_that_compute_inside_operations_break_nothing(cluster):
    assert dgo.go(crowd).result(timeout=LIMIT) == [list(range(VALUES))] * SENDERS


def test_a_goroutine_whose_finalizers_compute_is_cancelled(cluster, capfd):
    started = dgo.Chan(1)

    def send_for_ever():
        before = gc.get_threshold()
        gc.set_threshold(7, 3, 3)
        try:
            values = dgo.Chan(1)
            started.send(True)
            while True:
                Burns()
                for _ in range(10):
                    values.send(1)
                    values.recv()
                compute(0.01)
        finally:
            gc.set_threshold(*before)

    for _ in range(3):
        goroutine = dgo.go(send_for_ever)
        started.recv(timeout=LIMIT)
        goroutine.cancel()
        goroutine.wait(timeout=LIMIT)
        assert goroutine.cancelled()
    assert "caught dgo.Cancelled" not in capfd.readouterr().err
