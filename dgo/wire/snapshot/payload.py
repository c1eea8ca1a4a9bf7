"""Values at one moment: freeze and thaw.

Invariants:

* A frozen value shares no mutable state with the value it was made from, nor with what is thawed from it.
* A value of which every part is immutable (or a handle) is its own frozen form: nothing is copied.
* A payload's pickle names its handles by index only; the payload itself keeps them alive.
"""

from __future__ import annotations

from dataclasses import dataclass

from dgo.errors import SerializationError
from dgo.wire.snapshot.diagnose import described, refusal
from dgo.wire.snapshot.handles import Handle
from dgo.wire.snapshot.lumps import Lump
from dgo.wire.snapshot.pickling import FindBlob, dump, load
from dgo.wire.snapshot.raw import ATOMS, is_raw

__all__ = ["Frozen", "Payload", "freeze", "pack", "thaw", "thaw_shared", "unpack"]

Frozen = object
"""An immutable value as itself, or a :class:`Payload`."""


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """A pickled value.

    Attributes:
        data: the pickle (protocol 5).
        buffers: the out-of-band buffers, in order: a ``bytearray`` where the original was writable, else ``bytes``; a
            large one may be a ``Lump``, or a view of memory that is the payload's own.
        handles: the handles met in the value; the pickle holds their indexes.
    """

    data: bytes
    buffers: tuple[bytes | bytearray | memoryview | Lump, ...] = ()
    handles: tuple[Handle, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size of the pickle and its buffers, in bytes."""
        return len(self.data) + sum(map(len, self.buffers))

    def __repr__(self) -> str:
        return f"Payload({self.nbytes} bytes, {len(self.buffers)} buffers, {len(self.handles)} handles)"


def freeze(value: object, what: str = "value") -> Frozen:
    """Takes a snapshot of a value.

    Args:
        value: anything.
        what: names the value in an error, e.g. ``"argument 2"``.

    Returns:
        The value itself if it is immutable all through, else a :class:`Payload`.

    Raises:
        SerializationError: something in the value cannot travel; the message gives the way to it.
    """
    if type(value) in ATOMS or is_raw(value):
        return value
    try:
        return pack(value)
    except Exception as error:
        raise SerializationError(refusal(value, what, error)) from error


def thaw(frozen: Frozen, *, last: bool = False) -> object:
    """Rebuilds a frozen value; every call gives an independent one.

    Args:
        frozen: what :func:`freeze` returned.
        last: the payload is not used again, so its own buffers may be handed out uncopied.

    Raises:
        SerializationError: the value cannot be rebuilt in this process; the reason is its cause.
    """
    if type(frozen) is not Payload:
        return frozen
    return unpack(frozen, last=last)


def thaw_shared(frozen: Frozen) -> object:
    """Rebuilds a frozen value without copying its buffers: they are shared by all that is rebuilt, and read-only.

    Raises:
        SerializationError: the value cannot be rebuilt in this process; the reason is its cause.
    """
    if type(frozen) is not Payload:
        return frozen
    try:
        buffers = tuple([_shared(buffer) for buffer in frozen.buffers])
        return load(frozen.data, buffers, frozen.handles)
    except Exception as error:
        message = f"a value cannot be rebuilt here: {described(error)}"
        raise SerializationError(message) from error


def pack(value: object) -> Payload:
    """The payload of a value, with code embedded; raises whatever pickling raises."""
    pickled = dump(value)
    return Payload(pickled.data, pickled.buffers, pickled.handles)


def unpack(payload: Payload, *, last: bool = False, find_code: FindBlob | None = None) -> object:
    """Loads a payload; every failure is a ``SerializationError`` with its cause."""
    try:
        buffers = tuple([_private(buffer, last) for buffer in payload.buffers])
        return load(payload.data, buffers, payload.handles, find_code)
    except Exception as error:
        message = f"a value cannot be rebuilt here: {described(error)}"
        raise SerializationError(message) from error


def _shared(buffer: bytes | bytearray | memoryview | Lump) -> memoryview:
    return buffer.shared() if isinstance(buffer, Lump) else memoryview(buffer).toreadonly()


def _private(buffer: bytes | bytearray | memoryview | Lump, last: bool) -> bytes | bytearray | memoryview:
    if isinstance(buffer, Lump):
        return buffer.private(last=last)
    # bytes cannot change, so every thawed value may share them.
    return buffer if last or memoryview(buffer).readonly else bytearray(buffer)
