"""A wait of a context, a group or a call that is interrupted leaves nothing behind (see ``test_interrupted``)."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing
from dgo.core.context import Context

from .places import LIMIT, build, build_away, come_true, elsewhere
from .test_interrupted import SEEDS, interrupted


@pytest.fixture(params=SEEDS)
def nodes(request):
    with dgo.testing.LocalCluster(nodes=3, seed=request.param) as cluster:
        yield cluster


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


when = pytest.mark.parametrize("when", ["early", "late"])


def derive():
    return dgo.with_cancel(dgo.background())


@when
def test_an_interrupted_derivation_leaves_no_watch_at_the_parent(nodes, when):
    def body():
        parent, _cancel = elsewhere(derive).result(timeout=LIMIT)
        with interrupted(when):
            dgo.with_cancel(parent)
        dgo.sleep(1)
        assert parent.err() is None
        exported = [core for node in nodes.nodes for core in node.values.exports.all()]
        contexts = [core for core in exported if isinstance(core, Context)]
        assert len(contexts) == 1
        assert not contexts[0].watchers

    nodes.run(body)


@when
def test_an_interrupted_go_leaves_its_place_to_others(nodes, make, when):
    def body():
        group, gate, done = make(dgo.ErrGroup, None, 1), dgo.Chan(), dgo.Chan(1)
        group.go(gate.recv_ok)
        if when == "late":  # there is room when the wait ends
            elsewhere(lambda: (come_true(lambda: group.statistics().waiting_to_start == 1), gate.close()))
        with interrupted(when):
            group.go(done.send, "no")
        gate.close() if when == "early" else None
        group.wait(timeout=LIMIT)
        assert group.try_go(done.send, "yes")
        group.wait(timeout=LIMIT)
        assert done.recv(timeout=LIMIT) == "yes"

    nodes.run(body)


@when
def test_an_interrupted_try_go_leaves_its_place_to_others(nodes, when):
    def body():
        group, done = build_away(dgo.ErrGroup, None, 1), dgo.Chan(1)
        with interrupted(when):
            group.try_go(done.send, "no")
        come_true(lambda: group.statistics().running == 0)
        group.go(done.send, "yes")
        assert done.recv(timeout=LIMIT) == "yes"

    nodes.run(body)


@when
def test_an_interrupted_leader_leaves_its_key_to_others(nodes, when):
    def body():
        flights = build_away(dgo.SingleFlight)
        with interrupted(when):
            flights.do("key", lambda: "never called")
        come_true(lambda: flights.statistics().calls == 0)
        assert flights.do("key", lambda: 5) == (5, False)

    nodes.run(body)


def test_who_waits_for_an_interrupted_leader_is_told(nodes):
    def body():
        flights = build_away(dgo.SingleFlight)

        def lead():
            waiting.append(elsewhere(flights.do, "key", int))
            come_true(lambda: flights.statistics().waiting == 1)
            raise KeyboardInterrupt

        waiting = []
        with pytest.raises(KeyboardInterrupt):
            flights.do("key", lead)
        with pytest.raises(dgo.CancelledError, match="KeyboardInterrupt"):
            waiting[0].result(timeout=LIMIT)

    nodes.run(body)
