"""``LocalCluster``: schedules, traces, faults, and the clock."""

from __future__ import annotations

import pytest
from conformance.random_programs import plan, run

import dgo
from dgo.testing import LocalCluster, NoEnd

from . import programs

EVERYWHERE = pytest.mark.parametrize("explore", [False, True])
MODULE_DATA: list[dgo.Chan[int]] = []


def traced(seed, body, *args):
    with LocalCluster(seed=seed, explore=True, trace=True) as cluster:
        cluster.run(body, *args)
        return cluster.trace


@pytest.mark.parametrize("seed", range(10))
def test_the_same_seed_gives_the_same_trace(seed):
    assert traced(seed, run, plan(seed)) == traced(seed, run, plan(seed))


def test_another_seed_gives_another_trace():
    traces = {tuple(traced(seed, programs.results_in_any_order)) for seed in range(20)}
    assert len(traces) == 20


def test_a_trace_shows_who_did_what_where_and_when():
    def send(ch):
        ch.send(1)

    def body():
        ch = dgo.Chan(name="greetings")
        handle = dgo.go(send, ch)
        ch.recv()
        handle.wait()

    trace = traced(1, body)
    (line,) = (line for line in trace if "Chan.send" in line)
    assert line.split()[1:3] in (["ms", "worker-1"], ["ms", "worker-2"])
    assert line.endswith(" send              Chan.send of 'greetings'")
    assert [line.split()[-1] for line in trace if " send  " in line and ("starts" in line or "ends" in line)] == [
        "starts",
        "ends",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_coroutines_of_one_process_are_switched_out_too_and_their_loop_with_them(seed):
    async def produce(ch):
        for n in range(20):
            await ch.asend(n)

    def consume(ch):
        return sorted(ch.recv() for _ in range(60))

    def body():
        ch = dgo.Chan(3)
        consumer = dgo.go(consume, ch)
        for _ in range(3):
            dgo.go(produce, ch)
        return consumer.result()

    with LocalCluster(nodes=2, seed=seed, explore=True) as cluster:
        assert cluster.run(body) == sorted([*range(20)] * 3)
        assert cluster.panics == []


def test_a_trace_that_was_not_asked_for_is_a_misuse():
    with LocalCluster() as cluster, pytest.raises(dgo.MisuseError, match="trace=True"):
        _ = cluster.trace


def test_goroutines_of_one_process_run_in_many_orders_where_it_explores():
    def note(ch, n):
        ch.send(n)

    def body():
        ch = dgo.Chan(3)
        for n in range(3):
            dgo.go(note, ch, n)
        return tuple(ch.recv() for _ in range(3))

    def inside():
        return dgo.go(body).result()

    def orders(explore):
        found = set()
        for seed in range(60):
            with LocalCluster(nodes=2, seed=seed, explore=explore) as cluster:
                found.add(cluster.run(inside))
        return found

    assert orders(False) == {(0, 1, 2)}
    assert len(orders(True)) == 6


def test_no_preempt_keeps_others_from_running_in_between():
    def add(counter):
        with dgo.no_preempt():
            counter.store(counter.load() + 1)

    def body():
        counter = dgo.Atomic(0)
        dgo.gather(*[dgo.go(add, counter) for _ in range(3)])
        return counter.load()

    for seed in range(100):
        with LocalCluster(nodes=2, seed=seed, explore=True) as cluster:
            assert cluster.run(lambda: dgo.go(body).result()) == 3


@EVERYWHERE
def test_who_spins_on_gosched_does_not_hold_up_the_messages_that_it_waits_for(explore):
    def finish(flag):
        flag.store(True)

    def body():
        flag = dgo.Atomic(False)
        dgo.go(finish, flag)
        while not flag.load():
            dgo.gosched()

    with LocalCluster(seed=1, explore=explore, steps=100_000) as cluster:
        cluster.run(body)


@EVERYWHERE
def test_what_has_no_end_is_stopped_and_told_who_waits(explore):
    def spin():
        while True:
            dgo.gosched()

    def body():
        dgo.go(spin).result()

    with LocalCluster(seed=4, explore=explore, steps=500) as cluster, pytest.raises(NoEnd, match="seed 4") as caught:
        cluster.run(body)
    assert "main waits in goroutine of Goroutine(" in str(caught.value)


@EVERYWHERE
def test_a_long_sleep_does_not_make_the_coordinator_look_dead(explore):
    def body():
        dgo.sleep(10_000)
        ch = dgo.Chan()
        with pytest.raises(dgo.Deadlock):
            ch.recv()
        return dgo.go(int, "7").result()

    with LocalCluster(explore=explore) as cluster:
        assert cluster.run(body) == 7
        assert cluster.clock.now > 10_000


def test_an_object_that_reached_another_process_through_module_data_is_a_misuse():
    def body():
        MODULE_DATA.append(dgo.Chan(1))
        dgo.go(use_module_data).result()

    with LocalCluster(explore=True) as cluster, pytest.raises(dgo.MisuseError, match="not passed to it"):
        cluster.run(body)
    MODULE_DATA.clear()


def use_module_data():
    MODULE_DATA[0].send(1)


def stay(told):
    told.send(dgo.current().worker)
    dgo.Chan().recv()


@EVERYWHERE
@pytest.mark.parametrize("how", ["name", "index", "node"])
def test_a_worker_can_be_killed_by_its_name_its_index_or_itself(how, explore):
    def body():
        told = dgo.Chan()
        handle = dgo.go(stay, told)
        name = told.recv()
        (index,) = (i for i, node in enumerate(cluster.nodes) if node.name == name)
        cluster.kill({"name": name, "index": index, "node": cluster.nodes[index]}[how])
        with pytest.raises(dgo.WorkerLost):
            handle.result()

    with LocalCluster(explore=explore) as cluster:
        cluster.run(body)


@pytest.mark.parametrize("wrong", [0, "driver", 3, -1, True, "worker-9", None, 1.0])
def test_what_cannot_be_killed_is_a_misuse(wrong):
    with LocalCluster() as cluster, pytest.raises(dgo.MisuseError):
        cluster.kill(wrong)


def test_who_is_dead_cannot_be_killed_again():
    with LocalCluster() as cluster:
        cluster.kill("worker-1")
        with pytest.raises(dgo.MisuseError, match="worker-1 is dead already"):
            cluster.kill(1)


def test_goroutines_that_are_left_end_with_the_simulation():
    ends = []  # goroutines get a copy of a list, but not of what a module holds
    ENDS.append(ends)
    with LocalCluster(seed=3, explore=True) as cluster:
        cluster.run(leave_two_behind)
        assert ends == []
    ENDS.clear()
    assert ends == ["GreenletExit"] * 2


ENDS: list[list[str]] = []


def wait_and_note_the_end(ready):
    try:
        ready.send(None)
        dgo.Chan().recv()
    except BaseException as end:
        ENDS[0].append(type(end).__name__)
        raise


def leave_two_behind():
    ready = dgo.Chan()
    for _ in range(2):
        dgo.go(wait_and_note_the_end, ready)
        ready.recv()
