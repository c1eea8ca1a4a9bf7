"""Handles of objects whose operations are the same wherever the object lives."""

from __future__ import annotations

from typing import Any, ClassVar

from dgo.core.ticket import DONE, Ticket
from dgo.runtime.operations import Operation, find
from dgo.runtime.shared import Ref, Shared

__all__ = ["SharedObject"]


class SharedObject(Shared):
    """A handle that does everything through registered operations (``dgo.runtime.operations``).

    ``CORE`` is the type of the object at its home.
    """

    __slots__ = ()
    CORE: ClassVar[type]

    def _begin(self, name: str, args: tuple[Any, ...]) -> Ticket:
        """Starts an operation, here or at the object's home. Under the node's lock.

        Args:
            name: of the operation.
            args: plain data, and frozen values at the positions that the operation says.
        """
        node = self._node
        core = self._core
        if core is not None:
            operation = find(type(core), name)
            assert operation is not None, name
            ticket = node.host.ticket()
            operation.run(core, ticket, *args)
            return ticket
        node.check_open()
        ref = self._ref
        operation = find(self.CORE, name)
        assert operation is not None, name
        assert ref is not None
        return node.remote.start(ref, name, self._written(operation, args, ref), *node.host.waker())

    def _written(self, operation: Operation, args: tuple[Any, ...], ref: Ref) -> list[Any]:
        return [
            self._node.values.write(arg, ref.home) if position in operation.frozen else arg
            for position, arg in enumerate(args)
        ]

    def _tell(self, name: str, *args: Any) -> None:
        """An operation for whose end nobody waits; nothing if the object is lost. Under the node's lock."""
        core, ref = self._core, self._ref
        operation = find(self.CORE if core is None else type(core), name)
        assert operation is not None, name
        if core is not None:
            operation.run(core, Ticket(None), *args)
        elif ref is not None and ref.lost is None:
            self._node.remote.start(ref, name, self._written(operation, args, ref), None, None)

    def _ask(self, name: str, *args: Any, timeout: float | None = None) -> Any:
        """One operation: waits for its end; returns its result (frozen) or raises its error.

        Raises:
            ChannelLost: the process in which the object lived has died.
            Timeout: the timeout ran out.
        """
        node = self._node
        with node.lock:
            ticket = self._begin(name, args)
            if ticket.state == DONE and node.links.pending:
                node.host.soon()  # others have to be told, and this flow of control does not park
        return node.wait(ticket, f"{type(self).__name__.lstrip('_')}.{name}", self, timeout)
