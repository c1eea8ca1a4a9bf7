"""What every benchmark needs: contenders in turn, medians, ratios, one table.

A machine is never quiet, so absolute figures say little. Every script therefore measures dgo, the raw floor
(the bare library under it, hand-written) and its peers in the same run and **in turn**: one sample of each,
then the next round. A slow minute then hits all of them, and the ratio of the medians stands. Nothing here
asserts a time.

A script has a function that measures, a list of peers, and ends with ``main(...)``. It then runs alone and
understands ``--repeats``, ``--quick``, ``--tiny``, ``--without-dgo`` and ``--json`` (for
``python -m benchmarks``, which runs all of them). Every sample of a peer is taken in a fresh interpreter. A peer
that is not installed, or fails, is left out with a line that says so; a script ends by itself in any case.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import functools
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import _processes

DGO = "dgo"
FLOORS = ("raw", "bare", "memcpy")  # how the names of hand-written floors begin
REFERENCES = ("Go",)  # another language: shown, but no peer
PEERS = ("all", "light", "floors")
USUAL_REPEATS = 5
HEAVY_REPEATS = 3  # of a peer that starts a system of its own
QUICK = 0.1
TINY = 0.002
ENOUGH_SECONDS = 60  # of one contender in one comparison: then the samples that it has must do
SCRIPT_SECONDS = 400  # after which a script ends itself, with a traceback

COLUMNS = ("what", "who", "median", "range", "unit", "dgo is")

Samples = dict[str, float]


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        repeats: samples of each contender.
        scale: of the usual amount of work.
        with_dgo: False measures the floor and the peers alone.
        peers: ``"floors"`` for the bare ones only, ``"light"`` without those that start a system of their own.
    """

    repeats: int = USUAL_REPEATS
    scale: float = 1.0
    with_dgo: bool = True
    peers: str = "all"

    def wants(self, peer: Peer) -> bool:
        """Whether a peer is among the chosen ones."""
        if self.peers == "floors":
            return peer.who.startswith(FLOORS)
        return self.peers == "all" or not peer.heavy

    def amount(self, usual: int, least: int = 1) -> int:
        """How many operations a sample has."""
        return max(least, int(usual * self.scale))

    def times(self, usual: int) -> int:
        """How many samples, of something that takes long."""
        return min(usual, self.repeats)


@dataclass(frozen=True)
class Figure:
    """The samples of one contender in one comparison.

    Attributes:
        what: the comparison; figures with the same text stand beside each other.
        who: ``DGO``, a floor, or a peer.
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

    @property
    def is_floor(self) -> bool:
        """Whether it is a bare loop over a library below."""
        return self.who.startswith(FLOORS)

    @property
    def is_peer(self) -> bool:
        """Whether it is a product that a Python program could take in dgo's place."""
        return self.who != DGO and not self.is_floor and not self.who.startswith(REFERENCES)


@dataclass(frozen=True)
class Peer:
    """A contender whose samples are taken in a fresh interpreter.

    Attributes:
        who: its name.
        sample: gets the amounts of the comparison, and returns samples by key.
        needs: modules that must be installed.
        programs: that must be found.
        part: of the usual first amount, for one that is slow.
        heavy: it starts a system of its own, so a few samples must do.
    """

    who: str
    sample: Callable[..., Samples]
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    part: float = 1.0
    heavy: bool = False

    def missing(self) -> str | None:
        """What it needs and is not there."""
        absent = [name for name in self.needs if find_spec(name) is None]
        absent += [name for name in self.programs if which(name, path=_processes.search_path()) is None]
        return ", ".join(absent) or None


@dataclass
class Run:
    """One run of a script: measures, and keeps what it found.

    Attributes:
        script: the file; its ``--child`` takes the samples of peers.
        options: how to measure.
        tell: called with each finding as it comes: figures, a note, or a failure.
        figures: found so far.
        notes: about peers that were left out.
        failures: of dgo; None is known to fail.
    """

    script: str
    options: Options
    tell: Callable[[dict[str, Any]], None] = lambda finding: None
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keeps a line for the reader, once."""
        if text not in self.notes:
            self.notes.append(text)
            self.tell({"note": text})

    @contextlib.contextmanager
    def cluster(self, workers: int) -> Iterator[None]:
        """An embedded cluster with all its workers, or nothing if dgo is not to be measured."""
        if not self.options.with_dgo:
            yield
            return
        import dgo

        with dgo.init(workers=workers) as cluster:
            cluster.wait_for_workers(workers, timeout=60)
            yield

    def compare(
        self,
        what: str,
        unit: str,
        *,
        more_is_better: bool | None,
        dgo: Callable[[], float] | None = None,
        own: dict[str, Callable[[], float]] | None = None,
        peers: Iterable[Peer] = (),
        amounts: Sequence[int] = (),
    ) -> None:
        """Samples all contenders in turn; a peer's sample has the key ``value``. See :meth:`compare_several`."""
        one = functools.partial
        self.compare_several(
            {"value": (what, unit, more_is_better)},
            dgo=dgo and one(_single, dgo),
            own={who: one(_single, sample) for who, sample in (own or {}).items()},
            peers=peers,
            amounts=amounts,
        )

    def compare_several(
        self,
        whats: dict[str, tuple[str, str, bool | None]],
        *,
        dgo: Callable[[], Samples] | None = None,
        own: dict[str, Callable[[], Samples]] | None = None,
        peers: Iterable[Peer] = (),
        amounts: Sequence[int] = (),
        repeats: int | None = None,
    ) -> None:
        """Samples all contenders in turn, where one run of a contender gives several samples.

        Args:
            whats: by key of what a contender returns, the comparison, its unit, and whether more is better.
            dgo: takes one sample of dgo.
            own: other contenders that are measured from this process, by name: forms of dgo.
            peers: measured in processes of their own.
            amounts: what the peers get; of the first each gets its part.
            repeats: in place of the options'.
        """
        contenders: dict[str, tuple[Callable[[], Samples], int]] = {}
        times = self.options.repeats if repeats is None else self.options.times(repeats)
        if self.options.with_dgo:
            ours = {**({DGO: dgo} if dgo else {}), **(own or {})}
            contenders.update({who: (sample, times) for who, sample in ours.items()})
        for peer in peers:
            if not self.options.wants(peer):
                continue
            if missing := peer.missing():
                self.note(f"{peer.who} is left out: {missing} is not installed")
                continue
            given = [max(1, int(amount * peer.part)) for amount in amounts[:1]] + [*amounts[1:]]
            sample = functools.partial(_processes.child, self.script, peer.who, *given)
            contenders[peer.who] = (sample, min(times, HEAVY_REPEATS) if peer.heavy else times)
        self._add(whats, self._sampled(contenders))

    def _sampled(self, contenders: dict[str, tuple[Callable[[], Samples], int]]) -> dict[str, list[Samples]]:
        taken: dict[str, list[Samples]] = {who: [] for who in contenders}
        seconds = dict.fromkeys(contenders, 0.0)
        for turn in range(max((times for _, times in contenders.values()), default=0)):
            for who, (sample, times) in contenders.items():
                if turn >= times or who not in taken or seconds[who] > ENOUGH_SECONDS:
                    continue
                started = time.perf_counter()
                try:
                    taken[who].append(sample())
                except Exception as error:  # noqa: BLE001 - it is told, and the others are still measured
                    self._failed(who, error)
                    del taken[who]
                seconds[who] += time.perf_counter() - started
        return taken

    def _failed(self, who: str, error: Exception) -> None:
        if who.startswith(DGO):
            text = f"{who}: {''.join(traceback.format_exception(error)).strip()}"
            self.failures.append(text)
            self.tell({"failure": text})
        else:
            print(f"{who} failed: {error}", file=sys.stderr, flush=True)
            self.note(f"{who} is left out: it failed ({str(error).strip().splitlines()[-1][:200]})")

    def _add(self, whats: dict[str, tuple[str, str, bool | None]], taken: dict[str, list[Samples]]) -> None:
        found = []
        for key, (what, unit, more_is_better) in whats.items():
            for who, runs in taken.items():
                if runs and all(key in run for run in runs):
                    found.append(Figure(what, who, unit, more_is_better, tuple(run[key] for run in runs)))
        self.figures += found
        self.tell({"figures": [asdict(figure) for figure in found]})


def _single(sample: Callable[[], float]) -> Samples:
    return {"value": sample()}


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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what ``python -m benchmarks`` and the scripts have in common."""
    parser.add_argument("--repeats", type=int, default=USUAL_REPEATS, help="samples of each (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a trial, not a measurement")
    parser.add_argument("--tiny", action="store_true", help="next to no work, once: does it run at all?")
    parser.add_argument("--peers", choices=PEERS, help='"floors": the bare loops only; "light": no peer with a system')
    parser.add_argument("--without-dgo", action="store_true", help="the floor and the peers only")


def options_of(args: argparse.Namespace) -> Options:
    """The options that :func:`add_options` added."""
    if args.tiny:
        return Options(1, TINY, not args.without_dgo, args.peers or "floors")
    return Options(max(1, args.repeats), QUICK if args.quick else 1.0, not args.without_dgo, args.peers or "all")


def main(
    description: str | None,
    script: str,
    measure: Callable[..., None],
    peers: Iterable[Peer] = (),
    modes: dict[str, str] | None = None,
) -> None:
    """Runs a script: prints its table, or its findings as lines of JSON. The exit status is 1 if dgo failed.

    Args:
        description: the script's docstring.
        script: its file.
        measure: gets the run and, by name, whether each of the modes was asked for.
        peers: that ``--child`` can run.
        modes: further options, with what they do.
    """
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    add_options(parser)
    for mode, does in (modes or {}).items():
        parser.add_argument(f"--{mode}", action="store_true", help=does)
    parser.add_argument("--json", action="store_true", help="print the findings instead of a table")
    parser.add_argument("--child", nargs="+", metavar="WHO", help=argparse.SUPPRESS)
    args = parser.parse_args()
    faulthandler.dump_traceback_later(SCRIPT_SECONDS, exit=True)
    if args.child:
        who, *amounts = args.child
        chosen = next(peer for peer in peers if peer.who == who)
        _processes.answer_with(chosen.sample(*map(int, amounts)))
        return
    print_json: Callable[[dict[str, Any]], None] = lambda finding: print(json.dumps(finding), flush=True)  # noqa: E731
    run = Run(script, options_of(args), print_json if args.json else lambda finding: None)
    measure(run, **{mode: getattr(args, mode.replace("-", "_")) for mode in modes or {}})
    if not args.json:
        print("\n".join([table(run.figures), *[f"\n{note}" for note in run.notes]]))
        print("\n".join(f"\nFAILED {failure}" for failure in run.failures), file=sys.stderr)
    sys.exit(1 if run.failures else 0)


def figure_from(fields: dict[str, Any]) -> Figure:
    """A figure from the JSON that a script printed."""
    return Figure(**{**fields, "samples": tuple(fields["samples"])})


def name_of(script: str) -> str:
    """How a script is called in ``python -m benchmarks``."""
    return Path(script).stem
