"""Segments: anonymous shared memory (``memfd``) that other processes of the same user on this host can read.

A segment has no name in any file system: others open it as ``/proc/<pid>/fd/<n>`` while its maker lives, and the
kernel frees it when the last process that has it open or mapped has ended, whatever way. So nothing can be left behind,
and the size of ``/dev/shm`` does not matter.

Its first page holds a token, drawn anew each time it is filled: who opens a segment compares the token with what
it was told, so neither a recycled process number nor another host's process can be taken for the right one.

**Who writes where.** The maker fills the segment through a mapping that is shared (``_whole``). Everyone else, and the
maker's own program unless it is the only one, gets a *private* mapping: pages are shared until they are written to, and
a write makes a copy of that page for the writer alone. Setting up a mapping costs about as much as copying the data, so
mappings are kept and used again when the segment holds another value; the pages that were changed are found in
``/proc/self/pagemap`` and given back first.

Invariants:

1. A segment is filled only while no value that was kept in it is in use anywhere.
2. A mapping belongs to one window at a time, or is idle.
3. An idle mapping that is used again shows what the segment holds now.
"""

from __future__ import annotations

import _thread
import mmap
import os
import pickle
import stat
import sys
import weakref
from typing import Any

__all__ = ["HEAD", "TOKEN_BYTES", "NotThere", "Segment"]

PAGE = mmap.PAGESIZE
HEAD = PAGE  # bytes before the value
TOKEN_BYTES = 16
IDLE_MAPPINGS = 2  # of one segment
WINDOW_TYPES = 64  # sizes remembered

# The last byte of a page's entry in pagemap: bit 7: present, bit 6: swapped out, bit 5: a page of the file.
CHANGED = bytes(1 if byte & 0xC0 and not byte & 0x20 else 0 for byte in range(256))
ENTRY_BYTES = 8

_window_types: dict[int, Any] = {}


class NotThere(Exception):
    """What was opened is not the segment that was meant."""


class Segment:
    """One segment, made here or opened.

    Attributes:
        number: names it in this process.
        descriptor: of the memfd; -1 once it is closed.
        size: how large a value may be, in bytes.
        users: how many lumps refer to it (kept by ``dgo.runtime.memory``).
        made_here: whether this process fills it.
    """

    __slots__ = ("_idle", "_lock", "_reading", "_whole", "descriptor", "made_here", "number", "size", "users")

    def __init__(self, number: int, descriptor: int, size: int, whole: mmap.mmap | None) -> None:
        self.number = number
        self.descriptor = descriptor
        self.size = size
        self.users = 0
        self.made_here = whole is not None
        self._whole = whole
        self._idle: list[mmap.mmap] = []
        self._reading: Any = None  # a weak reference to the window of those who only read
        self._lock = _thread.RLock()

    @classmethod
    def make(cls, number: int, size: int) -> Segment:
        """A new one. All its memory is there, or it is refused: nobody can meet a page that the system does not have.

        Raises:
            OSError: the system refuses the memory, or does not know memfd.
        """
        descriptor = os.memfd_create("dgo")
        try:
            os.fchmod(descriptor, 0o600)
            os.posix_fallocate(descriptor, 0, HEAD + size)
            whole = mmap.mmap(descriptor, HEAD + size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(number, descriptor, size, whole)

    @classmethod
    def open(cls, number: int, pid: int, descriptor: int, token: bytes, nbytes: int) -> Segment:
        """Another process's.

        Raises:
            OSError: it cannot be opened.
            NotThere: it is another file.
        """
        # Without O_NONBLOCK a pipe that has taken the place of the segment would block us.
        own = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            facts = os.fstat(own)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size < HEAD + nbytes:
                raise NotThere(f"descriptor {descriptor} of process {pid} is no segment of {nbytes} bytes")
            segment = cls(number, own, facts.st_size - HEAD, None)
            if not segment.holds(token):
                raise NotThere(f"descriptor {descriptor} of process {pid} does not hold this value")
        except BaseException:
            os.close(own)
            raise
        return segment

    def fill(self, view: memoryview) -> bytes:
        """Copies a value into a segment that was made here; returns the token that goes with it."""
        whole = self._whole
        assert whole is not None
        token = os.urandom(TOKEN_BYTES)
        whole[:TOKEN_BYTES] = token
        if view.nbytes:
            with memoryview(whole) as target:
                _copy(target[HEAD : HEAD + view.nbytes], view)
        return token

    def holds(self, token: bytes) -> bool:
        """Whether the segment holds the value that this token was drawn for."""
        return os.pread(self.descriptor, TOKEN_BYTES, 0) == token

    def read(self, nbytes: int) -> bytearray:
        """A copy of the value."""
        copy = bytearray(nbytes)
        with memoryview(copy) as view:
            done = 0
            while done < nbytes:
                read = os.preadv(self.descriptor, [view[done:]], HEAD + done)
                if not read:
                    raise OSError("the segment is shorter than it was")
                done += read
        return copy

    # ---- windows ---------------------------------------------------------------------------------

    def own_window(self, nbytes: int, keeps: object) -> memoryview:
        """The maker's view of the segment itself. ``keeps`` lives as long as the view."""
        assert self._whole is not None
        return self._window(self._whole, nbytes, keeps, None)

    def private_window(self, nbytes: int, keeps: object) -> memoryview:
        """A view whose changes nobody else sees. ``keeps`` lives as long as the view.

        Raises:
            OSError: the system refuses the mapping.
        """
        with self._lock:
            mapping = self._idle.pop() if self._idle else None
        used = mapping is not None
        if mapping is None:
            mapping = mmap.mmap(
                self.descriptor, HEAD + self.size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
            )
        return self._window(mapping, nbytes, keeps, self, clean=used)

    def reading_window(self, nbytes: int, keeps: object) -> memoryview:
        """A read-only view, of a mapping that all readers share. ``keeps`` lives as long as any of their views.

        Raises:
            OSError: the system refuses the mapping.
        """
        with self._lock:
            window = self._reading() if self._reading is not None else None
            if window is None:
                view = self.private_window(nbytes, keeps)
                window = view.obj
                self._reading = weakref.ref(window)
            return _part(window, nbytes).toreadonly()

    def _window(
        self, mapping: mmap.mmap, nbytes: int, keeps: object, owner: Segment | None, clean: bool = False
    ) -> memoryview:
        import ctypes

        window = _window_type(HEAD + self.size).from_buffer(mapping)
        window.mapping, window.keeps, window.owner = mapping, keeps, owner
        if clean:
            _forget_changes(mapping, ctypes.addressof(window), HEAD + self.size)
        return _part(window, nbytes)

    def returned(self, mapping: mmap.mmap) -> None:
        """A private window is gone. May run anywhere, inside any lock: one step."""
        if self.descriptor >= 0 and len(self._idle) < IDLE_MAPPINGS:
            self._idle.append(mapping)

    def close(self) -> None:
        """Gives the memory back, as soon as no window is left."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._whole = None
        self._idle.clear()


def _window_type(size: int) -> Any:
    """The type of windows on so many bytes: an object that holds its mapping, and says when it is garbage.

    (A memoryview will not do: views of it do not keep it alive, only what it was made from. From Python 3.12 on a class
    with ``__buffer__`` would.)
    """
    found = _window_types.get(size)
    if found is None:
        import ctypes  # only processes that have large values need it

        if len(_window_types) >= WINDOW_TYPES:
            _window_types.clear()
        found = _window_types[size] = type("Window", (ctypes.c_char * size,), {"__del__": _closed})
    return found


def _part(window: Any, nbytes: int) -> memoryview:
    return pickle.PickleBuffer(window).raw()[HEAD : HEAD + nbytes]


def _closed(window: Any) -> None:
    owner = getattr(window, "owner", None)
    if owner is not None:
        owner.returned(window.mapping)


def _forget_changes(mapping: mmap.mmap, address: int, size: int) -> None:
    """Drops the pages that were written to: those of the file show again."""
    first, last = 0, size
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            pagemap.seek(address // PAGE * ENTRY_BYTES)
            entries = pagemap.read(size // PAGE * ENTRY_BYTES)
        if entries is not None and len(entries) == size // PAGE * ENTRY_BYTES:
            changed = entries[ENTRY_BYTES - 1 :: ENTRY_BYTES].translate(CHANGED)
            first, last = changed.find(b"\1") * PAGE, (changed.rfind(b"\1") + 1) * PAGE
    except OSError:
        pass  # no /proc: all of them
    if last > 0:
        mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def _copy(target: memoryview, source: memoryview) -> None:
    """One memcpy; with NumPy (whose arrays most large buffers are) others of the process go on meanwhile."""
    copyto = getattr(sys.modules.get("numpy"), "copyto", None)
    if copyto is None:
        target[:] = source
        return
    numpy = sys.modules["numpy"]
    copyto(numpy.frombuffer(target, numpy.uint8), numpy.frombuffer(source, numpy.uint8))
