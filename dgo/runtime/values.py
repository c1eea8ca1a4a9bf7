"""Values and handles on their way in and out of this process.

``write`` gives a frozen value its wire form for one peer, ``read`` does the inverse; both see to it that no
object is freed while a handle to it is on its way (see ``dgo.core.references``).
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from dgo.core.channel import Channel
from dgo.core.references import Exports, Pins
from dgo.errors import SerializationError
from dgo.runtime.nearby import Nearby
from dgo.runtime.shared import KINDS, Ref, Shared
from dgo.wire.messages import MAX_FRAME, Msg, ProtocolError
from dgo.wire.snapshot import Payload
from dgo.wire.snapshot.lumps import Lump
from dgo.wire.snapshot.payload import pack

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Values", "refuse_large"]

FRAME_LIMIT = 1 << 16  # pickles from this size on travel in a frame of their own
INT_MIN, INT_MAX = -(1 << 63), (1 << 64) - 1  # the numbers that msgpack carries


def is_scalar(value: Any) -> bool:
    """True if msgpack carries ``value`` as it is."""
    kind = type(value)
    if kind is str:
        return value.isascii() or _encodable(value)
    if kind is int:
        return bool(INT_MIN <= value <= INT_MAX)
    if kind is bytes:
        return len(value) < FRAME_LIMIT
    return value is None or kind is bool or kind is float


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) < FRAME_LIMIT


def refuse_large(nbytes: int) -> None:
    """Raises SerializationError for a buffer that no frame can carry."""
    if nbytes >= MAX_FRAME:
        raise SerializationError(
            f"a value of {nbytes:,} bytes is larger than the limit of {MAX_FRAME:,} bytes for one buffer; "
            "send it in parts"
        )


def _seen(lump: Lump) -> memoryview:
    """What of a lump goes into a frame."""
    try:
        return lump.shared()
    except OSError as error:
        raise SerializationError(f"a value cannot be sent on: {error}") from error


def _received(frame: bytes | memoryview, writable: bool) -> bytes | bytearray | memoryview:
    """A buffer of a value, in memory of its own."""
    if type(frame) is memoryview:
        return frame if writable and not frame.readonly else frame.toreadonly() if not writable else bytearray(frame)
    return bytearray(frame) if writable else frame


class Values:
    """The handles that leave and enter one process. All methods are called under the node's lock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.exports = Exports()
        self.pins = Pins()
        self.nearby = Nearby(node)
        self.dropped: deque[tuple[int, int]] = deque()  # [home, number] of an object, [sender, -pin] of a lump
        self.numbers = 0  # of the objects of this process, goroutines included
        self._imports: dict[tuple[int, int], weakref.ref[Ref]] = {}
        self._joining: dict[tuple[int, int], list[_Arrival]] = {}
        self._unanswered: dict[tuple[int, int], int] = {}  # how many JOINs
        node.handle(Msg.JOIN, self._on_join)
        node.handle(Msg.JOINED, self._on_joined)
        node.handle(Msg.LEAVE, self._on_leave)
        node.handle(Msg.UNPIN, self._on_unpin)

    def next_number(self) -> int:
        """A new object number."""
        self.numbers += 1
        return self.numbers

    def number(self, core: Any) -> int:
        """The object number of an object of this process, given on first use."""
        if not core.number:
            core.number = self.next_number()
        number: int = core.number
        return number

    # ---- out -------------------------------------------------------------------------------------

    def write(
        self, frozen: Any, peer: int, route_peer: int | None = None, pin_for: Any = None, pinned: bool = True
    ) -> Any:
        """The wire form of a frozen value for ``peer``.

        Args:
            frozen: what ``freeze`` returned.
            peer: who will read it.
            route_peer: whose link carries it, if not the reader's (spawns go through the coordinator).
            pin_for: the key under which its handles are kept, if not until the reader says UNPIN.
            pinned: False if another process keeps its handles until the reader has registered.
        """
        if is_scalar(frozen):
            return frozen
        payload: Payload = frozen if type(frozen) is Payload else pack(frozen)
        data = payload.data
        buffers = payload.buffers
        if not payload.handles and not buffers and len(data) < FRAME_LIMIT:
            return [data]
        link = self._node.links.link(peer if route_peer is None else route_peer)
        frames: list[Any] = []
        entries: list[Any] = []
        for buffer in buffers:
            if isinstance(buffer, Lump):
                refuse_large(buffer.nbytes)
                entry = self.nearby.write(buffer, peer, pin_for, pinned)
                if entry is not None:
                    entries.append(entry)
                    continue
                frames.append(_seen(buffer))
                entries.append(not buffer.readonly)
            else:
                frames.append(buffer)
                entries.append(type(buffer) is not bytes and not memoryview(buffer).readonly)
        if len(data) >= FRAME_LIMIT:
            frames.append(data)
        for frame in frames:
            refuse_large(len(frame))
        first = len(link.buffers)
        link.buffers.extend(frames)
        pin = self._pin(payload.handles, peer, pin_for) if payload.handles and pinned else 0
        if pin_for is not None:
            pin = 0  # kept until the owner of ``pin_for`` ends, not until the first reader has registered
        described = [self._describe(handle) for handle in payload.handles]
        inline = None if len(data) >= FRAME_LIMIT else data
        return [inline, described, first, entries, pin]

    def _describe(self, handle: Any) -> list[Any]:
        ref = handle._ref
        if ref is not None:
            return [handle.KIND, ref.home, ref.number, handle._meta()]
        return [handle.KIND, self._node.id, self.number(handle._core), handle._meta()]

    def _pin(self, handles: tuple[Any, ...], peer: int, pin_for: Any) -> int:
        kept = [handle for handle in handles if handle._ref is None or handle._ref.home != peer or pin_for]
        if not kept:
            return 0
        for handle in kept:
            if handle._ref is None:
                self.exports.pin(self.number(handle._core), handle._core)
        return self.pins.add(pin_for if pin_for is not None else peer, kept)

    def unpin(self, kept: list[Any] | None) -> None:
        """What a pin kept need not be kept any longer."""
        for handle in kept or ():
            if not isinstance(handle, Lump) and handle._ref is None:
                self.exports.unpin(handle._core.number)

    def release_pins(self, owner: Any) -> None:
        """Forgets all pins of ``owner``."""
        for kept in self.pins.lost(owner):
            self.unpin(kept)

    # ---- in --------------------------------------------------------------------------------------

    def read(self, wire: Any, peer: int, frames: list[bytes], when_joined: Any = None) -> Any:
        """The frozen value of a wire form that ``peer`` wrote.

        Args:
            wire: the wire form.
            peer: who wrote it.
            frames: the frame set that it came in.
            when_joined: called when every handle in it is registered at its home (perhaps at once).

        Raises:
            ProtocolError: it is no wire form.
        """
        if type(wire) is not list:
            if when_joined is not None:
                when_joined()
            return wire
        if len(wire) == 1:
            if type(wire[0]) is not bytes:
                raise ProtocolError("a value's pickle is bytes")
            if when_joined is not None:
                when_joined()
            return Payload(wire[0], (), ())
        try:
            inline, described, first, entries, pin = wire
            first += 1  # the header and the body come before the buffers
            arrival = _Arrival(self, peer, pin, when_joined)
            buffers: list[Any] = []
            for entry in entries:
                if type(entry) is list:
                    buffers.append(self.nearby.read(entry, peer, arrival))
                else:
                    buffers.append(_received(frames[first], entry))
                    first += 1
            data = bytes(frames[first]) if inline is None else inline
            handles = tuple(self._resolve(peer, arrival, *description) for description in described)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise ProtocolError(f"not a value: {error}") from error
        payload = Payload(data, tuple(buffers), handles)
        arrival.settle()
        return payload

    def read_all(self, wires: list[Any], peer: int, frames: list[bytes]) -> list[Any]:
        """The frozen values of several wire forms."""
        if list in map(type, wires):
            return [self.read(wire, peer, frames) for wire in wires]
        return wires

    def _resolve(self, peer: int, arrival: _Arrival, kind: str, home: int, number: int, meta: list[Any]) -> Shared:
        cls = KINDS[kind]
        node = self._node
        if home == node.id:
            core = self.exports.get(number)
            if core is not None:
                return cls._rebuild(node, core, None, meta)
            ref = Ref(home, number, self.dropped)
            ref.lost = "it no longer exists: every handle to it was dropped"
            return cls._rebuild(node, None, ref, meta)
        ref = self._import(home, number)
        if not ref.joined and ref.lost is None and home != peer:
            arrival.missing += 1
            self._joining.setdefault((home, number), []).append(arrival)
        return cls._rebuild(node, None, ref, meta)

    def _import(self, home: int, number: int) -> Ref:
        key = (home, number)
        known = self._imports.get(key)
        ref = known() if known is not None else None
        if ref is not None:
            return ref
        ref = Ref(home, number, self.dropped)
        self._imports[key] = weakref.ref(ref)
        if known is not None:
            # The last one was dropped, and what had been leased to it; that was not reported yet. What its home has
            # leased to it since, and is on its way, comes before the answer to the new JOIN, and counts for nothing.
            self._node.links.post(home, [Msg.LEAVE, number])
        cause = self._node.cause_of_loss(home)
        if cause is not None:
            ref.lost = cause
        else:
            self._unanswered[key] = self._unanswered.get(key, 0) + 1
            self._node.links.post(home, [Msg.JOIN, number])
        return ref

    def imported(self, home: int, number: int) -> Ref | None:
        """This process's reference to a foreign object, if it holds one."""
        known = self._imports.get((home, number))
        return known() if known is not None else None

    def sweep(self) -> None:
        """Tells the homes which objects this process no longer holds."""
        dropped = self.dropped
        while dropped:
            key = dropped.popleft()
            if key[1] < 0:
                self._node.links.post(key[0], [Msg.UNPIN, [-key[1]]])
                continue
            known = self._imports.get(key)
            if known is not None and known() is None:
                del self._imports[key]
                self._node.links.post(key[0], [Msg.LEAVE, key[1]])

    def close(self) -> None:
        """This process leaves its cluster."""
        if self.nearby.memory is not None:
            self.nearby.memory.close()
            self.nearby.memory = None

    def keep_house(self) -> None:
        """Called a few times a second."""
        memory = self.nearby.memory
        if memory is not None:
            memory.sweep()

    # ---- what peers say --------------------------------------------------------------------------

    def _on_join(self, peer: int, frames: list[bytes], number: int) -> None:
        there = self.exports.join(number, peer)
        self._node.links.post(peer, [Msg.JOINED, number, there])

    def _on_joined(self, peer: int, frames: list[bytes], number: int, there: bool) -> None:
        left = self._unanswered.pop((peer, number), 0) - 1
        if left > 0:  # this is about handles that were dropped meanwhile
            self._unanswered[peer, number] = left
            return
        known = self._imports.get((peer, number))
        ref = known() if known is not None else None
        if ref is not None:
            ref.joined = True
            if not there:
                ref.lost = "it no longer exists: every handle to it was dropped"
        for arrival in self._joining.pop((peer, number), ()):
            arrival.missing -= 1
            arrival.settle()

    def _on_leave(self, peer: int, frames: list[bytes], number: int) -> None:
        core = self.exports.get(number)
        if type(core) is Channel:
            self._node.loans.lost(core, peer)
            self._node.stocks.lost(core, peer)
        self.exports.leave(number, peer)

    def _on_unpin(self, peer: int, frames: list[bytes], pins: list[int]) -> None:
        for pin in pins:
            if not self.nearby.unhold(peer, pin):
                self.unpin(self.pins.release(pin))

    def lost(self, peer: int, cause: str) -> None:
        """``peer`` is dead."""
        self.release_pins(peer)
        self.nearby.lost(peer)
        self.exports.lost(peer)
        for (home, _), known in list(self._imports.items()):
            if home == peer:
                ref = known()
                if ref is not None:
                    ref.lose(cause)
        for key in [key for key in self._unanswered if key[0] == peer]:
            del self._unanswered[key]
        for key in [key for key in self._joining if key[0] == peer]:
            for arrival in self._joining.pop(key):
                arrival.missing -= 1
                arrival.settle()


class _Arrival:
    """One value whose handles are being registered at their homes."""

    __slots__ = ("missing", "peer", "pin", "settled", "values", "when_joined")

    def __init__(self, values: Values, peer: int, pin: int, when_joined: Any) -> None:
        self.values = values
        self.peer = peer
        self.pin = pin
        self.missing = 0
        self.when_joined = when_joined
        self.settled = False

    def settle(self) -> None:
        if self.missing or self.settled:
            return
        self.settled = True
        if self.pin:
            self.values._node.links.post(self.peer, [Msg.UNPIN, [self.pin]])
        if self.when_joined is not None:
            self.when_joined()
