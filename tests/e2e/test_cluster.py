"""A cluster as the compose file starts it: what it is, and that programs run on it."""

from __future__ import annotations

import pytest

from .cluster import Cluster
from .conftest import Stage

pytestmark = pytest.mark.e2e


def test_three_workers_in_three_containers_join_a_healthy_coordinator(cluster: Cluster) -> None:
    workers = cluster.wait_for_workers(3)
    (coordinator,) = cluster.containers("coordinator")

    assert cluster.inspect(coordinator)["State"]["Health"]["Status"] == "healthy"
    assert len(cluster.containers("worker")) == 3
    assert len(workers) == 3
    assert len({worker["host"] for worker in workers}) == 3


def test_dgo_status_lists_the_three_workers(cluster: Cluster) -> None:
    names = {worker["name"] for worker in cluster.wait_for_workers(3)}

    table = cluster.compose("exec", "-T", "coordinator", "dgo", "status", "--address", "tcp://127.0.0.1:7117")

    assert len(names) == 3
    assert [name for name in names if name not in table] == []


def test_the_driver_service_counts_words_and_verifies_the_result(cluster: Cluster) -> None:
    printed = cluster.drive()  # exit status 0, or CommandFailed

    assert "words:" in printed


def test_no_container_has_more_rights_than_it_needs(cluster: Cluster) -> None:
    for container in cluster.containers():
        seen = cluster.inspect(container)
        host = seen["HostConfig"]
        assert seen["Config"]["User"] == "65532:65532"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Init"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0


def test_no_port_is_published_on_the_host(cluster: Cluster) -> None:
    published = [cluster.inspect(container)["HostConfig"]["PortBindings"] for container in cluster.containers()]

    assert not any(published)


def test_workers_find_the_coordinator_at_a_fixed_address_where_no_name_resolves(stage: Stage) -> None:
    with stage.cluster(workers=1, fixed_address=True) as fixed:
        assert len(fixed.wait_for_workers(1)) == 1
