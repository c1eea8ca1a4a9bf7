"""A worker process: one node with a scheduler of goroutines on gevent's hub.

The order of ``main`` matters: the tie to the parent first (nothing may outlive it), then gevent's patches
(before anything else is imported that would keep unpatched names), then dgo.
"""

from __future__ import annotations

import signal
from typing import Any

from dgo_worker.launch import die_with_parent

__all__ = ["main"]


def main(config: dict[str, Any]) -> None:
    """Runs a worker until it is told to end, or its supervisor does."""
    die_with_parent(config["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver only
    if config.get("patch", True):
        from dgo_worker.patching import patch

        patch()
    from dgo_worker.worker import Worker

    Worker(config).run()
