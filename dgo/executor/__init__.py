"""``dgo.Executor``: the cluster behind the interface of ``concurrent.futures``.

* ``pool`` has the class that users see;
* ``line`` keeps the calls that wait and hands them to the cluster, a window at a time;
* ``initializer`` runs on the workers, for executors that have one;
* ``leaving`` finishes what was submitted before the interpreter ends.
"""

from __future__ import annotations

from dgo.executor.pool import Executor

__all__ = ["Executor"]
