"""Contexts (contract section 6, Go's rules of package context)."""

from __future__ import annotations

import datetime
import enum

import pytest

import dgo

from .places import LIMIT, NOTHING, elsewhere

LONG = 3600  # a deadline that no test reaches


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


def derive_here():
    """A context that can be cancelled, and what cancels it."""
    return dgo.with_cancel(dgo.background())


def derive_away():
    """The same, made by another goroutine: it lives where that one ran."""
    return elsewhere(derive_here).result(timeout=LIMIT)


@pytest.fixture(params=["here", "away"])
def derive(request):
    return derive_here if request.param == "here" else derive_away


def ended(ctx):
    """Waits for the end of a context and returns its error's type and its cause's text."""
    value, ok = ctx.done().recv_ok(timeout=LIMIT)
    assert (value, ok) == (None, False)
    return type(ctx.err()), str(ctx.cause())


def lives(ctx):
    """Whether it can be seen to go on."""
    with pytest.raises(dgo.WouldBlock):
        ctx.done().recv_nowait()
    return ctx.err() is None and ctx.cause() is None


# ---- the root ------------------------------------------------------------------------------------


def test_the_background_has_nothing_to_wait_for_and_no_end(everywhere):
    def body():
        root = dgo.background()
        assert root.done() is None
        assert root.err() is None
        assert root.cause() is None
        assert root.deadline() is None
        assert root.value("key") is None

    everywhere(body)


def test_the_background_is_the_same_object_wherever_it_arrives(everywhere):
    def body():
        return elsewhere(lambda ctx: ctx is dgo.background(), dgo.background()).result(timeout=LIMIT)

    assert everywhere(body)


@pytest.mark.parametrize("parent", [None, "a context", 3])
def test_no_context_is_derived_from_something_else(parent):
    now = datetime.datetime.now()
    for attempt in (
        lambda: dgo.with_cancel(parent),
        lambda: dgo.with_timeout(parent, 1),
        lambda: dgo.with_deadline(parent, now),
        lambda: dgo.with_value(parent, "key", 1),
    ):
        with pytest.raises(TypeError, match="derived from a context"):
            attempt()


# ---- cancel --------------------------------------------------------------------------------------


def test_a_new_context_lives(everywhere, derive):
    def body(make):
        ctx, _cancel = make()
        assert lives(ctx)
        with pytest.raises(dgo.Timeout):
            ctx.done().recv(timeout=NOTHING)

    everywhere(body, derive)


def test_cancel_closes_done_and_says_so(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        cancel()
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert isinstance(ctx.cause(), dgo.ContextCancelled)
        with pytest.raises(dgo.ChannelClosed):
            ctx.done().recv(timeout=LIMIT)

    everywhere(body, derive)


def test_every_error_is_a_new_exception(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        cancel(ValueError("why"))
        assert ctx.err() is not ctx.err()
        assert ctx.cause() is not ctx.cause()

    everywhere(body, derive)


def test_the_cause_is_what_cancel_was_given(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        cancel(ValueError("out of paper"))
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert "out of paper" in str(ctx.err())
        assert isinstance(ctx.cause(), ValueError)
        assert ctx.cause().args == ("out of paper",)

    everywhere(body, derive)


def test_the_first_cancel_counts(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        cancel(ValueError("first"))
        cancel(KeyError("second"))
        cancel()
        assert str(ctx.cause()) == "first"

    everywhere(body, derive)


def test_a_cause_is_an_exception(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        for cause in ("text", ValueError, 3):
            with pytest.raises(TypeError):
                cancel(cause)
        assert lives(ctx)

    everywhere(body, derive)


def test_the_cancel_function_works_on_any_machine_and_has_done_so_when_it_returns(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        elsewhere(cancel, ValueError("from afar")).result(timeout=LIMIT)
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert str(ctx.cause()) == "from afar"

    everywhere(body, derive)


def test_all_who_wait_for_the_end_learn_it_wherever_they_are(everywhere, derive):
    def wait(ctx, ready):
        ready.send(None, timeout=LIMIT)
        return ended(ctx)

    def body(make):
        ctx, cancel = make()
        ready = dgo.Chan()
        waiting = [elsewhere(wait, ctx, ready) for _ in range(4)]
        for _ in waiting:
            ready.recv(timeout=LIMIT)
        cancel(ValueError("enough"))
        return [g.result(timeout=LIMIT) for g in waiting]

    assert everywhere(body, derive) == [(dgo.ContextCancelled, "enough")] * 4


def test_a_context_that_arrives_late_has_ended_already(everywhere, derive):
    def body(make):
        ctx, cancel = make()
        cancel(ValueError("too late"))
        return elsewhere(lambda ctx: (type(ctx.err()), *ended(ctx)), ctx).result(timeout=LIMIT)

    assert everywhere(body, derive) == (dgo.ContextCancelled, dgo.ContextCancelled, "too late")


def test_a_context_is_equal_to_itself_after_a_journey(everywhere, derive):
    def body(make):
        ctx, _cancel = make()
        valued = dgo.with_value(ctx, "key", 1)
        there = elsewhere(lambda *ctxs: ctxs, ctx, valued).result(timeout=LIMIT)
        assert there == (ctx, valued)
        assert {ctx, valued} == set(there)
        assert ctx != valued
        assert ctx != make()[0]

    everywhere(body, derive)


# ---- children ------------------------------------------------------------------------------------


def test_children_end_with_their_parent_and_for_the_same_cause(everywhere, derive):
    def body(make):
        parent, cancel = make()
        child, _ = dgo.with_cancel(parent)
        grandchild, _ = dgo.with_timeout(child, LONG)
        cancel(ValueError("all of it"))
        return ended(child), ended(grandchild)

    assert everywhere(body, derive) == ((dgo.ContextCancelled, "all of it"),) * 2


def test_children_of_the_same_home_end_at_the_same_moment(everywhere):
    def body():
        parent, cancel = dgo.with_cancel(dgo.background())
        child, _ = dgo.with_cancel(parent)
        grandchild, _ = dgo.with_cancel(dgo.with_value(child, "key", 1))
        cancel()
        assert child.err() is not None
        assert grandchild.err() is not None

    everywhere(body)


def test_a_parent_goes_on_when_its_child_ends(everywhere, derive):
    def body(make):
        parent, _cancel = make()
        child, cancel_child = dgo.with_cancel(parent)
        sister, _ = dgo.with_cancel(parent)
        cancel_child()
        assert child.err() is not None
        assert lives(parent)
        assert lives(sister)

    everywhere(body, derive)


def test_a_child_of_a_cancelled_parent_has_ended_when_it_is_there(everywhere, derive):
    def body(make):
        parent, cancel = make()
        cancel(ValueError("before"))
        child, _ = dgo.with_cancel(parent)
        timed, _ = dgo.with_timeout(parent, 0)
        assert (type(child.err()), str(child.cause())) == (dgo.ContextCancelled, "before")
        assert (type(timed.err()), str(timed.cause())) == (dgo.ContextCancelled, "before")

    everywhere(body, derive)


def test_a_child_that_was_derived_elsewhere_ends_with_its_parent(everywhere, derive):
    def wait(parent, ready):
        child, _ = dgo.with_cancel(parent)
        ready.send(None, timeout=LIMIT)
        return ended(child)

    def body(make):
        parent, cancel = make()
        ready = dgo.Chan()
        waiting = [elsewhere(wait, parent, ready) for _ in range(3)]
        for _ in waiting:
            ready.recv(timeout=LIMIT)
        cancel(ValueError("home time"))
        return [g.result(timeout=LIMIT) for g in waiting]

    assert everywhere(body, derive) == [(dgo.ContextCancelled, "home time")] * 3


def test_a_chain_through_several_processes_ends_from_its_top(everywhere, derive):
    def link(parent, depth, ready):
        ctx, _ = dgo.with_cancel(parent)
        if not depth:
            ready.send(None, timeout=LIMIT)
            return [ended(ctx)]
        below = elsewhere(link, ctx, depth - 1, ready)
        return [ended(ctx), *below.result(timeout=LIMIT)]

    def body(make):
        parent, cancel = make()
        ready = dgo.Chan()
        chain = elsewhere(link, parent, 3, ready)
        ready.recv(timeout=LIMIT)
        cancel(ValueError("from the top"))
        return chain.result(timeout=LIMIT)

    assert everywhere(body, derive) == [(dgo.ContextCancelled, "from the top")] * 4


def test_a_race_of_deriving_and_cancelling_leaves_no_child_behind(everywhere, derive):
    def child_of(parent):
        child, _ = dgo.with_cancel(parent)
        return ended(child)

    def body(make):
        for _ in range(5):
            parent, cancel = make()
            deriving = [elsewhere(child_of, parent) for _ in range(4)]
            cancel(ValueError("now"))
            assert [g.result(timeout=LIMIT) for g in deriving] == [(dgo.ContextCancelled, "now")] * 4

    everywhere(body, derive)


# ---- deadlines -----------------------------------------------------------------------------------


def test_a_context_ends_at_its_deadline(everywhere):
    def body():
        ctx, _ = dgo.with_timeout(dgo.background(), NOTHING)
        return ended(ctx)[0], type(ctx.cause())

    assert everywhere(body) == (dgo.DeadlineExceeded, dgo.DeadlineExceeded)


def test_a_deadline_that_has_passed_is_exceeded_at_once(everywhere, derive):
    def body(make):
        for seconds in (0, -1, -1e9):
            ctx, _ = dgo.with_timeout(make()[0], seconds)
            assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body, derive)


def test_a_cancel_before_the_deadline_counts(everywhere):
    def body():
        ctx, cancel = dgo.with_timeout(dgo.background(), NOTHING)
        cancel()
        dgo.sleep(2 * NOTHING)
        assert isinstance(ctx.err(), dgo.ContextCancelled)

    everywhere(body)


def test_a_cancel_after_the_deadline_changes_nothing(everywhere):
    def body():
        ctx, cancel = dgo.with_timeout(dgo.background(), 0)
        cancel(ValueError("late"))
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)
        assert isinstance(ctx.cause(), dgo.DeadlineExceeded)

    everywhere(body)


def test_a_deadline_reaches_children_that_were_derived_elsewhere(everywhere):
    def wait(parent):
        child, _ = dgo.with_timeout(parent, LONG)
        return ended(child)[0]

    def body():
        parent, _ = dgo.with_timeout(dgo.background(), 4 * NOTHING)
        waiting = [elsewhere(wait, parent) for _ in range(3)]
        return [g.result(timeout=LIMIT) for g in waiting]

    assert everywhere(body) == [dgo.DeadlineExceeded] * 3


def test_the_earlier_deadline_counts(everywhere):
    def deadlines(parent):
        sooner, _ = dgo.with_timeout(parent, LONG / 2)
        later, _ = dgo.with_timeout(parent, LONG * 2)
        return parent.deadline(), sooner.deadline(), later.deadline()

    def body():
        parent, _ = dgo.with_timeout(dgo.background(), LONG)
        for where in (deadlines, lambda parent: elsewhere(deadlines, parent).result(timeout=LIMIT)):
            own, sooner, later = where(parent)
            assert abs((own - parent.deadline()).total_seconds()) < 1
            assert abs((own - sooner).total_seconds() - LONG / 2) < 1
            assert abs((own - later).total_seconds()) < 1

    everywhere(body)


def test_a_deadline_is_told_as_it_was_given(everywhere):
    def body():
        aware = datetime.datetime(2090, 5, 4, 3, 2, 1, 123456, tzinfo=datetime.UTC)
        naive = datetime.datetime(2090, 5, 4, 3, 2, 1, 123456)
        assert dgo.with_deadline(dgo.background(), aware)[0].deadline() == aware
        told = dgo.with_deadline(dgo.background(), naive)[0].deadline()
        assert told == naive.astimezone()
        assert told.tzinfo is not None

    everywhere(body)


def test_the_first_and_the_last_moments_are_possible(everywhere):
    def body():
        for zone in (None, datetime.UTC):
            ctx, _ = dgo.with_deadline(dgo.background(), datetime.datetime.max.replace(tzinfo=zone))
            assert lives(ctx)
            assert ctx.deadline().year > 2100
            ctx, _ = dgo.with_deadline(dgo.background(), datetime.datetime.min.replace(tzinfo=zone))
            assert isinstance(ctx.err(), dgo.DeadlineExceeded)
            assert ctx.deadline().year < 2000

    everywhere(body)


def test_a_context_without_a_deadline_says_none(everywhere, derive):
    def body(make):
        assert make()[0].deadline() is None
        assert dgo.with_cancel(make()[0])[0].deadline() is None

    everywhere(body, derive)


def test_a_deadline_in_the_past_is_exceeded(everywhere):
    def body():
        ctx, _ = dgo.with_deadline(dgo.background(), datetime.datetime(2001, 1, 1))
        assert isinstance(ctx.err(), dgo.DeadlineExceeded)

    everywhere(body)


@pytest.mark.parametrize("seconds", ["1", None, datetime.timedelta(1)])
def test_seconds_are_a_number(seconds):
    with pytest.raises(TypeError, match="number of seconds"):
        dgo.with_timeout(dgo.background(), seconds)


def test_nan_is_no_number_of_seconds():
    with pytest.raises(ValueError, match="NaN"):
        dgo.timeout(float("nan"))


def test_a_deadline_is_a_datetime():
    with pytest.raises(TypeError, match="datetime"):
        dgo.with_deadline(dgo.background(), 5)


def test_an_endless_timeout_is_possible(everywhere):
    def body():
        assert lives(dgo.timeout(float("inf"))[0])

    everywhere(body)


# ---- the with form -------------------------------------------------------------------------------


def test_the_with_form_gives_the_context_and_cancels_on_leaving(everywhere, derive):
    def body(make):
        with dgo.with_cancel(make()[0]) as ctx:
            assert lives(ctx)
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        with pytest.raises(KeyError), dgo.with_timeout(make()[0], LONG) as ctx:
            raise KeyError
        assert isinstance(ctx.err(), dgo.ContextCancelled)

    everywhere(body, derive)


def test_timeout_is_short_for_a_background_parent_and_interrupts_nothing(everywhere):
    def body():
        with dgo.timeout(NOTHING) as ctx:
            dgo.sleep(2 * NOTHING)
            assert isinstance(ctx.err(), dgo.DeadlineExceeded)
            reached = True
        assert reached

    everywhere(body)


def test_the_pair_can_be_passed_on(everywhere):
    def use(pair):
        with pair as ctx:
            return lives(ctx)

    def body():
        pair = dgo.with_cancel(dgo.background())
        assert elsewhere(use, pair).result(timeout=LIMIT)
        assert isinstance(pair[0].err(), dgo.ContextCancelled)

    everywhere(body)


# ---- values --------------------------------------------------------------------------------------


def test_a_value_is_found_here_and_below_and_the_nearest_counts(everywhere, derive):
    def body(make):
        outer = dgo.with_value(dgo.with_value(make()[0], "user", "ann"), "trace", 7)
        inner = dgo.with_value(dgo.with_cancel(outer)[0], "user", "bob")
        below, _ = dgo.with_timeout(inner, LONG)
        assert (outer.value("user"), outer.value("trace")) == ("ann", 7)
        assert (below.value("user"), below.value("trace")) == ("bob", 7)
        assert below.value("nothing") is None

    everywhere(body, derive)


def test_values_travel_with_their_context(everywhere, derive):
    def look(ctx):
        below, _ = dgo.with_cancel(ctx)
        return [c.value(key) for c in (ctx, below) for key in ("list", Colour.RED, Colour.BLUE, dgo.Chan)]

    def body(make):
        ctx = dgo.with_value(make()[0], "list", [1, 2])
        ctx = dgo.with_value(dgo.with_value(ctx, Colour.RED, {"a": 1}), dgo.Chan, None)
        return elsewhere(look, ctx).result(timeout=LIMIT)

    assert everywhere(body, derive) == [[1, 2], {"a": 1}, None, None] * 2


def test_a_channel_can_be_a_value(everywhere):
    def body():
        ch = dgo.Chan(1)
        ctx = dgo.with_value(dgo.background(), "results", ch)
        assert ctx.value("results") == ch
        elsewhere(lambda ctx: ctx.value("results").send(5, timeout=LIMIT), ctx)
        assert ch.recv(timeout=LIMIT) == 5

    everywhere(body)


def test_nobody_shares_a_value_with_anybody(everywhere):
    def body():
        given = [1]
        ctx = dgo.with_value(dgo.background(), "list", given)
        given.append(2)
        ctx.value("list").append(3)
        assert ctx.value("list") == [1]

    everywhere(body)


def test_keys_are_compared_by_equality(everywhere):
    def body():
        ctx = dgo.with_value(dgo.background(), ("a", 1), "tuple")
        ctx = dgo.with_value(ctx, ["unhashable"], "list")
        assert ctx.value(("a", 1)) == "tuple"
        assert ctx.value(["unhashable"]) == "list"

    everywhere(body)


def test_a_context_with_a_value_ends_with_its_parent(everywhere, derive):
    def body(make):
        parent, cancel = make()
        ctx = dgo.with_value(parent, "key", 1)
        assert lives(ctx)
        assert ctx.done() == parent.done()
        cancel()
        assert ended(ctx)[0] is dgo.ContextCancelled

    everywhere(body, derive)


def test_what_cannot_travel_is_no_value(everywhere):
    def body():
        with pytest.raises(dgo.SerializationError, match="value of a context"):
            dgo.with_value(dgo.background(), "file", open("/dev/null"))  # noqa: SIM115 - it is refused

    everywhere(body)
