"""What a worker process tells the others about where it listens."""

from __future__ import annotations

import pytest

from dgo.cli.addresses import Endpoint, can_listen
from dgo_worker.daemon import Settings, _place_to_announce, _place_to_listen
from dgo_worker.worker import _announced

NEAR = Endpoint("127.0.0.1", 7117)


@pytest.mark.parametrize("bound", ["tcp://0.0.0.0:4711", "tcp://[::]:4711", "tcp://[::ffff:0.0.0.0]:4711"])
def test_a_host_is_announced_with_the_port_that_the_worker_really_got(bound: str) -> None:
    assert _announced({"advertise_host": "10.0.0.7"}, bound) == "tcp://10.0.0.7:4711"


def test_a_whole_address_is_announced_as_it_was_given() -> None:
    assert _announced({"advertise": "tcp://gate:9000"}, "tcp://[::]:4711") == "tcp://gate:9000"


def test_an_embedded_worker_announces_its_socket() -> None:
    assert _announced({}, "ipc:///somewhere/socket") == "ipc:///somewhere/socket"


def test_workers_listen_on_the_loopback_when_the_coordinator_is_on_it() -> None:
    assert _place_to_listen(Settings(NEAR, 1, "w")) == Endpoint("127.0.0.1", 0)


@pytest.mark.parametrize("wildcard", ["*", "0.0.0.0", "::"])
def test_a_wildcard_is_announced_as_the_interface_that_reaches_the_coordinator(wildcard: str) -> None:
    assert _place_to_announce(Endpoint(wildcard, 0), NEAR) == Endpoint("127.0.0.1", 0)


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "127.0.0.1"])
def test_a_machine_can_listen_at_its_own_addresses(host: str) -> None:
    assert can_listen(Endpoint(host, 0)) is None
