"""The end of the interpreter: what was submitted to executors is finished first, as with the standard ones.

The order at the end of a program: (1) what ``threading._register_atexit`` registered, last one first; (2) the
threads that are not daemons are joined; (3) ``atexit``, where the driver leaves its cluster. The standard
executors wait in step 1, and so does this: in step 3 it would come too late on Python 3.12 and later, where no
thread (which a done callback may need) can be started any more. The function is private to CPython but has the
same name and meaning in all versions since 3.9; without it ``atexit`` is the next best, and, registered after the
driver's own, runs before that.
"""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from dgo import driver
from dgo.runtime import current

if TYPE_CHECKING:
    from dgo.executor.line import Line

__all__ = ["busy", "ending"]

busy: set[Line] = set()  # all that have calls which have not ended; this also keeps them alive
_ending = False


def ending() -> bool:
    """Whether the interpreter ends: then nothing new may be submitted."""
    return _ending


def _finish() -> None:
    global _ending
    _ending = True
    node = current.peek()
    if node is not None and node.execution is not None:
        return  # a worker ends when its cluster says so: the programs that it worked for are gone
    while busy:
        line = next(iter(busy))
        line.wait()
        busy.discard(line)


assert driver.shutdown is not None, "imported first, so that its atexit function runs after this one"
getattr(threading, "_register_atexit", atexit.register)(_finish)
