"""When a driver's spawns leave, and when its waiters go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import dgo
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.threads import ThreadHost
from dgo.wire.frames import HEADER_SIZE, decode_header
from dgo.wire.messages import Msg, decode_body

LIMIT = 30


@pytest.fixture
def node() -> Iterator[Node]:
    """A driver's node."""
    with dgo.init(workers=1) as cluster:
        cluster.wait_for_workers(1, timeout=LIMIT)
        dgo.go(abs, -1).result(timeout=LIMIT)
        yield current.get()


@pytest.fixture
def submitted(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The spawns that have left: how many in each batch, and the thread that sent them."""
    sent: list[tuple[int, str]] = []
    send = node.transport.send

    def watch(route, frames):
        if decode_header(frames[0]).seq:
            for message in decode_body(bytes(frames[0])[HEADER_SIZE:]):
                if message[0] == Msg.SUBMIT:
                    count = sum(len(item[3]) for item in message[2])
                    sent.append((count, threading.current_thread().name))
        return send(route, frames)

    monkeypatch.setattr(node.transport, "send", watch)
    return sent


def test_a_spawn_after_a_wait_leaves_before_go_returns(submitted):
    for number in range(5):
        handle = dgo.go(time.sleep, 0.05)  # else its end might be here before anybody waits for it
        assert submitted == [(1, "MainThread")] * (number + 1)
        handle.result(timeout=LIMIT)


def test_spawns_in_a_row_have_company_and_wait_for_nobody(node, submitted):
    with node.lock:  # the input thread cannot come between them
        handles = [dgo.go(abs, -number) for number in range(100)]
    end = time.monotonic() + LIMIT
    while sum(count for count, _ in submitted) < 100:  # although this thread never waits for them
        assert time.monotonic() < end
    assert submitted == [(1, "MainThread"), (99, "dgo-input")]
    assert [handle.result(timeout=LIMIT) for handle in handles] == list(range(100))


def test_waiters_go_on_when_the_input_thread_has_nothing_else_to_do(node):
    host = node.host
    assert type(host) is ThreadHost
    done: list[int] = []
    chans = [dgo.Chan() for _ in range(3)]

    def wait(number):
        done.append(chans[number].recv(timeout=LIMIT))

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()

    def send_all(channels):
        for number, channel in enumerate(channels):
            channel.send(number)

    dgo.go(send_all, chans).result(timeout=LIMIT)
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(done) == [0, 1, 2]
    assert not host._opened


def test_those_who_wait_go_on_when_the_input_thread_ends(node):
    host = node.host
    failed: list[BaseException] = []

    def wait():
        try:
            dgo.Chan().recv()
        except dgo.ClusterError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not node.waits:
        assert thread.is_alive()
    dgo.shutdown()
    thread.join(LIMIT)
    assert len(failed) == 1
    assert host._input_thread == 0, "whoever has its number next is not taken for it"
    assert not host._opened
