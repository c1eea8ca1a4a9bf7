"""Many asyncio loops in one thread.

asyncio keeps the running loop, and the hooks for asynchronous generators, per thread. Where greenlets share a thread
each may run a loop of its own: whoever leaves the stack of a running loop takes both off, and puts them on again when
it comes back.

Nothing here imports asyncio: without it no loop runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["outside"]


def outside(switch: Callable[[], Any]) -> Callable[[], Any]:
    """``switch``, which lets other greenlets run, made safe to be called where a loop runs."""

    def switch_outside() -> Any:
        events = sys.modules.get("asyncio.events")
        loop = events._get_running_loop() if events is not None else None
        if loop is None:
            return switch()
        hooks = sys.get_asyncgen_hooks()
        set_running: Callable[[Any], object] = sys.modules["asyncio.events"]._set_running_loop
        set_running(None)
        sys.set_asyncgen_hooks(None, None)
        try:
            return switch()
        finally:
            set_running(loop)
            sys.set_asyncgen_hooks(*hooks)

    return switch_outside
