"""The harness and the report of the benchmark suite: known figures in, the expected page out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .suite import FOLDER, ROOT, findings, run

import _bench  # isort: skip  (found by the path that suite sets)
import _budgets  # isort: skip
import _processes  # isort: skip
import _report  # isort: skip
from _bench import Figure, Options, Peer, Run  # isort: skip
from _budgets import Budget, Verdict  # isort: skip
from _report import Chapter  # isort: skip

MISSING = "ray is left out: ray is not installed"

BUDGETS = (
    Budget("ping-pong", "trips", 2000, "ns"),
    Budget("rate", "rates", 100_000, "1/s", more_is_better=True, then=200_000),
    Budget("round trip", "hops", 4, "", floor="raw pyzmq"),
    Budget("array", "arrays", 0.6, "", more_is_better=True, floor="memcpy"),
    Budget("skynet", "trees", 2.0, "s"),
)
FIGURES = [
    Figure("trips", "dgo", "ns", False, (1500.0, 1000.0, 9000.0)),
    Figure("trips", "raw greenlet", "ns", False, (300.0,)),
    Figure("trips", "gevent", "ns", False, (4500.0,)),
    Figure("trips", "asyncio", "ns", False, (6000.0,)),
    Figure("trips", "Go, one processor", "ns", False, (200.0,)),
    Figure("rates", "dgo", "1/s", True, (80_000.0,)),
    Figure("rates", "dgo in another form", "1/s", True, (90_000.0,)),
    Figure("rates", "ray task", "1/s", True, (2000.0,)),
    Figure("hops", "dgo", "µs", False, (200.0,)),
    Figure("hops", "raw pyzmq", "µs", False, (50.0,)),
    Figure("arrays", "dgo", "GB/s", True, (2.9,)),
    Figure("arrays", "memcpy", "GB/s", True, (5.0,)),
]
SUMMARY = """\
| row | budget | dgo |  | raw floor | dgo is | best peer | dgo is |
| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |
| ping-pong | ≤ 2,000 ns | 1,500 ns | met | 300 ns (raw greenlet) | 0.2 x as good | 4,500 ns (gevent) | 3 x as good |
| rate | ≥ 100,000 1/s, then 200,000 | 80,000 1/s | **not met** |  |  | 2,000 1/s (ray task) | 40 x as good |
| round trip | ≤ 4 x raw pyzmq | 200 µs | met | 50 µs (raw pyzmq) | 0.25 x as good |  |  |
| array | ≥ 60% of memcpy | 2.9 GB/s | **not met** | 5 GB/s (memcpy) | 0.58 x as good |  |  |
| skynet | ≤ 2 s |  | not measured |  |  |  |  |"""
PAGE = """\
# Benchmarks

`make bench` measures all of this on your machine, and writes this page.

- date: 2026-01-02
- how: median of 5 (peers with a system of their own: of 3 at most)
- load: average 0.5 before, 1.2 after; 20 minutes in all

{reading}

## Budgets

{summary}

## Each comparison

### hops

A round trip. (`benchmarks/hops.py`, 2026-01-02)

![hops](benchmarks/hops-1.svg)

| what | who | median | range | unit | dgo is |
| --- | --- | ---: | ---: | --- | ---: |
| hops | **dgo** | 200 | 200 to 200 | µs |  |
| hops | raw pyzmq | 50 | 50 to 50 | µs | 0.25 x as good |

- ray is left out: ray is not installed

### broken

Another. (`benchmarks/broken.py`, 2026-01-01)

**Failed**: RuntimeError: no
"""


# budgets


def test_the_summary_says_of_each_row_whether_its_budget_is_kept() -> None:
    assert _budgets.summary(FIGURES, BUDGETS) == SUMMARY


@pytest.mark.parametrize(
    ("samples", "floor", "verdict"),
    [((200.0,), (50.0,), Verdict.MET), ((201.0,), (50.0,), Verdict.NOT_MET), ((201.0,), (), Verdict.NOT_MEASURED)],
)
def test_a_budget_in_proportion_to_a_floor_needs_the_floor(
    samples: tuple[float, ...], floor: tuple[float, ...], verdict: Verdict
) -> None:
    figures = [Figure("hops", "dgo", "µs", False, samples)]
    figures += [Figure("hops", "raw pyzmq", "µs", False, floor)] if floor else []
    assert BUDGETS[2].verdict(figures) is verdict


def test_every_budget_names_a_comparison_of_its_own() -> None:
    whats = [budget.what for budget in _budgets.BUDGETS]
    assert len(whats) == len(set(whats)) >= 13


# the page


def test_known_figures_give_the_expected_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budgets.summary, "__defaults__", (BUDGETS,))
    hops = [figure for figure in FIGURES if figure.what == "hops"]
    chapters = [
        Chapter("hops", "hops.py", "A round trip.", hops, [MISSING], date="2026-01-02", plots=[("hops-1.svg", "hops")]),
        Chapter("broken", "broken.py", "Another.", failures=["Traceback ...\nRuntimeError: no\n"], date="2026-01-01"),
    ]
    facts = {"date": "2026-01-02", **_report.how_measured(5, 1.0, 0.5, 1.2, 1200)}
    expected = PAGE.format(reading=_report.READING, summary=_budgets.summary(hops, BUDGETS))
    assert _report.page(facts, chapters, "benchmarks") == expected


def test_a_page_of_a_part_keeps_what_was_measured_before(tmp_path: Path) -> None:
    kept = [
        Chapter("hops", "hops.py", "A round trip.", FIGURES, [MISSING], ["no"], 3.0, "2026-01-02", [("a.svg", "hops")])
    ]
    _report.save(kept, tmp_path / "new" / "samples.json")
    assert _report.saved(tmp_path / "new" / "samples.json") == {"hops": kept[0]}
    assert _report.saved(tmp_path / "none.json") == {}


def test_plots_are_drawn_for_comparisons_and_for_growth(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra `bench`")
    import _plots

    drawn = _plots.draw("trips", FIGURES, tmp_path)
    assert [shows for _, shows in drawn] == ["trips", "rates", "hops", "arrays"]
    text = (tmp_path / drawn[0][0]).read_text()
    assert "gevent" in text
    assert "budget" not in text  # "trips" is no row of the real table
    growing = [Figure(f"rate, {size:,} workers", "dgo", "1/s", True, (size * 10.0,)) for size in (1, 1000)]
    assert _plots.draw("scale", growing, tmp_path) == [("scale-1.svg", "rate, by the number of workers")]


def test_the_suite_writes_the_page_of_a_script(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--write", str(page), "local_values"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "| value through a buffered channel; same worker | ≤ 400 ns |" in text
    assert "### local_values" in text
    for name in ("date", "processor", "Python", "dgo", "peers"):
        assert f"- {name}: " in text
    if "no plots" not in done.stderr:
        assert (tmp_path / "benchmarks" / "local_values-1.svg").is_file()


# the harness


def sampler(*values: float) -> Run:
    """A run of as many samples as there are values."""
    return Run(__file__, Options(repeats=len(values)))


def test_contenders_are_sampled_in_turn() -> None:
    order: list[str] = []

    def contender(who: str) -> float:
        order.append(who)
        return float(len(order))

    run = sampler(1, 2)
    run.compare("x", "s", more_is_better=False, dgo=lambda: contender("dgo"), own={"dgo too": lambda: contender("too")})
    assert order == ["dgo", "too", "dgo", "too"]
    assert [figure.samples for figure in run.figures] == [(1.0, 3.0), (2.0, 4.0)]


def test_a_peer_that_is_not_installed_is_left_out_with_a_line() -> None:
    run = sampler(1)
    peer = Peer("nothing", lambda: {"value": 1.0}, needs=("no_such_module_at_all",))
    run.compare("x", "s", more_is_better=False, dgo=lambda: 1.0, peers=[peer])
    assert [figure.who for figure in run.figures] == ["dgo"]
    assert run.notes == ["nothing is left out: no_such_module_at_all is not installed"]
    assert run.failures == []


def test_a_peer_that_fails_is_left_out_with_a_line_and_the_others_are_measured(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text("raise SystemExit('it does not work here')\n")
    run = Run(str(script), Options(repeats=2))
    run.compare("x", "s", more_is_better=False, dgo=lambda: 1.0, peers=[Peer("poor", dict)])
    assert [(figure.who, figure.samples) for figure in run.figures] == [("dgo", (1.0, 1.0))]
    assert run.notes == ["poor is left out: it failed (it does not work here)"]


def test_a_failure_of_dgo_is_told_and_the_peers_are_still_measured(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n")
    with script.open("a") as file:
        file.write("import _processes; _processes.answer_with({'value': 2.0})\n")

    def fails() -> float:
        raise ValueError("no")

    run = Run(str(script), Options(repeats=1))
    run.compare("x", "s", more_is_better=False, dgo=fails, peers=[Peer("good", dict)])
    assert [(figure.who, figure.samples) for figure in run.figures] == [("good", (2.0,))]
    assert "ValueError: no" in run.failures[0]


def test_a_peer_that_hangs_is_ended_with_all_that_it_started() -> None:
    command = [sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '1000']).wait()"]
    before = set(Path("/proc").glob("[0-9]*"))
    with pytest.raises(RuntimeError, match="not ended after"):
        _processes.run(command, seconds=1)
    new = [path for path in set(Path("/proc").glob("[0-9]*")) - before if (path / "cmdline").exists()]
    assert [path for path in new if b"sleep\x001000" in (path / "cmdline").read_bytes()] == []


def test_a_family_has_the_families_within_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with _processes.marked() as outer:
        command = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
        inner = _processes.environment(outer)
        monkeypatch.setenv("BENCHMARK_RUN", inner["BENCHMARK_RUN"])
        with subprocess.Popen(
            command, env=_processes.environment("within"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            assert _processes.family(outer) == _processes.family("within") == [process.pid]
            _processes.end(outer)
            assert process.wait(60) == -9


def test_what_a_script_found_before_it_was_ended_counts() -> None:
    done = run("local_values.py", "--tiny", "--json")
    finding = findings(done.stdout)[0]["figures"][0]
    assert _bench.figure_from(finding).who == "dgo"
