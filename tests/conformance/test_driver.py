"""What is particular to the driver's process (contract sections 1 to 3)."""

from __future__ import annotations

import concurrent.futures
import os
import threading

import pytest

import dgo

from .places import LIMIT, NOTHING, OddError, elsewhere, send_all_and_close, take

pytestmark = pytest.mark.usefixtures("cluster")


def square(x):
    return x * x


def fail():
    raise OddError("odd")


def receive(ch):
    return ch.recv(timeout=LIMIT)


def stay(started, gate):
    started.send(os.getpid(), timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)


def test_goroutines_of_the_driver_run_in_worker_processes(cluster):
    pids = {dgo.go(os.getpid).result(timeout=LIMIT) for _ in range(10)}
    assert os.getpid() not in pids
    assert pids <= {worker.pid for worker in cluster.workers()}


def test_spread_goroutines_run_on_every_worker(cluster):
    gate = dgo.Chan()
    started = dgo.Chan()
    for _ in range(8):
        elsewhere(stay, started, gate)
    assert set(take(started, 8)) == {worker.pid for worker in cluster.workers()}
    gate.close()


def test_a_goroutine_can_spread_its_own_goroutines_over_every_worker(cluster):
    def spread():
        # They stay until all have told their place: of idle workers the same one could be chosen again.
        here, gate = dgo.Chan(), dgo.Chan()
        for _ in range(8):
            elsewhere(stay, here, gate)
        pids = set(take(here, 8))
        gate.close()
        return pids

    assert dgo.go(spread).result(timeout=LIMIT) == {worker.pid for worker in cluster.workers()}


def test_the_cluster_tells_its_workers(cluster):
    assert dgo.is_initialized()
    assert dgo.cluster() is cluster
    assert dgo.num_workers() == 2
    assert len(cluster.workers()) == 2
    assert cluster.address


def test_a_second_init_is_a_runtime_error_and_leaves_the_cluster_running():
    with pytest.raises(RuntimeError):
        dgo.init(workers=2)
    assert dgo.go(square, 3).result(timeout=LIMIT) == 9


def test_goexit_in_the_drivers_main_is_a_misuse_error():
    with pytest.raises(dgo.MisuseError):
        dgo.goexit()


def test_a_serialization_error_names_the_way_to_the_object():
    class Connection:
        def __init__(self):
            self.sock = threading.Lock()

    conn = Connection()
    with pytest.raises(dgo.SerializationError, match=r"(?s)conn.*sock"):
        dgo.go(lambda: conn)


def test_futures_wait_accepts_handles():
    gate = dgo.Chan()
    stuck, quick = dgo.go(receive, gate), dgo.go(square, 3)
    done, pending = concurrent.futures.wait(
        [stuck, quick], timeout=LIMIT, return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert (done, pending) == ({quick}, {stuck})
    gate.send("released", timeout=LIMIT)
    done, pending = concurrent.futures.wait([stuck, quick], timeout=LIMIT)
    assert (done, pending) == ({quick, stuck}, set())


def test_futures_wait_stops_at_the_first_exception():
    gate = dgo.Chan()
    stuck, failing = dgo.go(receive, gate), dgo.go(fail)
    done, pending = concurrent.futures.wait(
        [stuck, failing], timeout=LIMIT, return_when=concurrent.futures.FIRST_EXCEPTION
    )
    assert (done, pending) == ({failing}, {stuck})
    gate.send(None, timeout=LIMIT)
    stuck.result(timeout=LIMIT)


def test_futures_as_completed_accepts_handles():
    handles = [dgo.go(square, i) for i in range(10)]
    ended = concurrent.futures.as_completed(handles, timeout=LIMIT)
    assert sorted(handle.result() for handle in ended) == [i * i for i in range(10)]


def test_a_done_callback_runs_in_the_driver_with_the_handle():
    seen: list[tuple[object, int]] = []
    called = threading.Event()
    handle = dgo.go(square, 3)
    handle.add_done_callback(lambda it: (seen.append((it, os.getpid())), called.set()))
    assert called.wait(LIMIT)
    assert seen == [(handle, os.getpid())]


def test_a_done_callback_that_is_added_late_is_called_too():
    called = threading.Event()
    handle = dgo.go(square, 3)
    handle.wait(timeout=LIMIT)
    handle.add_done_callback(lambda _: called.set())
    assert called.wait(LIMIT)


def test_a_failing_done_callback_does_not_disturb_the_next_one():
    called = threading.Event()
    gate = dgo.Chan()
    handle = dgo.go(receive, gate)
    handle.add_done_callback(lambda _: 1 / 0)
    handle.add_done_callback(lambda _: called.set())
    gate.send("x", timeout=LIMIT)
    assert called.wait(LIMIT)
    assert handle.result(timeout=LIMIT) == "x"


def test_a_wait_without_enough_time_is_a_timeout_error():
    gate = dgo.Chan()
    handle = dgo.go(receive, gate)
    with pytest.raises(TimeoutError):
        handle.result(timeout=NOTHING)
    assert not handle.done()
    gate.close()
    assert isinstance(handle.exception(timeout=LIMIT), dgo.ChannelClosed)


def test_several_threads_of_the_driver_use_dgo_at_once():
    failures: list[BaseException] = []

    def use(name: int) -> None:
        try:
            numbers = dgo.Chan(3)
            dgo.go(send_all_and_close, numbers, range(20))
            assert list(numbers) == list(range(20))
            handles = [dgo.go(square, name + i) for i in range(20)]
            assert [h.result(timeout=LIMIT) for h in handles] == [(name + i) ** 2 for i in range(20)]
            wg = dgo.WaitGroup()
            for _ in range(10):
                wg.go(square, name)
            wg.wait(timeout=LIMIT)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert failures == []


def test_threads_of_the_driver_talk_over_a_channel():
    ch = dgo.Chan()
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(take(ch, 50)))
    thread.start()
    for i in range(50):
        ch.send(i, timeout=LIMIT)
    thread.join(LIMIT)
    assert got == list(range(50))


def test_a_hundred_thousand_byte_value_travels_both_ways():
    data = os.urandom(100_000)
    ch = dgo.Chan()
    echo = dgo.go(receive, ch)
    ch.send(data, timeout=LIMIT)
    assert echo.result(timeout=LIMIT) == data


def test_a_thousand_goroutines_each_give_their_result():
    assert sorted(dgo.gather(*[dgo.go(square, i) for i in range(1000)])) == [i * i for i in range(1000)]
