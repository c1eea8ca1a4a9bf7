"""Contexts: cancel, deadlines, values (contract section 6, Go's rules of context)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import dgo

from ..places import LIMIT, NOTHING, OddError, elsewhere, take
from .common import LONG, cancel_pair, closes, fail, made


def timed(parent, seconds):
    """A context with a deadline that lives where this runs."""
    ctx, cancel = dgo.with_timeout(parent, seconds)
    return ctx, cancel


def in_seconds(seconds):
    """A moment by the calendar of the cluster: a simulated one has its own."""
    now = dgo.after(0).recv(timeout=LIMIT)
    return datetime.fromtimestamp(now, UTC) + timedelta(seconds=seconds)


def moment(deadline):
    """A deadline as seconds since the epoch, whether or not it knows its zone."""
    return deadline.timestamp()


# ---- background ----------------------------------------------------------------------------------


def test_a_background_is_never_cancelled_and_knows_nothing(everywhere, home):
    def body(home):
        ctx = made(home, dgo.background)
        assert ctx.done() is None
        assert ctx.err() is None
        assert ctx.cause() is None
        assert ctx.deadline() is None
        assert ctx.value("key") is None

    everywhere(body, home)


def test_a_context_of_values_alone_has_no_done_channel(everywhere, home):
    def body(home):
        ctx = made(home, dgo.with_value, dgo.background(), "key", 1)
        assert ctx.done() is None
        assert ctx.err() is None

    everywhere(body, home)


# ---- cancel --------------------------------------------------------------------------------------


def test_a_new_context_is_not_cancelled(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        assert ctx.err() is None
        assert ctx.cause() is None
        with pytest.raises(dgo.Timeout):
            ctx.done().recv_ok(timeout=NOTHING)
        cancel()

    everywhere(body, home)


def test_cancel_closes_done_and_sets_err(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        assert cancel() is None
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.ContextCancelled)

    everywhere(body, home)


def test_cancel_of_a_context_that_lives_here_takes_effect_before_it_returns(everywhere):
    def body():
        ctx, cancel = dgo.with_cancel(dgo.background())
        child, _ = dgo.with_cancel(ctx)
        cancel()
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert isinstance(child.err(), dgo.ContextCancelled)
        assert ctx.done().recv_ok(timeout=0) == (None, False)

    everywhere(body)


def test_the_done_channel_can_only_be_received_from(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        for name in ("send", "send_nowait", "close"):
            assert not hasattr(ctx.done(), name), name
        cancel()

    everywhere(body, home)


def test_done_is_the_same_channel_each_time(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        assert ctx.done() == ctx.done()
        cancel()

    everywhere(body, home)


def test_err_is_set_for_all_that_saw_done_close(everywhere, home):
    def look(ctx, ready):
        ready.send(None, timeout=LIMIT)
        return closes(ctx.done()) and type(ctx.err()).__name__

    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        ready = dgo.Chan()
        lookers = [elsewhere(look, ctx, ready) for _ in range(4)]
        take(ready, 4)
        cancel()
        assert [looker.result(timeout=LIMIT) for looker in lookers] == ["ContextCancelled"] * 4

    everywhere(body, home)


def test_without_a_cause_the_cause_is_the_err(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        cancel()
        assert closes(ctx.done())
        assert isinstance(ctx.cause(), dgo.ContextCancelled)

    everywhere(body, home)


@pytest.mark.parametrize("by_name", [False, True])
def test_the_cause_that_was_given_is_told(everywhere, home, by_name):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        if by_name:
            cancel(cause=OddError("why"))
        else:
            cancel(OddError("why"))
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert isinstance(ctx.cause(), OddError)
        assert ctx.cause().args == ("why",)

    everywhere(body, home)


def test_a_second_cancel_changes_nothing(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        cancel(OddError("first"))
        cancel(OddError("second"))
        cancel()
        assert closes(ctx.done())
        assert ctx.cause().args == ("first",)

    everywhere(body, home)


def test_a_context_does_not_interrupt_the_block_by_itself(everywhere):
    def body():
        reached = False
        with dgo.timeout(NOTHING) as ctx:
            assert closes(ctx.done())
            dgo.sleep(NOTHING)
            reached = True
        assert reached
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body)


# ---- deadlines -----------------------------------------------------------------------------------


def test_a_context_is_cancelled_when_its_time_is_over(everywhere, home):
    def body(home):
        ctx, cancel = made(home, timed, dgo.background(), NOTHING)
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)
        assert isinstance(ctx.cause(), TimeoutError)
        cancel()

    everywhere(body, home)


def test_a_context_is_not_cancelled_before_its_time_is_over(everywhere, home):
    def body(home):
        ctx, cancel = made(home, timed, dgo.background(), LONG)
        with pytest.raises(dgo.Timeout):
            ctx.done().recv_ok(timeout=NOTHING)
        assert ctx.err() is None
        cancel()
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.ContextCancelled)

    everywhere(body, home)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_context_without_time_left_is_cancelled_from_the_start(everywhere, home, seconds):
    def body(home):
        ctx, _ = made(home, timed, dgo.background(), seconds)
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body, home)


def test_a_context_is_cancelled_at_its_deadline(everywhere):
    def body():
        ctx, _ = dgo.with_deadline(dgo.background(), in_seconds(2 * NOTHING))
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body)


def test_a_context_whose_deadline_is_past_is_cancelled_from_the_start(everywhere):
    def body():
        ctx, _ = dgo.with_deadline(dgo.background(), in_seconds(-1))
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body)


def test_deadline_tells_the_moment_that_was_given(everywhere):
    def body():
        given = in_seconds(LONG)
        ctx, cancel = dgo.with_deadline(dgo.background(), given)
        assert abs(moment(ctx.deadline()) - moment(given)) < 1
        cancel()

    everywhere(body)


def test_a_deadline_is_about_the_same_elsewhere(everywhere):
    def look(ctx):
        return moment(ctx.deadline())

    def body():
        ctx, cancel = dgo.with_timeout(dgo.background(), LONG)
        assert abs(elsewhere(look, ctx).result(timeout=LIMIT) - moment(ctx.deadline())) < 60
        cancel()

    everywhere(body)


def test_a_child_inherits_the_deadline_of_its_parent(everywhere, home):
    def body(home):
        parent, cancel = made(home, timed, dgo.background(), LONG)
        for child, _ in (dgo.with_cancel(parent), dgo.with_timeout(parent, 2 * LONG)):
            assert abs(moment(child.deadline()) - moment(parent.deadline())) < 60
        cancel()

    everywhere(body, home)


def test_the_earlier_deadline_is_the_childs(everywhere, home):
    def body(home):
        parent, cancel = made(home, timed, dgo.background(), LONG)
        child, _ = dgo.with_timeout(parent, NOTHING)
        assert moment(child.deadline()) < moment(parent.deadline()) - LONG / 2
        assert closes(child.done())
        assert isinstance(child.err(), dgo.DeadlineExceeded)
        assert parent.err() is None
        cancel()

    everywhere(body, home)


def test_a_child_that_wants_more_time_than_its_parent_has_ends_with_its_parent(everywhere, home):
    def body(home):
        parent, _ = made(home, timed, dgo.background(), NOTHING)
        child, _ = dgo.with_timeout(parent, LONG)
        assert closes(child.done())
        assert isinstance(child.err(), dgo.DeadlineExceeded)

    everywhere(body, home)


def test_a_cancel_after_the_deadline_changes_nothing(everywhere, home):
    def body(home):
        ctx, cancel = made(home, timed, dgo.background(), NOTHING)
        assert closes(ctx.done())
        cancel(OddError("late"))
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)
        assert isinstance(ctx.cause(), dgo.DeadlineExceeded)

    everywhere(body, home)


# ---- values --------------------------------------------------------------------------------------


def test_a_value_is_found_by_an_equal_key(everywhere, home):
    def body(home):
        ctx = made(home, dgo.with_value, dgo.background(), ("user", 1), "Ada")
        assert ctx.value(("user", 1)) == "Ada"
        assert ctx.value(("user", 2)) is None

    everywhere(body, home)


def test_a_value_is_found_through_any_number_of_contexts(everywhere, home):
    def body(home):
        ctx = made(home, dgo.with_value, dgo.background(), "far", 1)
        ctx, cancel = dgo.with_cancel(dgo.with_value(ctx, "near", 2))
        ctx, _ = dgo.with_timeout(ctx, LONG)
        assert (ctx.value("far"), ctx.value("near")) == (1, 2)
        cancel()

    everywhere(body, home)


def test_the_nearest_value_hides_those_behind_it(everywhere, home):
    def body(home):
        outer = made(home, dgo.with_value, dgo.background(), "key", "outer")
        inner = dgo.with_value(outer, "key", "inner")
        assert (inner.value("key"), outer.value("key")) == ("inner", "outer")

    everywhere(body, home)


def test_a_context_of_values_is_cancelled_with_its_parent(everywhere, home):
    def body(home):
        parent, cancel = made(home, cancel_pair, dgo.background())
        ctx = dgo.with_value(parent, "key", 1)
        cancel(OddError("why"))
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert isinstance(ctx.cause(), OddError)

    everywhere(body, home)


# ---- with forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda: dgo.with_cancel(dgo.background()), id="with_cancel"),
        pytest.param(lambda: dgo.with_timeout(dgo.background(), LONG), id="with_timeout"),
        pytest.param(lambda: dgo.with_deadline(dgo.background(), in_seconds(LONG)), id="with_deadline"),
        pytest.param(lambda: dgo.timeout(LONG), id="timeout"),
    ],
)
def test_the_with_form_cancels_on_leaving(everywhere, form):
    def body():
        with form() as ctx:
            assert ctx.err() is None
        assert isinstance(ctx.err(), dgo.ContextCancelled)

    everywhere(body)


def test_an_error_of_the_block_propagates_after_the_cancel(everywhere):
    def leave_by_an_error(seen):
        with dgo.timeout(LONG) as ctx:
            seen.append(ctx)
            fail("of the block")

    def body():
        seen = []
        with pytest.raises(OddError, match="of the block"):
            leave_by_an_error(seen)
        assert isinstance(seen[0].err(), dgo.ContextCancelled)

    everywhere(body)


def test_the_with_form_of_a_derived_context_leaves_its_parent_alone(everywhere, home):
    def body(home):
        parent, cancel = made(home, cancel_pair, dgo.background())
        with dgo.with_timeout(parent, LONG) as ctx:
            assert ctx.deadline() is not None
        assert parent.err() is None
        cancel()

    everywhere(body, home)


# ---- misuse --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda: dgo.with_cancel(None), id="with_cancel without parent"),
        pytest.param(lambda: dgo.with_timeout(None, 1), id="with_timeout without parent"),
        pytest.param(lambda: dgo.with_deadline(None, in_seconds(1)), id="with_deadline without parent"),
        pytest.param(lambda: dgo.with_value(None, "key", 1), id="with_value without parent"),
        pytest.param(lambda: dgo.with_cancel("parent"), id="a parent that is no context"),
        pytest.param(lambda: dgo.with_timeout(dgo.background(), "1"), id="seconds that are no number"),
        pytest.param(lambda: dgo.with_deadline(dgo.background(), 1.0), id="a deadline that is no datetime"),
        pytest.param(lambda: dgo.timeout("1"), id="timeout of what is no number"),
    ],
)
def test_what_makes_no_sense_is_a_type_error_at_once(everywhere, use):
    def body():
        with pytest.raises(TypeError):
            use()

    everywhere(body)
