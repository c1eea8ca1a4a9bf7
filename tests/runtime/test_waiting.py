"""Waiting for input: a nudge ends one wait, whatever the waiting thread is at just then."""

from __future__ import annotations

import os

import pytest

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
