"""Small programs: with a bug planted in them, the same put right, and ones of channels, selects and groups."""

from __future__ import annotations

from typing import Any

import dgo

LIMIT = 30

# ---- planted: a lost update ----------------------------------------------------------------------


def _add_in_two_steps(counter: Any) -> None:
    counter.store(counter.load() + 1)


def _add(counter: Any) -> None:
    counter.add(1)


def _count(add: Any) -> None:
    counter = dgo.Atomic(0)
    with dgo.WaitGroup() as wg:
        for _ in range(2):
            wg.go(add, counter)
    assert counter.load() == 2


def lost_update_of_an_atomic() -> None:
    _count(_add_in_two_steps)


def counting() -> None:
    _count(_add)


def _count_beside(add: Any) -> None:
    """Both goroutines and the counter are in one process."""
    dgo.go(_count, add).result(timeout=LIMIT)


def lost_update_within_one_process() -> None:
    _count_beside(_add_in_two_steps)


def counting_within_one_process() -> None:
    _count_beside(_add)


def _put(shared: Any, lock: Any) -> None:
    if lock is None:
        shared["n"] = shared["n"] + 1
        return
    with lock:
        shared["n"] = shared["n"] + 1


def _count_in_map(lock: Any) -> None:
    shared: dgo.Map[str, int] = dgo.Map()
    shared["n"] = 0
    with dgo.WaitGroup() as wg:
        for _ in range(2):
            wg.go(_put, shared, lock)
    assert shared["n"] == 2


def lost_update_of_a_map() -> None:
    _count_in_map(None)


def counting_in_a_map_with_a_lock() -> None:
    _count_in_map(dgo.Mutex())


# ---- planted: check, then act --------------------------------------------------------------------


def _take_if_there(ch: Any) -> bool:
    if len(ch) == 0:
        return False
    ch.recv_nowait()
    return True


def _take_or_not(ch: Any) -> bool:
    try:
        ch.recv_nowait()
    except dgo.WouldBlock:
        return False
    return True


def _take_one(take: Any) -> None:
    ch: dgo.Chan[int] = dgo.Chan(1)
    ch.send(1)
    assert sorted(dgo.gather(dgo.go(take, ch), dgo.go(take, ch))) == [False, True]


def check_then_act() -> None:
    _take_one(_take_if_there)


def act_at_once() -> None:
    _take_one(_take_or_not)


# ---- planted: an order that nobody promised ------------------------------------------------------


def results_in_the_order_of_spawns() -> None:
    ch: dgo.Chan[int] = dgo.Chan(2)
    for n in range(2):
        dgo.go(ch.send, n)
    assert [ch.recv(), ch.recv()] == [0, 1]


def results_in_any_order() -> None:
    ch: dgo.Chan[int] = dgo.Chan(2)
    for n in range(2):
        dgo.go(ch.send, n)
    assert sorted([ch.recv(), ch.recv()]) == [0, 1]


def _write(cell: Any, wg: Any, value: int) -> None:
    wg.done()
    cell.store(value)


def _write_first(cell: Any, wg: Any, value: int) -> None:
    cell.store(value)
    wg.done()


def _write_and_read(write: Any) -> None:
    cell, wg = dgo.Atomic(0), dgo.WaitGroup()
    wg.add(1)
    dgo.go(write, cell, wg, 7)
    wg.wait()
    assert cell.load() == 7


def done_before_the_work_is() -> None:
    _write_and_read(_write)


def done_when_the_work_is() -> None:
    _write_and_read(_write_first)


# ---- planted: others ------------------------------------------------------------------------------


def _lock_both(first: Any, second: Any) -> None:
    with first, second:
        pass


def locks_in_two_orders() -> None:
    a, b = dgo.Mutex(), dgo.Mutex()
    dgo.gather(dgo.go(_lock_both, a, b), dgo.go(_lock_both, b, a))


def locks_in_one_order() -> None:
    a, b = dgo.Mutex(), dgo.Mutex()
    dgo.gather(dgo.go(_lock_both, a, b), dgo.go(_lock_both, a, b))


def sharing_a_list() -> None:
    found: list[int] = []
    with dgo.WaitGroup() as wg:
        wg.go(found.append, 1)
    assert found == [1]


WRONG = (
    lost_update_of_an_atomic,
    lost_update_within_one_process,
    lost_update_of_a_map,
    check_then_act,
    results_in_the_order_of_spawns,
    done_before_the_work_is,
    locks_in_two_orders,
    sharing_a_list,
)
RIGHT = (
    counting,
    counting_within_one_process,
    counting_in_a_map_with_a_lock,
    act_at_once,
    results_in_any_order,
    done_when_the_work_is,
    locks_in_one_order,
)

# ---- channels, selects, groups: for thousands of seeds -------------------------------------------


def _send_range(ch: Any, who: int, count: int) -> None:
    for n in range(count):
        ch.send((who, n), timeout=LIMIT)


def _drain_into(ch: Any, out: Any) -> None:
    for value in ch:
        out.send(value)


def _close_after(wg: Any, ch: Any) -> None:
    wg.wait(timeout=LIMIT)
    ch.close()


def _in_order(got: list[tuple[int, int]], senders: int, count: int) -> None:
    """Each value once, and those of one sender in the order in which it sent them."""
    assert sorted(got) == [(who, n) for who in range(senders) for n in range(count)]


def channels_lose_and_double_nothing(capacity: int) -> None:
    ch: Any = dgo.Chan(capacity)
    out: Any = dgo.Chan(9)
    senders, receivers = dgo.WaitGroup(), dgo.WaitGroup()
    for who in range(2):
        senders.go(_send_range, ch, who, 3)
    for _ in range(2):
        receivers.go(_drain_into, ch, out)
    dgo.go(_close_after, senders, ch)
    dgo.go(_close_after, receivers, out)
    _in_order(list(out), 2, 3)


def one_receiver_sees_each_senders_order(capacity: int) -> None:
    ch: Any = dgo.Chan(capacity)
    for who in range(2):
        dgo.go(_send_range, ch, who, 3)
    got = [ch.recv(timeout=LIMIT) for _ in range(6)]
    _in_order(got, 2, 3)
    for who in range(2):
        assert [n for sender, n in got if sender == who] == [0, 1, 2]


def a_close_comes_after_what_was_sent(capacity: int) -> None:
    ch: Any = dgo.Chan(capacity)

    def send_and_close() -> None:
        _send_range(ch, 0, 3)
        ch.close()

    dgo.go(send_and_close)
    assert list(ch) == [(0, 0), (0, 1), (0, 2)]
    assert ch.closed


def _make(capacity: int) -> Any:
    return dgo.Chan(capacity)


def _exchange(mine: Any, other: Any, value: int) -> tuple[str, int]:
    """Sends to one channel or receives from the other, whichever can be."""
    chosen = dgo.select(dgo.send(mine, value), dgo.recv(other), timeout=LIMIT)
    return ("sent", value) if chosen.index == 0 else ("got", chosen.value)


def crossed_selects_agree(capacity: int) -> None:
    """Two that could each send to the other: exactly one does."""
    a = _make(0)
    b = dgo.go(_make, 0).result(timeout=LIMIT) if capacity else _make(0)
    first, second = dgo.gather(dgo.go(_exchange, a, b, 1), dgo.go(_exchange, b, a, 2))
    assert {first, second} in ({("sent", 1), ("got", 1)}, {("sent", 2), ("got", 2)})


def _spread(left: Any, right: Any, values: list[int]) -> None:
    for value in values:
        dgo.select(dgo.send(left, value), dgo.send(right, value), timeout=LIMIT)


def selects_lose_and_double_nothing(capacity: int) -> None:
    left = _make(capacity)
    right = dgo.go(_make, 0).result(timeout=LIMIT)
    dgo.go(_spread, left, right, [0, 1, 2])
    dgo.go(_spread, right, left, [3, 4, 5])
    got = [dgo.select(dgo.recv(left), dgo.recv(right), timeout=LIMIT).value for _ in range(6)]
    assert sorted(got) == [0, 1, 2, 3, 4, 5]
    assert dgo.select(dgo.recv(left), dgo.recv(right), default=True).index == dgo.DEFAULT


def a_select_that_gave_up_has_taken_nothing(capacity: int) -> None:
    ch = _make(capacity)
    sender = dgo.go(_send_range, ch, 0, 1)
    got = None
    try:
        got = dgo.select(dgo.recv(ch), timeout=0.0005).value
    except dgo.Timeout:
        assert ch.recv(timeout=LIMIT) == (0, 0)
    else:
        assert got == (0, 0)
    sender.result(timeout=LIMIT)


def _spawn_more(wg: Any, done: Any, depth: int) -> None:
    if depth:
        for _ in range(2):
            wg.go(_spawn_more, wg, done, depth - 1)
    done.add(1)


def a_group_waits_for_all_that_it_started(depth: int) -> None:
    wg, done = dgo.WaitGroup(), dgo.Atomic(0)
    wg.go(_spawn_more, wg, done, depth + 1)
    wg.wait(timeout=LIMIT)
    assert done.load() == 2 ** (depth + 2) - 1


def _work(wg: Any, seen: Any, n: int) -> None:
    try:
        seen[n] = True
    finally:
        wg.done()


def counted_by_hand(depth: int) -> None:
    wg = dgo.WaitGroup()
    seen: dgo.Map[int, bool] = dgo.Map()
    wg.add(3)
    for n in range(3):
        dgo.go(_work, wg, seen, n)
    wg.wait(timeout=LIMIT)
    assert sorted(seen) == [0, 1, 2]
    if depth:
        wg.wait(timeout=LIMIT)


def _wait_and_look(wg: Any, seen: Any) -> int:
    wg.wait(timeout=LIMIT)
    return int(seen.load())


def all_who_wait_see_the_work(depth: int) -> None:
    wg, seen = dgo.WaitGroup(), dgo.Atomic(0)
    wg.add(2)

    def work() -> None:
        seen.add(1)
        wg.done()

    waiting = [dgo.go(_wait_and_look, wg, seen) for _ in range(2 + depth)]
    for _ in range(2):
        dgo.go(work)
    assert dgo.gather(*waiting) == [2] * (2 + depth)


CHANNELS = (channels_lose_and_double_nothing, one_receiver_sees_each_senders_order, a_close_comes_after_what_was_sent)
SELECTS = (crossed_selects_agree, selects_lose_and_double_nothing, a_select_that_gave_up_has_taken_nothing)
GROUPS = (a_group_waits_for_all_that_it_started, counted_by_hand, all_who_wait_see_the_work)
