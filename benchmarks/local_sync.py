"""A Mutex that nobody else wants, and select, inside one worker."""

from __future__ import annotations

import _local

if __name__ == "__main__":
    _local.script(__doc__, __file__, ("mutex", "select ready", "select trips", "select default"), peers=False)
