"""Where objects live, and simulated clusters for what only virtual time can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..conftest import SEEDS


@pytest.fixture(params=["here", "away"])
def home(request: pytest.FixtureRequest) -> str:
    """Where an object lives that a body has ``made(home, ...)``."""
    return str(request.param)


@pytest.fixture(params=SEEDS)
def simulated(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Returns ``run(body, *args)`` of a simulated cluster: there, a pause ends when all else is at rest."""
    from dgo.testing import LocalCluster

    with LocalCluster(nodes=3, seed=request.param) as nodes:
        yield nodes.run
