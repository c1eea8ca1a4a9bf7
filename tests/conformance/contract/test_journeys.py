"""Every kind of object is the same object wherever it arrives, whatever way it came."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, NOTHING, elsewhere
from .common import LONG, cancel_pair, closes, fail, made, outcome

# ---- ways ----------------------------------------------------------------------------------------
# Each has ``check(it)`` run in another goroutine that got the object in this way.


def by_argument(it, check):
    return elsewhere(check, it)


def by_closure(it, check):
    return elsewhere(lambda: check(it))


def inside_containers(it, check):
    return elsewhere(lambda box: check(box["things"][0][1]), {"things": [(1, it)]})


def by_channel(it, check):
    ch = dgo.Chan(1)
    ch.send(it, timeout=LIMIT)
    return elsewhere(lambda: check(ch.recv(timeout=LIMIT)))


def by_map(it, check):
    m = dgo.Map()
    m.store("it", it)
    return elsewhere(lambda: check(m["it"]))


def by_result(it, check):
    return elsewhere(check, elsewhere(lambda: it).result(timeout=LIMIT))


WAYS = (by_argument, by_closure, inside_containers, by_channel, by_map, by_result)

# ---- kinds ---------------------------------------------------------------------------------------


def make_cond():
    return dgo.Cond(dgo.Mutex())


def make_context():
    return dgo.with_cancel(dgo.background())[0]


MAKERS = {
    "Chan": dgo.Chan,
    "WaitGroup": lambda: dgo.WaitGroup(),
    "Mutex": lambda: dgo.Mutex(),
    "RWMutex": lambda: dgo.RWMutex(),
    "Once": lambda: dgo.Once(),
    "Cond": make_cond,
    "Semaphore": lambda: dgo.Semaphore(1),
    "Atomic": lambda: dgo.Atomic(0),
    "Map": lambda: dgo.Map(),
    "ErrGroup": lambda: dgo.ErrGroup(),
    "SingleFlight": lambda: dgo.SingleFlight(),
    "Context": make_context,
    "Timer": lambda: dgo.Timer(LONG),
    "Ticker": lambda: dgo.Ticker(LONG),
}

#: A mapping may be false when it is empty, equal to one with the same content, and without a hash.
PLAIN = [kind for kind in MAKERS if kind != "Map"]

HOMES = ("here", "away")


def went_round(it):
    """The object after a journey to another goroutine and back."""
    return elsewhere(lambda same: same, it).result(timeout=LIMIT)


@pytest.mark.parametrize("kind", MAKERS)
def test_an_object_that_came_back_is_equal_to_itself(everywhere, kind):
    def body(make):
        for home in HOMES:
            it = made(home, make)
            back = went_round(it)
            assert (back == it, it == back, back != it, it != back) == (True, True, False, False), home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", MAKERS)
def test_an_object_is_equal_to_itself_in_the_place_where_it_arrives_twice(everywhere, kind):
    def same(pair, again):
        return pair[0] == pair[1] == again

    def body(make):
        for home in HOMES:
            it = made(home, make)
            assert elsewhere(same, (it, it), it).result(timeout=LIMIT) is True, home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", PLAIN)
def test_two_objects_of_a_kind_are_not_equal(everywhere, kind):
    def body(make):
        for home in HOMES:
            it, other = made(home, make), made(home, make)
            assert it != other, home
            assert went_round(it) != other, home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", PLAIN)
def test_an_object_that_came_back_has_its_hash(everywhere, kind):
    def body(make):
        for home in HOMES:
            it, other = made(home, make), made(home, make)
            back = went_round(it)
            assert hash(back) == hash(it), home
            assert {it: "it", other: "other"}[back] == "it", home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", PLAIN)
def test_a_handle_is_truthy_also_after_a_journey(everywhere, kind):
    def body(make):
        for home in HOMES:
            it = made(home, make)
            assert it, home
            assert elsewhere(bool, it).result(timeout=LIMIT) is True, home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_handle_is_not_equal_to_other_things(everywhere, kind):
    def body(make):
        for home in HOMES:
            it = made(home, make)
            for thing in (1, "text", None, dgo.Chan()):
                assert it != thing, home

    everywhere(body, MAKERS[kind])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_handle_tells_its_kind_when_it_is_printed(everywhere, kind):
    def body(make):
        for home in HOMES:
            it = made(home, make)
            assert kind in repr(it), home
            assert kind in elsewhere(repr, it).result(timeout=LIMIT), home

    everywhere(body, MAKERS[kind])


# ---- what one does to it, the others see ---------------------------------------------------------
# How it is made, what is done to it here, and what shows there that it was done.


def cancelled_context():
    ctx, cancel = dgo.with_cancel(dgo.background())
    cancel()
    return ctx


def did_not_run(once):
    return once.do(fail) is None


def times_out(wg):
    return outcome(wg.wait, timeout=NOTHING) == "Timeout"


ACTS = {
    "Chan": (lambda: dgo.Chan(1), lambda ch: ch.send("value"), lambda ch: len(ch) == 1),
    "closed Chan": (dgo.Chan, lambda ch: ch.close(), lambda ch: closes(ch)),
    "WaitGroup": (lambda: dgo.WaitGroup(), lambda wg: wg.add(1), times_out),
    "Mutex": (lambda: dgo.Mutex(), lambda m: m.lock(), lambda m: m.try_lock() is False),
    "RWMutex": (lambda: dgo.RWMutex(), lambda rw: rw.lock(), lambda rw: rw.try_rlock() is False),
    "Once": (lambda: dgo.Once(), lambda once: once.do(int), did_not_run),
    "Semaphore": (lambda: dgo.Semaphore(1), lambda sem: sem.acquire(), lambda sem: sem.try_acquire() is False),
    "Atomic": (lambda: dgo.Atomic(1), lambda cell: cell.store("new"), lambda cell: cell.load() == "new"),
    "Map": (lambda: dgo.Map(), lambda m: m.store("key", 1), lambda m: m.load("key") == (1, True)),
    "ErrGroup": (lambda: dgo.ErrGroup(), lambda group: group.wait(), lambda group: closes(group.ctx.done())),
    "Context": (cancelled_context, bool, lambda ctx: closes(ctx.done())),
    "Context.done": (cancelled_context, bool, lambda ctx: ctx.done().recv_ok(timeout=LIMIT) == (None, False)),
    "Timer": (lambda: dgo.Timer(LONG), lambda timer: timer.stop(), lambda timer: timer.stop() is False),
}


@pytest.mark.parametrize("kind", ACTS)
def test_what_was_done_to_an_object_here_shows_wherever_it_arrives(everywhere, home, kind):
    def body(home, make, act, check):
        for way in WAYS:
            it = made(home, make)
            act(it)
            assert way(it, check).result(timeout=LIMIT) is True, way.__name__

    everywhere(body, home, *ACTS[kind])


def test_a_cancel_function_cancels_wherever_it_arrives(everywhere, home):
    def call(cancel):
        return cancel() is None

    def body(home):
        for way in WAYS:
            ctx, cancel = made(home, cancel_pair, dgo.background())
            assert way(cancel, call).result(timeout=LIMIT) is True, way.__name__
            assert closes(ctx.done()), way.__name__

    everywhere(body, home)


def test_a_handle_on_a_goroutine_gives_its_result_wherever_it_arrives(everywhere):
    def ask(goroutine):
        return goroutine.result(timeout=LIMIT)

    def body():
        goroutine = elsewhere(pow, 2, 3)
        for way in WAYS:
            assert way(goroutine, ask).result(timeout=LIMIT) == 8, way.__name__

    everywhere(body)


def test_a_bound_method_of_an_object_acts_on_the_object_wherever_it_arrives(everywhere, home):
    def call(add):
        return add(1)

    def body(home):
        cell = made(home, dgo.Atomic, 0)
        for count, way in enumerate(WAYS, 1):
            assert way(cell.add, call).result(timeout=LIMIT) == count, way.__name__
        assert cell.load() == len(WAYS)

    everywhere(body, home)


@pytest.mark.parametrize("kind", MAKERS)
def test_an_object_is_no_goroutine(everywhere, kind):
    def body(make):
        before = dgo.num_goroutine()
        kept = [make() for _ in range(5)]
        assert dgo.num_goroutine() <= before, kept

    everywhere(body, MAKERS[kind])
