"""Everything sleeps for ever: the driver's blocked call says so, and only then."""

from __future__ import annotations

import threading
import time

import pytest

import dgo

from .places import elsewhere


def test_a_receive_that_nobody_can_serve_is_a_deadlock(cluster):
    with pytest.raises(dgo.Deadlock):
        dgo.Chan().recv()


def test_goroutines_that_wait_for_each_other_are_a_deadlock_and_the_message_lists_them(cluster):
    def wait_for(ch):
        ch.recv_ok()

    there, here = dgo.Chan(), dgo.Chan()
    goroutines = [elsewhere(wait_for, there), elsewhere(wait_for, here)]
    with pytest.raises(dgo.Deadlock, match=r"(?s)main program.*wait_for.*chan receive.*wait_for"):
        goroutines[0].result()
    there.close()
    here.close()
    for goroutine in goroutines:
        goroutine.result(timeout=30)


def test_a_second_lock_of_a_mutex_by_its_holder_is_a_deadlock_and_the_message_tells_who_holds_it(cluster):
    mutex, told = dgo.Mutex(), r"Mutex\.lock of Mutex\(.*, locked by a thread of .*, 1 waiting\)"
    with mutex, pytest.raises(dgo.Deadlock, match=told):
        mutex.lock()
    assert mutex.try_lock(), "the wait that was given up has not taken it"


def test_after_a_deadlock_the_program_can_go_on(cluster):
    ch = dgo.Chan(1)
    with pytest.raises(dgo.Deadlock):
        ch.recv_ok()
    ch.send(1)
    assert ch.recv() == 1


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param(lambda: time.sleep(2.5), id="sleep"),
        pytest.param(lambda: sum(range(60_000_000)), id="computation"),
        pytest.param(lambda: __import__("subprocess").run(["sleep", "2.5"], check=True), id="subprocess"),
    ],
)
def test_a_goroutine_that_will_go_on_by_itself_is_no_deadlock(cluster, busy):
    elsewhere(busy).result()


def test_a_thread_of_the_driver_that_will_send_is_no_deadlock(cluster):
    ch = dgo.Chan()
    timer = threading.Timer(2.5, lambda: ch.send("late"))
    timer.start()
    assert ch.recv() == "late"
    timer.join()


def test_a_callback_that_will_send_is_no_deadlock(cluster):
    ch = dgo.Chan(1)

    def send_late(goroutine):
        time.sleep(2.5)
        ch.send("late")

    dgo.go(int).add_done_callback(send_late)
    assert ch.recv() == "late"


def test_a_wait_with_a_timeout_is_no_deadlock(cluster):
    with pytest.raises(dgo.Timeout):
        dgo.Chan().recv(timeout=2.5)


def test_of_very_many_that_sleep_for_ever_the_message_describes_some(cluster):
    def wait_for(ch):
        ch.recv_ok()

    gate = dgo.Chan()
    goroutines = [dgo.go(wait_for, gate) for _ in range(2500)]
    with pytest.raises(dgo.Deadlock, match=r"(?s)main program.* more on worker") as caught:
        goroutines[0].result()
    assert 1000 < len(str(caught.value).splitlines()) < 2500
    gate.close()
    dgo.gather(*goroutines)
