"""A worker process that dies: what contexts and groups tell (contract sections 5 and 6)."""

from __future__ import annotations

import os
import signal

import pytest

import dgo

from .conftest import eventually
from .places import LIMIT, NOTHING, elsewhere, take


@pytest.fixture(autouse=True)
def cluster():
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


def die_when_told(told):
    told.recv(timeout=LIMIT)
    os.kill(os.getpid(), signal.SIGKILL)


def own_a_context(back, told):
    back.send(dgo.with_cancel(dgo.background()), timeout=LIMIT)
    die_when_told(told)


def test_children_of_a_context_of_a_dead_process_are_cancelled():
    back, told = dgo.Chan(), dgo.Chan(1)
    owner = elsewhere(own_a_context, back, told)
    parent, cancel = back.recv(timeout=LIMIT)
    child, _ = dgo.with_timeout(parent, LIMIT)
    told.send(None, timeout=LIMIT)
    assert child.done().recv_ok(timeout=LIMIT) == (None, False)
    for ctx in (child, parent):
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert isinstance(ctx.cause(), dgo.ChannelLost)
    cancel()
    assert isinstance(owner.exception(timeout=LIMIT), dgo.WorkerLost)


def test_a_member_that_is_killed_is_the_error_of_its_group():
    group, told = dgo.ErrGroup(), dgo.Chan(1)
    group.go(die_when_told, told)
    told.send(None, timeout=LIMIT)
    with pytest.raises(dgo.WorkerLost, match=r"signal 9|SIGKILL"):
        group.wait(timeout=LIMIT)


def test_all_who_wait_for_a_call_learn_that_its_process_was_killed():
    def lead(flights, running, told):
        flights.do("key", lambda: (running.send(None, timeout=LIMIT), die_when_told(told)))

    flights, running, told, joined = dgo.SingleFlight(), dgo.Chan(), dgo.Chan(1), dgo.Chan(1)
    leader = elsewhere(lead, flights, running, told)
    running.recv(timeout=LIMIT)

    def kill():
        take(joined, 1)
        dgo.sleep(4 * NOTHING)
        told.send(None, timeout=LIMIT)

    dgo.go(kill)
    joined.send(None, timeout=LIMIT)
    with pytest.raises(dgo.WorkerLost):
        flights.do("key", int)
    assert flights.do("key", int) == (0, False)
    assert isinstance(leader.exception(timeout=LIMIT), dgo.WorkerLost)
