"""What holds for all tests."""

from __future__ import annotations

import signal

# Where the tests are started in the background SIGINT is ignored, and every driver under test would inherit that.
# A handler of our own is not inherited: programs under test begin with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
