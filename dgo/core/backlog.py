"""The goroutines that have no worker yet, in the order in which they came.

They stand in *lanes*, one for each demand (labels and resources). Where the first of a lane finds no worker none behind
it does: so a look for those that can be placed costs as much as there are lanes, and not as many as wait.

Invariants:

1. Each stands in the lane of its demand, behind those that came before. No lane is empty.
2. A series is not empty, and asks for nothing: no labels, no resources, no ``spread``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import attrgetter
from typing import Any

__all__ = ["Backlog", "Demand", "Waiting"]

Demand = tuple[tuple[tuple[str, Any], ...], tuple[tuple[str, float], ...]] | None

_arrival = attrgetter("arrival")


class Waiting:
    """A goroutine that has no worker yet, or a series of them.

    Attributes:
        origin: who submitted it.
        number: its number there; of a series the first one's.
        item: opaque.
        calls: None, or a series: what distinguishes each of its goroutines (opaque), which are numbered in a row.
        arrival: its place among all that have come.
    """

    __slots__ = ("arrival", "calls", "item", "labels", "number", "origin", "resources", "spread")

    def __init__(
        self,
        origin: Any,
        number: int,
        item: Any,
        spread: bool = False,
        labels: dict[str, str] | None = None,
        resources: dict[str, float] | None = None,
        calls: list[Any] | None = None,
    ) -> None:
        self.origin = origin
        self.number = number
        self.item = item
        self.spread = spread
        self.labels = labels
        self.resources = resources
        self.calls = calls
        self.arrival = 0

    @property
    def count(self) -> int:
        """How many goroutines it is."""
        return 1 if self.calls is None else len(self.calls)

    def piece(self, first: int, count: int) -> Waiting:
        """``count`` goroutines of a series, from the one numbered ``first``."""
        assert self.calls is not None
        begin = first - self.number
        piece = Waiting(self.origin, first, self.item, calls=self.calls[begin : begin + count])
        piece.arrival = self.arrival
        return piece

    def demand(self) -> Demand:
        """What a worker must have; None: any will do."""
        if not self.labels and not self.resources:
            return None
        return tuple(sorted((self.labels or {}).items())), tuple(sorted((self.resources or {}).items()))


class Backlog:
    """Those that wait. Iteration is in the order of arrival; ``len()`` counts entries, and a series is one.

    Attributes:
        lanes: by demand.
    """

    def __init__(self) -> None:
        self.lanes: dict[Demand, deque[Waiting]] = {}
        self._arrived = 0

    def extend(self, goroutines: Iterable[Waiting]) -> None:
        """Some have come."""
        lanes = self.lanes
        for goroutine in goroutines:
            self._arrived += 1
            goroutine.arrival = self._arrived
            demand = goroutine.demand()
            lane = lanes.get(demand)
            if lane is None:
                lane = lanes[demand] = deque()
            lane.append(goroutine)

    def __bool__(self) -> bool:
        return bool(self.lanes)

    def __len__(self) -> int:
        return sum(map(len, self.lanes.values()))

    def __iter__(self) -> Iterator[Waiting]:
        return merge(*self.lanes.values(), key=_arrival)

    def retain(self, rest: Callable[[Waiting], Iterable[Waiting]]) -> None:
        """Has each replaced by what ``rest`` says is left of it."""
        lanes = {}
        for demand, lane in self.lanes.items():
            left = deque(part for goroutine in lane for part in rest(goroutine))
            if left:
                lanes[demand] = left
        self.lanes = lanes

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for demand, lane in self.lanes.items():
            assert lane, "1: an empty lane"
            arrivals = [goroutine.arrival for goroutine in lane]
            assert arrivals == sorted(arrivals), "1: out of order"
            for goroutine in lane:
                assert goroutine.demand() == demand, "1: in another's lane"
                if goroutine.calls is not None:
                    assert goroutine.calls, "2: empty"
                    assert (goroutine.labels, goroutine.resources, goroutine.spread) == (None, None, False), "2: asks"
