"""The round trip over two unbuffered channels between goroutines of one worker."""

from __future__ import annotations

import _local

if __name__ == "__main__":
    _local.script(__doc__, __file__, ("trips",))
