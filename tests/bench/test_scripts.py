"""Every script of the benchmark suite runs to its end; how fast is no test's affair."""

from __future__ import annotations

import subprocess

import pytest

from .suite import FOLDER, findings, run

from _suite import SCRIPTS  # isort: skip  (found by the path that suite sets)

#: Start many clusters; the other scripts use the same helpers.
LONG = ("scale", "scale_members", "metg", "start", "idle", "growth", "parked_million")


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, set[str]]:
    """By comparison, who was measured. Nothing must have failed."""
    found = findings(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [finding["note"] for finding in found if "failed" in finding.get("note", "")] == []
    measured: dict[str, set[str]] = {}
    for finding in found:
        for figure in finding.get("figures", ()):
            assert all(sample >= 0 for sample in figure["samples"])
            measured.setdefault(figure["what"], set()).add(figure["who"])
    return measured


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in SCRIPTS]
)
def test_a_script_measures_dgo_in_each_of_its_comparisons(name: str) -> None:
    file, mode = SCRIPTS[name]
    measured = figures(run(file, "--tiny", "--json", *mode))
    assert measured
    assert [what for what, who in measured.items() if "dgo" not in who] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["local_spawn", "spawn", "round_trip", "pingpong", "stream", "large", "executor"])
def test_a_script_measures_its_peers_too(name: str) -> None:
    file, mode = SCRIPTS[name]
    measured = figures(run(file, "--tiny", "--peers", "light", "--json", *mode))
    assert max(len(who) for who in measured.values()) > 2


def test_without_dgo_a_script_measures_the_others_only() -> None:
    measured = figures(run("spawn.py", "--tiny", "--without-dgo", "--json"))
    assert list(measured.values()) == [{"raw pyzmq, one by one"}]


def test_the_suite_runs_each_script_in_the_folder_that_is_a_row() -> None:
    files = {path.name for path in FOLDER.glob("[!_]*.py")}
    assert files == {file for file, _ in SCRIPTS.values()} | {
        "local.py",
        "calls.py",
    }  # all local ones in one run; counts


def test_the_calls_of_an_operation_are_counted() -> None:
    rows = [line for line in run("calls.py").stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 7
    assert all(float(cell) > 1 for row in rows[2:] for cell in row.split("|")[2:4])
