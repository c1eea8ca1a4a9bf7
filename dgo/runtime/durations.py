"""Seconds as users give them."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["LONGEST_SECONDS", "bounded", "seconds_of"]

LONGEST_SECONDS = 100 * 365.25 * 86400  # what is longer, infinity included, is this: no clock overflows


def bounded(seconds: float) -> float:
    """``seconds``, but a hundred years at most, into the future or the past."""
    return max(-LONGEST_SECONDS, min(seconds, LONGEST_SECONDS))


def seconds_of(value: Any, what: str) -> float:
    """A number of seconds.

    Args:
        value: what the user gave: a number.
        what: names it in an error, e.g. ``"dgo.sleep()"``.

    Raises:
        TypeError: you: it is no number.
        ValueError: you: it is NaN.
    """
    if not hasattr(value, "__float__") and not hasattr(value, "__index__"):
        raise TypeError(f"{what} takes a number of seconds, not {value!r:.80}")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf if value > 0 else -math.inf
    if math.isnan(seconds):
        raise ValueError(f"{what} takes a number of seconds; NaN is none")
    return bounded(seconds)
