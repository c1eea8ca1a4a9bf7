"""ErrGroups (contract section 5, Go's rules of errgroup)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, NOTHING, come_true, elsewhere, take


def group_here(**options):
    return dgo.ErrGroup(**options)


def group_away(**options):
    """A group that lives in another goroutine's process."""
    return elsewhere(lambda: dgo.ErrGroup(**options)).result(timeout=LIMIT)


@pytest.fixture(params=["here", "away"])
def make(request):
    return group_here if request.param == "here" else group_away


def fail(text):
    raise ValueError(text)


def wait_for_the_end(ctx, told=None):
    ctx.done().recv_ok(timeout=LIMIT)
    if told is not None:
        told.send(str(ctx.cause()), timeout=LIMIT)


def test_a_wait_on_a_new_group_returns_at_once(everywhere, make):
    def body(make):
        make().wait(timeout=LIMIT)

    everywhere(body, make)


def test_a_wait_returns_when_all_have_ended(everywhere, make):
    def work(gate, done):
        gate.recv(timeout=LIMIT)
        done.send(1, timeout=LIMIT)

    def body(make):
        group, gate, done = make(), dgo.Chan(), dgo.Chan(4)
        for _ in range(4):
            group.go(work, gate, done)
        with pytest.raises(dgo.Timeout):
            group.wait(timeout=NOTHING)
        for _ in range(4):
            gate.send(None, timeout=LIMIT)
        group.wait(timeout=LIMIT)
        assert len(done) == 4

    everywhere(body, make)


def test_a_wait_raises_the_error_of_a_member_with_its_remote_traceback(everywhere, make):
    def body(make):
        group = make()
        group.go(fail, "out of paper")
        with pytest.raises(ValueError, match="out of paper") as caught:
            group.wait(timeout=LIMIT)
        assert "fail" in str(caught.value.__cause__)

    everywhere(body, make)


def test_the_first_error_counts_and_stays(everywhere, make):
    def late(ctx):
        ctx.done().recv_ok(timeout=LIMIT)
        raise KeyError("late")

    def body(make):
        group = make()
        group.go(late, group.ctx)
        group.go(fail, "first")
        for _ in range(2):
            with pytest.raises(ValueError, match="first"):
                group.wait(timeout=LIMIT)

    everywhere(body, make)


def test_the_first_error_cancels_the_context_with_itself_as_the_cause(everywhere, make):
    def body(make):
        group, told = make(), dgo.Chan(1)
        group.go(wait_for_the_end, group.ctx, told)
        group.go(fail, "broken")
        with pytest.raises(ValueError):
            group.wait(timeout=LIMIT)
        assert told.recv(timeout=LIMIT) == "broken"
        assert isinstance(group.ctx.err(), dgo.ContextCancelled)
        assert isinstance(group.ctx.cause(), ValueError)

    everywhere(body, make)


def test_the_context_lives_until_a_wait_ends(everywhere, make):
    def body(make):
        group = make()
        group.go(int)
        dgo.sleep(NOTHING)
        assert group.ctx.err() is None
        group.wait(timeout=LIMIT)
        assert isinstance(group.ctx.err(), dgo.ContextCancelled)

    everywhere(body, make)


def test_the_context_is_derived_from_the_one_that_was_given(everywhere):
    def body():
        ctx, cancel = dgo.with_cancel(dgo.with_value(dgo.background(), "who", "ann"))
        for group in (dgo.ErrGroup(ctx), group_away(ctx=ctx)):
            told = dgo.Chan(1)
            group.go(wait_for_the_end, group.ctx, told)
            assert group.ctx.value("who") == "ann"
            cancel(ValueError("enough"))
            assert told.recv(timeout=LIMIT) == "enough"
            group.wait(timeout=LIMIT)

    everywhere(body)


def test_a_member_that_exits_is_no_error(everywhere, make):
    def body(make):
        group = make()
        group.go(dgo.goexit)
        group.wait(timeout=LIMIT)

    everywhere(body, make)


def test_members_can_be_started_from_anywhere(everywhere, make):
    def work(group, done, depth):
        if depth:
            group.go(work, group, done, depth - 1)
            group.go(work, group, done, depth - 1)
        done.send(None, timeout=LIMIT)

    def body(make):
        group, done = make(), dgo.Chan(100)
        for _ in range(3):
            elsewhere(group.go, work, group, done, 2).result(timeout=LIMIT)
        group.wait(timeout=LIMIT)
        assert len(done) == 21

    everywhere(body, make)


def test_an_error_of_a_member_that_was_started_elsewhere_counts(everywhere, make):
    def body(make):
        group = make()
        elsewhere(group.go, fail, "from afar").result(timeout=LIMIT)
        with pytest.raises(ValueError, match="from afar"):
            group.wait(timeout=LIMIT)

    everywhere(body, make)


def test_a_group_is_the_same_object_wherever_it_arrives(everywhere, make):
    def body(make):
        group = make()
        there = elsewhere(lambda group: group, group).result(timeout=LIMIT)
        assert there == group
        assert hash(there) == hash(group)
        assert there.ctx == group.ctx
        assert there != make()

    everywhere(body, make)


def test_no_more_than_the_limit_run_at_once(everywhere, make):
    def work(running, gate):
        running.send(None, timeout=LIMIT)
        gate.recv(timeout=LIMIT)

    def body(make):
        group, running, gate = make(limit=2), dgo.Chan(10), dgo.Chan()
        starter = elsewhere(lambda: [group.go(work, running, gate) for _ in range(5)])
        take(running, 2)
        come_true(lambda: group.statistics() == (2, 2, 1, 0))
        assert len(running) == 0
        assert not starter.done()
        for _ in range(3):
            gate.send(None, timeout=LIMIT)
            take(running, 1)
            assert len(running) == 0
        starter.result(timeout=LIMIT)
        for _ in range(2):
            gate.send(None, timeout=LIMIT)
        group.wait(timeout=LIMIT)

    everywhere(body, make)


def test_try_go_starts_nothing_while_too_many_run(everywhere, make):
    def body(make):
        group, gate, done = make(limit=1), dgo.Chan(), dgo.Chan(2)
        assert group.try_go(gate.recv, timeout=LIMIT) is True
        assert group.try_go(done.send, "no") is False
        assert elsewhere(group.try_go, done.send, "no").result(timeout=LIMIT) is False
        gate.send(None, timeout=LIMIT)
        group.go(done.send, "yes")
        group.wait(timeout=LIMIT)
        assert group.try_go(done.send, "again") is True
        group.wait(timeout=LIMIT)
        assert take(done, 2) == ["yes", "again"]
        assert len(done) == 0

    everywhere(body, make)


def test_what_cannot_travel_is_refused_and_does_not_count(everywhere, make):
    def body(make):
        group = make(limit=1)
        with pytest.raises(dgo.SerializationError):
            group.go(print, open("/dev/null"))  # noqa: SIM115 - it is refused
        group.go(int)
        group.wait(timeout=LIMIT)

    everywhere(body, make)


@pytest.mark.parametrize("limit", ["2", True, 1.5])
def test_a_limit_is_an_integer(limit):
    with pytest.raises(TypeError, match="integer"):
        dgo.ErrGroup(limit=limit)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit):
    with pytest.raises(ValueError, match="at least one"):
        dgo.ErrGroup(limit=limit)


def test_a_group_takes_a_context():
    with pytest.raises(TypeError, match="context"):
        dgo.ErrGroup("ctx")


# ---- the with form -------------------------------------------------------------------------------


def test_the_with_form_waits_on_leaving(everywhere):
    def body():
        done = dgo.Chan(5)
        with dgo.ErrGroup(limit=2) as group:
            for i in range(5):
                group.go(done.send, i)
        assert sorted(take(done, 5)) == [0, 1, 2, 3, 4]

    everywhere(body)


def test_the_with_form_raises_the_error_of_a_member(everywhere):
    def body():
        with pytest.raises(ValueError, match="inside"), dgo.ErrGroup() as group:
            group.go(fail, "inside")

    everywhere(body)


def test_an_error_of_the_block_cancels_the_group_waits_and_propagates(everywhere):
    def block(told):
        with dgo.ErrGroup() as group:
            group.go(wait_for_the_end, group.ctx, told)
            raise KeyError("of the block")

    def body():
        told = dgo.Chan(1)
        with pytest.raises(KeyError, match="of the block"):
            block(told)
        assert told.recv_nowait() == "'of the block'"

    everywhere(body)


# ---- nothing stays behind ------------------------------------------------------------------------


def test_a_members_exception_is_no_panic():
    def body():
        group = dgo.ErrGroup()
        group.go(fail, "asked for")
        elsewhere(group.go, fail, "asked for too").result(timeout=LIMIT)
        with pytest.raises(ValueError):
            group.wait(timeout=LIMIT)

    from dgo.testing import LocalCluster

    with LocalCluster(nodes=3, seed=3) as nodes:
        nodes.run(body)
        assert nodes.panics == []


def test_the_group_leaves_its_parents_children_when_it_has_been_waited_for(everywhere):
    def body():
        parent, _ = dgo.with_cancel(dgo.background())
        group = dgo.ErrGroup(parent)
        group.go(int)
        group.wait(timeout=LIMIT)
        assert not parent._state._core.children

    everywhere(body)
