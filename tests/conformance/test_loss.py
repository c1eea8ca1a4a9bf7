"""A worker process that dies: what handles, groups and channels tell (contract sections 5, 8, 9).

The word that tells a goroutine to die goes through a buffered channel. An unbuffered send would rightly not
complete: its receiver may be dead before its process could say that a goroutine has the value.
"""

from __future__ import annotations

import os
import re
import signal

import pytest

import dgo

from .conftest import eventually
from .places import LIMIT, elsewhere


@pytest.fixture(autouse=True)
def cluster():
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_when_told(started, told):
    started.send(os.getpid(), timeout=LIMIT)
    told.recv(timeout=LIMIT)
    die()


def stay_until_closed(started, gate):
    started.send(os.getpid(), timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)


def own_a_channel(back, told):
    ch = dgo.Chan(1)
    back.send(ch, timeout=LIMIT)
    told.recv(timeout=LIMIT)
    die()


def own_a_group(back, told):
    wg = dgo.WaitGroup()
    wg.add(1)
    back.send(wg, timeout=LIMIT)
    told.recv(timeout=LIMIT)
    die()


def test_a_goroutine_whose_worker_is_killed_ends_with_worker_lost():
    with pytest.raises(dgo.WorkerLost):
        dgo.go(die).result(timeout=LIMIT)


def test_worker_lost_names_the_signal_that_ended_the_process():
    error = dgo.go(die).exception(timeout=LIMIT)
    assert isinstance(error, dgo.WorkerLost)
    assert re.search(r"signal 9|SIGKILL", f"{error} {error.__cause__}")


def test_its_neighbours_on_that_worker_are_lost_and_those_elsewhere_are_not():
    started, told, gate = dgo.Chan(), dgo.Chan(1), dgo.Chan()
    killer = elsewhere(die_when_told, started, told)
    doomed = started.recv(timeout=LIMIT)
    others = []
    for _ in range(6):
        goroutine = elsewhere(stay_until_closed, started, gate)
        others.append((goroutine, started.recv(timeout=LIMIT)))
    told.send(None, timeout=LIMIT)
    assert isinstance(killer.exception(timeout=LIMIT), dgo.WorkerLost)
    gate.close()
    for goroutine, pid in others:
        error = goroutine.exception(timeout=LIMIT)
        assert isinstance(error, dgo.WorkerLost) if pid == doomed else error is None
    assert {pid == doomed for _, pid in others} == {True, False}


def test_the_members_of_a_group_that_died_with_their_worker_are_counted_down():
    wg = dgo.WaitGroup()
    wg.go(die)
    wg.wait(timeout=LIMIT)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda ch: ch.recv(timeout=LIMIT), id="recv"),
        pytest.param(lambda ch: ch.recv_ok(timeout=LIMIT), id="recv_ok"),
        pytest.param(lambda ch: [ch.send(i, timeout=LIMIT) for i in range(2)], id="send to a full channel"),
        pytest.param(list, id="iteration"),
    ],
)
def test_an_operation_on_a_channel_of_a_dead_process_raises_channel_lost(use):
    back, told = dgo.Chan(), dgo.Chan(1)
    owner = elsewhere(own_a_channel, back, told)
    ch = back.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    with pytest.raises(dgo.ChannelLost):
        use(ch)
    assert isinstance(owner.exception(timeout=LIMIT), dgo.WorkerLost)


def test_a_channel_of_a_dead_process_stays_lost():
    back, told = dgo.Chan(), dgo.Chan(1)
    owner = elsewhere(own_a_channel, back, told)
    ch = back.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    assert isinstance(owner.exception(timeout=LIMIT), dgo.WorkerLost)
    for use in (ch.recv_nowait, ch.close, lambda: ch.send_nowait(1)):
        with pytest.raises(dgo.ChannelLost):
            use()


def test_a_goroutine_on_another_worker_sees_the_lost_channel_too():
    back, told = dgo.Chan(), dgo.Chan(1)
    owner = elsewhere(own_a_channel, back, told)
    ch = back.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    owner.wait(timeout=LIMIT)
    assert isinstance(elsewhere(ch.recv).exception(timeout=LIMIT), dgo.ChannelLost)


def test_a_wait_on_a_group_of_a_dead_process_raises_and_does_not_hang():
    back, told = dgo.Chan(), dgo.Chan(1)
    owner = elsewhere(own_a_group, back, told)
    wg = back.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    with pytest.raises(dgo.DgoError) as caught:
        wg.wait(timeout=LIMIT)
    assert not isinstance(caught.value, dgo.Timeout)
    owner.exception(timeout=LIMIT)


def test_a_value_stored_in_a_living_process_outlives_its_sender():
    ch, told, started = dgo.Chan(1), dgo.Chan(1), dgo.Chan()

    def send_and_die():
        ch.send("kept", timeout=LIMIT)
        die_when_told(started, told)

    sender = elsewhere(send_and_die)
    started.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    assert isinstance(sender.exception(timeout=LIMIT), dgo.WorkerLost)
    assert ch.recv(timeout=LIMIT) == "kept"


def test_a_killed_worker_is_replaced_by_a_new_process(cluster):
    before = {worker.pid for worker in cluster.workers()}
    started, told = dgo.Chan(), dgo.Chan(1)
    killer = elsewhere(die_when_told, started, told)
    killed = started.recv(timeout=LIMIT)
    told.send(None, timeout=LIMIT)
    killer.exception(timeout=LIMIT)

    def replaced() -> bool:
        pids = {worker.pid for worker in cluster.workers()}
        return killed not in pids and len(pids) == 2 and len(pids - before) == 1

    assert eventually(replaced, 15)


def test_the_new_worker_runs_goroutines(cluster):
    dgo.go(die).exception(timeout=LIMIT)
    assert eventually(lambda: len({elsewhere(os.getpid).result(timeout=LIMIT) for _ in range(6)}) == 2, 15)
