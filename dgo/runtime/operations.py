"""What can be asked of an object from another process: the registry of operations.

An operation is a function ``run(core, ticket, *args)`` that completes or fails ``ticket``, now or later, and
never waits. It is found by the type of the object and the operation's name; a subclass has the operations of
its bases. Each kind of object registers its own (``register``), beside its handle's class or in a module of
``dgo.runtime`` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dgo.core.ticket import Ticket
    from dgo.runtime.node import Node

__all__ = ["Operation", "find", "register"]


class Operation(NamedTuple):
    """One operation of one kind of object.

    Attributes:
        run: ``run(core, ticket, *args)``, under the node's lock.
        frozen: the positions among ``args`` that hold frozen values (the others travel as plain data).
        whole: it could tell whether slots of a channel are lent, so it is done once nothing is.
        with_node: it needs the node, to do a part of its work outside the lock: ``run(node, core, ticket, *args)``.
    """

    run: Callable[..., object]
    frozen: frozenset[int]
    whole: bool
    with_node: bool

    def start(self, node: Node, core: Any, ticket: Ticket, args: Iterable[Any]) -> None:
        """Performs it."""
        if self.with_node:
            self.run(node, core, ticket, *args)
        else:
            self.run(core, ticket, *args)


_OPERATIONS: dict[tuple[type, str], Operation] = {}
_FOUND: dict[tuple[type, str], Operation | None] = {}


def register(
    core: type,
    name: str,
    run: Callable[..., object],
    *,
    frozen: Iterable[int] = (),
    whole: bool = False,
    with_node: bool = False,
) -> None:
    """Adds an operation of objects of type ``core``."""
    assert (core, name) not in _OPERATIONS, (core, name)
    _OPERATIONS[core, name] = Operation(run, frozenset(frozen), whole, with_node)
    _FOUND.clear()


def find(core: type, name: str) -> Operation | None:
    """The operation of that name of objects of type ``core``; None if there is none."""
    key = (core, name)
    if key not in _FOUND:
        found = (_OPERATIONS.get((base, name)) for base in core.__mro__)
        operation = next((entry for entry in found if entry is not None), None)
        if operation is None:
            return None  # not remembered: names come from other processes
        _FOUND[key] = operation
    return _FOUND[key]
