"""Everything inside one worker, in one run: for whoever works on the scheduler; the suite has a script for each."""

from __future__ import annotations

import _local

if __name__ == "__main__":
    _local.script(__doc__, __file__, _local.MEASURED)
