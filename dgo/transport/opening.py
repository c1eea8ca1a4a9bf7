"""Which transport an address needs. ZeroMQ is loaded only by those who use it: it takes its time and memory.

The processes of an embedded cluster have the choice: Unix sockets, which are faster, or ZeroMQ as between machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dgo.transport.interface import PolledTransport
from dgo.transport.unix import SCHEME, UnixTransport

__all__ = ["transport_for"]


def transport_for(
    address: str, watch_connections: bool = False, epoll: Callable[[], Any] | None = None
) -> PolledTransport:
    """A transport for ``unix://`` (the processes of an embedded cluster) or for ``tcp://`` and ``ipc://``.

    Args:
        address: where its process will listen, or that of the coordinator.
        watch_connections: whether ``broken`` tells of inbound connections that have ended.
        epoll: makes an epoll object, for processes whose ``select`` module is patched.
    """
    if address.startswith(SCHEME):
        return UnixTransport(watch_connections, epoll)
    from dgo.transport.zeromq import ZmqTransport

    return ZmqTransport(watch_connections)
