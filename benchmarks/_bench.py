"""What every benchmark needs: repeats in turn, medians, ratios, one table.

A machine is never quiet, so absolute figures say little. Every script therefore measures dgo, the raw floor
(the bare library under it, hand-written) and its peers in the same run and **in turn**: one sample of each,
then the next round. A slow minute then hits all of them, and the ratio of the medians stands. Nothing here
asserts a time.

A script states its contenders and ends with ``main(__file__, figures)``; it then understands ``--repeats``,
``--quick``, ``--without-dgo`` and ``--json`` (for ``python -m benchmarks``, which runs all of them)."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DGO = "dgo"
LEAST_REPEATS = 3
CHILD_TIMEOUT_SECONDS = 120

COLUMNS = ("what", "who", "median", "range", "unit", "dgo is")


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        repeats: samples of each contender.
        quick: take a tenth of the usual amount of work.
        with_dgo: False measures the floor and the peers alone.
    """

    repeats: int
    quick: bool
    with_dgo: bool

    def amount(self, usual: int) -> int:
        """How many operations a sample has."""
        return max(1, usual // 10) if self.quick else usual


@dataclass(frozen=True)
class Figure:
    """The samples of one contender in one comparison.

    Attributes:
        what: the comparison; figures with the same text stand beside each other.
        who: ``DGO``, the floor, or a peer.
        unit: of the samples.
        more_is_better: True for a rate, False for a time or a size, None for what is neither good nor bad.
        samples: one for each repeat.
    """

    what: str
    who: str
    unit: str
    more_is_better: bool | None
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)


def compare(
    what: str,
    unit: str,
    contenders: dict[str, Callable[[], float]],
    options: Options,
    *,
    more_is_better: bool,
) -> list[Figure]:
    """Samples all contenders in turn.

    Args:
        what: names the comparison.
        unit: of what the contenders return.
        contenders: by name, what takes one sample. ``DGO`` is left out if the options say so.
        options: how often.
        more_is_better: True if the samples are rates.
    """
    chosen = {who: sample for who, sample in contenders.items() if options.with_dgo or who != DGO}
    samples: dict[str, list[float]] = {who: [] for who in chosen}
    for _ in range(options.repeats):
        for who, sample in chosen.items():
            samples[who].append(sample())
    return [Figure(what, who, unit, more_is_better, tuple(taken)) for who, taken in samples.items()]


def compare_several(
    whats: dict[str, tuple[str, bool | None]],
    contenders: dict[str, Callable[[], dict[str, float]]],
    options: Options,
) -> list[Figure]:
    """Like :func:`compare` where one run of a contender gives several samples.

    Args:
        whats: by key of what a contender returns, the comparison ``what [unit]`` and whether more is better.
        contenders: by name, what takes one sample of each.
        options: how often.
    """
    chosen = {who: sample for who, sample in contenders.items() if options.with_dgo or who != DGO}
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in chosen}
    for _ in range(options.repeats):
        for who, sample in chosen.items():
            runs[who].append(sample())
    found = []
    for key, (label, more_is_better) in whats.items():
        what, _, unit = label.removesuffix("]").partition(" [")
        for who, taken in runs.items():
            if all(key in run for run in taken):
                values = tuple(run[key] for run in taken)
                found.append(Figure(what, who, unit, more_is_better, values))
    return found


def ratio(dgo: Figure, other: Figure) -> float | None:
    """How many times better dgo is: 2.0 is twice the rate or half the time; None if that has no meaning."""
    if dgo.more_is_better is None:
        return None
    good, bad = (dgo.median, other.median) if dgo.more_is_better else (other.median, dgo.median)
    return good / bad if good > 0 and bad > 0 else None


def number(value: float) -> str:
    """A figure with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Iterable[Figure]) -> str:
    """One Markdown table: dgo, then its floor and peers, with how many times better dgo is than each."""
    figures = list(figures)
    ours = {figure.what: figure for figure in figures if figure.who == DGO}
    rows = [COLUMNS, ("---", "---", "---:", "---:", "---", "---:")]
    for figure in figures:
        dgo = ours.get(figure.what)
        times = ratio(dgo, figure) if dgo and figure is not dgo else None
        low, high = min(figure.samples), max(figure.samples)
        rows.append(
            (
                figure.what,
                f"**{DGO}**" if figure.who == DGO else figure.who,
                number(figure.median),
                f"{number(low)} to {number(high)}",
                figure.unit,
                f"{number(times)} x as good" if times is not None else "",
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def child(script: str, who: str, amount: int) -> dict[str, float]:
    """Runs one contender of a script in a fresh interpreter and returns its samples.

    Raises:
        RuntimeError: it failed; the message holds what it wrote to stderr.
    """
    command = [sys.executable, script, "--child", who, str(amount)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(script).name} --child {who} failed ({done.returncode}):\n{done.stderr}")
    samples: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return samples


def parse(description: str) -> tuple[Options, argparse.Namespace]:
    """Reads the command line of a script."""
    parser = argparse.ArgumentParser(description=description)
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the samples instead of a table")
    parser.add_argument("--child", nargs=2, metavar=("WHO", "AMOUNT"), help="one contender only; used by the script")
    args = parser.parse_args()
    return options_of(args), args


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what ``python -m benchmarks`` and the scripts have in common."""
    parser.add_argument("--repeats", type=int, default=5, help="samples of each, at least 3 (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a trial, not a measurement")
    parser.add_argument("--without-dgo", action="store_true", help="the floor and the peers only")


def options_of(args: argparse.Namespace) -> Options:
    """The options that :func:`add_options` added."""
    return Options(max(LEAST_REPEATS, args.repeats), args.quick, not args.without_dgo)


def main(
    description: str | None,
    figures: Callable[[Options], list[Figure]],
    children: dict[str, Callable[[int], dict[str, float]]] | None = None,
) -> None:
    """Runs a script: prints its table, or its samples as JSON.

    Args:
        description: the script's docstring.
        figures: measures everything.
        children: by name, the contenders that :func:`child` runs in a fresh interpreter.
    """
    options, args = parse((description or "").splitlines()[0])
    if args.child:
        who, amount = args.child
        print(json.dumps((children or {})[who](int(amount))))
        return
    found = figures(options)
    print(json.dumps([asdict(figure) for figure in found]) if args.json else table(found))


def figure_from(fields: dict[str, Any]) -> Figure:
    """A figure from the JSON that a script printed."""
    return Figure(**{**fields, "samples": tuple(fields["samples"])})
