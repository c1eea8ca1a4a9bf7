"""How the programs end: their exit statuses, and the one place that turns an error into one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

__all__ = ["Exit", "Failure", "fail", "run_program"]

log = logging.getLogger("dgo.cli")


class Exit(IntEnum):
    """Exit statuses, after sysexits.h where that has a fitting one."""

    OK = 0  # done, or drained
    USAGE = 64  # the command line is wrong
    UNREACHABLE = 69  # no coordinator answered in time
    INTERNAL = 70  # a mistake of dgo's
    ORPHANED = 75  # the coordinator is gone: start the program again
    REFUSED = 77  # the coordinator answered and said no
    CONFIGURATION = 78  # an address, a permission or an environment variable is wrong
    INTERRUPTED = 130  # Ctrl-C, as a shell reports it


class Failure(Exception):
    """Ends the program with ``status``; the message is for the person who started it."""

    def __init__(self, status: Exit, message: str) -> None:
        super().__init__(message)
        self.status = status


def fail(status: Exit, message: str) -> NoReturn:
    """Ends the program with ``status`` and a message."""
    raise Failure(status, message)


def run_program(body: Callable[[], int]) -> int:
    """Runs a program's body; whatever ends it becomes an exit status and, at most, a line on stderr."""
    try:
        return body()
    except Failure as failure:
        _say(str(failure))
        return failure.status
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception:
        log.exception("a mistake in dgo ended this program; please report it")
        return Exit.INTERNAL


def _say(message: str) -> None:
    """Daemons log it (their log was set up); the other programs say it as Unix programs do."""
    if logging.getLogger().handlers:
        log.error("%s", message)
    else:
        sys.stderr.write(f"dgo: {message}\n")
