"""Whatever calls or starts a function for its caller checks the arguments."""

from __future__ import annotations

from typing import assert_type

import dgo


def work(number: int, *, label: str = "") -> float:
    return number / 2


async def fetch(url: str) -> bytes:
    return url.encode()


def wait_groups() -> None:
    with dgo.WaitGroup() as wg:
        wg.go(work, 1, label="a")
        wg.go(fetch, "a")
        wg.go(lambda text: print(text), "going")
    assert_type(wg, dgo.WaitGroup)
    wg.wait(timeout=1)


def error_groups(parent: dgo.Context) -> None:
    with dgo.ErrGroup(parent, limit=2) as group:
        group.go(work, 1)
        group.go(fetch, "a")
        assert_type(group.try_go(work, 2, label="b"), bool)
        assert_type(group.ctx, dgo.Context)


def once_and_flights() -> None:
    dgo.Once().do(work, 1, label="a")
    assert_type(dgo.SingleFlight().do("key", work, 1, label="a"), tuple[float, bool])


def timers() -> None:
    timer = dgo.after_func(1.5, work, 1, label="a")
    assert_type(timer, dgo.Timer)
    assert_type(timer.stop(), bool)
    assert_type(dgo.Timer(1).c.recv(), float)
    assert_type(dgo.Ticker(1).c, dgo.RecvChan[float])
    assert_type(dgo.after(1), dgo.RecvChan[float])
    assert_type(dgo.tick(1), dgo.RecvChan[float] | None)
