"""Handles of objects whose operations are the same wherever the object lives."""

from __future__ import annotations

from collections.abc import Callable
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

    def _local(self, name: str) -> Operation:
        operation = find(type(self._core), name)
        assert operation is not None, name
        return operation

    def _written(self, ref: Ref, name: str, args: tuple[Any, ...]) -> list[Any]:
        operation = find(self.CORE, name)
        assert operation is not None, name
        return [
            self._node.values.write(arg, ref.home) if position in operation.frozen else arg
            for position, arg in enumerate(args)
        ]

    def _begin(self, name: str, args: tuple[Any, ...]) -> Ticket:
        """Starts an operation, here or at the object's home. Under the node's lock.

        Args:
            name: of the operation.
            args: plain data, and frozen values at the positions that the operation says.
        """
        node = self._node
        core = self._core
        if core is not None:
            ticket = node.host.ticket()
            self._local(name).start(node, core, ticket, args)
            return ticket
        node.check_open()
        ref = self._ref
        assert ref is not None
        return node.remote.start(ref, name, self._written(ref, name, args), *node.host.waker())

    def _tell(self, name: str, *args: Any) -> None:
        """Starts an operation whose end nobody waits for; nothing if the object is lost. Under the node's lock."""
        node = self._node
        ref = self._ref
        if ref is None:
            self._local(name).start(node, self._core, Ticket(None), args)
        elif ref.lost is None and node.closed is None:
            node.remote.start(ref, name, self._written(ref, name, args), None, None)
            node.host.soon()

    def _do(
        self,
        name: str,
        *args: Any,
        timeout: float | None = None,
        undo: Callable[[Any], object] | None = None,
    ) -> Ticket:
        """One operation: waits for its end; returns its ticket, which succeeded, or raises its error.

        Args:
            name: of the operation.
            args: as for ``_begin``.
            timeout: seconds to wait at most.
            undo: see ``Node.wait``.

        Raises:
            ChannelLost: the process in which the object lived has died.
            Timeout: the timeout ran out.
        """
        node = self._node
        with node.lock:
            ticket = self._begin(name, args)
            if ticket.state == DONE and node.unsent:
                node.host.soon()  # others have to be told, and this flow of control does not park
        node.wait(ticket, f"{type(self).__name__.lstrip('_')}.{name}", self, timeout, undo)
        return ticket

    def _ask(self, name: str, *args: Any, timeout: float | None = None) -> Any:
        """As ``_do``; returns the operation's result (frozen)."""
        return self._do(name, *args, timeout=timeout).result
