"""Go's select: whichever of several channel operations can go on first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, overload

from dgo.channels import Chan, RecvChan, SendChan
from dgo.core.select import DEFAULT
from dgo.core.ticket import Ticket
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.selects import Entry
from dgo.runtime.values import refuse_large
from dgo.wire.snapshot import ATOMS, Payload, freeze, thaw

__all__ = ["DEFAULT", "Case", "Selected", "aselect", "recv", "select", "send"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


class Selected(NamedTuple, Generic[T_co]):
    """Which case of a select happened.

    Attributes:
        index: its position among the arguments; ``dgo.DEFAULT`` (-1) if none was ready.
        value: what was received; None for a send, a default, and a closed channel.
        ok: False if it received from a closed and drained channel, or nothing happened.
    """

    index: int  # type: ignore[assignment] # tuple's method of that name gives way to the contract's
    value: T_co
    ok: bool


# What Entry(...) and Selected(...) do, without their Python functions.
_new_entry: Callable[[type[Entry], tuple[Any, ...]], Entry] = tuple.__new__
_new_selected: Callable[[type[Selected[Any]], tuple[Any, ...]], Selected[Any]] = tuple.__new__


class Case(Generic[T_co]):
    """One case of a select: what ``dgo.recv(ch)`` and ``dgo.send(ch, v)`` return."""

    __slots__ = ("channel", "sending", "value")

    def __init__(self, channel: SendChan[Any] | RecvChan[Any] | None, sending: bool, value: Any) -> None:
        self.channel = channel
        self.sending = sending
        self.value = value

    def __repr__(self) -> str:
        if self.sending:
            return f"send({self.channel!r}, {self.value!r:.40})"
        return f"recv({self.channel!r})"


@overload
def recv(ch: RecvChan[T]) -> Case[T | None]: ...
@overload
def recv(ch: None) -> Case[None]: ...
@overload
def recv(ch: RecvChan[T] | None) -> Case[T | None]: ...
def recv(ch: RecvChan[Any] | None) -> Case[Any]:
    """The case "receive from ``ch``"; None is Go's nil channel, which is never ready.

    Raises:
        TypeError: you: ``ch`` is no channel that can receive.
    """
    if type(ch) is not Chan and ch is not None and not isinstance(ch, RecvChan):
        raise TypeError(f"dgo.recv() takes a channel that can receive, or None, not {ch!r:.80}")
    return Case(ch, False, None)


def send(ch: SendChan[T] | None, value: T) -> Case[None]:
    """The case "send ``value`` to ``ch``"; the value is copied when ``select`` is called.

    Raises:
        TypeError: you: ``ch`` is no channel that can send.
    """
    if type(ch) is not Chan and ch is not None and not isinstance(ch, SendChan):
        raise TypeError(f"dgo.send() takes a channel that can send, or None, not {ch!r:.80}")
    return Case(ch, True, value)


# The type of ``value``: None (a send, a default, a closed channel), or what one of the channels carries.
@overload
def select(a: Case[A], /, *, default: bool = ..., timeout: float | None = ...) -> Selected[A | None]: ...
@overload
def select(
    a: Case[A], b: Case[B], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | None]: ...
@overload
def select(
    a: Case[A], b: Case[B], c: Case[C], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | C | None]: ...
@overload
def select(
    a: Case[A], b: Case[B], c: Case[C], d: Case[D], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | C | D | None]: ...
@overload
def select(*cases: Case[T], default: bool = ..., timeout: float | None = ...) -> Selected[T | None]: ...
def select(*cases: Case[Any], default: bool = False, timeout: float | None = None) -> Selected[Any]:
    """Waits until one of the cases can happen, and has exactly that one happen, wherever the channels live.

    If several are ready one of them is chosen at random, with equal chances. Without any case that can ever
    be ready it blocks for ever.

    Args:
        cases: what ``dgo.recv(ch)`` and ``dgo.send(ch, v)`` return.
        default: if no case is ready, return at once with ``index == dgo.DEFAULT``.
        timeout: seconds to wait at most.

    Returns:
        ``Selected(index, value, ok)``. A receive from a closed channel is ready with ``(None, ok=False)``.

    Raises:
        ChannelClosed: a send on a closed channel was chosen; or its channel was closed meanwhile.
        ChannelLost: the process in which one of the channels lived has died.
        SerializationError: you: a value cannot travel (nothing has happened); or the value received cannot be
            rebuilt here.
        Timeout: the timeout ran out; nothing has happened.
        TypeError: you: something is not a case.
        ValueError: you: ``default`` together with ``timeout``.
    """
    entries, node = _entries(cases, default, timeout)
    if node is None:
        return _never(default, timeout)
    if node.execution is None:
        with node.lock:  # what is inside takes it once more: see "The short way" in ``dgo.channels``
            found, ticket = _begun(node, entries, default)
    else:
        found, ticket = _begun(node, entries, default)
    if ticket is not None:
        result = node.wait(ticket, "select default" if default else "select", _Over(cases), timeout)
        found = (*result, ticket.ok)
    index, value, ok = found
    if type(value) not in ATOMS:
        value = thaw(value, last=True)
    return _new_selected(Selected, (index, value, ok))


def _begun(node: Node, entries: list[Entry], default: bool) -> tuple[Any, Ticket | None]:
    """``(index, frozen value, ok)`` of a select that is decided at once, or a ticket to wait for."""
    lock = node.lock
    try:
        lock.acquire()
        found = node.selects.at_once(entries, default)
        if found is not None:
            return found, None
        node.check_open()
        return None, node.selects.start(entries, default, *node.host.waker())
    finally:
        lock.release()


@overload
async def aselect(a: Case[A], /, *, default: bool = ..., timeout: float | None = ...) -> Selected[A | None]: ...
@overload
async def aselect(
    a: Case[A], b: Case[B], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | None]: ...
@overload
async def aselect(
    a: Case[A], b: Case[B], c: Case[C], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | C | None]: ...
@overload
async def aselect(
    a: Case[A], b: Case[B], c: Case[C], d: Case[D], /, *, default: bool = ..., timeout: float | None = ...
) -> Selected[A | B | C | D | None]: ...
@overload
async def aselect(*cases: Case[T], default: bool = ..., timeout: float | None = ...) -> Selected[T | None]: ...
async def aselect(*cases: Case[Any], default: bool = False, timeout: float | None = None) -> Selected[Any]:
    """As ``select``, for coroutines: suspends this coroutine only.

    A cancellation that comes when a case has happened already is raised at the next ``await``: nothing is lost.

    Args:
        cases: what ``dgo.recv(ch)`` and ``dgo.send(ch, v)`` return.
        default: if no case is ready, return without waiting for one, with ``index == dgo.DEFAULT``.
        timeout: seconds to wait at most.

    Raises:
        BaseException: the same as ``select``.
    """
    entries, node = _entries(cases, default, timeout)
    if node is None and default:
        return Selected(DEFAULT, None, False)
    if node is None:
        node = current.get()
    from dgo.runtime.awaiting import Suspended, wakes_of  # asyncio takes its time to import

    wakes = wakes_of(node)
    if wakes.is_due:
        await wakes.pause()
    suspended = Suspended(wakes)
    with node.lock:
        if not entries:
            found = None
            ticket = Ticket(suspended.wake, None, suspended)  # nobody completes it
        else:
            found = node.selects.at_once(entries, default)
            if found is None:
                node.check_open()
                ticket = node.selects.start(entries, default, suspended.wake, suspended)
    if found is None:
        (index, value), ok = await suspended.on(ticket, "select", _Over(cases), timeout)
    else:
        index, value, ok = found
    return Selected(index, value if type(value) in ATOMS else thaw(value, last=True), ok)


def _entries(cases: tuple[Case[Any], ...], default: bool, timeout: float | None) -> tuple[list[Entry], Node | None]:
    """The cases as the runtime takes them; None in place of the node if none can ever be ready."""
    if default and timeout is not None:
        raise ValueError("dgo.select(): with default=True there is nothing to wait for, so no timeout")
    entries: list[Entry] = []
    node: Node | None = None
    for index, case in enumerate(cases):
        if type(case) is not Case and not isinstance(case, Case):
            raise TypeError(f"dgo.select() takes dgo.recv(ch) and dgo.send(ch, value), not {case!r:.80}")
        channel = case.channel
        if channel is not None:
            node = channel._node
            frozen = _frozen(case) if case.sending else None
            entries.append(_new_entry(Entry, (index, channel._core, channel._ref, case.sending, frozen)))
    return entries, node


def _frozen(case: Case[Any]) -> Any:
    value = case.value
    if type(value) in ATOMS:
        return value
    frozen = freeze(value, "the value sent")
    if type(frozen) is Payload:
        for part in (frozen.data, *frozen.buffers):
            refuse_large(len(part))
    return frozen


def _never(default: bool, timeout: float | None) -> Selected[Any]:
    """A select of which no case can ever be ready."""
    if default:
        return Selected(DEFAULT, None, False)
    node = current.get()
    with node.lock:
        ticket = node.host.ticket()
    node.wait(ticket, "select", "no channel", timeout)
    raise AssertionError("nobody completes this ticket")


class _Over:
    """For people: what a select waits for."""

    __slots__ = ("_cases",)

    def __init__(self, cases: tuple[Case[Any], ...]) -> None:
        self._cases = cases

    def __repr__(self) -> str:
        return ", ".join(map(repr, self._cases))
