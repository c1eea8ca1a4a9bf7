"""dgo: Go's concurrency for Python programs, across processes and machines.

    import dgo

    def f(ch, n):
        ch.send(n * n)

    ch = dgo.Chan(3)
    for n in range(3):
        dgo.go(f, ch, n)
    print(sorted(ch.recv() for _ in range(3)))

Names are loaded on first use: importing dgo costs next to nothing.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # to a type checker it is True; importing ``typing`` takes longer than all that follows
if TYPE_CHECKING:
    from typing import Any

    from dgo import context as context
    from dgo import errors as errors
    from dgo import sync as sync
    from dgo import testing as testing
    from dgo import time as time
    from dgo.channels import Chan as Chan
    from dgo.channels import RecvChan as RecvChan
    from dgo.channels import SendChan as SendChan
    from dgo.combine import as_completed as as_completed
    from dgo.combine import gather as gather
    from dgo.combine import map_ as map
    from dgo.context import Context as Context
    from dgo.context import background as background
    from dgo.context import timeout as timeout
    from dgo.context import with_cancel as with_cancel
    from dgo.context import with_deadline as with_deadline
    from dgo.context import with_timeout as with_timeout
    from dgo.context import with_value as with_value
    from dgo.driver import cluster as cluster
    from dgo.driver import init as init
    from dgo.driver import is_initialized as is_initialized
    from dgo.driver import shutdown as shutdown
    from dgo.errors import AuthError as AuthError
    from dgo.errors import BrokenExecutor as BrokenExecutor
    from dgo.errors import Cancelled as Cancelled
    from dgo.errors import CancelledError as CancelledError
    from dgo.errors import ChannelClosed as ChannelClosed
    from dgo.errors import ChannelLost as ChannelLost
    from dgo.errors import ClusterError as ClusterError
    from dgo.errors import ContextCancelled as ContextCancelled
    from dgo.errors import DeadlineExceeded as DeadlineExceeded
    from dgo.errors import Deadlock as Deadlock
    from dgo.errors import DgoError as DgoError
    from dgo.errors import LockLost as LockLost
    from dgo.errors import MisuseError as MisuseError
    from dgo.errors import RemoteError as RemoteError
    from dgo.errors import SerializationError as SerializationError
    from dgo.errors import Timeout as Timeout
    from dgo.errors import WorkerLost as WorkerLost
    from dgo.errors import WouldBlock as WouldBlock
    from dgo.executor import Executor as Executor
    from dgo.goroutines import Goroutine as Goroutine
    from dgo.goroutines import current_goroutine as current
    from dgo.goroutines import go as go
    from dgo.goroutines import goexit as goexit
    from dgo.goroutines import gosched as gosched
    from dgo.goroutines import no_preempt as no_preempt
    from dgo.goroutines import num_goroutine as num_goroutine
    from dgo.goroutines import num_workers as num_workers
    from dgo.joined import Cluster as Cluster
    from dgo.joined import WorkerInfo as WorkerInfo
    from dgo.references import Ref as Ref
    from dgo.references import put as put
    from dgo.selection import DEFAULT as DEFAULT
    from dgo.selection import Selected as Selected
    from dgo.selection import aselect as aselect
    from dgo.selection import recv as recv
    from dgo.selection import select as select
    from dgo.selection import send as send
    from dgo.sync import Atomic as Atomic
    from dgo.sync import Cond as Cond
    from dgo.sync import ErrGroup as ErrGroup
    from dgo.sync import Map as Map
    from dgo.sync import Mutex as Mutex
    from dgo.sync import Once as Once
    from dgo.sync import RWMutex as RWMutex
    from dgo.sync import Semaphore as Semaphore
    from dgo.sync import SingleFlight as SingleFlight
    from dgo.sync import WaitGroup as WaitGroup
    from dgo.time import Ticker as Ticker
    from dgo.time import Timer as Timer
    from dgo.time import after as after
    from dgo.time import after_func as after_func
    from dgo.time import sleep as sleep
    from dgo.time import tick as tick

__version__ = "0.4.0"

__all__ = [
    "DEFAULT",
    "Atomic",
    "AuthError",
    "BrokenExecutor",
    "Cancelled",
    "CancelledError",
    "Chan",
    "ChannelClosed",
    "ChannelLost",
    "Cluster",
    "ClusterError",
    "Cond",
    "Context",
    "ContextCancelled",
    "DeadlineExceeded",
    "Deadlock",
    "DgoError",
    "ErrGroup",
    "Executor",
    "Goroutine",
    "LockLost",
    "Map",
    "MisuseError",
    "Mutex",
    "Once",
    "RWMutex",
    "RecvChan",
    "Ref",
    "RemoteError",
    "Selected",
    "Semaphore",
    "SendChan",
    "SerializationError",
    "SingleFlight",
    "Ticker",
    "Timeout",
    "Timer",
    "WaitGroup",
    "WorkerInfo",
    "WorkerLost",
    "WouldBlock",
    "__version__",
    "after",
    "after_func",
    "as_completed",
    "aselect",
    "background",
    "cluster",
    "context",
    "current",
    "errors",
    "gather",
    "go",
    "goexit",
    "gosched",
    "init",
    "is_initialized",
    "map",
    "no_preempt",
    "num_goroutine",
    "num_workers",
    "put",
    "recv",
    "select",
    "send",
    "shutdown",
    "sleep",
    "sync",
    "testing",
    "tick",
    "time",
    "timeout",
    "with_cancel",
    "with_deadline",
    "with_timeout",
    "with_value",
]

_HOMES = {
    "dgo.channels": (
        "Chan",
        "RecvChan",
        "SendChan",
    ),
    "dgo.combine": (
        "as_completed",
        "gather",
        "map",
    ),
    "dgo.context": (
        "Context",
        "background",
        "timeout",
        "with_cancel",
        "with_deadline",
        "with_timeout",
        "with_value",
    ),
    "dgo.driver": (
        "cluster",
        "init",
        "is_initialized",
        "shutdown",
    ),
    "dgo.errors": (
        "AuthError",
        "BrokenExecutor",
        "Cancelled",
        "CancelledError",
        "ChannelClosed",
        "ChannelLost",
        "ClusterError",
        "ContextCancelled",
        "Deadlock",
        "DeadlineExceeded",
        "DgoError",
        "LockLost",
        "MisuseError",
        "RemoteError",
        "SerializationError",
        "Timeout",
        "WorkerLost",
        "WouldBlock",
    ),
    "dgo.executor": ("Executor",),
    "dgo.goroutines": (
        "Goroutine",
        "current",
        "go",
        "goexit",
        "gosched",
        "no_preempt",
        "num_goroutine",
        "num_workers",
    ),
    "dgo.joined": (
        "Cluster",
        "WorkerInfo",
    ),
    "dgo.references": (
        "Ref",
        "put",
    ),
    "dgo.selection": (
        "DEFAULT",
        "Selected",
        "aselect",
        "recv",
        "select",
        "send",
    ),
    "dgo.sync": (
        "Atomic",
        "Cond",
        "ErrGroup",
        "Map",
        "Mutex",
        "Once",
        "RWMutex",
        "Semaphore",
        "SingleFlight",
        "WaitGroup",
    ),
    "dgo.time": (
        "Ticker",
        "Timer",
        "after",
        "after_func",
        "sleep",
        "tick",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_REAL_NAMES = {"current": "current_goroutine", "map": "map_"}
_MODULES = ("context", "errors", "sync", "testing", "time")


if not TYPE_CHECKING:  # to a type checker a name that is not above is an error

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"dgo.{name}")
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module 'dgo' has no attribute {name!r}")
        if home != "dgo.errors":
            importlib.import_module("dgo.driver")  # it knows how to start a cluster on first use
        value = getattr(importlib.import_module(home), _REAL_NAMES.get(name, name))
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
