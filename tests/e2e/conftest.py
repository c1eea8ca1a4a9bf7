"""What the tests here share: the engine, the images, and clusters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .base_image import base_image
from .cluster import Cluster, new_project, running_cluster
from .engine import Engine, NotPossibleHere, find_engine
from .product_image import fetch_wheels, make_context, product_image


@dataclass(frozen=True)
class Stage:
    """All that a cluster needs before it starts."""

    engine: Engine
    context: Path
    image: str
    resolves_names: bool

    def cluster(self, workers: int = 3, *, fixed_address: bool = False) -> AbstractContextManager[Cluster]:
        return running_cluster(
            self.engine,
            self.context,
            self.image,
            workers=workers,
            fixed_address=fixed_address or not self.resolves_names,
        )


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The engine with the product's image on it; where that cannot be, the tests skip and say why."""
    context = tmp_path_factory.mktemp("context")
    try:
        engine = find_engine()
        base = base_image(engine)
        make_context(context)
        (context / "wheels").mkdir()
        fetch_wheels(engine, base, context / "wheels")
    except NotPossibleHere as reason:
        # CI sets this where an engine is promised, so that a skip cannot pass for a success.
        if os.environ.get("DGO_E2E_REQUIRED"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    name = new_project()
    with product_image(engine, base, context, f"dgo-e2e:{name}") as image:
        yield Stage(engine, context, image, engine.resolves_names(base, f"{name}-names"))


@pytest.fixture(scope="module")
def cluster(stage: Stage) -> Iterator[Cluster]:
    """Three workers that the tests of one module only look at and use."""
    with stage.cluster() as running:
        yield running


@pytest.fixture
def own_cluster(stage: Stage) -> Iterator[Cluster]:
    """Three workers for one test, which may change or break them."""
    with stage.cluster() as running:
        yield running
