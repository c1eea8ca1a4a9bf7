"""The budgets: what dgo is to reach, row by row, on two cores. The only place where they stand.

A budget limits the median of one comparison, absolutely or in proportion to the raw floor of the same run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from _bench import DGO, Figure, number, ratio


class Verdict(Enum):
    """How a row came out."""

    MET = "met"
    NOT_MET = "**not met**"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Budget:
    """One row.

    Attributes:
        row: the operation, for people.
        what: the comparison that decides.
        limit: of dgo's median, or of its proportion to the floor.
        unit: of the limit; empty for a proportion.
        more_is_better: whether the limit is the least, not the most.
        floor: who the limit is in proportion to, if it is.
        then: the next limit, once this one is met.
    """

    row: str
    what: str
    limit: float
    unit: str
    more_is_better: bool = False
    floor: str | None = None
    then: float | None = None

    def text(self) -> str:
        """The budget, for people."""
        sign = "≥" if self.more_is_better else "≤"
        if self.floor is None:
            found = f"{sign} {number(self.limit)} {self.unit}"
        elif self.more_is_better:
            found = f"{sign} {self.limit:.0%} of {self.floor}"
        else:
            found = f"{sign} {number(self.limit)} x {self.floor}"
        return found if self.then is None else f"{found}, then {number(self.then)}"

    def bound(self, figures: Iterable[Figure]) -> float | None:
        """The limit in the unit of the comparison; None if its floor was not measured."""
        if self.floor is None:
            return self.limit
        floors = [figure for figure in figures if (figure.what, figure.who) == (self.what, self.floor)]
        return floors[0].median * self.limit if floors else None

    def verdict(self, figures: Iterable[Figure]) -> Verdict:
        """Whether dgo keeps it."""
        figures = list(figures)
        ours = [figure for figure in figures if (figure.what, figure.who) == (self.what, DGO)]
        bound = self.bound(figures)
        if not ours or bound is None:
            return Verdict.NOT_MEASURED
        kept = ours[0].median >= bound if self.more_is_better else ours[0].median <= bound
        return Verdict.MET if kept else Verdict.NOT_MET


ARRAY = ("array of 100 MB, driver to worker as an argument", "array of 100 MB, worker to worker over a channel")

BUDGETS = (
    Budget("spawn, run, end; same worker", "spawn and wait in one worker, WaitGroup", 2000, "ns"),
    Budget("unbuffered ping-pong; same worker", "unbuffered round trip in one worker", 2000, "ns"),
    Budget("value through a buffered channel; same worker", "value in one worker, capacity 100", 400, "ns"),
    Budget("parked plain goroutine", "memory of each of 10,000 parked, plain", 8192, "bytes"),
    Budget("parked async goroutine", "memory of each of 10,000 parked, async", 2048, "bytes"),
    Budget("1,000,000 parked plain goroutines", "memory of each of 1,000,000 parked, plain", 8192, "bytes"),
    Budget("1,000,000 parked async goroutines", "memory of each of 1,000,000 parked, async", 2048, "bytes"),
    Budget(
        "no-op goroutines from one driver, awaited",
        "no-op goroutines from the driver, all awaited",
        100_000,
        "1/s",
        more_is_better=True,
        then=200_000,
    ),
    Budget(
        "one goroutine and its result, p50",
        "one goroutine and its result, round trip p50",
        4,
        "",
        floor="raw pyzmq",
    ),
    Budget(
        "unbuffered ping-pong; two workers",
        "unbuffered round trip between two workers p50, unpinned",
        3,
        "",
        floor="raw pyzmq DEALER/ROUTER",
    ),
    *(
        Budget(
            f"buffered stream; two workers, capacity {capacity:,}",
            f"values between two workers, capacity {capacity:,}",
            500_000,
            "1/s",
            more_is_better=True,
            then=1_000_000,
        )
        for capacity in (100, 1000, 10_000)
    ),
    Budget("100 MB array, driver to worker", ARRAY[0], 0.6, "", more_is_better=True, floor="memcpy"),
    Budget("100 MB array, worker to worker", ARRAY[1], 0.6, "", more_is_better=True, floor="memcpy"),
    Budget(
        "100 MB array, worker to driver",
        "array of 100 MB, worker to driver as a result",
        0.6,
        "",
        more_is_better=True,
        floor="memcpy",
    ),
    Budget("cold start to the first result, 2 workers", "cold start to the first result, 2 workers", 0.5, "s"),
    Budget("memory of an idle cluster, 2 workers", "PSS of all processes, 2 workers", 130, "MB"),
    Budget("skynet, 1,000,000 leaves, 2 workers", "skynet, 1,000,000 leaves, 2 workers", 2.0, "s"),
    Budget(
        "smallest grain with half efficiency",
        "smallest grain with half efficiency, submitted one by one",
        20,
        "µs",
    ),
)

COLUMNS = ("row", "budget", DGO, "", "raw floor", "dgo is", "best peer", "dgo is")


def best(figures: Iterable[Figure]) -> Figure | None:
    """The best of some figures of one comparison."""
    figures = list(figures)
    if not figures:
        return None
    choose = max if figures[0].more_is_better else min
    return choose(figures, key=lambda figure: figure.median)


def measure_of(figure: Figure | None, *, named: bool = True) -> str:
    """A figure in a cell."""
    if figure is None:
        return ""
    return f"{number(figure.median)} {figure.unit}" + (f" ({figure.who})" if named else "")


def times_of(dgo: Figure | None, other: Figure | None) -> str:
    """How many times better dgo is, in a cell."""
    times = ratio(dgo, other) if dgo and other else None
    return f"{number(times)} x as good" if times is not None else ""


def row_of(budget: Budget, figures: Iterable[Figure]) -> tuple[str, ...]:
    """The cells of a row."""
    among = [figure for figure in figures if figure.what == budget.what]
    ours = next((figure for figure in among if figure.who == DGO), None)
    floor = next((figure for figure in among if figure.who == budget.floor), None)
    floor = floor or best(figure for figure in among if figure.is_floor)
    peer = best(figure for figure in among if figure.is_peer and not figure.who.startswith(DGO))
    return (
        budget.row,
        budget.text(),
        measure_of(ours, named=False),
        budget.verdict(among).value,
        measure_of(floor),
        times_of(ours, floor),
        measure_of(peer),
        times_of(ours, peer),
    )


def summary(figures: Iterable[Figure], budgets: Iterable[Budget] = BUDGETS) -> str:
    """The table of the budgets in Markdown."""
    figures = list(figures)
    rows = [COLUMNS, ("---", "---", "---:", "---", "---:", "---:", "---:", "---:")]
    rows += [row_of(budget, figures) for budget in budgets]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
