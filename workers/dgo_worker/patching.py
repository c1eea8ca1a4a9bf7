"""gevent's patches, put in when a worker process starts.

At each of some 23 steps ``patch_all`` asks every installed distribution whether it has a plugin that wants to hear of
it. Nearly always none has, and to read the metadata of a hundred distributions 23 times takes longer than all else
that a worker does to start. So they are asked here, once, by a look at the files in which they would say so. If
one does, all is left to gevent.
"""

from __future__ import annotations

import os
import sys

__all__ = ["patch", "plugins_possible"]

MENTION = b"gevent.plugins.monkey."
FILE = "entry_points.txt"
STANDARD_FINDER = "_frozen_importlib_external"


def patch() -> None:
    """Patches the standard library. To be called before anything is imported that would keep unpatched names."""
    from gevent import events, monkey

    asking = events.notify_and_call_entry_points
    if not plugins_possible(sys.path):
        events.notify_and_call_entry_points = events.notify  # subscribers in this process are told as ever
    try:
        monkey.patch_all(sys=False, signal=False, subprocess=True)
    finally:
        events.notify_and_call_entry_points = asking


def plugins_possible(path: list[str]) -> bool:
    """False if no distribution in the directories of ``path`` declares a plugin of gevent's patches.

    True also where this cannot be told: if another importer knows distributions, or an archive may hold some.
    gevent's own plugin does not count: it warns of a choice of patches that is not the one made here.
    """
    for finder in sys.meta_path:
        if hasattr(finder, "find_distributions") and finder.__module__ != STANDARD_FINDER:
            return True
    return any(_declared_in(directory or ".") for directory in dict.fromkeys(path))


def _declared_in(directory: str) -> bool:
    try:
        names = os.listdir(directory)
    except NotADirectoryError:
        return True
    except OSError:
        return False
    egg = directory.lower().endswith(".egg")
    for name in names:
        lower = name.lower()
        if not (lower.endswith((".dist-info", ".egg-info")) or (egg and lower == "egg-info")):
            continue
        if not lower.startswith("gevent-") and _declares(os.path.join(directory, name, FILE)):
            return True
    return False


def _declares(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return MENTION in opened.read()
    except (FileNotFoundError, NotADirectoryError):  # most declare nothing; an old .egg-info is a file
        return False
    except OSError:
        return True
