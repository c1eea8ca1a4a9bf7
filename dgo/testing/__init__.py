"""For tests of programs that use dgo, and of dgo itself."""

from __future__ import annotations

from dgo.testing.cluster import LocalCluster

__all__ = ["LocalCluster"]
