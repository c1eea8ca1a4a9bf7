"""Shared values, contexts, the cluster."""

from __future__ import annotations

import datetime
from collections.abc import Callable, MutableMapping
from typing import Literal, assert_type

import dgo


def atomics() -> None:
    hits = dgo.Atomic(0)
    assert_type(hits, dgo.Atomic[int])
    assert_type(hits.add(1), int)
    assert_type(dgo.Atomic(0.5).add(1), float)
    words = dgo.Atomic("a")
    assert_type(words.load(), str)
    assert_type(words.swap("b"), str)
    assert_type(words.compare_and_swap("b", "c"), bool)


def put_values() -> None:
    ref = dgo.put([1, 2])
    assert_type(ref, dgo.Ref[list[int]])
    assert_type(ref.get(), list[int])
    assert_type(ref.get(timeout=1), list[int])
    assert_type(ref.statistics().nbytes, int)
    total: dgo.Goroutine[int] = dgo.go(lambda numbers: sum(numbers.get()), ref)
    print(total)


async def awaited(ref: dgo.Ref[str]) -> None:
    assert_type(await ref.aget(), str)


def maps() -> None:
    seen: dgo.Map[str, int] = dgo.Map()
    seen["a"] = 1
    assert_type(seen["a"], int)
    assert_type(seen.get("a"), int | None)
    assert_type(seen.get("a", 0), int)
    assert_type(seen.pop("a", None), int | None)
    assert_type(seen.setdefault("a", 1), int)
    assert_type(seen.load_or_store("a", 1), tuple[int, bool])
    assert_type(list(seen.range()), list[tuple[str, int]])
    assert_type(dict(seen), dict[str, int])
    assert_type(dict(seen.items()), dict[str, int])
    found = seen.load("a")
    assert_type(found, tuple[int, Literal[True]] | tuple[None, Literal[False]])
    if found[1] is True:
        assert_type(found[0], int)
    mapping: MutableMapping[str, int] = seen
    print(mapping)


def contexts(parent: dgo.Context) -> None:
    ctx, cancel = dgo.with_cancel(parent)
    assert_type(ctx, dgo.Context)
    cancel(ValueError("enough"))
    with dgo.with_timeout(parent, 1.5) as limited:
        assert_type(limited, dgo.Context)
        assert_type(limited.done(), dgo.RecvChan[None] | None)
        assert_type(limited.err(), dgo.ContextCancelled | dgo.DeadlineExceeded | None)
        assert_type(limited.deadline(), datetime.datetime | None)
    assert_type(dgo.with_value(parent, "key", 1), dgo.Context)
    run: Callable[[], None] = cancel
    print(run)


def locks() -> None:
    with dgo.Mutex() as mutex:
        assert_type(mutex, dgo.Mutex)
    assert_type(dgo.Mutex().try_lock(), bool)
    rw = dgo.RWMutex()
    with rw.read() as reading, rw.write():
        assert_type(reading, dgo.RWMutex)
    dgo.Cond(mutex).wait(timeout=1)
    assert_type(dgo.Semaphore(2).try_acquire(), bool)


def clusters() -> None:
    with dgo.init(workers=2, panic="crash") as cluster:
        assert_type(cluster, dgo.Cluster)
        assert_type(cluster.workers(), list[dgo.WorkerInfo])
    assert_type(dgo.num_goroutine(), int)
    assert_type(dgo.current().worker, str)
