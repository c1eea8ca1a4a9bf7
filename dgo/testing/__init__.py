"""For tests of programs that use dgo, and of dgo itself."""

from __future__ import annotations

from dgo.testing.cluster import LocalCluster, NoEnd
from dgo.testing.leaks import no_leaks
from dgo.testing.sequencer import Sequencer
from dgo.testing.simulate import simulate

__all__ = ["LocalCluster", "NoEnd", "Sequencer", "no_leaks", "simulate"]
