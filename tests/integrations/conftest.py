"""The fixtures of the conformance tests serve here too: one cluster for a module, and programs as users start them."""

from __future__ import annotations

from conformance.conftest import _bounded, cluster, eventually, output, program

__all__ = ["_bounded", "cluster", "eventually", "output", "program"]
