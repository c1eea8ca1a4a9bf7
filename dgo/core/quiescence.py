"""Is everything asleep for ever? Two waves of questions decide, and never raise a false alarm.

Each process reports whether it is *busy* (something runs, or something outside dgo could wake it: a timer, I/O,
a thread), how many messages it has ever handled (*activity*), and for each link how many batches it has sent
and received. If in one wave nobody is busy and every batch that was sent has been received, and in a second
wave, begun after the last answer to the first, nobody's activity or counts have changed, then nothing was on
its way when the first wave ended, and nobody can ever be woken again.

Anything else (a process that is busy, suspect, silent, or that joins or leaves meanwhile) ends the attempt
without a verdict.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["Quiescence", "Report", "Step"]


class Step(Enum):
    """What to do after an answer."""

    WAIT = "wait for more answers"
    SECOND_WAVE = "ask all again"
    ASLEEP = "everything sleeps for ever"
    AWAKE = "not asleep, or not certain"


class Report(NamedTuple):
    """One process's answer.

    Attributes:
        busy: something runs there, or may be woken from outside.
        activity: messages handled so far.
        links: for each peer ``(batches sent, batches received)``.
        waits: for people: who waits for what.
    """

    busy: bool
    activity: int
    links: dict[int, tuple[int, int]]
    waits: tuple[str, ...]


class Quiescence:
    """One attempt at a time."""

    def __init__(self) -> None:
        self.wave = 0
        self._asked: frozenset[int] = frozenset()
        self._first: dict[int, Report] | None = None
        self._reports: dict[int, Report] = {}

    @property
    def running(self) -> bool:
        """True while answers are awaited."""
        return bool(self._asked)

    def begin(self, nodes: frozenset[int]) -> int:
        """Begins an attempt; returns the wave's number, to be asked of every one of ``nodes``."""
        self._first = None
        return self._next(nodes)

    def _next(self, nodes: frozenset[int]) -> int:
        self.wave += 1
        self._asked = nodes
        self._reports = {}
        return self.wave

    def second(self) -> int:
        """Begins the second wave; returns its number."""
        self._first = self._reports
        return self._next(self._asked)

    def abandon(self) -> None:
        """The members have changed: no verdict."""
        self._asked = frozenset()

    def answer(self, node: int, wave: int, report: Report) -> Step:
        """Takes an answer; says what follows from it."""
        if wave != self.wave or node not in self._asked:
            return Step.WAIT
        if report.busy:
            self.abandon()
            return Step.AWAKE
        self._reports[node] = report
        if len(self._reports) < len(self._asked):
            return Step.WAIT
        if not self._all_received():
            self.abandon()
            return Step.AWAKE
        if self._first is None:
            return Step.SECOND_WAVE
        same = all(
            (report.activity, report.links) == (self._first[node].activity, self._first[node].links)
            for node, report in self._reports.items()
        )
        self._asked = frozenset()
        return Step.ASLEEP if same else Step.AWAKE

    def _all_received(self) -> bool:
        for node, report in self._reports.items():
            for peer, (sent, _) in report.links.items():
                other = self._reports.get(peer)
                if other is not None and other.links.get(node, (0, 0))[1] != sent:
                    return False
        return True

    def waits(self) -> list[str]:
        """Who waits for what, of all that answered last: main programs first, then each process's goroutines.

        ``5 more on worker-1`` belongs to the goroutines before it.
        """
        lines = [line for report in self._reports.values() for line in report.waits]
        return sorted(lines, key=lambda line: line.startswith("goroutine ") or line[:1].isdigit())
