"""Processes that are killed in the middle of a stream: what no goroutine of theirs had taken is not lost."""

from __future__ import annotations

import os
import signal

import pytest

import dgo

LIMIT = 30
COUNT = 4000


@pytest.fixture(autouse=True)
def _cluster():
    with dgo.init(workers=2) as cluster:
        cluster.wait_for_workers(2, timeout=LIMIT)
        yield


def elsewhere_than(pid, fn, *args):
    """A goroutine of a process that is not ``pid``."""

    def run(started, go_on):
        started.send(os.getpid())
        return fn(*args) if go_on.recv() else None

    while True:
        started, go_on = dgo.Chan(1), dgo.Chan(1)
        goroutine = dgo.go.options(spread=True)(run, started, go_on)
        found = started.recv(timeout=LIMIT)
        go_on.send(found != pid)
        if found != pid:
            return goroutine, found


def produce(ch, count):
    for n in range(count):
        ch.send(n)


def receive_and_tell(ch, told):
    for value in ch:
        told.send(value)


def consume(ch, count):
    for _ in range(count):
        ch.recv()


def test_what_had_gone_ahead_to_a_killed_receiver_is_received_by_others_in_order():
    ch, told = dgo.Chan(1000), dgo.Chan()
    receiver, its = elsewhere_than(0, receive_and_tell, ch, told)
    elsewhere_than(its, produce, ch, COUNT)
    got = [told.recv(timeout=LIMIT) for _ in range(300)]
    os.kill(its, signal.SIGKILL)
    with pytest.raises(dgo.WorkerLost):
        receiver.result(timeout=LIMIT)
    while True:  # what it had told before it died
        try:
            got.append(told.recv(timeout=0.3))
        except dgo.Timeout:
            break
    missing = COUNT - len(got) - 1  # one it may have taken and not told of
    rest = [ch.recv(timeout=LIMIT) for _ in range(missing)]
    try:
        rest.append(ch.recv(timeout=0.3))
    except dgo.Timeout:
        pass
    assert got == list(range(len(got)))
    assert rest == list(range(COUNT - len(rest), COUNT))
    assert len(got) + len(rest) >= COUNT - 1
    assert len(ch) == 0


def test_a_killed_sender_leaves_a_prefix_and_all_slots_free():
    ch = dgo.Chan(500)
    sender, its = elsewhere_than(0, produce, ch, 10**9)
    got = [ch.recv(timeout=LIMIT) for _ in range(5000)]
    os.kill(its, signal.SIGKILL)
    with pytest.raises(dgo.WorkerLost):
        sender.result(timeout=LIMIT)
    while True:
        try:
            got.append(ch.recv(timeout=0.3))
        except dgo.Timeout:
            break
    assert got == list(range(len(got)))
    for n in range(500):
        ch.send_nowait(n)
    with pytest.raises(dgo.WouldBlock):
        ch.send_nowait(500)


def test_both_ends_of_a_stream_learn_that_its_home_was_killed():
    def own(back):
        back.send(dgo.Chan(1000))
        dgo.Chan().recv()

    back = dgo.Chan(1)
    _, home = elsewhere_than(0, own, back)
    ch = back.recv(timeout=LIMIT)
    sender, its = elsewhere_than(home, produce, ch, 10**9)
    told = dgo.Chan(1)

    def consume_and_tell(ch, told):
        consume(ch, 5000)
        told.send(None)
        consume(ch, 10**9)

    receiver, _ = elsewhere_than(home, consume_and_tell, ch, told)
    told.recv(timeout=LIMIT)
    os.kill(home, signal.SIGKILL)
    for goroutine in (sender, receiver):
        with pytest.raises(dgo.ChannelLost):
            goroutine.result(timeout=LIMIT)
    with pytest.raises(dgo.ChannelLost):
        ch.recv(timeout=LIMIT)
    assert its != home
