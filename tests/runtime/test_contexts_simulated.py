"""Contexts, timers and groups under many schedules, with processes that die."""

from __future__ import annotations

import gc
import random

import pytest

import dgo
import dgo.testing

SEEDS = range(8)
spread = dgo.go.options(spread=True)


class Simulation:
    """A cluster whose processes a body can kill."""

    def __init__(self, seed):
        self.cluster = dgo.testing.LocalCluster(nodes=4, seed=seed)

    def kill(self, worker):
        """Kills the worker of that name."""
        index = next(i for i, node in enumerate(self.cluster.nodes) if node.name == worker)
        self.cluster.kill(index)

    def contexts(self):
        """The cores of all contexts that were exported, by node."""
        from dgo.core.context import Context

        return [core for node in self.cluster.nodes for core in node.values.exports.all() if isinstance(core, Context)]


@pytest.fixture(params=SEEDS)
def simulation(request):
    made = Simulation(request.param)
    with made.cluster:
        yield made
        assert made.cluster.panics == []


def where():
    return dgo.current().worker


def make_context():
    return (*dgo.with_cancel(dgo.background()), where())


def hold_child(parent, told, gate):
    """Derives a child here, tells about it, and keeps it until the gate is closed."""
    child, cancel = dgo.with_cancel(parent)
    told.send((child, cancel, where()))
    gate.recv_ok()


# ---- deaths --------------------------------------------------------------------------------------


def test_children_of_a_context_whose_home_dies_are_cancelled_with_the_loss_as_the_cause(simulation):
    def body():
        parent, _cancel, home = spread(make_context).result()
        child, _ = dgo.with_cancel(parent)
        grandchild, _ = dgo.with_cancel(child)
        simulation.kill(home)
        for ctx in (child, grandchild):
            assert ctx.done().recv_ok(timeout=30) == (None, False)
            assert isinstance(ctx.err(), dgo.ContextCancelled)
            assert isinstance(ctx.cause(), dgo.ChannelLost)

    simulation.cluster.run(body)


def test_a_context_whose_home_has_died_counts_as_cancelled(simulation):
    def body():
        parent, cancel, home = spread(make_context).result()
        assert parent.err() is None
        simulation.kill(home)
        with pytest.raises(dgo.ChannelLost):
            parent.done().recv(timeout=30)
        assert isinstance(parent.err(), dgo.ContextCancelled)
        assert isinstance(parent.cause(), dgo.ChannelLost)
        cancel()
        late, _ = dgo.with_cancel(parent)
        assert isinstance(late.cause(), dgo.ChannelLost)

    simulation.cluster.run(body)


def test_a_parent_forgets_the_children_of_a_process_that_died(simulation):
    def body():
        parent, _ = dgo.with_cancel(dgo.background())
        told, gate = dgo.Chan(), dgo.Chan()
        holder = spread(hold_child, parent, told, gate)
        _child, _cancel, home = told.recv()
        assert len(parent._state._core.watchers) == 1
        simulation.kill(home)
        with pytest.raises(dgo.WorkerLost):
            holder.result(timeout=30)
        assert not parent._state._core.watchers
        assert parent.err() is None

    simulation.cluster.run(body)


def test_a_child_that_is_cancelled_elsewhere_leaves_nothing_at_its_parent(simulation):
    def body():
        parent, _ = dgo.with_cancel(dgo.background())
        told, gate = dgo.Chan(3), dgo.Chan()
        for _ in range(3):
            spread(hold_child, parent, told, gate)
        children = [told.recv() for _ in range(3)]
        assert len(parent._state._core.watchers) == 3
        for _child, cancel, _home in children:
            cancel()
        dgo.sleep(1)
        assert not parent._state._core.watchers
        assert parent.err() is None
        gate.close()

    simulation.cluster.run(body)


def test_the_waiters_of_a_call_whose_process_dies_are_told_and_the_key_is_free(simulation):
    def call(told):
        told.send(where())
        dgo.Chan().recv()

    def body():
        flights, told = dgo.SingleFlight(), dgo.Chan()
        leader = spread(flights.do, "key", call, told)
        home = told.recv()
        waiting = []
        while len(waiting) < 3:
            waiting.append(dgo.go.options(spread=True)(flights.do, "key", where))
        dgo.sleep(1)
        simulation.kill(home)
        for goroutine in (leader, *waiting):
            with pytest.raises(dgo.WorkerLost):
                goroutine.result(timeout=30)
        assert flights.do("key", lambda: 5) == (5, False)

    simulation.cluster.run(body)


def test_a_member_whose_worker_dies_is_the_error_of_its_group(simulation):
    def work(told):
        told.send(where())
        dgo.Chan().recv()

    def body():
        group, told = dgo.ErrGroup(), dgo.Chan()
        group.go(work, told)
        simulation.kill(told.recv())
        with pytest.raises(dgo.WorkerLost):
            group.wait(timeout=30)
        assert isinstance(group.ctx.cause(), dgo.WorkerLost)

    simulation.cluster.run(body)


def test_members_whose_spawner_dies_end_with_an_error_of_the_group(simulation):
    def start(group, told):
        for _ in range(3):
            group.go(dgo.Chan().recv)
        told.send(where())
        dgo.Chan().recv()

    def body():
        group, told = dgo.ErrGroup(), dgo.Chan()
        starter = spread(start, group, told)
        simulation.kill(told.recv())
        with pytest.raises(dgo.WorkerLost, match="3 goroutines"):
            group.wait(timeout=30)
        assert isinstance(starter.exception(timeout=30), dgo.WorkerLost)

    simulation.cluster.run(body)


def test_a_place_under_the_limit_that_a_dead_process_waited_for_goes_to_the_next(simulation):
    def start(group, told):
        told.send(where())
        group.go(int)

    def body():
        group, told, gate, done = dgo.ErrGroup(limit=1), dgo.Chan(), dgo.Chan(), dgo.Chan(1)
        group.go(gate.recv)
        starter = spread(start, group, told)
        doomed = told.recv()
        dgo.sleep(1)
        dgo.go(group.go, done.send, 1)
        dgo.sleep(1)
        simulation.kill(doomed)
        assert isinstance(starter.exception(timeout=30), dgo.WorkerLost)
        gate.close()
        assert done.recv(timeout=30) == 1

    simulation.cluster.run(body)


def test_operations_on_a_group_whose_home_died_raise_channel_lost(simulation):
    def body():
        group, flights, home = spread(lambda: (dgo.ErrGroup(), dgo.SingleFlight(), where())).result()
        simulation.kill(home)
        with pytest.raises(dgo.ChannelLost):
            group.wait(timeout=30)
        with pytest.raises(dgo.ChannelLost):
            group.go(int)
        with pytest.raises(dgo.ChannelLost):
            flights.do("key", int)

    simulation.cluster.run(body)


def test_a_timer_whose_home_died_is_lost(simulation):
    def body():
        timer, home = spread(lambda: (dgo.Timer(5), where())).result()
        simulation.kill(home)
        with pytest.raises(dgo.ChannelLost):
            timer.c.recv(timeout=30)
        with pytest.raises(dgo.ChannelLost):
            timer.stop()

    simulation.cluster.run(body)


def test_nothing_is_started_for_a_driver_that_has_ended(simulation):
    def body():
        spread(dgo.after_func, 3600, print).result()

    simulation.cluster.run(body)
    driver, *workers = simulation.cluster.nodes
    assert sum(len(worker.alarms.calling) for worker in workers) == 1
    for worker in workers:
        worker.lose(driver.id, "ended by the test")
    assert sum(len(worker.alarms.calling) for worker in workers) == 0


# ---- trees ---------------------------------------------------------------------------------------


def grow(parent, depth, told, gate, seed):
    """Derives contexts here and, below them, elsewhere; keeps them until the gate is closed."""
    rng = random.Random(seed)
    for _ in range(2):
        child, cancel = dgo.with_cancel(parent)
        told.send((parent, child, cancel))
        if depth:
            spread(grow, child, depth - 1, told, gate, rng.random())
    gate.recv_ok()


def test_a_cancel_reaches_all_that_is_below_and_nothing_else(simulation):
    def body():
        rng = random.Random(simulation.cluster.seed)
        root, cancel_root = dgo.with_cancel(dgo.background())
        told, gate = dgo.Chan(100), dgo.Chan()
        spread(grow, root, 2, told, gate, rng.random())
        tree = [told.recv(timeout=30) for _ in range(2 + 4 + 8)]
        parents = {child: parent for parent, child, _ in tree}
        victims = rng.sample(tree, 3)
        cancelling = [spread(cancel) for _, _, cancel in victims]
        for goroutine in cancelling:
            goroutine.result(timeout=30)
        dgo.sleep(1)
        dead = {child for _, child, _ in victims}

        def below_a_victim(ctx):
            while ctx in parents:
                if ctx in dead:
                    return True
                ctx = parents[ctx]
            return False

        for child in parents:
            assert (child.err() is not None) == below_a_victim(child)
        cancel_root(ValueError("the end"))
        dgo.sleep(1)
        for child in parents:
            assert isinstance(child.err(), dgo.ContextCancelled)
        gate.close()
        dgo.sleep(1)

    simulation.cluster.run(body)
    for core in simulation.contexts():
        core.check()
        assert not core.children
        assert not core.watchers


def test_a_goroutine_that_waits_for_a_context_that_nobody_can_cancel_is_a_deadlock(simulation):
    def body():
        ctx, cancel, _home = spread(make_context).result()
        del cancel
        ctx.done().recv()

    with pytest.raises(dgo.Deadlock):
        simulation.cluster.run(body)


def test_a_deadline_expires_in_every_process_at_about_the_same_time(simulation):
    def wait(parent, told):
        child, _ = dgo.with_cancel(parent)
        told.send(None)
        child.done().recv_ok(timeout=30)
        return type(child.err()), dgo.after(0).recv()

    def body():
        told = dgo.Chan()
        parent, _ = dgo.with_timeout(dgo.background(), 10)
        waiting = [spread(wait, parent, told) for _ in range(3)]
        for _ in waiting:
            told.recv()
        parent.done().recv_ok(timeout=30)
        now = dgo.after(0).recv()
        for goroutine in waiting:
            kind, moment = goroutine.result()
            assert kind is dgo.DeadlineExceeded
            assert abs(moment - now) < 0.1

    simulation.cluster.run(body)


def test_nothing_is_left_of_contexts_timers_and_groups_that_were_dropped(simulation):
    def use(parent, flights):
        with dgo.with_timeout(dgo.with_value(parent, "key", [1]), 100) as ctx:
            dgo.Timer(100)
            dgo.Ticker(100).c  # noqa: B018 - it makes a handle
            group = dgo.ErrGroup(ctx, limit=1)
            for _ in range(3):
                group.go(int)
            spread(flights.do, "key", int).result()
            group.wait()

    def body():
        parent, cancel = dgo.with_timeout(dgo.background(), 1000)
        flights = dgo.SingleFlight()
        for _ in range(10):
            for goroutine in [spread(use, parent, flights) for _ in range(4)]:
                goroutine.result()
        assert not parent._state._core.watchers
        assert not parent._state._core.children
        cancel()

    simulation.cluster.run(body)
    gc.collect()
    simulation.cluster.run(dgo.sleep, 1)
    for node in simulation.cluster.nodes:
        assert len(node.values.exports) == 0
        assert not node.remote.pending
        assert not node.homes.tickets
        assert node.timers.next_deadline() is None
        assert not node.alarms.dropped
