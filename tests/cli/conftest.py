"""A place to start programs in; whatever a test has started is gone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .programs import Cluster, Programs


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Starts programs; kills what still runs when the test ends."""
    started = Programs()
    yield started
    started.kill()


@pytest.fixture
def cluster(programs: Programs) -> Cluster:
    """A coordinator on a free port of the loopback; workers are the test's."""
    return Cluster(programs)
