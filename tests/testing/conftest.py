"""What the tests of ``dgo.testing`` share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_seeds_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs these tests for one seed does not mean the simulations in them."""
    monkeypatch.delenv("DGO_SEED", raising=False)
    monkeypatch.delenv("DGO_SEEDS", raising=False)
