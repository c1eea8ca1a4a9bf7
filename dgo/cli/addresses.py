"""Addresses that people write: ``tcp://host:port``, and what is reachable from where.

A *loopback* address reaches this machine only; a *wildcard* (``*``, ``0.0.0.0``, ``::``) means every
interface of it, so it counts as reachable from outside. What cannot be resolved counts as outside: it is
the safe guess.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

__all__ = [
    "DEFAULT_PORT",
    "Endpoint",
    "can_listen",
    "coordinator_address",
    "interface_towards",
    "parse_endpoint",
]

DEFAULT_PORT = 7117


@dataclass(frozen=True)
class Endpoint:
    """A TCP host (a name, a numeric address or a wildcard) and port. ``str()`` gives ``tcp://host:port``."""

    host: str
    port: int

    @property
    def written_host(self) -> str:
        """The host as it stands in an address: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"tcp://{self.written_host}:{self.port}"

    @property
    def wildcard(self) -> bool:
        """Every interface."""
        address = _numeric(self.host)
        return self.host == "*" or (address is not None and address.is_unspecified)

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        found = () if self.wildcard else resolve(self.host)
        return bool(found) and all(address.is_loopback for address in found)

    def numeric(self) -> Endpoint:
        """The same with a numeric host, as listening needs it; IPv4 is preferred.

        Raises:
            ValueError: nobody knows the name.
        """
        if self.host == "*":
            return self
        found = resolve(self.host)
        if not found:
            raise ValueError(f"the host name {self.host!r} cannot be resolved")
        return Endpoint(str(found[0]), self.port)

    def plain(self) -> Endpoint:
        """The same without the IPv6 notation of an IPv4 address (``::ffff:127.0.0.1``)."""
        return Endpoint(str(_numeric(self.host) or self.host), self.port)

    def with_port(self, port: int) -> Endpoint:
        """The same host, another port."""
        return Endpoint(self.host, port)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _numeric(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def resolve(host: str) -> list[Address]:
    """The numeric addresses of ``host``, IPv4 first; empty if there are none."""
    literal = _numeric(host)
    if literal is not None:
        return [literal]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    numbers = dict.fromkeys(_numeric(str(entry[4][0]).partition("%")[0]) for entry in found)
    return sorted((number for number in numbers if number is not None), key=lambda number: number.version)


def parse_endpoint(text: str, default_port: int = DEFAULT_PORT) -> Endpoint:
    """Reads ``tcp://host:port``; ``tcp://`` and the port may be left out.

    Raises:
        ValueError: it is something else.
    """
    rest = text.strip().removeprefix("tcp://")
    wrong = ValueError(f"{text!r} is not an address: use the form tcp://host:{default_port}")
    if "://" in rest or "/" in rest:
        raise wrong
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535 or (":" in host and _numeric(host) is None):
        raise wrong
    return Endpoint(host, int(port))


def coordinator_address(text: str) -> Endpoint:
    """The address of a coordinator to connect to.

    ``localhost`` becomes 127.0.0.1, where a coordinator listens by default: a machine may resolve it to ::1
    first.

    Raises:
        ValueError: it is none, or one that only a listener can use.
    """
    endpoint = parse_endpoint(text)
    if endpoint.wildcard or endpoint.port == 0:
        raise ValueError(f"{text!r} is an address to listen at, not one to connect to: name a host and a port")
    return Endpoint("127.0.0.1", endpoint.port) if endpoint.host == "localhost" else endpoint


def interface_towards(endpoint: Endpoint) -> str:
    """The numeric address of the local interface that reaches ``endpoint``. Nothing is sent.

    Raises:
        ValueError: no route leads there.
    """
    for address in resolve(endpoint.host):
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((str(address), endpoint.port))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    raise ValueError(f"no network interface of this machine reaches {endpoint}")


def can_listen(endpoint: Endpoint) -> str | None:
    """Why this machine cannot listen at ``endpoint`` (numeric, or a wildcard); None if it can."""
    address = _numeric(endpoint.host)
    family = socket.AF_INET6 if address is not None and address.version == 6 else socket.AF_INET
    host = "" if endpoint.host == "*" else str(address)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, endpoint.port))
    except OSError as error:
        return error.strerror or str(error)
    return None
