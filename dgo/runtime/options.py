"""What ``go.options`` takes."""

from __future__ import annotations

import math
from typing import Any

from dgo.runtime.durations import seconds_of

__all__ = ["SpawnOptions"]


class SpawnOptions:
    """What ``go.options`` was given, checked; not to be changed.

    Attributes:
        name: shown instead of the function's name.
        resources: amounts that its worker must have free.
        labels: its worker must have them all.
        spread: it is placed by the coordinator.
        retries: how often it is run again when its worker is lost.
        timeout: seconds after which it is cancelled.
        limited: True if its spawner has more to do for it than for others.

    Raises:
        TypeError: you: a value has the wrong type.
        ValueError: you: a number makes no sense.
    """

    __slots__ = ("labels", "limited", "name", "resources", "retries", "spread", "timeout")

    def __init__(
        self,
        name: str | None = None,
        resources: dict[str, float] | None = None,
        labels: dict[str, str] | None = None,
        spread: bool = False,
        retries: int = 0,
        timeout: float | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"go.options(name=...) takes a string, not {name!r:.80}")
        self.name = name
        self.resources = _resources(resources)
        self.labels = _labels(labels)
        self.spread = bool(spread)
        self.retries = _retries(retries)
        self.timeout = _timeout(timeout)
        self.limited = self.retries > 0 or self.timeout is not None

    @property
    def anywhere(self) -> bool:
        """True if the process that spawns may run it itself."""
        return not (self.spread or self.labels or self.resources)

    @property
    def name_only(self) -> bool:
        """True if all that is special is the name."""
        return self.anywhere and not self.limited

    def wire(self) -> dict[str, Any] | None:
        """What the coordinator needs to know."""
        if self.anywhere:
            return None
        return {"spread": self.spread, "labels": self.labels, "resources": self.resources}


def _is_number(value: Any) -> bool:
    return type(value) is not bool and (hasattr(value, "__float__") or hasattr(value, "__index__"))


def _keyed(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"go.options({what}=...) takes a dict, not {value!r:.80}")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"go.options({what}=...) takes a dict whose keys are strings, not {key!r:.80}")
    return value


def _resources(value: Any) -> dict[str, float] | None:
    if value is None:
        return None
    amounts = {}
    for name, amount in _keyed("resources", value).items():
        if not _is_number(amount):
            raise TypeError(f"go.options(resources=...): the amount of {name!r} is a number, not {amount!r:.80}")
        amounts[name] = float(amount)
        if not 0 <= amounts[name] < math.inf:
            raise ValueError(f"go.options(resources=...): no worker can reserve {amount!r:.80} of {name!r}")
    return amounts


def _labels(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    for name, label in _keyed("labels", value).items():
        if not isinstance(label, str):
            raise TypeError(f"go.options(labels=...): the label {name!r} is a string, not {label!r:.80}")
    return dict(value)


def _retries(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"go.options(retries=...) takes an integer, not {value!r:.80}")
    if value < 0:
        raise ValueError(f"go.options(retries=...) is 0 or more, not {value}")
    return value


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool):
        raise TypeError(f"go.options(timeout=...) takes a number of seconds, not {value!r}")
    seconds = seconds_of(value, "go.options(timeout=...)")
    if seconds <= 0:
        raise ValueError(f"go.options(timeout=...) is more than 0 seconds, not {value!r:.80}; None is no limit")
    return seconds
