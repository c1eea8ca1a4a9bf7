"""Channels: how goroutines talk, wherever they run.

**The short way.** In a process of goroutines, at a channel that lives there, the common cases take one round of the
node's lock: somebody waits at the other end, or the buffer has a value or a slot; or nobody does, and the goroutine
queues, and is parked when it returns the lock (``Host.stand``). What else there is to do (a select has to be asked,
slots are lent, no carrier runs the caller) goes the long way, as everything in a driver: then nothing has happened.

On the short way the lock is taken by ``acquire`` and ``release``, which cost half of what ``with`` does. ``acquire``
stands inside the ``try``, so that an exception of a signal's handler right after it does not leave the lock taken.
(One that comes out of ``acquire`` would be hidden by that of ``release``; a driver's main thread, which Ctrl-C
interrupts, goes the long way.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, cast

from dgo.core.channel import Channel
from dgo.core.ticket import Ticket
from dgo.errors import ChannelClosed, WouldBlock
from dgo.runtime import current
from dgo.runtime.homes import close_channel, measure_channel, offer_value, poll_channel
from dgo.runtime.node import Node
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.wire.snapshot import ATOMS, freeze, thaw

if TYPE_CHECKING:
    from dgo.runtime.awaiting import Suspended, Wakes

__all__ = ["Chan", "RecvChan", "SendChan"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


def _wakes_of(node: Node) -> Wakes:
    """Replaces itself and ``_suspended`` at its first call: asyncio takes its time to import."""
    global _suspended, _wakes_of
    from dgo.runtime import awaiting

    _suspended, _wakes_of = awaiting.Suspended, awaiting.wakes_of
    return _wakes_of(node)


def _suspended(wakes: Wakes) -> Suspended:
    raise AssertionError("_wakes_of() comes first")


class _Handle(Shared):
    """What all views of a channel share."""

    __slots__ = ("_capacity", "_name")

    _capacity: int
    _name: str | None

    def _meta(self) -> list[Any]:
        return [self._capacity, self._name]

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cast("_Handle", super()._rebuild(node, core, ref, meta))
        handle._capacity, handle._name = meta
        return handle

    def _view(self, cls: type[Any]) -> Any:
        return cls._rebuild(self._node, self._core, self._ref, self._meta())

    def _ask(self, operation: str, args: list[Any], kind: str, timeout: float | None = None) -> tuple[Any, bool]:
        """One operation on a channel whose home is elsewhere: ``(frozen result, ok)``."""
        node = self._node
        ref = self._ref
        assert ref is not None
        with node.lock:
            node.check_open()
            # Its home may have lent slots since the caller looked: another thread takes what comes (a driver's input
            # thread, or sysmon). Whoever has slots does not ask, and would get no answer.
            if operation == "send" and ref.credit:
                node.loans.send(ref, args[0])
                return None, True
            if args:
                args = [node.values.write(args[0], ref.home)]
            ticket = node.remote.start(ref, operation, args, *node.host.waker())
        result = node.wait(ticket, kind, self, timeout)
        return result, ticket.ok

    def _after_loans(self, operation: Any, kind: str, frozen: Any = None, timeout: float | None = None) -> Ticket:
        """One operation on a local channel whose free slots are lent: they come back first."""
        node = self._node
        with node.lock:
            ticket = node.host.ticket(frozen)
            node.loans.when_returned(self._core, operation, ticket)
        node.wait(ticket, kind, self, timeout)
        return ticket

    @property
    def capacity(self) -> int:
        """How many values fit without a receiver (Go's ``cap``)."""
        return self._capacity

    @property
    def name(self) -> str | None:
        """The name given at the start, for people."""
        return self._name

    @property
    def closed(self) -> bool:
        """Whether it is closed; a snapshot."""
        if self._core is None:
            return bool(self._ask("closed", [], "chan closed")[0])
        return bool(self._core.closed)

    def __len__(self) -> int:
        if self._core is None:
            return int(self._ask("len", [], "chan len")[0])
        with self._node.lock:
            if not self._core.lent and not self._core.handoffs and not self._core.stocked:
                return len(self._core)
        return int(self._after_loans(measure_channel, "chan len").result)

    def __repr__(self) -> str:
        kind = type(self).__name__
        label = f"{self._name!r}, " if self._name else ""
        core = self._core
        if core is None:
            return f"{kind}({label}{self._id_text}, capacity {self._capacity}, elsewhere)"
        with self._node.lock:
            text = f"{kind}({label}{self._id_text}, {len(core)}/{self._capacity}"
            if core.receivers:
                text += f", {len(core.receivers)} receivers waiting"
            if core.senders:
                text += f", {len(core.senders)} senders waiting"
            return text + (", closed)" if core.closed else ")")

    def _repr_html_(self) -> str:
        """For notebooks: what this process knows of the channel; asks nobody."""
        from dgo.runtime.html import card  # notebooks only

        facts: dict[str, object] = {"name": self._name, "id": self._id_text, "capacity": self._capacity}
        core = self._core
        if core is None:
            facts["lives"] = "elsewhere"
        else:
            with self._node.lock:
                facts["stored"] = len(core)
                facts["receivers waiting"] = len(core.receivers)
                facts["senders waiting"] = len(core.senders)
                facts["state"] = "closed" if core.closed else "open"
        return card(type(self).__name__, facts)


class SendChan(_Handle, Generic[T_contra]):
    """The sending end of a channel. Equal to the channel itself.

    Every ``Chan`` is one too, as in Go: a function that takes a ``SendChan[int]`` takes a ``Chan[int]``.
    """

    __slots__ = ()
    KIND: ClassVar[str] = "send"

    def send(self, value: T_contra, *, timeout: float | None = None) -> None:
        """Sends ``value``; blocks until it is received (capacity 0) or stored.

        The receiver gets a value of its own: nothing mutable is shared.

        Args:
            value: what to send.
            timeout: seconds to wait at most.

        Raises:
            ChannelClosed: the channel is closed, or was while this send waited.
            ChannelLost: the process in which the channel lived has died.
            SerializationError: you: the value cannot travel; the message gives the way to the offending part.
            Timeout: the timeout ran out; nothing was sent.
        """
        frozen = value if type(value) in ATOMS else freeze(value, "the value sent")
        core = self._core
        node = self._node
        if core is None:
            ref = self._ref
            with node.lock:
                if ref.credit:  # type: ignore[union-attr] # a handle without a core has a reference
                    node.loans.send(ref, frozen)  # type: ignore[arg-type] # as above
                    return
            self._ask("send", [frozen], "chan send", timeout)
            return
        if node.execution is None:
            self._send(core, frozen, timeout)
            return
        lock = node.lock
        ticket: Ticket | None = None
        try:  # see "The short way" at the head of this module
            lock.acquire()
            if not core.lent:
                capacity = core.capacity
                if (
                    capacity
                    and len(core.buffer) + core.handed < capacity
                    and core.receivers.first is None
                    and core.senders.first is None
                    and not core.closed
                ):
                    core.buffer.append(frozen)  # what try_send does with most values, without its frame
                    return
                if core.try_send(frozen):
                    return
                if core.receivers.first is None:
                    ticket = node.host.stand(core.senders, frozen, "chan send", self, timeout)
        finally:
            lock.release()
        if ticket is None:
            self._send(core, frozen, timeout)
            return
        node.host.stay(ticket)
        if ticket.error is not None:
            raise ticket.error

    def _send(self, core: Channel, frozen: Any, timeout: float | None) -> None:
        """Sends at a channel that lives here, whoever calls."""
        node = self._node
        ticket: Ticket | None = None
        with node.lock:
            if not core.lent:
                if core.try_send(frozen):
                    return
                ticket = node.host.ticket(frozen)
                core.queue_send(ticket)
        if ticket is None:
            self._after_loans(Channel.send, "chan send", frozen, timeout)
        else:
            node.wait(ticket, "chan send", self, timeout)

    async def asend(self, value: T_contra, *, timeout: float | None = None) -> None:
        """As ``send``, for coroutines: suspends this coroutine only.

        A cancellation that comes when the value has been sent already is raised at the next ``await``.

        Args:
            value: what to send; copied when the coroutine starts.
            timeout: seconds to wait at most.

        Raises:
            ChannelClosed: the channel is closed, or was while this send waited.
            ChannelLost: the process in which the channel lived has died.
            SerializationError: you: the value cannot travel; the message gives the way to the offending part.
            Timeout: the timeout ran out; nothing was sent.
        """
        frozen = value if type(value) in ATOMS else freeze(value, "the value sent")
        wakes = _wakes_of(self._node)
        if wakes.is_due:
            await wakes.pause()
        suspended = self._sent(frozen, wakes, timeout)
        if suspended is not None:
            await suspended

    def _sent(self, frozen: Any, wakes: Wakes, timeout: float | None) -> Suspended | None:
        """Starts a send; returns what has to be awaited, if anything."""
        core = self._core
        node = self._node
        if core is None or node.execution is None:
            return self._sent_anywhere(frozen, wakes, timeout)
        lock = node.lock
        try:  # see "The short way" at the head of this module
            lock.acquire()
            if core.lent:
                return self._sent_anywhere(frozen, wakes, timeout)
            if core.try_send(frozen):
                return None
            suspended = _suspended(wakes)
            ticket = Ticket(wakes.wake, frozen, suspended)
            core.queue_send(ticket)
        finally:
            lock.release()
        return suspended.on(ticket, "chan send", self, timeout)

    def _sent_anywhere(self, frozen: Any, wakes: Wakes, timeout: float | None) -> Suspended | None:
        """As ``_sent``, whoever calls."""
        core = self._core
        node = self._node
        with node.lock:
            if core is None:
                ref = self._ref
                node.check_open()
                if ref.credit:  # type: ignore[union-attr] # a handle without a core has a reference
                    node.loans.send(ref, frozen)  # type: ignore[arg-type] # as above
                    return None
                suspended = _suspended(wakes)
                wire = node.values.write(frozen, ref.home)  # type: ignore[union-attr] # as above
                ticket: Ticket = node.remote.start(ref, "send", [wire], wakes.wake, suspended)  # type: ignore[arg-type] # as above
            else:
                if not core.lent and core.try_send(frozen):
                    return None
                suspended = _suspended(wakes)
                ticket = Ticket(wakes.wake, frozen, suspended)
                if core.lent:
                    node.loans.when_returned(core, Channel.send, ticket)
                else:
                    core.queue_send(ticket)
        return suspended.on(ticket, "chan send", self, timeout)

    def send_nowait(self, value: T_contra) -> None:
        """Sends if that needs no waiting for a receiver or a slot.

        Raises:
            WouldBlock: no receiver waits and no slot is free.
            ChannelClosed: the channel is closed.
        """
        frozen = value if type(value) in ATOMS else freeze(value, "the value sent")
        core = self._core
        if core is None:
            self._ask("offer", [frozen], "chan send_nowait")
            return
        self._after_loans(offer_value, "chan send_nowait", frozen)

    def close(self) -> None:
        """Closes the channel: what is stored can still be received, senders fail from now on.

        Raises:
            ChannelClosed: you: it is closed already.
        """
        core = self._core
        if core is None:
            self._ask("close", [], "chan close")
            return
        with self._node.lock:
            if not core.lent and core.match is None:
                core.close()
                return
        self._after_loans(close_channel, "chan close")


class RecvChan(_Handle, Generic[T_co]):
    """The receiving end of a channel. Equal to the channel itself.

    Every ``Chan`` is one too, as in Go: a function that takes a ``RecvChan[int]`` takes a ``Chan[int]``.
    """

    __slots__ = ()
    KIND: ClassVar[str] = "recv"

    def recv_ok(self, *, timeout: float | None = None) -> tuple[T_co, Literal[True]] | tuple[None, Literal[False]]:
        """Go's ``v, ok := <-ch``: ``(value, True)``, or ``(None, False)`` when closed and drained.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChannelLost: the process in which the channel lived has died.
            SerializationError: this value cannot be rebuilt in this process (others can be received).
            Timeout: the timeout ran out; nothing was received.
        """
        core = self._core
        value, ok = self._receive_elsewhere(timeout) if core is None else self._receive(core, timeout)
        return thaw(value, last=True), ok  # type: ignore[return-value] # if not ok, the value is None

    def _receive_elsewhere(
        self, timeout: float | None, operation: str = "recv", kind: str = "chan receive"
    ) -> tuple[Any, bool]:
        """Receives at a channel that lives elsewhere: ``(frozen value, ok)``."""
        node = self._node
        with node.lock:
            ref = self._ref
            if ref.stock:  # type: ignore[union-attr] # a handle without a core has a reference
                return node.stocks.take(ref), True  # type: ignore[arg-type] # as above
        return self._ask(operation, [], kind, timeout)

    def _receive(self, core: Channel, timeout: float | None) -> tuple[Any, bool]:
        """Receives at a channel that lives here: ``(frozen value, ok)``."""
        node = self._node
        if node.execution is None:
            return self._receive_anywhere(core, timeout)
        lock = node.lock
        ticket: Ticket | None = None
        try:  # see "The short way" at the head of this module
            lock.acquire()
            buffer = core.buffer
            if buffer and core.senders.first is None and core.match is None and not (core.handoffs or core.stocked):
                return buffer.popleft(), True  # what try_recv does with most values, without its frame
            found = core.try_recv()
            if found is not None:
                return found
            if core.idle():
                ticket = node.host.stand(core.receivers, None, "chan receive", self, timeout)
        finally:
            lock.release()
        if ticket is None:
            return self._receive_anywhere(core, timeout)
        node.host.stay(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result, ticket.ok

    def _receive_anywhere(self, core: Channel, timeout: float | None) -> tuple[Any, bool]:
        """As ``_receive``, whoever calls."""
        node = self._node
        with node.lock:
            found = core.try_recv()
            if found is not None:
                return found
            ticket = node.host.ticket()
            core.recv(ticket)
        return node.wait(ticket, "chan receive", self, timeout), ticket.ok

    def recv(self, *, timeout: float | None = None) -> T_co:
        """The next value, in the order in which they were sent; blocks until there is one.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChannelClosed: the channel is closed and every value was received.
            ChannelLost: the process in which the channel lived has died.
            SerializationError: this value cannot be rebuilt in this process (others can be received).
            Timeout: the timeout ran out; nothing was received.
        """
        core = self._core
        value, ok = self._receive_elsewhere(timeout) if core is None else self._receive(core, timeout)
        if type(value) not in ATOMS:
            value = thaw(value, last=True)
        if not ok:
            raise ChannelClosed(f"receive on {self!r}: it is closed and every value was received")
        return value  # type: ignore[no-any-return] # a cast would be a call

    async def arecv(self, *, timeout: float | None = None) -> T_co:
        """As ``recv``, for coroutines: suspends this coroutine only.

        A cancellation that comes when a value has been received already is raised at the next ``await``: no value
        is lost by it.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChannelClosed: the channel is closed and every value was received.
            ChannelLost: the process in which the channel lived has died.
            SerializationError: this value cannot be rebuilt in this process (others can be received).
            Timeout: the timeout ran out; nothing was received.
        """
        wakes = _wakes_of(self._node)
        if wakes.is_due:
            await wakes.pause()
        found = self._received(wakes, timeout)
        value, ok = found if type(found) is tuple else await found  # type: ignore[misc] # it is a Suspended
        if not ok:
            raise ChannelClosed(f"receive on {self!r}: it is closed and every value was received")
        return value if type(value) in ATOMS else cast("T_co", thaw(value, last=True))

    def _received(self, wakes: Wakes, timeout: float | None) -> tuple[Any, bool] | Suspended:
        """Starts a receive; returns ``(frozen value, ok)``, or what has to be awaited and gives that."""
        core = self._core
        node = self._node
        if core is None or node.execution is None:
            return self._received_anywhere(wakes, timeout)
        lock = node.lock
        try:  # see "The short way" at the head of this module
            lock.acquire()
            found: tuple[Any, bool] | None = core.try_recv()
            if found is not None:
                return found
            suspended = _suspended(wakes)
            ticket = Ticket(wakes.wake, None, suspended)
            core.recv(ticket)
        finally:
            lock.release()
        return suspended.on(ticket, "chan receive", self, timeout)

    def _received_anywhere(self, wakes: Wakes, timeout: float | None) -> tuple[Any, bool] | Suspended:
        """As ``_received``, whoever calls."""
        core = self._core
        node = self._node
        with node.lock:
            if core is None:
                if self._ref.stock:  # type: ignore[union-attr] # a handle without a core has a reference
                    return node.stocks.take(self._ref), True  # type: ignore[arg-type] # as above
                node.check_open()
                suspended = _suspended(wakes)
                ticket: Ticket = node.remote.start(self._ref, "recv", [], wakes.wake, suspended)  # type: ignore[arg-type] # a handle without a core has a reference
            else:
                found: tuple[Any, bool] | None = core.try_recv()
                if found is not None:
                    return found
                suspended = _suspended(wakes)
                ticket = Ticket(wakes.wake, None, suspended)
                core.recv(ticket)
        return suspended.on(ticket, "chan receive", self, timeout)

    def __aiter__(self) -> AsyncIterator[T_co]:
        """``async for v in ch``: until closed and drained."""
        return _Values(self)

    def recv_nowait(self) -> T_co:
        """The next value if one is there.

        Raises:
            WouldBlock: there is none now.
            ChannelClosed: the channel is closed and every value was received.
        """
        core = self._core
        if core is None:
            value, ok = self._receive_elsewhere(None, "poll", "chan recv_nowait")
        else:
            with self._node.lock:
                found = core.try_recv()
                sure = not (core.lent or core.senders or core.handoffs or core.stocked or core.match)
            if found is None and not sure:
                ticket = self._after_loans(poll_channel, "chan recv_nowait")
                found = ticket.result, ticket.ok
            if found is None:
                raise WouldBlock(f"receive on {self!r}: no value is there")
            value, ok = found
        if not ok:
            raise ChannelClosed(f"receive on {self!r}: it is closed and every value was received")
        return cast("T_co", thaw(value, last=True))

    def __iter__(self) -> Iterator[T_co]:
        """Go's ``for v := range ch``: until closed and drained."""
        core = self._core
        while True:
            value, ok = self._receive_elsewhere(None) if core is None else self._receive(core, None)
            if type(value) not in ATOMS:
                value = thaw(value, last=True)
            if not ok:
                return
            yield value


class _Values(Generic[T]):
    """What ``async for`` goes through."""

    __slots__ = ("_channel",)

    def __init__(self, channel: RecvChan[T]) -> None:
        self._channel = channel

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        channel = self._channel
        wakes = _wakes_of(channel._node)
        if wakes.is_due:
            await wakes.pause()
        found = channel._received(wakes, None)
        value, ok = found if type(found) is tuple else await found  # type: ignore[misc] # as in arecv
        if not ok:
            raise StopAsyncIteration
        return value if type(value) in ATOMS else cast("T", thaw(value, last=True))


class Chan(SendChan[T], RecvChan[T]):
    """A channel: a typed conduit between goroutines, wherever they run.

    It lives in the process that made it; a handle can be passed to any goroutine and is the same channel there.

    Args:
        capacity: how many values are stored without a receiver; 0: a send waits for its receiver.
        name: for people: shown by ``repr``, in dumps and errors.

    Raises:
        TypeError: you: ``capacity`` is not an integer.
        ValueError: you: ``capacity`` is negative.

    Example:
        >>> ch: dgo.Chan[int] = dgo.Chan(10)
        >>> ch.send(1)
        >>> ch.recv()
        1
    """

    __slots__ = ()
    KIND: ClassVar[str] = "chan"

    def __init__(self, capacity: int = 0, *, name: str | None = None) -> None:
        if type(capacity) is not int:
            if isinstance(capacity, bool) or not isinstance(capacity, int):
                raise TypeError(f"the capacity of a channel is an integer, not {capacity!r:.80}")
            capacity = int(capacity)
        if capacity < 0:
            raise ValueError(f"the capacity of a channel cannot be negative: {capacity}")
        self._node = current.get()
        self._core = Channel(capacity)
        self._ref = None
        self._capacity = capacity
        self._name = name

    def sender(self) -> SendChan[T]:
        """The sending end: has no receiving methods."""
        return cast("SendChan[T]", self._view(SendChan))

    def receiver(self) -> RecvChan[T]:
        """The receiving end: has no sending methods."""
        return cast("RecvChan[T]", self._view(RecvChan))


for _cls in (Chan, SendChan, RecvChan):
    KINDS[_cls.KIND] = _cls
