"""Becoming a member: JOIN is repeated until the coordinator says WELCOME or REFUSED."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import msgpack

from dgo.errors import ClusterError
from dgo.ids import COORDINATOR
from dgo.runtime.links import Links
from dgo.transport.interface import Route
from dgo.wire.frames import HEADER_SIZE, Header, Kind, encode_header
from dgo.wire.messages import PROTOCOL

__all__ = ["facts_of_this_process", "join"]

REPEAT_SECONDS = 0.25


def facts_of_this_process(
    role: str,
    name: str = "",
    address: str = "",
    supervisor: int = 0,
    labels: dict[str, str] | None = None,
    resources: dict[str, float] | None = None,
) -> dict[str, Any]:
    """What a JOIN says."""
    import sys

    return {
        "protocol": PROTOCOL,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "role": role,
        "name": name,
        "address": address,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "supervisor": supervisor,
        "labels": labels or {},
        "resources": resources or {},
    }


def join(
    links: Links, address: str, facts: dict[str, Any], timeout: float, wait: Callable[[float], object]
) -> dict[str, Any]:
    """Joins the cluster whose coordinator listens at ``address``.

    Args:
        links: this process's links; afterwards they know the coordinator.
        address: ``tcp://host:port`` or ``ipc://path``.
        facts: see ``facts_of_this_process``.
        timeout: seconds to wait for an answer.
        wait: waits for input, a given number of seconds at most.

    Returns:
        what the coordinator said.

    Raises:
        ClusterError: nobody answers, or we were refused.
    """
    answer: dict[str, Any] = {}

    def on_control(header: Header, route: Route, frames: list[bytes]) -> None:
        if header.kind in (Kind.WELCOME, Kind.REFUSED) and not answer:
            answer.update(msgpack.unpackb(frames[0][HEADER_SIZE:]))
            answer["from"] = header.source
            if "reason" not in answer:  # what follows it in the same breath needs to know the coordinator
                links.coordinator = header.source
                links.coordinator_route = route

    before, links.on_control = links.on_control, on_control
    route = links.transport.dial(address)
    deadline = time.monotonic() + timeout
    message = [encode_header(Kind.JOIN, links.node, COORDINATOR) + msgpack.packb(facts)]
    repeat = 0.0
    while not answer:
        now = time.monotonic()
        if now >= deadline:
            links.transport.hang_up(route)
            raise ClusterError(
                f"no coordinator answers at {address} ({timeout:g} s). Is `dgo coordinator` running there, is the "
                "port right (7117 by default), and does a firewall let it through?"
            )
        if now >= repeat:
            links.transport.send(route, message)
            repeat = now + REPEAT_SECONDS
        wait(max(0.0, min(repeat, deadline) - time.monotonic()))
        links.receive()
    if "reason" in answer:
        links.transport.hang_up(route)
        raise ClusterError(f"the coordinator at {address} refused this {facts['role']}: {answer['reason']}")
    links.on_control = before
    links.link(answer["from"])
    return answer
