"""Waiting for input: a nudge ends one wait, whatever the waiting thread is at just then."""

from __future__ import annotations

import os
import threading

import pytest

from dgo.core.eagerness import LOOK_SECONDS
from dgo.runtime.waiting import InputWait
from dgo.transport.unix import UnixTransport


@pytest.fixture
def wait():
    transport = UnixTransport()
    made = InputWait(transport)
    made.prepare()
    yield made
    made.close()
    transport.close()


@pytest.fixture
def eager(wait):
    wait._eagerness.means = 64
    return wait


def test_input_that_comes_while_one_looks_ends_the_wait(eager):
    reader, writer = os.pipe()
    eager.watch(reader)
    threading.Timer(LOOK_SECONDS / 4, os.write, (writer, b"x")).start()
    assert eager.wait(10) == [reader]
    eager.unwatch(reader)
    os.close(reader)
    os.close(writer)


def test_a_nudge_while_one_looks_ends_the_wait(eager):
    threading.Timer(LOOK_SECONDS / 4, eager.nudge).start()
    assert eager.wait(10) == []
    assert not ends_at_once(eager)


def test_who_looks_in_vain_sleeps_then_and_looks_less_and_less(eager):
    for _ in range(20):
        assert eager.wait(0.001) == []
    assert not eager._eagerness.looks()


def test_a_wait_that_is_shorter_than_a_look_does_not_become_longer(eager, monkeypatch):
    monkeypatch.setattr(os, "sched_yield", lambda: pytest.fail("it looks"))
    assert eager.wait(LOOK_SECONDS / 2) == []
    assert eager.wait(0) == []


def ends_at_once(wait: InputWait) -> bool:
    return bool(wait._poll.poll(0))


def test_a_nudge_ends_one_wait(wait):
    assert not ends_at_once(wait)
    wait.nudge()
    wait.nudge()
    assert ends_at_once(wait)
    assert wait.wait(0) == []
    assert not ends_at_once(wait)


def test_a_nudge_while_the_last_one_is_read_does_not_silence_the_next(wait, monkeypatch):
    read = os.eventfd_read

    def nudged_before(descriptor: int) -> int:
        wait.nudge()
        return read(descriptor)

    wait.nudge()
    monkeypatch.setattr(os, "eventfd_read", nudged_before)
    wait.wait(0)
    monkeypatch.undo()
    wait.nudge()
    assert ends_at_once(wait)


def test_a_wait_that_ends_in_the_middle_of_a_nudge_leaves_nothing_that_ends_all_others(wait, monkeypatch):
    write = os.eventfd_write

    def waited_before(descriptor: int, value: int) -> None:
        wait.wait(0)
        write(descriptor, value)

    monkeypatch.setattr(os, "eventfd_write", waited_before)
    wait.nudge()
    monkeypatch.undo()
    assert ends_at_once(wait)
    wait.wait(0)
    assert not ends_at_once(wait)
