"""Waits that are broken off although what they waited for happens all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.ticket import DONE, Ticket

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["wait_or_undo"]


def wait_or_undo(node: Node, ticket: Ticket, kind: str, target: Any, undo: Callable[[Any], object]) -> Any:
    """As ``Node.wait``, for an operation that has to be undone if its result reaches nobody.

    Args:
        node: this process's.
        ticket: of the operation.
        kind: for the wait table.
        target: for the wait table.
        undo: called with the result, under the lock, if the wait was broken off (a signal's exception, a cancel)
            and the operation succeeded, before or after that.
    """
    try:
        return node.wait(ticket, kind, target)
    except BaseException:
        with node.lock:
            if ticket.state != DONE:
                ticket.wake = partial(_succeeded_late, undo)
            elif ticket.error is None:
                undo(ticket.result)
        raise


def _succeeded_late(undo: Callable[[Any], object], ticket: Ticket) -> None:
    if ticket.error is None:
        undo(ticket.result)
