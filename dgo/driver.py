"""The program's cluster: started, found, left.

Imports little: ``init()`` starts the processes of an embedded cluster first, and loads what the driver itself needs
(``dgo.joined``) while they start up.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import tempfile
import threading

from dgo.processes import Processes
from dgo.runtime import current
from dgo.transport.scheme import local_scheme
from dgo_worker.launch import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dgo.joined import Cluster
    from dgo.runtime.node import Node

__all__ = ["cluster", "init", "is_initialized", "shutdown"]

_lifecycle = threading.RLock()
_cluster: Cluster | None = None


def init(
    address: str | None = None,
    *,
    workers: int | None = None,
    keyfile: str | None = None,
    log_to_driver: bool = True,
    panic: str = "log",
) -> Cluster:
    """Connects to a cluster, or starts one on this machine.

    Args:
        address: of a coordinator, ``tcp://host:7117``; default ``$DGO_ADDRESS``; without either an embedded
            cluster is started, whose processes talk over Unix sockets, or over ZeroMQ with ``DGO_TRANSPORT=zeromq``.
        workers: worker processes of an embedded cluster; default: ``$DGO_WORKERS``, else the usable cores.
        keyfile: reserved for authenticated clusters.
        log_to_driver: whether goroutines' output appears here.
        panic: what an exception that ends a goroutine and that nobody asks for does: ``"log"`` prints it,
            ``"crash"`` also ends the program with status 2.

    Raises:
        RuntimeError: you: the program has a cluster already.
        ValueError: you: ``workers`` is not positive, ``panic`` is neither of the two, or an environment variable says
            what is not possible.
        ClusterError: nobody answers at the address, or the coordinator refuses us; the message says what to check.
    """
    global _cluster
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int)):
        raise TypeError(f"dgo.init(workers=...) takes a number, not {workers!r:.80}")
    if workers is not None and workers < 1:
        raise ValueError(f"dgo.init(workers={workers}): an embedded cluster needs at least one worker process")
    if panic not in ("log", "crash"):
        raise ValueError(f'dgo.init(panic={panic!r}): it is "log" or "crash"')
    with _lifecycle:
        if current.peek() is not None:
            where = "this program" if _cluster is not None else "a goroutine"
            raise RuntimeError(
                f"dgo.init() was called, but {where} has a cluster already; call dgo.shutdown() first, "
                "or call init() before anything else uses dgo"
            )
        address = address or os.environ.get("DGO_ADDRESS") or None
        if address is None:
            made = _start_embedded(workers if workers is not None else _default_workers())
        else:
            from dgo.joined import connect

            made = connect(address)
        made.settle(_forget, crash=panic == "crash", show_output=log_to_driver)
        _cluster = made
        current.set_current(made.node)
        return made


def _default_workers() -> int:
    text = os.environ.get("DGO_WORKERS", "")
    if not text:
        from dgo.runtime.cpus import usable_cpus

        return usable_cpus()
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"DGO_WORKERS={text!r}: an embedded cluster needs a positive number of worker processes")
    return int(text)


def _start_embedded(workers: int) -> Cluster:
    scheme = local_scheme()
    directory = tempfile.mkdtemp(prefix="dgo-")
    if len(directory) > 80:  # the path of a Unix socket has 107 bytes at most
        os.rmdir(directory)
        directory = tempfile.mkdtemp(prefix="dgo-", dir="/tmp")
    listening, tell = os.pipe()
    try:
        process = launch(
            "dgo.coordinator.embedded",
            {"directory": directory, "scheme": scheme, "workers": workers, "listening": tell},
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(tell,),
        )
    finally:
        os.close(tell)
    processes = Processes(process, directory, scheme, workers, listening)
    try:
        from dgo.joined import join_embedded

        return join_embedded(processes)
    except BaseException:
        processes.end()
        raise


def _forget(left: Cluster) -> bool:
    """The program leaves it; False if it has left it before."""
    global _cluster
    with _lifecycle:
        if _cluster is not left:
            return False
        _cluster = None
        return True


def _start_on_first_use() -> Node:
    with _lifecycle:
        node = current.peek()
        return node if node is not None else init().node


def shutdown() -> None:
    """Ends this program's job and leaves its cluster; stops an embedded one. Does nothing without one."""
    if _cluster is not None:
        _cluster.shutdown()


def is_initialized() -> bool:
    """Whether this process has a cluster."""
    return current.peek() is not None


def cluster() -> Cluster:
    """The current cluster, started on first use.

    Raises:
        MisuseError: you: it was called in a goroutine; only the driver has the ``Cluster`` object.
    """
    current.get()
    if _cluster is None:
        from dgo.errors import MisuseError

        raise MisuseError("dgo.cluster() is for the driver; goroutines use dgo.num_workers() and the like")
    return _cluster


current.set_starter(_start_on_first_use)
atexit.register(shutdown)


def _after_fork() -> None:
    """A forked child has no cluster: its parent's must not end with it, and none of dgo's threads came along."""
    global _cluster, _lifecycle
    _cluster, _lifecycle = None, threading.RLock()
    current.set_current(None)


os.register_at_fork(after_in_child=_after_fork)
