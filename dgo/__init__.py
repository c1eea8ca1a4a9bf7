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
    from dgo.channels import Chan, RecvChan, SendChan
    from dgo.combine import as_completed, gather
    from dgo.combine import map_ as map
    from dgo.driver import Cluster, WorkerInfo, cluster, init, is_initialized, shutdown
    from dgo.errors import (
        AuthError,
        Cancelled,
        CancelledError,
        ChannelClosed,
        ChannelLost,
        ClusterError,
        ContextCancelled,
        Deadlock,
        DeadlineExceeded,
        DgoError,
        LockLost,
        MisuseError,
        RemoteError,
        SerializationError,
        Timeout,
        WorkerLost,
        WouldBlock,
    )
    from dgo.goroutines import Goroutine, go, goexit, gosched, num_goroutine, num_workers
    from dgo.goroutines import current_goroutine as current
    from dgo.sync import WaitGroup

__version__ = "0.1.0"

_HOMES = {
    "dgo.channels": ("Chan", "RecvChan", "SendChan"),
    "dgo.combine": ("as_completed", "gather"),
    "dgo.driver": ("Cluster", "WorkerInfo", "cluster", "init", "is_initialized", "shutdown"),
    "dgo.errors": (
        "AuthError", "Cancelled", "CancelledError", "ChannelClosed", "ChannelLost", "ClusterError",
        "ContextCancelled", "Deadlock", "DeadlineExceeded", "DgoError", "LockLost", "MisuseError", "RemoteError",
        "SerializationError", "Timeout", "WorkerLost", "WouldBlock",
    ),
    "dgo.goroutines": ("Goroutine", "go", "goexit", "gosched", "num_goroutine", "num_workers"),
    "dgo.sync": ("WaitGroup",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_HOME_OF["current"] = "dgo.goroutines"
_HOME_OF["map"] = "dgo.combine"
_REAL_NAMES = {"current": "current_goroutine", "map": "map_"}
_MODULES = ("errors", "sync", "testing")

__all__ = [*sorted(_HOME_OF), *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"dgo.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'dgo' has no attribute {name!r}")
    if home != "dgo.errors":
        importlib.import_module("dgo.driver")  # it knows how to start one on first use
    value = getattr(importlib.import_module(home), _REAL_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
