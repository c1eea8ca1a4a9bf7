"""Atomic and Map for other processes: operations that may need users' equality, hash and arithmetic.

Frozen values that are opaque (``Payload``) have to be thawed before they can be compared, hashed or added, and
that runs users' code. So it is done in a flow of control of its own (``host.later``), without the node's lock;
then the object is changed in one step, if what was looked at is still there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.atomic import Atomic
from dgo.core.map import Map
from dgo.core.ticket import WAITING, Ticket
from dgo.runtime.operations import register
from dgo.wire.snapshot import Payload, freeze, thaw

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["NUMBERS", "change", "equal", "total"]

NUMBERS = frozenset({bool, int, float, complex})

# ---- atomics -------------------------------------------------------------------------------------


def total(frozen: Any, n: Any) -> tuple[Any, Any]:
    """``Atomic.add``: the sum, which is stored and returned.

    Raises:
        TypeError: one of them is no number.
        OverflowError: a float is too small for the sum.
    """
    value = thaw(frozen)
    for part in (value, n := thaw(n)):
        if type(part) not in NUMBERS:
            raise TypeError(f"Atomic.add() is for numbers, and {part!r:.80} is a {type(part).__name__}")
    result = freeze(value + n)
    return result, result


def equal(frozen: Any, old: Any, new: Any) -> tuple[Any, bool]:
    """``Atomic.compare_and_swap``: ``new`` if ``old`` equals the value, and whether it does."""
    return (new, True) if frozen is old or thaw(frozen) == thaw(old) else (frozen, False)


def change(node: Node, atomic: Atomic, work_out: Callable[..., tuple[Any, Any]], *args: Any) -> Any:
    """Replaces the value by what ``work_out(value, *args)`` makes of it; returns what that says. Without the lock."""
    while True:
        seen = atomic.value
        value, result = work_out(seen, *args)
        with node.lock:
            if atomic.replace(seen, value):
                return result


def _change_later(work_out: Callable[..., tuple[Any, Any]]) -> Callable[..., None]:
    """The operation ``change``: at once if that runs no foreign code."""

    def run(node: Node, atomic: Atomic, ticket: Ticket, *args: Any) -> None:
        action = partial(change, node, atomic, work_out, *args)
        if any(type(part) is Payload for part in (atomic.value, *args)):
            node.host.later(partial(_finish, node, ticket, action))
        else:
            _finish(node, ticket, action)

    return run


def _finish(node: Node, ticket: Ticket, action: Callable[[], Any]) -> None:
    """Completes the ticket with what ``action`` returns, or fails it with what that raises."""
    if ticket.state != WAITING:
        return  # withdrawn, or its process died: as if it had never been asked for
    try:
        result = action()
    except BaseException as error:  # noqa: BLE001 - it belongs to who asked: users' equality may raise anything
        with node.lock:
            if ticket.state == WAITING:
                ticket.fail(error)
        return
    with node.lock:
        if ticket.state == WAITING:
            ticket.complete(result)


def _store(atomic: Atomic, ticket: Ticket, value: Any) -> None:
    atomic.value = value
    ticket.complete()


# ---- maps ----------------------------------------------------------------------------------------


def _keyed(method: Callable[..., tuple[Any, bool]]) -> Callable[..., None]:
    """The operation ``method(map, key, frozen key, *values)``."""

    def run(node: Node, shared: Map, ticket: Ticket, frozen: Any, *values: Any) -> None:
        perform = partial(_with_key, node, shared, ticket, method, frozen, values)
        if type(frozen) is Payload:
            node.host.later(perform)
        else:
            perform()

    return run


def _with_key(
    node: Node,
    shared: Map,
    ticket: Ticket,
    method: Callable[..., tuple[Any, bool]],
    frozen: Any,
    values: tuple[Any, ...],
) -> None:
    try:
        key: Any = thaw(frozen)
        hash(key)  # here, because it may raise or take long: the dict then does it once more
        with node.lock:
            if ticket.state == WAITING:
                ticket.complete(*method(shared, key, frozen, *values))
    except BaseException as error:  # noqa: BLE001 - it belongs to who asked: hash and equality may raise anything
        with node.lock:
            if ticket.state == WAITING:
                ticket.fail(error)


def _clear(shared: Map, ticket: Ticket) -> None:
    shared.clear()
    ticket.complete()


register(Atomic, "load", lambda atomic, ticket: ticket.complete(atomic.value))
register(Atomic, "store", _store, frozen=[0])
register(Atomic, "swap", lambda atomic, ticket, value: ticket.complete(atomic.swap(value)), frozen=[0])
register(Atomic, "add", _change_later(total), frozen=[0], with_node=True)
register(Atomic, "compare_and_swap", _change_later(equal), frozen=[0, 1], with_node=True)
register(Map, "load", _keyed(Map.load), frozen=[0], with_node=True)
register(Map, "contains", _keyed(Map.contains), frozen=[0], with_node=True)
register(Map, "store", _keyed(Map.store), frozen=[0, 1], with_node=True)
register(Map, "load_or_store", _keyed(Map.load_or_store), frozen=[0, 1], with_node=True)
register(Map, "load_and_delete", _keyed(Map.load_and_delete), frozen=[0], with_node=True)
register(Map, "delete", _keyed(Map.delete), frozen=[0], with_node=True)
register(Map, "clear", _clear)
register(Map, "len", lambda shared, ticket: ticket.complete(len(shared.entries)))
register(Map, "pairs", lambda shared, ticket: ticket.complete(shared.pairs()))
