"""Selects and processes that die: the selecting one's, or a channel's home (contract sections 4 and 8, design 7.6)."""

from __future__ import annotations

import os
import signal

import pytest

import dgo

from .conftest import SEEDS, eventually
from .places import (
    LIMIT,
    NOTHING,
    chosen,
    come_to_rest,
    elsewhere,
    empty,
    full,
    select_receive,
    select_send,
    take,
)


class Real:
    """A real cluster of two workers, and how a body kills one."""

    def __init__(self, cluster):
        self._pids = {worker.name: worker.pid for worker in cluster.workers()}

    def kill(self, worker):
        """Ends a worker at once."""
        os.kill(self._pids[worker], signal.SIGKILL)

    def settle(self):
        """Nothing: that all is at rest cannot be known, and what follows holds without."""

    def run(self, body):
        """Runs the body as the driver's main program."""
        return body(self)


class Simulated(Real):
    """A simulated cluster of two workers."""

    def __init__(self, nodes):
        self._nodes = nodes

    def kill(self, worker):
        """Ends a worker at once."""
        self._nodes.kill(next(index for index, node in enumerate(self._nodes.nodes) if node.name == worker))

    def settle(self):
        """Waits until every goroutine waits or has ended, and until every death is known."""
        come_to_rest()

    def run(self, body):
        """Runs the body as the driver's main program."""
        return self._nodes.run(body, self)


@pytest.fixture(params=["real", *SEEDS, *range(100, 110)])
def world(request):
    """A cluster for each test: a supervisor restarts ever more slowly what dies again and again."""
    if request.param != "real":
        from dgo.testing import LocalCluster

        with LocalCluster(nodes=3, seed=request.param) as nodes:
            yield Simulated(nodes)
        return
    cluster = dgo.init(workers=2)
    cluster.wait_for_workers(2, timeout=LIMIT)
    yield Real(cluster)
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    dgo.shutdown()
    assert at_rest


def begin(started, given, work):
    started.send(dgo.current().worker, timeout=LIMIT)
    return work(*given.recv(timeout=LIMIT))


def start(work):
    """Starts a goroutine elsewhere; returns it, its worker, and the channel through which it gets its arguments."""
    started, given = dgo.Chan(), dgo.Chan(1)
    goroutine = elsewhere(begin, started, given, work)
    return goroutine, started.recv(timeout=LIMIT), given


def start_beside(worker, work):
    """``start`` on the other worker."""
    for _ in range(100):
        goroutine, where, given = start(work)
        if where != worker:
            return goroutine, where, given
        given.close()  # it ends: there is nothing for it to do
    pytest.fail(f"every goroutine was placed on {worker}")


def make_and_tell():
    return dgo.Chan(), dgo.current().worker


def channel_beside(worker):
    """A channel whose home is the other worker. The first one has a goroutine, so it is not always chosen."""
    for _ in range(100):
        ch, home = elsewhere(make_and_tell).result(timeout=LIMIT)
        if home != worker:
            return ch
    pytest.fail(f"every goroutine was placed on {worker}")


def both_ways(to, source):
    return chosen(dgo.send(to, "from the dead"), dgo.recv(source))


def stay(back, capacity):
    back.send(dgo.Chan(capacity), timeout=LIMIT)
    dgo.Chan().recv(timeout=LIMIT)


def end(goroutine):
    """Waits for the news that the goroutine's worker died."""
    assert isinstance(goroutine.exception(timeout=LIMIT), dgo.WorkerLost)


def doomed_channel(world, capacity=0):
    """Returns ``(channel, its home, kill)``; ``kill()`` ends the home and returns when the death is known."""
    back = dgo.Chan()
    keeper, victim, given = start(stay)
    given.send((back, capacity), timeout=LIMIT)
    lost = back.recv(timeout=LIMIT)

    def kill():
        world.kill(victim)
        end(keeper)

    return lost, victim, kill


# ---- the selecting process dies ------------------------------------------------------------------------


@pytest.mark.parametrize("homes", ["driver", "other worker", "both"])
def test_the_offers_of_a_killed_select_disappear(world, homes):
    def body(world):
        selecting, victim, given = start(both_ways)

        def make(where):
            return dgo.Chan() if where == "driver" else channel_beside(victim)

        a, b = (make(where) for where in (["driver", "other worker"] if homes == "both" else [homes, homes]))
        given.send((a, b), timeout=LIMIT)
        world.settle()
        world.kill(victim)
        end(selecting)
        world.settle()  # the channels' home may learn of the death after us
        assert empty(a)
        assert full(b)
        receiver = elsewhere(take, a, 1)
        a.send("from the living", timeout=LIMIT)
        assert receiver.result(timeout=LIMIT) == ["from the living"]
        elsewhere(b.send, "to the living")
        assert b.recv(timeout=LIMIT) == "to the living"

    world.run(body)


def test_those_in_line_behind_a_killed_select_are_served(world):
    def body(world):
        a, b = dgo.Chan(), dgo.Chan()
        selecting, victim, given = start(select_receive)
        behind, _, given_behind = start_beside(victim, take)
        given.send((a, b), timeout=LIMIT)
        world.settle()
        given_behind.send((a, 1), timeout=LIMIT)
        world.settle()
        world.kill(victim)
        end(selecting)
        a.send("next in line", timeout=LIMIT)
        assert behind.result(timeout=LIMIT) == ["next in line"]
        assert full(b)

    world.run(body)


def test_a_partner_of_a_select_that_is_killed_meanwhile_sends_or_keeps_waiting(world):
    def body(world):
        a, b = dgo.Chan(), dgo.Chan()
        selecting, victim, given = start(select_receive)
        given.send((a, b), timeout=LIMIT)
        world.kill(victim)  # not at rest: its offers are anywhere
        outcomes = []
        for ch in (a, b):
            try:
                ch.send("value", timeout=NOTHING)
                outcomes.append("sent")
            except dgo.Timeout:
                outcomes.append("kept")
        assert outcomes.count("sent") <= 1
        end(selecting)
        for ch in (a, b):
            assert empty(ch)
            assert full(ch)

    world.run(body)


def test_a_select_survives_the_death_of_the_select_that_it_meets(world):
    def body(world):
        a, b = dgo.Chan(), dgo.Chan()
        selecting, victim, given = start(both_ways)
        given.send((b, a), timeout=LIMIT)
        world.kill(victim)
        try:
            mine = dgo.select(dgo.send(a, "mine"), dgo.recv(b), timeout=1).index
        except dgo.Timeout:
            mine = None
        end(selecting)
        if mine is None:
            assert empty(a)
            assert full(b)
        receiver = elsewhere(take, a, 1)
        assert chosen(dgo.send(a, "again"), dgo.recv(b)) == (0, None, True)
        assert receiver.result(timeout=LIMIT) == ["again"]

    world.run(body)


# ---- a channel's home dies -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["receive", "send"])
@pytest.mark.parametrize("at_rest", [True, False])
def test_a_waiting_select_raises_channel_lost_when_a_home_dies(world, way, at_rest):
    def select_and_tell(*channels):
        try:
            select_receive(*channels) if way == "receive" else select_send("value", *channels)
        except dgo.DgoError as error:
            return type(error).__name__
        return "served"

    def body(world):
        lost, victim, kill = doomed_channel(world)
        mine = dgo.Chan()
        selecting, _, given = start_beside(victim, select_and_tell)
        given.send((lost, mine), timeout=LIMIT)
        if at_rest:
            world.settle()
        kill()
        assert selecting.result(timeout=LIMIT) == "ChannelLost"
        assert empty(mine)
        assert full(mine)

    world.run(body)


def test_the_driver_s_select_raises_channel_lost_when_a_home_dies(world):
    def body(world):
        lost, victim, _ = doomed_channel(world)
        mine = dgo.Chan()
        world.kill(victim)  # the news of it comes while the select waits
        with pytest.raises(dgo.ChannelLost):
            dgo.select(dgo.recv(mine), dgo.recv(lost), timeout=LIMIT)
        assert full(mine)

    world.run(body)


def test_a_case_on_a_lost_channel_is_ready_with_channel_lost(world):
    def body(world):
        lost, _, kill = doomed_channel(world, 2)
        mine = dgo.Chan()
        kill()
        for cases in ([dgo.recv(lost), dgo.recv(mine)], [dgo.send(mine, 1), dgo.send(lost, 1)]):
            with pytest.raises(dgo.ChannelLost):
                dgo.select(*cases, timeout=LIMIT)
            with pytest.raises(dgo.ChannelLost):
                dgo.select(*cases, default=True)
        assert empty(mine)
        assert full(mine)

    world.run(body)


def test_beside_a_lost_channel_a_ready_case_takes_effect_or_nothing_does(world):
    def body(world):
        lost, _, kill = doomed_channel(world, 2)
        mine = dgo.Chan(1)
        kill()
        for value in range(20):
            mine.send(value, timeout=LIMIT)
            try:
                assert chosen(dgo.recv(lost), dgo.recv(mine)) == (1, value, True)
            except dgo.ChannelLost:
                assert mine.recv_nowait() == value

    world.run(body)


def test_the_death_of_an_unconcerned_process_does_not_end_a_select(world):
    def body(world):
        selecting, worker, given = start(select_receive)
        unconcerned, victim, given_to_it = start_beside(worker, stay)
        given_to_it.send((dgo.Chan(1), 0), timeout=LIMIT)
        a, b = dgo.Chan(), channel_beside(victim)
        given.send((a, b), timeout=LIMIT)
        world.settle()
        world.kill(victim)
        end(unconcerned)
        assert not selecting.done()
        b.send("served", timeout=LIMIT)
        assert selecting.result(timeout=LIMIT) == (1, "served", True)
        assert full(a)

    world.run(body)
