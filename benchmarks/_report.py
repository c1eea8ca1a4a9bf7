"""The page of figures: where they were taken, the budgets, each script's table and plots, and what was left out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import _budgets
from _bench import Figure, figure_from, table

READING = """\
Every comparison was measured in one run, dgo and the others in turn. The column `dgo is` divides the medians:
more than 1 is in dgo's favour, for rates, times and sizes alike. Read these ratios; the figures are
those of one machine in one hour. Names with "raw", "bare" or "memcpy" are floors: a hand-written loop over the
library below, no product. Go is another language, shown for its place, and not among the peers. Where the time of a row
goes that is not met, and what comes next, stands in [How dgo works](design.md#speed)."""


@dataclass
class Chapter:
    """What one script found.

    Attributes:
        name: in the suite.
        file: the script.
        title: the first paragraph of its docstring.
        figures: measured.
        notes: about peers that were left out.
        failures: of dgo, or of the whole script.
        seconds: that it took.
        date: on which it was measured.
        plots: file names, with what they show.
    """

    name: str
    file: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    date: str = ""
    plots: list[tuple[str, str]] = field(default_factory=list)

    def page(self, folder: str) -> str:
        """Its part of the page; its plots are in a folder."""
        parts = [f"### {self.name}", f"{self.title} (`benchmarks/{self.file}`, {self.date})"]
        parts += [f"![{shows}]({folder}/{file})" for file, shows in self.plots]
        parts += [table(self.figures)] if self.figures else []
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts += [f"**Failed**: {failure.strip().splitlines()[-1]}" for failure in self.failures]
        return "\n\n".join(parts)


def head(facts: dict[str, str]) -> str:
    """Where and how the figures were taken."""
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def how_measured(repeats: int, scale: float, before: float, after: float, seconds: float) -> dict[str, str]:
    """In words, by name; the load is the benchmarks' own too."""
    amount = "" if scale == 1 else f", {scale:.3g} of the usual amounts of work"
    return {
        "how": f"median of {repeats} (peers with a system of their own: of 3 at most){amount}",
        "load": f"average {before:.1f} before, {after:.1f} after; {seconds / 60:.0f} minutes in all",
    }


def page(facts: dict[str, str], chapters: Iterable[Chapter], folder: str) -> str:
    """The whole page in Markdown."""
    chapters = list(chapters)
    figures = [figure for chapter in chapters for figure in chapter.figures]
    parts = [
        "# Benchmarks",
        "`make bench` measures all of this on your machine, and writes this page.",
        head(facts),
        READING,
        "## Budgets",
        _budgets.summary(figures),
        "## Each comparison",
        *(chapter.page(folder) for chapter in chapters),
    ]
    return "\n\n".join(parts) + "\n"


def save(chapters: Iterable[Chapter], file: Path) -> None:
    """Keeps all samples, for a later page that measures only a part anew."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(chapter) for chapter in chapters], indent=1) + "\n")


def saved(file: Path) -> dict[str, Chapter]:
    """The chapters that were kept, by name; none if there is no such file."""
    if not file.is_file():
        return {}
    found = {}
    for fields in json.loads(file.read_text()):
        figures = [figure_from(figure) for figure in fields.pop("figures")]
        plots = [(name, shows) for name, shows in fields.pop("plots")]
        found[fields["name"]] = Chapter(**fields, figures=figures, plots=plots)
    return found
