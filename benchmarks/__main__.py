"""Runs the benchmarks, each in a process of its own, and prints the tables; ``make bench`` also writes the page.

Run it from the project's folder::

    python -m benchmarks
    python -m benchmarks --quick spawn stream
    python -m benchmarks --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the scripts find their helpers in the same way when they run alone

import _bench  # noqa: E402  (these need the path above)
import _budgets  # noqa: E402
import _machine  # noqa: E402
import _plots  # noqa: E402
import _processes  # noqa: E402
import _report  # noqa: E402
import _suite  # noqa: E402
from _report import Chapter  # noqa: E402

GRACE_SECONDS = 10  # for a script to end itself before it is killed


def take(chapter: Chapter, finding: dict[str, object]) -> None:
    """Adds what a script printed."""
    for fields in finding.get("figures", ()):  # type: ignore[attr-defined]  # it is JSON
        chapter.figures.append(_bench.figure_from(fields))
    if "note" in finding:
        chapter.notes.append(str(finding["note"]))
    if "failure" in finding:
        chapter.failures.append(str(finding["failure"]))


def run(name: str, arguments: list[str]) -> Chapter:
    """Runs a script to its end, or to the end of its time; what it had found by then counts."""
    file, mode = _suite.SCRIPTS[name]
    chapter = Chapter(name, file, _suite.title_of(file), date=datetime.date.today().isoformat())
    command = [sys.executable, str(HERE / file), "--json", *mode, *arguments]
    started = time.perf_counter()
    with (
        _processes.marked() as mark,
        subprocess.Popen(
            command, env=_processes.environment(mark), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        overdue = threading.Timer(_bench.SCRIPT_SECONDS + GRACE_SECONDS, process.kill)
        overdue.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                take(chapter, json.loads(line))
        status = process.wait()
        overdue.cancel()
    chapter.seconds = time.perf_counter() - started
    if status != 0 and not chapter.failures:
        chapter.failures.append(f"{file} ended with status {status} after {chapter.seconds:.0f} s")
    return chapter


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures dgo beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(_suite.SCRIPTS)}")
    _bench.add_options(parser)
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the page there, its plots into a folder beside"
    )
    args = parser.parse_args()
    if unknown := set(args.names) - set(_suite.SCRIPTS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return args


def passed_on(args: argparse.Namespace) -> list[str]:
    """The options for the scripts."""
    arguments = ["--repeats", str(args.repeats)]
    for name in ("quick", "tiny", "without_dgo"):
        arguments += [f"--{name.replace('_', '-')}"] if getattr(args, name) else []
    return arguments + (["--peers", args.peers] if args.peers else [])


def write_page(target: Path, facts: dict[str, str], measured: list[Chapter]) -> None:
    """Writes the page, its plots, and all samples. What was not measured now comes from the samples of before."""
    folder = target.with_suffix("")
    samples = folder / "samples.json"
    by_name = {**_report.saved(samples), **{chapter.name: chapter for chapter in measured}}
    chapters = [by_name[name] for name in _suite.SCRIPTS if name in by_name]
    if _plots.available():
        for old in folder.glob("*.svg"):
            old.unlink()
        for chapter in chapters:
            chapter.plots = _plots.draw(chapter.name, chapter.figures, folder)
    else:
        print("no plots: matplotlib is not installed (it is in the extra `bench`)", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_report.page(facts, chapters, folder.name))
    _report.save(chapters, samples)


def main() -> int:
    """Prints the tables; 1 if anything of dgo's failed, else 0."""
    args = options()
    chosen = _bench.options_of(args)
    before, started = os.getloadavg()[0], time.perf_counter()
    chapters = []
    names = args.names or list(_suite.SCRIPTS)
    for index, name in enumerate(names):
        print(f"[{index + 1}/{len(names)}] {name} ...", file=sys.stderr, flush=True)
        chapter = run(name, passed_on(args))
        chapters.append(chapter)
        for line in (*chapter.notes, *(f"FAILED {failure}" for failure in chapter.failures)):
            print(f"    {line}", file=sys.stderr, flush=True)
        print(f"    {len(chapter.figures)} figures in {chapter.seconds:.0f} s", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    how = _report.how_measured(chosen.repeats, chosen.scale, before, os.getloadavg()[0], seconds)
    facts = {**_machine.facts(), **how}
    figures = [figure for chapter in chapters for figure in chapter.figures]
    print(f"{_report.head(facts)}\n\n{_bench.table(figures)}\n\n{_budgets.summary(figures)}")
    if args.write:
        write_page(args.write, facts, chapters)
        print(f"{args.write} is written", file=sys.stderr)
    failed = [chapter.name for chapter in chapters if chapter.failures]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
