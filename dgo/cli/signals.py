"""SIGTERM and Ctrl-C of a daemon."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

__all__ = ["on_stop_signal"]


def on_stop_signal(stop: Callable[[], object]) -> None:
    """Has each SIGTERM and each SIGINT call ``stop`` (in the main thread) instead of ending the process."""

    def handler(number: int, frame: Any) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)
