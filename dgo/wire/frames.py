"""The header of every frame set, and what kinds there are.

The first frame is the header followed by the body (a batch of messages, or a dict of facts); the other frames
are the buffers of the body's values. One frame for both, because each frame costs some microseconds.

=========  ==========================================================================
``JOIN``   member -> coordinator, before any session: a dict with who I am
``WELCOME``  coordinator -> member: a dict with the cluster's facts
``REFUSED``  coordinator -> member: a dict with the reason
``HELLO``  member -> member over a new connection: do you hear me?
``HEARD``  the answer
``DATA``   a batch of messages, numbered
``ACK``    nothing but an acknowledgement
``SYNC``   "I have sent up to ``seq``": answered by ``ACK``; the sender then repeats what is missing
``RESEND`` "I have a gap": the sender repeats what is not acknowledged
``UNKNOWN``  coordinator -> member: I do not know you (any more), join again
=========  ==========================================================================

The header names source and destination, so a frame set can take any path: directly, or through the
coordinator, which forwards what is not for itself without looking further.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

from dgo.wire.messages import PROTOCOL, ProtocolError

__all__ = ["HEADER_SIZE", "Header", "Kind", "decode_header", "encode_header", "is_batch_for"]


class Kind(IntEnum):
    """The kinds of frame sets."""

    JOIN = 1
    WELCOME = 2
    REFUSED = 3
    HELLO = 4
    HEARD = 5
    DATA = 6
    ACK = 7
    SYNC = 8
    RESEND = 9
    UNKNOWN = 10


class Header(NamedTuple):
    """What the first frame says."""

    kind: int
    source: int
    destination: int
    seq: int
    ack: int


_new_header: Callable[[type[Header], tuple[int, ...]], Header] = tuple.__new__

_MAGIC = b"dg"
_LAYOUT = struct.Struct("!2sBBQQQQ")
HEADER_SIZE = _LAYOUT.size  # bytes
_DATA = int(Kind.DATA)
_KINDS = frozenset(int(kind) for kind in Kind)


def encode_header(kind: int, source: int, destination: int, seq: int = 0, ack: int = 0) -> bytes:
    """The first bytes of the first frame."""
    return _LAYOUT.pack(_MAGIC, PROTOCOL, kind, source, destination, seq, ack)


def decode_header(frame: bytes | memoryview) -> Header:
    """Reads the header at the beginning of the first frame.

    Raises:
        ProtocolError: it is not one of ours. A foreign protocol version is accepted for ``JOIN`` and
            ``REFUSED``, so that a refusal can name both versions.
    """
    if len(frame) < HEADER_SIZE:
        raise ProtocolError(f"a header of {len(frame)} bytes, not {HEADER_SIZE}")
    magic, version, kind, source, destination, seq, ack = _LAYOUT.unpack_from(frame)
    if magic != _MAGIC:
        raise ProtocolError("not a dgo header")
    if version != PROTOCOL and kind not in (Kind.JOIN, Kind.REFUSED):
        raise ProtocolError(f"protocol version {version}, not {PROTOCOL}")
    if kind not in _KINDS:
        raise ProtocolError(f"unknown kind {kind}")
    # What Header(...) does, without its Python function: every frame set comes here.
    return _new_header(Header, (kind, source, destination, seq, ack))


def is_batch_for(node: int, frames: Sequence[bytes | memoryview]) -> tuple[int, int, int]:
    """Source, number and acknowledgement if this is a batch for ``node``; (0, 0, 0): ``decode_header`` tells more."""
    if frames and len(frames[0]) >= HEADER_SIZE:
        magic, version, kind, source, destination, seq, ack = _LAYOUT.unpack_from(frames[0])
        if kind == _DATA and destination == node and version == PROTOCOL and magic == _MAGIC:
            return source, seq, ack
    return _NO_BATCH


_NO_BATCH = (0, 0, 0)
