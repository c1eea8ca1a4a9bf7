"""Groups, ``map`` and its sisters, shared values, contexts. A marked line is an error to both checkers."""

from __future__ import annotations

import dgo


def work(number: int, *, label: str = "") -> float:
    return number / 2


def groups(wg: dgo.WaitGroup, group: dgo.ErrGroup) -> None:
    wg.go(work, "1")  # error: arg-type, reportArgumentType
    wg.go(work, 1, label=2)  # error: arg-type, reportArgumentType
    group.go(work)  # error: call-arg, reportCallIssue
    group.try_go(work, 1, 2)  # error: call-arg, reportCallIssue
    dgo.Once().do(work, "1")  # error: arg-type, reportArgumentType
    dgo.SingleFlight().do("key", work, "1")  # error: arg-type, reportArgumentType
    dgo.after_func(1, work, "1")  # error: arg-type, reportArgumentType
    dgo.after_func("1", work, 1)  # error: arg-type, reportArgumentType


def together() -> None:
    dgo.map(work, ["a"])  # error: arg-type, reportArgumentType
    dgo.map(work, [1], [2])  # error: arg-type, reportArgumentType
    dgo.map(work, 1)  # error: call-overload, reportArgumentType
    dgo.map(work)  # error: call-overload, reportCallIssue
    dgo.map(work, [1], limit="3")  # error: call-overload, reportArgumentType
    dgo.map(work, [1], progress=1.5)  # error: call-overload, reportArgumentType
    dgo.gather(work)  # error: call-overload, reportArgumentType
    dgo.as_completed([work])  # error: arg-type, reportArgumentType
    first, second = dgo.gather(dgo.go(work, 1))  # error: misc, reportAssignmentType
    print(first, second)


def shared(hits: dgo.Atomic[int], words: dgo.Atomic[str], seen: dgo.Map[str, int]) -> None:
    hits.store("1")  # error: arg-type, reportArgumentType
    hits.add(0.5)  # error: arg-type, reportArgumentType
    words.add("a")  # error: call-overload, reportAttributeAccessIssue
    seen[1] = 1  # error: index, reportArgumentType
    seen.store("a", "b")  # error: arg-type, reportArgumentType
    number: int = seen.get("a")  # error: assignment, reportAssignmentType
    print(number)


def contexts(parent: dgo.Context) -> None:
    dgo.with_cancel(None)  # error: arg-type, reportArgumentType
    dgo.with_timeout(parent)  # error: call-arg, reportCallIssue
    _, cancel = dgo.with_cancel(parent)
    cancel("enough")  # error: arg-type, reportArgumentType
    dgo.Cond(1)  # error: arg-type, reportArgumentType


def names() -> None:
    dgo.goo(work, 1)  # error: attr-defined, reportAttributeAccessIssue
    dgo.init(workers="2")  # error: arg-type, reportArgumentType
