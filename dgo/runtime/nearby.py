"""Lumps on their way: named, where the receiver can open them, and as frames, where it cannot.

Whether a process is near, which is to say that it can open the segments of this one, is not guessed but tried: NEAR
names a segment and its token, SEEN says whether they were found. Until a peer has said so, it gets frames.

A goroutine's arguments have a reader that is not known when they are sent. They are always named, and whoever
cannot open them asks with FETCH. Their pin belongs to the goroutine and ends with it, perhaps before the arrays
that were made of them; so the reader says HOLD, which keeps the lump until it says UNPIN.

A name holds only while its sender lives: what a process had sent before it died, and nobody has read, is lost with
it, as if it had not left the process. Then the whole message counts as not sent (``SenderGone``), and the news of the
death do the rest.

Invariants:

1. A lump that was named is pinned, by its reader or by its goroutine, until UNPIN, or the death of the one, or
   the end of the other.
2. A reader that was not known has said HOLD before it says anything that could end the goroutine, on the same link.
3. Everything that waits for FETCHED has an end: the frame, or the sender's death.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dgo.ids import node_name
from dgo.runtime.memory import ForeignLump, Memory, OwnLump
from dgo.runtime.segments import TOKEN_BYTES, NotThere
from dgo.wire.messages import Msg, ProtocolError, SenderGone
from dgo.wire.snapshot.lumps import Lump

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Nearby"]

log = logging.getLogger("dgo.memory")

NAME_TYPES = (int, int, int, bytes, int, bool)  # of a name: process id, descriptor, number, token, bytes, read-only


class Nearby:
    """The lumps that leave and enter one process. Called under the node's lock.

    Attributes:
        memory: what this process can share; None: nothing.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.memory: Memory | None = None
        self._sees: dict[int, bool | None] = {}  # peers that can open what is here; None: asked
        self._proofs: dict[int, list[Any]] = {}  # of peers: what shows whether they are within reach
        self._held: dict[int, dict[int, Lump]] = {}
        self._absent: dict[tuple[int, int], list[_Absent]] = {}
        node.handle(Msg.NEAR, self._on_near)
        node.handle(Msg.SEEN, self._on_seen)
        node.handle(Msg.HOLD, self._on_hold)
        node.handle(Msg.FETCH, self._on_fetch)
        node.handle(Msg.FETCHED, self._on_fetched)

    # ---- out ---------------------------------------------------------------------------------------

    def write(self, lump: Lump, peer: int, pin_for: Any, pinned: bool) -> list[Any] | None:
        """How ``peer`` finds a lump: ``[pin, reader not known, *name]``; None: it has to get a frame.

        Args:
            lump: what it is to get.
            peer: who will read it.
            pin_for: the goroutine for which it is kept, if the reader is not known.
            pinned: False if another process keeps it already.
        """
        if not pinned:
            return lump.original if isinstance(lump, (_Named, _Absent)) else None
        if self.memory is None or not isinstance(lump, (OwnLump, ForeignLump)):
            return None
        if pin_for is None and not self._is_near(peer):
            return None
        name = lump.name()
        pin = self._node.values.pins.add(peer if pin_for is None else pin_for, [lump])
        return [pin, pin_for is not None, *name]

    def _is_near(self, peer: int) -> bool:
        if peer not in self._sees:
            self._ask(peer)
        return bool(self._sees.get(peer))

    def greet(self, peer: int) -> None:
        """Large values may soon go to ``peer``: finds out now whether it is near, so that the first need no frames."""
        if peer not in self._sees:
            self._ask(peer)

    def _ask(self, peer: int) -> None:
        """Finds out whether ``peer`` can open what is here."""
        if self.memory is None or peer in self._sees or self._node.cause_of_loss(peer) is not None:
            return
        try:
            proof = self.memory.proof()
        except OSError:
            self._sees[peer] = False
            return
        self._sees[peer] = None
        self._node.links.post(peer, [Msg.NEAR, proof])

    # ---- in ----------------------------------------------------------------------------------------

    def read(self, entry: Any, peer: int, arrival: Any) -> Lump | bytearray:
        """The inverse of ``write``.

        Args:
            entry: what ``write`` returned there.
            peer: who wrote it.
            arrival: of the value; told to wait if the lump has to be fetched.

        Raises:
            SenderGone: the sender is dead, and the value went with it.
        """
        pin, unknown, *name = entry
        if type(pin) is not int or type(unknown) is not bool or tuple(map(type, name)) != NAME_TYPES:
            raise ProtocolError("not the name of a buffer")
        if len(name[3]) != TOKEN_BYTES or name[4] < 0:
            raise ProtocolError("not the name of a buffer")
        try:
            if self.memory is None:
                raise NotThere("DGO_SHARED_MEMORY=0")
            lump = self.memory.open(name, peer, pin, self._node.values.dropped)
        except (OSError, NotThere) as error:
            if unknown:
                return self._fetch(entry, peer, arrival)
            return self._missing(name, peer, error)
        if unknown:
            self._node.links.post(peer, [Msg.HOLD, pin])
            self._ask(peer)  # it is near, so we probably are: what it gets from us need not be the first to find out
            if type(lump) is ForeignLump:
                return _Named(lump, entry)
        return lump

    def _missing(self, name: list[Any], peer: int, error: Exception) -> Lump:
        """It could be opened before: either the sender has died, or the system refuses it to us."""
        proof = self._proofs.get(peer)
        if proof is not None and self.memory is not None and self.memory.can_open(*proof):
            return _Broken(name[4], name[5], f"its memory in {node_name(peer)} cannot be opened: {error}")
        raise SenderGone(f"{node_name(peer)} died before a value of {name[4]:,} bytes was read")

    def _fetch(self, entry: list[Any], peer: int, arrival: Any) -> Lump:
        lump = _Absent(entry, node_name(peer))
        if self._node.cause_of_loss(peer) is not None:
            return lump
        waiting = self._absent.setdefault((peer, entry[0]), [])
        waiting.append(lump)
        arrival.missing += 1
        lump.arrived = arrival
        if len(waiting) == 1:
            self._node.links.post(peer, [Msg.FETCH, entry[0]])
        return lump

    # ---- what peers say ------------------------------------------------------------------------------

    def _on_near(self, peer: int, frames: list[bytes], proof: list[Any]) -> None:
        if tuple(map(type, proof)) != (int, int, bytes):
            raise ProtocolError("not the name of a segment")
        near = self.memory is not None and self.memory.can_open(*proof)
        if near:
            self._proofs[peer] = proof
        self._node.links.post(peer, [Msg.SEEN, near])
        if near:
            self._ask(peer)

    def _on_seen(self, peer: int, frames: list[bytes], near: bool) -> None:
        self._sees[peer] = near
        if not near:
            log.info("%s cannot open this process's memory: large values travel in frames", node_name(peer))

    def _on_hold(self, peer: int, frames: list[bytes], pin: int) -> None:
        kept = self._node.values.pins.get(pin)
        if kept:
            self._held.setdefault(peer, {})[pin] = kept[0]

    def unhold(self, peer: int, pin: int) -> bool:
        """``peer`` has said UNPIN; True if that ends what it had held."""
        held = self._held.get(peer)
        if held is None or held.pop(pin, None) is None:
            return False
        if not held:
            del self._held[peer]
        return True

    def _on_fetch(self, peer: int, frames: list[bytes], pin: int) -> None:
        link = self._node.links.link(peer)
        kept = self._node.values.pins.get(pin)
        position = -1  # the goroutine has ended
        if kept:
            position = len(link.buffers)
            link.buffers.append(kept[0].shared())
        self._node.links.post(peer, [Msg.FETCHED, pin, position])

    def _on_fetched(self, peer: int, frames: list[bytes], pin: int, position: int) -> None:
        if position >= 0 and position + 1 >= len(frames):
            raise ProtocolError("a buffer is missing")
        for lump in self._absent.pop((peer, pin), ()):
            if position >= 0:
                lump.content = frames[position + 1]
            lump.settle()

    def lost(self, peer: int) -> None:
        """``peer`` is dead."""
        self._sees.pop(peer, None)
        self._proofs.pop(peer, None)
        self._held.pop(peer, None)
        for key in [key for key in self._absent if key[0] == peer]:
            for lump in self._absent.pop(key):
                lump.settle()
        if self.memory is not None:
            self.memory.lost(peer)

    @property
    def held(self) -> int:
        """How many lumps of goroutines' arguments are kept for their readers."""
        return sum(map(len, self._held.values()))


class _Named(Lump):
    """A goroutine's argument that was opened: it may have to go on to another worker under its first name."""

    __slots__ = ("lump", "original")

    def __init__(self, lump: ForeignLump, entry: list[Any]) -> None:
        self.lump = lump
        self.original = entry
        self.nbytes = lump.nbytes
        self.readonly = lump.readonly

    def private(self, *, last: bool = False) -> memoryview:
        return self.lump.private(last=last)

    def shared(self) -> memoryview:
        return self.lump.shared()


class _Absent(Lump):
    """A goroutine's argument that is on its way in a frame."""

    __slots__ = ("arrived", "content", "original", "sender")

    def __init__(self, entry: list[Any], sender: str) -> None:
        self.original = entry
        self.nbytes = entry[6]
        self.readonly = entry[7]
        self.sender = sender
        self.content: bytes | memoryview | None = None
        self.arrived: Any = None

    def settle(self) -> None:
        """It has come, or will not."""
        arrival, self.arrived = self.arrived, None
        if arrival is not None:
            arrival.missing -= 1
            arrival.settle()

    def _there(self) -> bytes | memoryview:
        if self.content is None:
            raise OSError(f"{self.sender} died before it had sent {self.nbytes:,} bytes of it")
        return self.content

    def private(self, *, last: bool = False) -> memoryview:
        content = memoryview(self._there())
        if self.readonly:
            return content.toreadonly()
        return content if last and not content.readonly else memoryview(bytearray(content))

    def shared(self) -> memoryview:
        return memoryview(self._there()).toreadonly()


class _Broken(Lump):
    """What the system has refused."""

    __slots__ = ("text",)

    def __init__(self, nbytes: int, readonly: bool, text: str) -> None:
        self.nbytes = nbytes
        self.readonly = readonly
        self.text = text

    def private(self, *, last: bool = False) -> memoryview:
        raise OSError(self.text)

    def shared(self) -> memoryview:
        raise OSError(self.text)
