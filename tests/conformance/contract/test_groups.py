"""ErrGroup (contract section 5, Go's rules of errgroup)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, OddError, elsewhere, take
from .common import Room, cancel_pair, cannot_travel, closes, fail, made, nothing_comes, unreached


def wait_for_cancel(group, told):
    told.send(closes(group.ctx.done()), timeout=LIMIT)


def stay(started, gate):
    started.send(None, timeout=LIMIT)
    gate.recv_ok(timeout=LIMIT)


def test_wait_returns_when_every_member_has_ended(everywhere, home):
    def body(home):
        group, ch = made(home, dgo.ErrGroup), dgo.Chan(5)
        for i in range(5):
            group.go(ch.send, i)
        assert group.wait() is None
        assert sorted(ch.recv_nowait() for _ in range(5)) == [0, 1, 2, 3, 4]

    everywhere(body, home)


def test_wait_of_a_group_without_members_returns_at_once(everywhere, home):
    def body(home):
        assert made(home, dgo.ErrGroup).wait() is None

    everywhere(body, home)


def test_go_hands_over_positional_and_keyword_arguments(everywhere, home):
    def tell(ch, *args, **kwargs):
        ch.send((args, kwargs), timeout=LIMIT)

    def body(home):
        group, ch = made(home, dgo.ErrGroup), dgo.Chan(1)
        group.go(tell, ch, 1, 2, key="value")
        group.wait()
        assert ch.recv_nowait() == ((1, 2), {"key": "value"})

    everywhere(body, home)


def test_a_later_change_of_an_argument_is_not_seen_by_the_member(everywhere, home):
    def read(gate, value, ch):
        gate.recv(timeout=LIMIT)
        ch.send(value, timeout=LIMIT)

    def body(home):
        group, gate, ch, value = made(home, dgo.ErrGroup), dgo.Chan(), dgo.Chan(1), [1]
        group.go(read, gate, value, ch)
        value.append(2)
        gate.send(None, timeout=LIMIT)
        group.wait()
        assert ch.recv_nowait() == [1]

    everywhere(body, home)


def test_wait_raises_the_error_of_a_member(everywhere, home):
    def body(home):
        group = made(home, dgo.ErrGroup)
        group.go(fail, "of a member")
        with pytest.raises(OddError, match="of a member") as caught:
            group.wait()
        assert "fail" in str(caught.value.__cause__)

    everywhere(body, home)


def test_wait_raises_the_first_error(everywhere, home):
    def fail_after_cancel(group):
        closes(group.ctx.done())
        raise ValueError("second")

    def body(home):
        group = made(home, dgo.ErrGroup)
        for _ in range(3):
            group.go(fail_after_cancel, group)
        group.go(fail, "first")
        with pytest.raises(OddError, match="first"):
            group.wait()

    everywhere(body, home)


def test_an_error_cancels_the_context_of_the_group(everywhere, home):
    def body(home):
        group, told = made(home, dgo.ErrGroup), dgo.Chan(3)
        for _ in range(3):
            group.go(wait_for_cancel, group, told)
        group.go(fail)
        with pytest.raises(OddError):
            group.wait()
        assert take(told, 3) == [True] * 3

    everywhere(body, home)


def test_the_cause_of_the_cancelled_context_is_the_first_error(everywhere, home):
    def body(home):
        group = made(home, dgo.ErrGroup)
        group.go(fail, "the cause")
        with pytest.raises(OddError):
            group.wait()
        assert closes(group.ctx.done())
        assert isinstance(group.ctx.err(), dgo.ContextCancelled)
        assert isinstance(group.ctx.cause(), OddError)

    everywhere(body, home)


def test_wait_waits_for_the_other_members_also_after_an_error(everywhere, home):
    def end_after_cancel(group, ended):
        closes(group.ctx.done())
        ended.send(None, timeout=LIMIT)

    def body(home):
        group, ended = made(home, dgo.ErrGroup), dgo.Chan(3)
        for _ in range(3):
            group.go(end_after_cancel, group, ended)
        group.go(fail)
        with pytest.raises(OddError):
            group.wait()
        assert len(ended) == 3

    everywhere(body, home)


def test_the_context_of_a_group_is_alive_while_its_members_work(everywhere, home):
    def body(home):
        group, started, gate = made(home, dgo.ErrGroup), dgo.Chan(), dgo.Chan()
        group.go(stay, started, gate)
        started.recv(timeout=LIMIT)
        assert group.ctx.err() is None
        gate.close()
        group.wait()

    everywhere(body, home)


def test_wait_cancels_the_context_also_when_nothing_failed(everywhere, home):
    def body(home):
        group = made(home, dgo.ErrGroup)
        group.go(int)
        group.wait()
        assert closes(group.ctx.done())
        assert isinstance(group.ctx.err(), dgo.ContextCancelled)

    everywhere(body, home)


def test_a_member_that_exits_is_no_error(everywhere, home):
    def body(home):
        group = made(home, dgo.ErrGroup)
        group.go(dgo.goexit)
        assert group.wait() is None

    everywhere(body, home)


def test_a_group_is_cancelled_with_the_context_that_it_was_given(everywhere, home):
    def body(home):
        parent, cancel = made(home, cancel_pair, dgo.background())
        group, told = dgo.ErrGroup(parent), dgo.Chan(1)
        group.go(wait_for_cancel, group, told)
        cancel()
        group.wait()
        assert told.recv_nowait() is True

    everywhere(body, home)


def test_a_failed_group_does_not_cancel_the_context_that_it_was_given(everywhere, home):
    def body(home):
        parent, cancel = made(home, cancel_pair, dgo.background())
        group = dgo.ErrGroup(parent)
        group.go(fail)
        with pytest.raises(OddError):
            group.wait()
        assert closes(group.ctx.done())
        assert parent.err() is None
        cancel()

    everywhere(body, home)


def test_the_context_of_a_group_knows_the_values_of_the_one_that_it_was_given(everywhere):
    def body():
        group = dgo.ErrGroup(dgo.with_value(dgo.background(), "key", "value"))
        there = elsewhere(lambda: group.ctx.value("key")).result(timeout=LIMIT)
        assert (group.ctx.value("key"), there) == ("value", "value")

    everywhere(body)


def test_what_is_no_context_is_a_type_error(everywhere):
    def body():
        with pytest.raises(TypeError):
            dgo.ErrGroup(3)

    everywhere(body)


def test_a_member_that_cannot_travel_is_refused_at_the_call_and_counts_for_nothing(everywhere, home):
    def body(home):
        group = made(home, dgo.ErrGroup)
        with pytest.raises(dgo.SerializationError):
            group.go(len, cannot_travel())
        with pytest.raises(TypeError):
            group.go(3)
        assert group.wait() is None

    everywhere(body, home)


def test_a_member_may_add_another_one_wherever_it_runs(everywhere, home):
    def grow(group, ch, depth):
        ch.send(depth, timeout=LIMIT)
        if depth:
            group.go(grow, group, ch, depth - 1)
            group.go(grow, group, ch, depth - 1)

    def body(home):
        group, ch = made(home, dgo.ErrGroup), dgo.Chan(100)
        group.go(grow, group, ch, 3)
        group.wait()
        assert len(ch) == 15

    everywhere(body, home)


# ---- limit ---------------------------------------------------------------------------------------


def test_no_more_members_than_the_limit_run_at_once(everywhere):
    def body():
        group, room = dgo.ErrGroup(limit=2), Room(2)
        for _ in range(12):
            group.go(room.visit)
        group.wait()

    everywhere(body)


def test_the_limit_also_holds_for_those_who_add_members_elsewhere(everywhere):
    def add(group, room):
        for _ in range(4):
            group.go(room.visit)

    def body():
        group, room = made("away", lambda: dgo.ErrGroup(limit=2)), Room(2)
        for adder in [elsewhere(add, group, room) for _ in range(3)]:
            adder.result(timeout=LIMIT)
        group.wait()

    everywhere(body)


def test_go_of_a_full_group_waits_for_the_end_of_a_member(everywhere):
    def add(group, started, gate, added):
        group.go(stay, started, gate)
        added.send(None, timeout=LIMIT)

    def body():
        group, started, gate, added = dgo.ErrGroup(limit=1), dgo.Chan(), dgo.Chan(), dgo.Chan(1)
        group.go(stay, started, gate)
        started.recv(timeout=LIMIT)
        adder = elsewhere(add, group, started, gate, added)
        assert nothing_comes(added)
        gate.send(None, timeout=LIMIT)
        added.recv(timeout=LIMIT)
        started.recv(timeout=LIMIT)
        gate.close()
        group.wait()
        adder.result(timeout=LIMIT)

    everywhere(body)


def test_try_go_starts_a_member_only_below_the_limit(everywhere):
    def body():
        group, started, gate = dgo.ErrGroup(limit=1), dgo.Chan(), dgo.Chan()
        assert group.try_go(stay, started, gate) is True
        started.recv(timeout=LIMIT)
        assert group.try_go(unreached) is False
        gate.close()
        group.wait()

    everywhere(body)


def test_try_go_of_a_group_without_limit_always_starts_a_member(everywhere, home):
    def body(home):
        group, ch = made(home, dgo.ErrGroup), dgo.Chan(10)
        assert [group.try_go(ch.send, i) for i in range(10)] == [True] * 10
        group.wait()
        assert len(ch) == 10

    everywhere(body, home)


def test_a_member_that_was_refused_leaves_its_place_to_another(everywhere):
    def body():
        group = dgo.ErrGroup(limit=1)
        for refused in (group.go, group.try_go):
            with pytest.raises(dgo.SerializationError):
                refused(len, cannot_travel())
        assert group.try_go(int) is True
        group.wait()

    everywhere(body)


# ---- the with form -------------------------------------------------------------------------------


def test_the_with_form_waits_on_exit(everywhere):
    def body():
        ch = dgo.Chan(5)
        with dgo.ErrGroup() as group:
            for i in range(5):
                group.go(ch.send, i)
        assert sorted(ch.recv_nowait() for _ in range(5)) == [0, 1, 2, 3, 4]

    everywhere(body)


def test_the_with_form_raises_the_error_of_a_member(everywhere):
    def body():
        with pytest.raises(OddError, match="of a member"), dgo.ErrGroup() as group:
            group.go(fail, "of a member")

    everywhere(body)


def test_an_error_of_the_body_cancels_the_members_waits_for_them_and_propagates(everywhere):
    def leave_by_an_error(told):
        with dgo.ErrGroup() as group:
            for _ in range(3):
                group.go(wait_for_cancel, group, told)
            raise KeyError("of the body")

    def body():
        told = dgo.Chan(3)
        with pytest.raises(KeyError, match="of the body"):
            leave_by_an_error(told)
        assert [told.recv_nowait() for _ in range(3)] == [True] * 3

    everywhere(body)


def test_an_error_of_the_body_is_not_replaced_by_that_of_a_member(everywhere):
    def fail_after_cancel(group):
        closes(group.ctx.done())
        raise ValueError("of a member")

    def leave_by_an_error():
        with dgo.ErrGroup() as group:
            group.go(fail_after_cancel, group)
            raise KeyError("of the body")

    def body():
        with pytest.raises(KeyError, match="of the body"):
            leave_by_an_error()

    everywhere(body)


def test_the_body_sees_that_a_member_failed_by_the_context(everywhere):
    def watch(seen):
        with dgo.ErrGroup() as group:
            group.go(fail)
            seen.append(closes(group.ctx.done()))

    def body():
        seen = []
        with pytest.raises(OddError):
            watch(seen)
        assert seen == [True]

    everywhere(body)


# ---- real processes ------------------------------------------------------------------------------


def test_an_error_that_wait_raised_is_not_reported_again(output):
    assert output("""
        import dgo
        def boom():
            raise ValueError("asked by wait")
        dgo.init(workers=1)
        group = dgo.ErrGroup()
        group.go(boom)
        try:
            group.wait()
        except ValueError as error:
            print(error)
    """) == ["asked by wait"]
