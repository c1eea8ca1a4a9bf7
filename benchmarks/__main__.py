"""Runs the benchmarks, each in a process of its own, and prints one Markdown table.

Run it from the project's folder::

    python -m benchmarks
    python -m benchmarks --only spawn stream --repeats 7
    python -m benchmarks --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the scripts find their helper in the same way when they run alone

from _bench import Figure, add_options, figure_from, options_of, table  # noqa: E402  (needs the path above)

SCRIPTS = ("spawn", "executor", "stream", "pingpong_bench", "local", "start", "parked")
SCRIPT_TIMEOUT_SECONDS = 540

READING = """\
Every comparison was measured in one run, dgo and the others in turn. The column `dgo is` divides the medians:
more than 1 is in dgo's favour, for rates, times and sizes alike. Read these ratios; the figures are
those of one machine in one hour. Names with "raw" or "bare" are floors: a hand-written loop over the library
below, no product."""


def run(script: str, arguments: list[str]) -> tuple[list[Figure], str | None]:
    """Runs one script.

    Returns:
        Its figures, and None or what went wrong.
    """
    command = [sys.executable, str(HERE / f"{script}.py"), "--json", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SCRIPT_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return [], f"took more than {SCRIPT_TIMEOUT_SECONDS} s"
    if done.returncode != 0:
        return [], done.stderr.strip() or f"exit status {done.returncode}"
    return [figure_from(fields) for fields in json.loads(done.stdout.splitlines()[-1])], None


def heading(repeats: int, quick: bool, load_before: float) -> str:
    """Where and how the figures were taken, and how busy the machine was (the benchmarks' own work included)."""
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    amount = ", a tenth of the usual work" if quick else ""
    load = f"load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    return f"{cores} cores, {python}, {platform.system()} {platform.machine()}; median of {repeats}{amount}; {load}."


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures dgo beside its peers.")
    add_options(parser)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS, help="which (default: all)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there too")
    return parser.parse_args()


def main() -> int:
    """Prints the table; 1 if a script failed, else 0."""
    args = options()
    chosen = options_of(args)
    arguments = ["--repeats", str(chosen.repeats)]
    arguments += ["--quick"] if chosen.quick else []
    arguments += ["--without-dgo"] if not chosen.with_dgo else []
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    load_before = os.getloadavg()[0]
    for script in args.only:
        print(f"{script} ...", file=sys.stderr, flush=True)
        found, error = run(script, arguments)
        figures += found
        if error is not None:
            failed[script] = error
            print(f"{script} failed: {error}", file=sys.stderr, flush=True)
    page = f"{heading(chosen.repeats, chosen.quick, load_before)}\n\n{READING}\n\n{table(figures)}\n"
    print(page)
    if args.write and not failed:
        args.write.parent.mkdir(parents=True, exist_ok=True)
        args.write.write_text(f"# Benchmarks\n\n{page}")
    elif args.write:
        print(f"{args.write} was not written: {', '.join(failed)} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
