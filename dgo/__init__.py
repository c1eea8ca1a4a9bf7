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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgo.channels import Chan as Chan
    from dgo.channels import RecvChan as RecvChan
    from dgo.channels import SendChan as SendChan
    from dgo.combine import as_completed as as_completed
    from dgo.combine import gather as gather
    from dgo.combine import map_ as map
    from dgo.driver import Cluster as Cluster
    from dgo.driver import WorkerInfo as WorkerInfo
    from dgo.driver import cluster as cluster
    from dgo.driver import init as init
    from dgo.driver import is_initialized as is_initialized
    from dgo.driver import shutdown as shutdown
    from dgo.errors import AuthError as AuthError
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
    from dgo.goroutines import Goroutine as Goroutine
    from dgo.goroutines import current_goroutine as current
    from dgo.goroutines import go as go
    from dgo.goroutines import goexit as goexit
    from dgo.goroutines import gosched as gosched
    from dgo.goroutines import no_preempt as no_preempt
    from dgo.goroutines import num_goroutine as num_goroutine
    from dgo.goroutines import num_workers as num_workers
    from dgo.sync import WaitGroup as WaitGroup

__version__ = "0.1.0"

__all__ = [
    "AuthError",
    "Cancelled",
    "CancelledError",
    "Chan",
    "ChannelClosed",
    "ChannelLost",
    "Cluster",
    "ClusterError",
    "ContextCancelled",
    "DeadlineExceeded",
    "Deadlock",
    "DgoError",
    "Goroutine",
    "LockLost",
    "MisuseError",
    "RecvChan",
    "RemoteError",
    "SendChan",
    "SerializationError",
    "Timeout",
    "WaitGroup",
    "WorkerInfo",
    "WorkerLost",
    "WouldBlock",
    "__version__",
    "as_completed",
    "cluster",
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
    "shutdown",
    "sync",
    "testing",
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
    "dgo.driver": (
        "Cluster",
        "WorkerInfo",
        "cluster",
        "init",
        "is_initialized",
        "shutdown",
    ),
    "dgo.errors": (
        "AuthError",
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
    "dgo.sync": ("WaitGroup",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_REAL_NAMES = {"current": "current_goroutine", "map": "map_"}
_MODULES = ("errors", "sync", "testing")


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
