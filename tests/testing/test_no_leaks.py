"""``no_leaks``: it waits for the ends of what was started inside, and lists who is left."""

from __future__ import annotations

import pytest

import dgo
from dgo.runtime.census import Census
from dgo.testing import LocalCluster, no_leaks, simulate
from dgo.wire.messages import ProtocolError


@pytest.fixture(scope="module")
def real():
    with dgo.init(workers=2) as cluster:
        cluster.wait_for_workers(2, timeout=30)
        yield lambda body: body()


@pytest.fixture(params=["simulated", "real"])
def run(request):
    """Returns ``run(body)`` of a cluster of either kind."""
    if request.param == "simulated":
        with LocalCluster(explore=True) as cluster:
            yield cluster.run
    else:
        yield request.getfixturevalue("real")


def receive(ch):
    ch.recv_ok()


def spawn_beside(ch, inside):
    inside.send(dgo.go(receive, ch).id)


def spawn_and_leak(ch, inside, idents):
    with no_leaks(timeout=1):
        dgo.go(spawn_beside, ch, inside)
        idents.append(inside.recv())


def fail_and_leak(ch):
    with no_leaks(timeout=1_000_000):
        dgo.go(receive, ch)
        raise KeyError


def test_who_is_left_is_listed_with_what_it_waits_on(run):
    def body():
        ch, inside = dgo.Chan(name="never closed"), dgo.Chan()
        idents = []
        with pytest.raises(AssertionError) as caught:
            spawn_and_leak(ch, inside, idents)
        text = str(caught.value)
        assert "1 goroutine(s) were left behind" in text
        assert f"goroutine {idents[0]} (receive) on " in text
        assert "waits in chan receive of Chan('never closed'" in text
        ch.close()

    run(body)


def test_what_ends_in_time_is_waited_for(run):
    def body():
        with no_leaks(timeout=30):
            dgo.go(dgo.sleep, 0.05)
        assert dgo.num_goroutine() == 1

    run(body)


def test_what_was_started_before_does_not_count(run):
    def body():
        ch = dgo.Chan()
        earlier = dgo.go(receive, ch)
        with no_leaks(timeout=0):
            pass
        ch.close()
        earlier.wait()

    run(body)


def test_an_error_of_the_block_passes_and_nobody_is_waited_for(run):
    def body():
        ch = dgo.Chan()
        with pytest.raises(KeyError):
            fail_and_leak(ch)
        ch.close()

    run(body)


@simulate(seeds=50)
def test_it_works_in_goroutines_and_does_not_count_the_caller():
    def inside():
        with no_leaks():
            dgo.go(dgo.sleep, 0.1)

    with no_leaks():
        dgo.go(inside).result()


@simulate(seeds=50)
def test_a_goroutine_that_dies_with_its_worker_is_not_left(cluster):
    def stay(told):
        told.send(dgo.current().worker)
        dgo.Chan().recv()

    told = dgo.Chan()
    with no_leaks():
        handle = dgo.go(stay, told)
        cluster.kill(told.recv())
    assert isinstance(handle.exception(), dgo.WorkerLost)


def test_one_that_no_worker_can_take_is_left():
    def body():
        with pytest.raises(AssertionError, match="has not started"), no_leaks(timeout=1):
            dgo.go.options(labels={"kind": "none has it"})(receive, None)

    with LocalCluster() as cluster:
        cluster.run(body)


@pytest.mark.parametrize("wrong", ["soon", None, float("nan")])
def test_a_timeout_that_is_none_is_refused(wrong):
    def body():
        with pytest.raises((TypeError, ValueError)), no_leaks(timeout=wrong):
            pytest.fail("the block ran")

    with LocalCluster() as cluster:
        cluster.run(body)


@pytest.mark.parametrize(
    ("ledger", "running"),
    [([1], []), ([["x", "f"]], []), ([[1]], []), ([], [[1, 2, "f"]]), ([], [[1, 2, "f", "w", "d", "long"]])],
)
def test_what_is_no_list_of_goroutines_is_refused(ledger, running):
    with LocalCluster() as cluster:
        census: Census = cluster.nodes[0].census
        with pytest.raises(ProtocolError, match="not goroutines"):
            census._on_who_lives(cluster.nodes[1].id, [], 1, ledger, running)
