"""The large buffers of this process's frozen values, in segments of shared memory.

``keep`` is where snapshots of large buffers are made, in a segment of this process; ``open`` finds a
segment of another process that a message names. Both give a ``Lump``, which keeps its segment in use while it lives:
payloads hold lumps, and so do the arrays that were made from them. Segments that are no longer used lie idle for a
moment and are used again (``dgo.core.pool``).
"""

from __future__ import annotations

import _thread
import errno
import itertools
import logging
import os
import time
from collections import deque
from typing import Any

from dgo.core.pool import Pool, rounded
from dgo.runtime.segments import Segment
from dgo.wire.snapshot.lumps import Lump, set_keeper

__all__ = ["ForeignLump", "Memory", "OwnLump", "shared_memory"]

log = logging.getLogger("dgo.memory")

IDLE_BYTES = 1 << 30
IDLE_SECONDS = 5.0
OWN_SEGMENTS = 64  # each takes two descriptors
OPEN_SEGMENTS = 128
NEVER = (errno.ENOSYS, errno.EPERM, errno.EACCES)  # the system will go on to refuse it


class Memory:
    """The segments that this process has made and those that it has opened. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = _thread.RLock()
        self._numbers = itertools.count(1)
        self._own = Pool(OWN_SEGMENTS, IDLE_BYTES, IDLE_SECONDS)
        self._opened = Pool(OPEN_SEGMENTS, IDLE_BYTES, IDLE_SECONDS)
        self._segments: dict[int, Segment] = {}
        self._foreign: dict[tuple[int, int], Segment] = {}  # by process and number there
        self._unused: deque[Segment] = deque()  # lumps' segments, one for each lump that is garbage
        self._refused = False
        self._complained = False
        self._proof: tuple[Segment, bytes] | None = None
        self.closed = False

    # ---- values of this process --------------------------------------------------------------------

    def keep(self, view: memoryview) -> Lump | None:
        """A copy of ``view`` that other processes can be given; None: there is no room for it."""
        nbytes = view.nbytes
        segment = None
        with self._lock:
            if self._refused or self.closed:
                return None
            self._collect()
            number = self._own.fit(nbytes)
            if number is not None:
                segment = self._segments[number]
            else:
                freed = self._own.room()
                if freed is None:
                    return None
                self._free(freed)
                number, size = next(self._numbers), rounded(nbytes)
                self._own.add(number, size)
        if segment is None:
            try:
                segment = Segment.make(number, size)
            except OSError as error:
                self._complain(error, size)
                with self._lock:
                    self._own.give_back(number, time.monotonic())
                    self._own.discard(number)
                return None
            self._segments[number] = segment
        lump = OwnLump(self, segment, nbytes, view.readonly)  # from here on the segment goes back with it
        lump.token = segment.fill(view)
        return lump

    def _complain(self, error: OSError, size: int) -> None:
        self._refused = error.errno in NEVER
        if not self._complained:
            self._complained = True
            log.warning(
                "large values are copied through sockets, which takes longer: the system refuses a shared memory of "
                "%d bytes (%s). Allow memfd_create(), or raise the memory limit; DGO_SHARED_MEMORY=0 silences this",
                size,
                error,
            )

    def proof(self) -> list[Any]:
        """The name of a segment that only shows whether others can open what is here.

        Raises:
            OSError: the system refuses it.
        """
        with self._lock:
            if self._proof is None:
                segment = Segment.make(next(self._numbers), 0)
                self._proof = segment, segment.fill(memoryview(b""))
            segment, token = self._proof
            return [os.getpid(), segment.descriptor, token]

    # ---- values of others --------------------------------------------------------------------------

    def can_open(self, pid: int, descriptor: int, token: bytes) -> bool:
        """Whether the segment that another process has named is within reach."""
        try:
            Segment.open(0, pid, descriptor, token, 0).close()
        except Exception:  # noqa: BLE001 - whatever it is, the answer is no
            return False
        return True

    def open(self, name: list[Any], peer: int, pin: int, dropped: deque[tuple[int, int]]) -> Lump | bytearray:
        """What ``peer`` has named (``Lump`` in ``dgo.wire.messages``); a copy, if too much is open.

        Args:
            name: ``[process id, descriptor, number, token, bytes, read-only]``.
            peer: whose.
            pin: what keeps it there.
            dropped: is told ``(peer, -pin)`` when the lump is garbage.

        Raises:
            OSError: it cannot be opened.
            NotThere: it is something else.
        """
        pid, descriptor, number, token, nbytes, _ = name
        with self._lock:
            self._collect()
            key = (peer, number)
            segment = self._foreign.get(key)
            if segment is None or not segment.holds(token):
                segment = Segment.open(next(self._numbers), pid, descriptor, token, nbytes)
                freed = self._opened.room()
                if freed is None:
                    try:
                        return segment.read(nbytes)
                    finally:
                        segment.close()
                        dropped.append((peer, -pin))
                self._free(freed)
                self._opened.add(segment.number, segment.size)
                self._segments[segment.number] = self._foreign[key] = segment
            else:
                self._opened.take(segment.number)
            return ForeignLump(self, segment, name, peer, pin, dropped)

    def lost(self, peer: int) -> None:
        """``peer`` is dead: what it had made is not filled again."""
        with self._lock:
            self._collect()
            for key in [key for key in self._foreign if key[0] == peer]:
                segment = self._foreign[key]
                if self._opened.discard(segment.number):
                    self._close(segment)

    # ---- what is no longer used ----------------------------------------------------------------------

    def unused(self, segment: Segment) -> None:
        """A lump is garbage. May run anywhere, inside any lock."""
        if self.closed:
            segment.users -= 1
            if not segment.users:
                segment.close()
        else:
            self._unused.append(segment)

    def _collect(self) -> None:
        unused = self._unused
        while unused:
            segment = unused.popleft()
            segment.users -= 1
            if not segment.users:
                pool = self._own if segment.made_here else self._opened
                self._free(pool.give_back(segment.number, time.monotonic()))

    def _free(self, numbers: list[int]) -> None:
        for number in numbers:
            self._close(self._segments[number])

    def _close(self, segment: Segment) -> None:
        del self._segments[segment.number]
        if not segment.made_here:
            for key in [key for key, known in self._foreign.items() if known is segment]:
                del self._foreign[key]
        segment.close()

    def sweep(self) -> None:
        """Frees what has been idle for long enough. Called a few times a second."""
        if self._unused or self._segments:
            with self._lock:
                self._collect()
                now = time.monotonic()
                self._free(self._own.expire(now))
                self._free(self._opened.expire(now))

    def close(self) -> None:
        """The process leaves its cluster: what lies idle is freed now, the rest when it is no longer used."""
        set_keeper(None)
        with self._lock:
            self._collect()
            self.closed = True
            self._free(self._own.clear())
            self._free(self._opened.clear())
            if self._proof is not None:
                self._proof[0].close()
                self._proof = None

    def __repr__(self) -> str:
        return (
            f"Memory({self._own.in_use} segments in use, {self._own.idle:,} bytes idle, "
            f"{self._opened.in_use} of others in use)"
        )


class OwnLump(Lump):
    """A buffer in a segment of this process.

    Attributes:
        seen: something else may look at it: it is not written to any more.
    """

    __slots__ = ("memory", "seen", "segment", "token")

    def __init__(self, memory: Memory, segment: Segment, nbytes: int, readonly: bool) -> None:
        self.memory = memory
        self.segment = segment
        self.nbytes = nbytes
        self.readonly = readonly
        self.token = b""
        self.seen = False
        segment.users += 1

    def name(self) -> list[Any]:
        """What another process opens it with."""
        self.seen = True
        segment = self.segment
        return [os.getpid(), segment.descriptor, segment.number, self.token, self.nbytes, self.readonly]

    def private(self, *, last: bool = False) -> memoryview:
        """The segment itself, if this is its only use."""
        if self.readonly:
            return self.shared()
        if last and not self.seen:
            self.seen = True
            return self.segment.own_window(self.nbytes, self)
        self.seen = True
        return self.segment.private_window(self.nbytes, self)

    def shared(self) -> memoryview:
        """The segment itself."""
        self.seen = True
        return self.segment.own_window(self.nbytes, self).toreadonly()

    def __del__(self) -> None:
        self.memory.unused(self.segment)


class ForeignLump(Lump):
    """A buffer in a segment of another process.

    Attributes:
        original: its name there.
    """

    __slots__ = ("dropped", "memory", "original", "peer", "pin", "segment")

    def __init__(
        self, memory: Memory, segment: Segment, name: list[Any], peer: int, pin: int, dropped: deque[tuple[int, int]]
    ) -> None:
        self.memory = memory
        self.segment = segment
        self.original = name
        self.nbytes = name[4]
        self.readonly = name[5]
        self.peer = peer
        self.pin = pin
        self.dropped = dropped
        segment.users += 1

    def name(self) -> list[Any]:
        """What another process opens it with, while this one has it."""
        segment = self.segment
        return [os.getpid(), segment.descriptor, segment.number, self.original[3], self.nbytes, self.readonly]

    def private(self, *, last: bool = False) -> memoryview:
        """A private mapping."""
        if self.readonly:
            return self.shared()
        return self.segment.private_window(self.nbytes, self)

    def shared(self) -> memoryview:
        """A mapping that is shared by all that only read."""
        return self.segment.reading_window(self.nbytes, self)

    def __del__(self) -> None:
        self.dropped.append((self.peer, -self.pin))
        self.memory.unused(self.segment)


def shared_memory() -> Memory | None:
    """What this process keeps its large buffers in; None: as ``bytes``, because ``DGO_SHARED_MEMORY=0`` says so."""
    text = os.environ.get("DGO_SHARED_MEMORY", "1").strip().lower()
    if text in ("0", "no", "false", "off"):
        return None
    if text not in ("", "1", "yes", "true", "on"):
        raise ValueError(f"DGO_SHARED_MEMORY={text!r}: it is 1 or 0")
    memory = Memory()
    set_keeper(memory.keep)
    return memory
