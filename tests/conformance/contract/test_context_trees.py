"""Context trees that span several processes (contract section 6)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, OddError, elsewhere, take
from .common import LONG, cancel_pair, closes, made, nothing_comes


def verdict(ctx):
    """What a goroutine sees of a context once its ``done()`` is closed."""
    assert closes(ctx.done())
    return type(ctx.err()).__name__, type(ctx.cause()).__name__


def derive_and_wait(ctx, ready, depth):
    """A chain of contexts, each derived in another goroutine; tells what the last one sees."""
    child, _ = dgo.with_cancel(ctx)
    if depth:
        return elsewhere(derive_and_wait, child, ready, depth - 1).result(timeout=LIMIT)
    ready.send(None, timeout=LIMIT)
    return verdict(child)


def wait_for(ctx, ready):
    ready.send(None, timeout=LIMIT)
    return verdict(ctx)


def test_a_cancel_reaches_a_goroutine_elsewhere_that_waits(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        ready = dgo.Chan()
        waiters = [elsewhere(wait_for, ctx, ready) for _ in range(4)]
        take(ready, 4)
        cancel()
        for waiter in waiters:
            assert waiter.result(timeout=LIMIT) == ("ContextCancelled", "ContextCancelled")

    everywhere(body, home)


def test_a_cancel_reaches_grandchildren_that_were_derived_elsewhere(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        ready = dgo.Chan()
        chains = [elsewhere(derive_and_wait, ctx, ready, 3) for _ in range(3)]
        take(ready, 3)
        cancel(OddError("why"))
        for chain in chains:
            assert chain.result(timeout=LIMIT) == ("ContextCancelled", "OddError")

    everywhere(body, home)


def test_a_deadline_reaches_grandchildren_that_were_derived_elsewhere(everywhere):
    def body():
        ctx, _ = dgo.with_timeout(dgo.background(), 4 * NOTHING)
        ready = dgo.Chan(1)
        chain = elsewhere(derive_and_wait, ctx, ready, 3)
        assert chain.result(timeout=LIMIT) == ("DeadlineExceeded", "DeadlineExceeded")

    everywhere(body)


def test_the_cancel_function_can_be_called_elsewhere(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        elsewhere(cancel, OddError("from elsewhere")).result(timeout=LIMIT)
        assert closes(ctx.done())
        assert isinstance(ctx.err(), dgo.ContextCancelled)
        assert ctx.cause().args == ("from elsewhere",)

    everywhere(body, home)


def test_a_cancel_by_a_child_does_not_reach_its_parent_or_its_siblings(everywhere, home):
    def body(home):
        parent, cancel = made(home, cancel_pair, dgo.background())
        first, cancel_first = made("away", cancel_pair, parent)
        second, _ = made("away", cancel_pair, parent)
        cancel_first()
        assert closes(first.done())
        assert nothing_comes(second.done())
        assert parent.err() is None
        cancel()
        assert closes(second.done())

    everywhere(body, home)


def test_the_first_cause_wins_at_the_child(everywhere, home):
    def body(home):
        parent, cancel_parent = made(home, cancel_pair, dgo.background())
        child, cancel_child = made("away", cancel_pair, parent)
        cancel_child(OddError("child"))
        assert closes(child.done())
        cancel_parent(ValueError("parent"))
        assert closes(parent.done())
        assert child.cause().args == ("child",)
        assert parent.cause().args == ("parent",)

    everywhere(body, home)


def test_the_first_cause_wins_at_the_parent(everywhere, home):
    def body(home):
        parent, cancel_parent = made(home, cancel_pair, dgo.background())
        child, cancel_child = made("away", cancel_pair, parent)
        cancel_parent(OddError("parent"))
        assert closes(child.done())
        cancel_child(ValueError("child"))
        assert child.cause().args == ("parent",)

    everywhere(body, home)


def test_of_many_causes_all_see_the_same_one(everywhere, home):
    def see(ctx, ready):
        ready.send(None, timeout=LIMIT)
        assert closes(ctx.done())
        return ctx.cause().args

    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        ready = dgo.Chan()
        watchers = [elsewhere(see, ctx, ready) for _ in range(3)]
        take(ready, 3)
        for canceller in [elsewhere(cancel, OddError(str(i))) for i in range(3)]:
            canceller.result(timeout=LIMIT)
        seen = {watcher.result(timeout=LIMIT) for watcher in watchers}
        assert seen == {see(ctx, dgo.Chan(1))}

    everywhere(body, home)


def test_what_is_derived_elsewhere_from_a_cancelled_context_is_cancelled(everywhere, home):
    def derive(ctx):
        child, _ = dgo.with_timeout(dgo.with_value(ctx, "key", 1), LONG)
        return verdict(child)

    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        cancel(OddError("before"))
        assert closes(ctx.done())
        assert elsewhere(derive, ctx).result(timeout=LIMIT) == ("ContextCancelled", "OddError")

    everywhere(body, home)


def test_what_is_derived_here_from_a_cancelled_context_is_cancelled_at_once(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        cancel(OddError("before"))
        assert closes(ctx.done())
        child, _ = dgo.with_cancel(ctx)
        assert isinstance(child.err(), dgo.ContextCancelled)
        assert isinstance(child.cause(), OddError)

    everywhere(body, home)


@pytest.mark.parametrize("derived", [False, True])
def test_a_context_that_arrives_late_learns_that_it_is_cancelled(everywhere, home, derived):
    def receive_and_look(ch):
        return verdict(ch.recv(timeout=LIMIT))

    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        ch = dgo.Chan(1)
        ch.send(dgo.with_value(ctx, "key", 1) if derived else ctx, timeout=LIMIT)
        cancel(OddError("while it travelled"))
        assert elsewhere(receive_and_look, ch).result(timeout=LIMIT) == ("ContextCancelled", "OddError")

    everywhere(body, home)


def test_a_context_whose_deadline_passes_while_it_travels_is_cancelled_on_arrival(everywhere):
    def receive_and_look(ch):
        return verdict(ch.recv(timeout=LIMIT))

    def body():
        ctx, _ = dgo.with_timeout(dgo.background(), NOTHING)
        ch = dgo.Chan(1)
        ch.send(ctx, timeout=LIMIT)
        assert closes(ctx.done())
        assert elsewhere(receive_and_look, ch).result(timeout=LIMIT) == ("DeadlineExceeded", "DeadlineExceeded")

    everywhere(body)


def test_the_done_channel_can_travel_without_its_context(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        waiter = elsewhere(closes, ctx.done())
        cancel()
        assert waiter.result(timeout=LIMIT) is True

    everywhere(body, home)


def test_a_value_is_found_in_every_process(everywhere, home):
    def look(ctx):
        child, _ = dgo.with_cancel(dgo.with_value(ctx, "there", 2))
        return child.value("here"), child.value("there"), child.value("missing")

    def body(home):
        ctx = made(home, dgo.with_value, dgo.background(), "here", 1)
        assert elsewhere(look, ctx).result(timeout=LIMIT) == (1, 2, None)

    everywhere(body, home)


def test_a_value_that_was_added_elsewhere_is_found_when_its_context_comes_back(everywhere, home):
    def add(ctx):
        return dgo.with_value(ctx, "there", [2])

    def body(home):
        ctx = made(home, dgo.with_value, dgo.background(), "here", 1)
        back = elsewhere(add, ctx).result(timeout=LIMIT)
        assert (back.value("here"), back.value("there")) == (1, [2])
        assert ctx.value("there") is None

    everywhere(body, home)


def test_a_channel_can_be_a_value_of_a_context(everywhere, home):
    def answer(ctx):
        ctx.value("reply").send("hello", timeout=LIMIT)

    def body(home):
        reply = dgo.Chan()
        ctx = made(home, dgo.with_value, dgo.background(), "reply", reply)
        elsewhere(answer, ctx)
        assert reply.recv(timeout=LIMIT) == "hello"

    everywhere(body, home)


def test_what_a_goroutine_changes_in_a_value_stays_with_it(everywhere):
    def change(ctx):
        ctx.value("key").append("changed")

    def body():
        ctx = dgo.with_value(dgo.background(), "key", [1])
        elsewhere(change, ctx).result(timeout=LIMIT)
        dgo.go(change, ctx).result(timeout=LIMIT)
        assert ctx.value("key") == [1]

    everywhere(body)


def test_a_context_that_went_round_is_the_same_context(everywhere, home):
    def body(home):
        ctx, cancel = made(home, cancel_pair, dgo.background())
        back = elsewhere(lambda it: it, elsewhere(lambda it: it, ctx).result(timeout=LIMIT)).result(timeout=LIMIT)
        cancel()
        assert verdict(back) == ("ContextCancelled", "ContextCancelled")
        assert back.done() == ctx.done()

    everywhere(body, home)


def test_a_whole_tree_of_workers_ends_with_one_cancel(everywhere):
    def work(ctx, ready, ended, depth):
        ctx, cancel = dgo.with_cancel(ctx)
        if depth:
            for _ in range(2):
                elsewhere(work, ctx, ready, ended, depth - 1)
        ready.send(None, timeout=LIMIT)
        assert closes(ctx.done())
        cancel()
        ended.send(None, timeout=LIMIT)

    def body():
        ctx, cancel = dgo.with_cancel(dgo.background())
        ready, ended = dgo.Chan(), dgo.Chan(15)
        elsewhere(work, ctx, ready, ended, 3)
        take(ready, 15)
        assert len(ended) == 0
        cancel()
        take(ended, 15)

    everywhere(body)
