"""Snapshots: values, calls and exceptions as they were at one moment, ready to travel.

The only part of dgo that pickles. Nothing here opens a socket or starts a thread.
"""

from __future__ import annotations

from dgo.wire.snapshot.code import CodeStore
from dgo.wire.snapshot.functions import NO_KEYWORDS, Call, snapshot_call, thaw_call
from dgo.wire.snapshot.handles import Compound, Handle
from dgo.wire.snapshot.outcome import ExceptionRecord, RemoteTraceback, freeze_exception, thaw_exception
from dgo.wire.snapshot.payload import Frozen, Payload, freeze, thaw, thaw_shared
from dgo.wire.snapshot.raw import ATOMS

__all__ = [
    "ATOMS",
    "NO_KEYWORDS",
    "Call",
    "CodeStore",
    "Compound",
    "ExceptionRecord",
    "Frozen",
    "Handle",
    "Payload",
    "RemoteTraceback",
    "freeze",
    "freeze_exception",
    "snapshot_call",
    "thaw",
    "thaw_call",
    "thaw_exception",
    "thaw_shared",
]
