"""Code by content hash: what this process made, and what it got from others.

Invariants:

* A hash is ``blake2b(blob)``, 16 bytes; a blob is never kept under another name.
* A blob is complete in itself: loading it needs no other blob.
* A hash is turned into an object at most once; after that it is the same object for every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from dgo.errors import SerializationError
from dgo.wire.snapshot.diagnose import described
from dgo.wire.snapshot.pickling import CodelessPickler, FunctionPickler, dump, load
from dgo.wire.snapshot.recent import Recent

try:  # hashlib gives this very function, and loads OpenSSL, which takes longer than all modules of this package
    from _blake2 import blake2b
except ImportError:  # Python built without it
    from hashlib import blake2b

__all__ = ["CallPickler", "CodeStore", "content_hash", "publish_code", "publish_function"]

HASH_BYTES = 16

_blobs: dict[bytes, bytes] = {}  # made in this process, to serve to others
_objects: dict[bytes, Any] = {}  # what they stand for: code objects and functions
_code_hashes: Recent[CodeType, bytes] = Recent(4096)


def content_hash(blob: bytes) -> bytes:
    """The name of a blob."""
    return blake2b(blob, digest_size=HASH_BYTES).digest()


def publish_code(code: CodeType) -> bytes:
    """The hash of a code object, whose blob can be served from now on."""
    name = _code_hashes.get(code)
    if name is None:
        blob = dump(code).data
        name = content_hash(blob)
        _blobs[name] = blob
        _objects.setdefault(name, code)
        _code_hashes.put(code, name)
    return name


def publish_function(function: Callable[..., Any], *, itself: bool) -> tuple[bytes, Callable[..., Any]]:
    """Makes the blob of a shareable function.

    Args:
        function: the function.
        itself: nothing that the function reads can be bound anew, so calls here may run this very object.

    Returns:
        Its hash, and the function that calls in this process run: a copy unless `itself`.
    """
    blob = dump(function, FunctionPickler).data
    name = content_hash(blob)
    if name not in _objects:
        _objects[name] = function if itself else load(blob)
        _blobs[name] = blob
    return name, _objects[name]


class CallPickler(CodelessPickler):
    """Pickles what belongs to a call: its code objects are published and named by hash."""

    def hash_code(self, code: CodeType) -> bytes:
        return publish_code(code)


class CodeStore:
    """The code that this process can run or serve; one per process."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}
        self._objects: dict[bytes, Any] = {}

    def blob(self, name: bytes) -> bytes | None:
        """The blob with this hash, to send to another process; None if it is not here."""
        return self._blobs.get(name) or _blobs.get(name)

    def missing(self, call_key: bytes | None, codes: Iterable[bytes]) -> list[bytes]:
        """The hashes that must be fetched and added before the call can be thawed here."""
        wanted = list(codes) if call_key is None else [call_key, *codes]
        return [name for name in wanted if name not in _blobs and name not in self._blobs]

    def add(self, name: bytes, blob: bytes) -> None:
        """Takes a blob from another process. ``ValueError``: it is not what its name says."""
        if content_hash(blob) != name:
            raise ValueError(f"a code blob of {len(blob)} bytes does not hash to its name {name.hex()}")
        self._blobs[name] = blob

    def known(self, name: bytes) -> Any:
        """As ``find``, but only looks: None if it was not needed here before."""
        found = self._objects.get(name)
        return _objects.get(name) if found is None else found

    def find(self, name: bytes) -> Any:
        """The code object or function with this hash.

        Raises:
            LookupError: its blob is not here.
            SerializationError: it cannot be rebuilt here; the reason is its cause.
        """
        found = self._objects.get(name)
        if found is None:
            found = _objects.get(name)
        if found is None:
            # setdefault: two goroutines may get here at once (loading can switch), and must agree.
            found = self._objects.setdefault(name, self._rebuild(name))
        return found

    def _rebuild(self, name: bytes) -> Any:
        blob = self._blobs.get(name)
        if blob is None:
            raise LookupError(f"the code {name.hex()} was not fetched before the call was thawed")
        try:
            return load(blob)
        except Exception as error:
            message = f"a function cannot be rebuilt here: {described(error)}"
            raise SerializationError(message) from error

    def __repr__(self) -> str:
        return f"CodeStore({len(self._blobs)} blobs fetched, {len(_blobs)} made here)"
