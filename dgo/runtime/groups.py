"""What can be asked of an ``ErrGroup`` and of a ``SingleFlight`` from another process."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from dgo.core.errgroup import HERE, ErrGroup
from dgo.core.goroutine import Ending, Outcome
from dgo.core.singleflight import SingleFlight
from dgo.core.ticket import Ticket
from dgo.errors import WorkerLost
from dgo.ids import node_name
from dgo.runtime.operations import register
from dgo.runtime.values import is_scalar
from dgo.wire.snapshot import Payload, freeze, freeze_exception
from dgo.wire.snapshot.payload import pack

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["describe_lost_leader", "describe_lost_members", "key_form"]


def describe_lost_members(node: int, count: int) -> Any:
    """The frozen error of members that a dead process had started."""
    return freeze_exception(
        WorkerLost(
            f"process {node_name(node)} died; it had started {count} goroutine{'s' if count > 1 else ''} of this "
            "ErrGroup, and how they ended is not known"
        )
    )


def describe_lost_leader(node: int) -> Any:
    """The frozen error of a call of a ``SingleFlight`` that a dead process ran for all."""
    return freeze_exception(
        WorkerLost(f"process {node_name(node)} died while it ran this call for all who wait; call do() again")
    )


def _origin(ticket: Ticket) -> int:
    origin: int = getattr(ticket, "origin", HERE)
    return origin


# ---- ErrGroup --------------------------------------------------------------------------------------


def _enter(group: ErrGroup, ticket: Ticket) -> None:
    group.enter(ticket, _origin(ticket))


def _try_enter(group: ErrGroup, ticket: Ticket) -> None:
    ticket.complete(group.try_enter(_origin(ticket)))


def _leave(group: ErrGroup, ticket: Ticket) -> None:
    group.leave(_origin(ticket), None)
    ticket.complete()


def _fail(group: ErrGroup, ticket: Ticket, payload: Any, *texts: str) -> None:
    group.leave(_origin(ticket), (payload, *texts))
    ticket.complete()


register(ErrGroup, "enter", _enter)
register(ErrGroup, "try_enter", _try_enter)
register(ErrGroup, "leave", _leave)
register(ErrGroup, "fail", _fail, frozen=[0])
register(ErrGroup, "wait", ErrGroup.wait)
register(ErrGroup, "statistics", lambda group, ticket: ticket.complete(group.statistics()))


# ---- SingleFlight ----------------------------------------------------------------------------------


def key_form(key: Any, node: Node) -> Any:
    """A key as plain data. Equal keys have equal forms; no code of the user's is needed to compare them.

    What msgpack carries as it is, stands for itself; a tuple is a list of forms; anything else is a dict with
    its pickle. Without the node's lock.
    """
    if is_scalar(key):
        return key
    if type(key) is tuple:
        return [key_form(part, node) for part in key]
    frozen = freeze(key, "the key")
    payload = frozen if type(frozen) is Payload else pack(frozen)
    with node.lock:
        handles = [_identity(handle, node) for handle in payload.handles]
    return {"pickle": [payload.data, *map(bytes, payload.buffers)], "handles": handles}


def _identity(handle: Any, node: Node) -> list[int]:
    ref = handle._ref
    return [ref.home, ref.number] if ref is not None else [node.id, node.values.number(handle._core)]


def _hashable(form: Any) -> Hashable:
    if type(form) is list:
        return tuple(map(_hashable, form))
    if type(form) is dict:
        return frozenset((name, _hashable(part)) for name, part in form.items())
    return form  # type: ignore[no-any-return] # an atom


def _join(flights: SingleFlight, ticket: Ticket, form: Any) -> None:
    flights.join(ticket, _origin(ticket), _hashable(form))


def _finish(flights: SingleFlight, ticket: Ticket, number: int, value: Any) -> None:
    ticket.complete(flights.finish(_origin(ticket), number, Outcome(Ending.RETURNED, value)))


def _abort(flights: SingleFlight, ticket: Ticket, number: int, payload: Any, *texts: str) -> None:
    ticket.complete(flights.finish(_origin(ticket), number, Outcome(Ending.RAISED, (payload, *texts))))


def _forget(flights: SingleFlight, ticket: Ticket, form: Any) -> None:
    flights.forget(_hashable(form))
    ticket.complete()


register(SingleFlight, "join", _join)
register(SingleFlight, "finish", _finish, frozen=[1])
register(SingleFlight, "abort", _abort, frozen=[1])
register(SingleFlight, "forget", _forget)
register(SingleFlight, "statistics", lambda flights, ticket: ticket.complete(flights.statistics()))
