"""Messages that start goroutines."""

from __future__ import annotations

import sys

import pytest

import dgo
import dgo.time
from dgo.core.goroutine import Goroutine
from dgo.errors import ClusterError, LockLost
from dgo.runtime.task import Task
from dgo.testing import LocalCluster
from dgo.wire.messages import Msg, ProtocolError
from dgo.wire.snapshot import Call


@pytest.mark.parametrize("options", [1, "x", ["resources"], {"resources": 1}, {"resources": {"gpu": "one"}}])
def test_a_goroutine_whose_options_make_no_sense_is_refused_before_it_counts(options):
    with LocalCluster(nodes=2, seed=1) as cluster:
        execution = cluster.nodes[1].execution
        with pytest.raises(ProtocolError, match="options"):
            execution._on_run(1, [], 1, 1, [[7, "name", b"key", [], None, [], options]])
        assert (execution.live, execution.received, execution.unstarted) == ({}, 0, 0)


@pytest.mark.parametrize(
    "item",
    [
        ["name", b"key", 7, []],
        ["name", b"key", 7, "calls"],
        ["name", b"key", 7, [[], "scalars"]],
        ["name", b"key", "7", [[]]],
        ["name", b"key", 7],
        7,
    ],
)
def test_a_series_that_makes_no_sense_is_refused_before_it_counts(item):
    with LocalCluster(nodes=2, seed=1) as cluster:
        coordinator, execution = cluster.coordinator, cluster.nodes[1].execution
        if item != ["name", b"key", 7, [[], "scalars"]]:  # the coordinator does not look into the calls
            with pytest.raises(ProtocolError):
                coordinator._on_submit(cluster.nodes[0].id, [], 1, [item])
        assert not coordinator.placement.waiting
        with pytest.raises(ProtocolError):
            execution._on_run(1, [], 1, 1, [item])
        assert (execution.live, execution.received, execution.unstarted) == ({}, 0, 0)


@pytest.mark.parametrize("end", [[1], [1, 2], ["1", []], [1, [[]]], [1, [{}]], [1, 0], 7, [1, 2, 3, 4]])
def test_an_end_that_makes_no_sense_is_refused(end):
    with LocalCluster(nodes=2, seed=1) as cluster, pytest.raises(ProtocolError):
        cluster.nodes[0].spawner._on_ended(1, [], [end])


@pytest.mark.parametrize("rows", [[7], [[1]], [[1, 0]], [[1, -1]], [[1, 1 << 40]], [["1", 1]], [[1, "1"]]])
def test_numbers_that_make_no_sense_are_refused(rows):
    with LocalCluster(nodes=2, seed=1) as cluster:
        spawner = cluster.nodes[0].spawner
        with pytest.raises(ProtocolError):
            spawner._on_placed(1, [], 1, rows)
        with pytest.raises(ProtocolError):
            spawner._on_returned(1, [], rows)


def test_calls_of_one_function_travel_as_one_item_and_come_back_as_one():
    seen = []

    def body():
        handles = [dgo.go(pow, 2, n) for n in range(5)]
        handles.append(dgo.go(divmod, 7, 2))
        handles += [dgo.go(pow, 3, n) for n in range(2)]
        return [handle.result() for handle in handles]

    with LocalCluster(nodes=2, seed=1) as cluster:
        driver, worker = cluster.nodes

        def watch(node, kind):
            handler = node._handlers[kind]
            node._handlers[kind] = lambda peer, frames, *fields: (
                seen.append((kind, fields)),
                handler(peer, frames, *fields),
            )

        watch(worker, Msg.RUN)
        watch(driver, Msg.PLACED)
        watch(driver, Msg.ENDED)
        assert cluster.run(body) == [1, 2, 4, 8, 16, (3, 1), 1, 3]
        cluster.coordinator.tick()  # nobody waits for the news of places: they come now at the latest
        cluster.run(dgo.sleep, 1)
    items = [item for kind, fields in seen if kind == Msg.RUN for item in fields[2]]
    assert [(item[0], item[3]) for item in items] == [
        ("pow", [[2, n] for n in range(5)]),
        ("divmod", [[7, 2]]),
        ("pow", [[3, 0], [3, 1]]),
    ]
    assert [[count for _, count in fields[1]] for kind, fields in seen if kind == Msg.PLACED] == [[5, 1, 2]]
    ends = [end for kind, fields in seen if kind == Msg.ENDED for end in fields[0]]
    assert [len(end) for end in ends] == [2, 3, 2], "a tuple is no scalar"
    assert [end[1] for end in ends[::2]] == [[1, 2, 4, 8, 16], [1, 3]]


@pytest.mark.interpreted("it replaces a method")
def test_keywords_and_what_is_no_scalar_travel_by_themselves():
    with LocalCluster(nodes=2, seed=1) as cluster:
        spawner = cluster.nodes[0].spawner
        items = []
        flush = spawner.flush
        spawner.flush = lambda: (items.extend(item for queue in spawner._items.values() for item in queue), flush())
        body = lambda: [g.result() for g in (dgo.go(int, "11", base=2), dgo.go(len, (1, 2)), dgo.go(abs, -1))]  # noqa: E731
        assert cluster.run(body) == [3, 2, 1]
        assert [len(item) for item in items] == [7, 7, 4]


def test_the_exception_of_a_goroutine_is_reported_once_whatever_comes_of_its_handles():
    def fail():
        raise ValueError("it")

    def body():
        kept = dgo.go(fail)  # asked for after its end
        dropped_after = dgo.go(fail)
        dgo.go(fail)  # dropped before its end
        home = dgo.Chan(1)
        home.send(dgo.go(fail))  # its only handle waits in a channel, is taken out, and dropped
        dgo.time.sleep(1)
        del dropped_after
        home.recv()
        with pytest.raises(ValueError, match="it"):
            kept.result()
        dgo.time.sleep(1)

    with LocalCluster(nodes=2, seed=1) as cluster:
        cluster.run(body)
        assert len(cluster.panics) == 1, "the one that had no handle when it ended"
        cluster.nodes[0].spawner.sweep()
        assert len(cluster.panics) == 3
        assert not cluster.nodes[0].spawner.dropped
    assert len(cluster.panics) == 3


def loads_told(body):
    """How many reports of a worker's load the coordinator of a simulated cluster got while ``body`` ran."""
    told = []
    with LocalCluster(nodes=2, seed=1) as cluster:
        handler = cluster.coordinator._handlers[Msg.LOAD]
        cluster.coordinator._handlers[Msg.LOAD] = lambda *args: (told.append(args), handler(*args))
        cluster.run(body)
        cluster.run(dgo.sleep, 1)
        [load] = cluster.coordinator.placement.loads.values()
        assert (load.unstarted, load.runnable, load.live) == (0, 0, 0), "in the end it knows all"
    return len(told)


def test_goroutines_that_come_alone_wake_the_coordinator_once_in_a_while():
    def body():
        for _ in range(40):
            dgo.go(pow, 2, 2).result()

    assert 1 <= loads_told(body) < 40


def test_goroutines_that_come_together_are_told_together():
    def body():
        handles = [dgo.go(dgo.sleep, 0.5) for _ in range(100)]
        for handle in handles:
            handle.result()

    assert 1 <= loads_told(body) < 50


# ---- tasks that are their own records ----------------------------------------------------------


def test_a_new_task_is_as_a_new_record():
    record = Goroutine(7, "name", None, 3)
    task = Task(1, 7, 3, "name", Call("name", b"key", None, (), {}, None, ()))
    names = getattr(Goroutine, "__mypyc_attrs__", None) or Goroutine.__slots__  # the compiled class has no slots
    assert "waiters" in names
    for name in set(names) - {"__weakref__", "__dict__"}:
        assert getattr(task, name) == getattr(record, name), name
    task.check()


def use_everything(mutex, number):
    """Has all that few goroutines have."""
    mutex.lock()
    with dgo.no_preempt():
        return number


def test_an_ended_goroutine_keeps_nothing_alive_but_its_outcome():
    def body():
        mutexes = [dgo.Mutex() for _ in range(5)]
        handles = [dgo.go(use_everything, mutex, number) for number, mutex in enumerate(mutexes)]
        handles += [dgo.go.options(name="named")(use_everything, dgo.Mutex(), 5)]
        waiting = dgo.go(dgo.Chan().recv)
        dgo.gosched()
        waiting.cancel()
        waiting.wait()
        assert [handle.result() for handle in handles] == list(range(6))
        for task in [handle._core for handle in [*handles, waiting]]:
            kept = (task.call, task.carrier, task.cancellation, task.extras, task.held)
            assert kept == (None, None, None, None, None)
        for mutex in mutexes:
            with pytest.raises(LockLost):  # its goroutine ended with it
                mutex.lock()

    with LocalCluster(nodes=2, seed=1) as cluster:
        cluster.run(lambda: dgo.go(body).result())
        execution = cluster.nodes[1].execution
        assert (execution.count, execution.live, execution.unstarted_local) == (0, {}, 0)


def test_a_goroutine_is_found_wherever_its_record_is():
    def body():
        gate, here, elsewhere = dgo.Chan(), dgo.Chan(2), dgo.Chan(1)
        own = dgo.go(wait_at, gate, here)
        again = dgo.go.options(retries=1)(wait_at, gate, here)
        sent = dgo.go.options(spread=True)(wait_at, gate, elsewhere)
        numbers = {int(handle.id.rpartition("-")[2]): handle for handle in (own, again, sent)}
        here.recv(), here.recv(), elsewhere.recv()
        found = {number: execution.find(worker.id, number) for number in numbers}
        records = {number: task and task.record for number, task in found.items()}
        cores = {number: handle._core for number, handle in numbers.items()}
        count = execution.count
        live = {number for spawner, number in execution.live if spawner == worker.id}
        gate.close()
        dgo.gather(own, again, sent)
        return found, records, cores, count, live

    with LocalCluster(nodes=2, seed=1) as cluster:
        worker = cluster.nodes[1]
        execution = worker.execution
        run = []
        monkey = pytest.MonkeyPatch()
        monkey.setattr(sys, "run_for_a_test", lambda: run.append(body()), raising=False)
        cluster.run(lambda: dgo.go(call_by_name).result())
        monkey.undo()
        [(found, records, cores, count, live)] = run
        own, again, sent = found
        assert found[own] is cores[own] is records[own]
        assert found[again] is not cores[again] is records[again]
        assert found[sent] is not cores[sent]
        assert records[sent] is None
        assert (count, live) == (4, {own, again, sent})


def wait_at(gate, arrived):
    arrived.send(None)
    gate.recv_ok()


def call_by_name():
    sys.run_for_a_test()


def test_goroutines_run_on_when_their_ledger_has_given_them_up():
    def body():
        gate, arrived = dgo.Chan(), dgo.Chan(3)
        handles = [dgo.go(wait_at, gate, arrived) for _ in range(3)]
        for _ in handles:
            arrived.recv()
        with worker.lock:
            worker.spawner.abandon(ClusterError("gone, for a test"))
        assert [type(handle.exception()) for handle in handles] == [ClusterError] * 3
        before = execution.count
        assert len(execution.live) == before == 4
        gate.close()
        while execution.count > 1:
            dgo.gosched()

    with LocalCluster(nodes=2, seed=1) as cluster:
        worker = cluster.nodes[1]
        execution = worker.execution
        monkey = pytest.MonkeyPatch()
        monkey.setattr(sys, "run_for_a_test", body, raising=False)
        cluster.run(lambda: dgo.go(call_by_name).result())
        monkey.undo()
        assert (execution.count, execution.live, execution.unstarted_local) == (0, {}, 0)
