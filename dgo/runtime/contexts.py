"""Contexts and their surroundings: timers, parents in other processes, and what can be asked of one.

A context whose parent lives elsewhere *watches* it: one operation that its home answers when the parent is
cancelled. It is withdrawn when the context is cancelled first.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dgo.core.context import CANCELLED, EXPIRED, LIVE, Context
from dgo.core.goroutine import Outcome
from dgo.core.ticket import DONE, Ticket
from dgo.core.timers import Timer
from dgo.errors import Cancelled, ChannelLost
from dgo.runtime.operations import register
from dgo.runtime.remote import PendingOperation
from dgo.wire.snapshot import freeze_exception

if TYPE_CHECKING:
    from dgo.runtime.node import Node
    from dgo.runtime.shared import Ref

__all__ = ["Surroundings", "create", "follow", "limit"]


class Surroundings:
    """What a context's home keeps for it.

    Attributes:
        timer: its deadline's.
        watch: the operation that ends with its parent elsewhere.
        ref: keeps that parent.
    """

    __slots__ = ("node", "ref", "timer", "watch")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.timer: Timer | None = None
        self.watch: PendingOperation | None = None
        self.ref: Ref | None = None

    def release(self) -> None:
        """The context is cancelled: nothing has to be waited for any more."""
        timer, self.timer = self.timer, None
        if timer is not None:
            self.node.timers.cancel(timer)
        watch, self.watch = self.watch, None
        if watch is not None and watch.state != DONE:
            watch.cancel(Cancelled("the context was cancelled before its parent"))
        self.ref = None


# All of these are called under the node's lock.


def create(node: Node, parent: Context | None) -> Context:
    """A context of this process, below ``parent`` (of this process too) if there is one."""
    context = Context(Surroundings(node))
    if parent is not None:
        parent.adopt(context)
    return context


def limit(context: Context, seconds: float, until: float) -> None:
    """Has the context expire in ``seconds``, unless it does so earlier anyway."""
    keeper = context.keeper
    assert isinstance(keeper, Surroundings)
    node = keeper.node
    deadline = node.clock() + seconds
    earlier = context.limit(deadline, until)
    if context.kind != LIVE:
        return
    if seconds <= 0:
        context.cancel(EXPIRED, None)
    elif earlier:
        if keeper.timer is not None:
            node.timers.cancel(keeper.timer)
        keeper.timer = node.set_timer(deadline, partial(context.cancel, EXPIRED, None))


def follow(context: Context, ref: Ref) -> None:
    """Has the context end with its parent, which lives elsewhere."""
    keeper = context.keeper
    assert isinstance(keeper, Surroundings)
    keeper.ref = ref
    try:
        keeper.watch = keeper.node.remote.start(ref, "watch", [], partial(_parent_ended, context), None)
    except ChannelLost as error:
        context.cancel(CANCELLED, freeze_exception(error))


def _parent_ended(context: Context, ticket: Ticket) -> None:
    if ticket.error is None:
        context.cancel(ticket.result.ending, ticket.result.value)
    elif isinstance(ticket.error, ChannelLost):
        context.cancel(CANCELLED, freeze_exception(ticket.error))


# ---- operations ------------------------------------------------------------------------------------


def _state(context: Context, ticket: Ticket) -> None:
    """How it ended, as an ``Outcome``; the seconds left (None: no deadline) while it lives."""
    if context.kind != LIVE:
        ticket.complete(Outcome(context.kind, context.cause))
    else:
        _left(context, ticket)


def _left(context: Context, ticket: Ticket) -> None:
    """The seconds to its deadline; None if it has none."""
    if context.deadline is None:
        ticket.complete(None)
    else:
        assert isinstance(context.keeper, Surroundings)
        ticket.complete(context.deadline - context.keeper.node.clock())


def _cancel(context: Context, ticket: Ticket) -> None:
    context.cancel(CANCELLED, None)
    ticket.complete()


def _cancel_because(context: Context, ticket: Ticket, payload: Any, *texts: str) -> None:
    context.cancel(CANCELLED, (payload, *texts))
    ticket.complete()


register(Context, "watch", Context.watch)
register(Context, "state", _state)
register(Context, "left", _left)
register(Context, "cancel", _cancel)
register(Context, "cancel because", _cancel_because, frozen=[0])
