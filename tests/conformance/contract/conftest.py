"""Where objects live, and simulated clusters for what only virtual time can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import SEEDS

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this package is slow: two thousand bodies, by somebody who had not seen the code."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


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
