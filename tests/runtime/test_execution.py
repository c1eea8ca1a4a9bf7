"""Messages that start goroutines."""

from __future__ import annotations

import pytest

from dgo.testing import LocalCluster
from dgo.wire.messages import ProtocolError


@pytest.mark.parametrize("options", [1, "x", ["resources"], {"resources": 1}, {"resources": {"gpu": "one"}}])
def test_a_goroutine_whose_options_make_no_sense_is_refused_before_it_counts(options):
    with LocalCluster(nodes=2, seed=1) as cluster:
        execution = cluster.nodes[1].execution
        with pytest.raises(ProtocolError, match="options"):
            execution._on_run(1, [], 1, 1, [[7, "name", b"key", [], None, [], options]])
        assert (execution.live, execution.received, execution.unstarted) == ({}, 0, 0)
