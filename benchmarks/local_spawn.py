"""Spawning, running and ending a no-op goroutine from a goroutine of the same worker."""

from __future__ import annotations

import _local

if __name__ == "__main__":
    _local.script(__doc__, __file__, ("spawns", "handles"))
