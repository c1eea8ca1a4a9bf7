"""Types go through dgo, as mypy (strict) and pyright see it from a program of a user's.

``ok_*.py`` hold for both checkers. In ``wrong_*.py`` exactly the marked lines are errors: ``# error: CODE, RULE``
with mypy's code and pyright's rule. (basedpyright is pyright, in its standard mode, with its runtime in the wheel.)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import dgo

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = sorted(path.name for path in HERE.glob("ok_*.py")) + sorted(path.name for path in HERE.glob("wrong_*.py"))
NAMES = "names.py"  # asks what each public name is, as an editor does on hovering
MARK = re.compile(r"# error: ([\w-]+), (\w+)$")
MYPY_LINE = re.compile(r"(\w+\.py):(\d+): error: .*\[([\w-]+)\]$")
TIMEOUT_SECONDS = 240

#: (file, line) -> the codes of the errors there.
Errors = dict[tuple[str, int], set[str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's project: the programs, and nothing of dgo's source tree beside them."""
    directory = tmp_path_factory.mktemp("project")
    for name in PROGRAMS:
        shutil.copy(HERE / name, directory)
    names = "".join(f"reveal_type(dgo.{name})\n" for name in dgo.__all__)
    (directory / NAMES).write_text(f"import dgo\n\n{names}")
    settings = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "include": ["*.py"]}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings))
    return directory


def run(project: Path, *command: str) -> str:
    """The output of a checker to which dgo is one of the installed packages (so its ``py.typed`` counts)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "workers")))}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mypy_errors(project: Path) -> Errors:
    found: Errors = defaultdict(set)
    for line in run(
        project, "mypy", "--strict", "--python-version=3.11", "--hide-error-context", *PROGRAMS
    ).splitlines():
        if match := MYPY_LINE.match(line):
            found[match[1], int(match[2])].add(match[3])
        else:
            assert ": note: " in line or re.match(r"Found \d+ error|Success", line), line
    return found


@pytest.fixture(scope="module")
def pyright_report(project: Path) -> list[dict[str, object]]:
    output = run(project, "basedpyright", "--outputjson", "--pythonpath", sys.executable)
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] >= len(PROGRAMS)
    diagnostics: list[dict[str, object]] = report["generalDiagnostics"]
    return diagnostics


@pytest.fixture(scope="module")
def pyright_errors(pyright_report: list[dict[str, object]]) -> Errors:
    found: Errors = defaultdict(set)
    for each in pyright_report:
        if each["severity"] == "error":
            line: int = each["range"]["start"]["line"]  # type: ignore[index] # JSON
            found[Path(str(each["file"])).name, line + 1].add(str(each.get("rule")))
    return found


def marked(name: str) -> dict[tuple[str, int], tuple[str, str]]:
    """The marked lines of a program: mypy's code and pyright's rule."""
    lines = enumerate((HERE / name).read_text().splitlines(), 1)
    return {(name, number): (match[1], match[2]) for number, line in lines if (match := MARK.search(line))}


def agrees(found: Errors, name: str, column: int) -> None:
    expected = {place: codes[column] for place, codes in marked(name).items()}
    here = {place: codes for place, codes in found.items() if place[0] == name}
    assert sorted(line for _, line in here) == sorted(line for _, line in expected)
    assert {place: code for place, code in expected.items() if code not in here[place]} == {}


def test_an_editor_knows_every_public_name(pyright_report: list[dict[str, object]]) -> None:
    here = [each for each in pyright_report if Path(str(each["file"])).name == NAMES]
    said = [str(each["message"]) for each in here]
    assert [
        text for text in said if not text.startswith("Type of") or text.endswith(('is "Unknown"', 'is "Any"'))
    ] == []
    assert len(said) == len(dgo.__all__)
    assert 'Type of "dgo.go" is "Go"' in said
    assert 'Type of "dgo.num_workers" is "() -> int"' in said


@pytest.mark.parametrize("name", PROGRAMS)
def test_mypy_finds_the_marked_errors_and_no_others(name: str, mypy_errors: Errors) -> None:
    agrees(mypy_errors, name, 0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_pyright_finds_the_marked_errors_and_no_others(name: str, pyright_errors: Errors) -> None:
    agrees(pyright_errors, name, 1)


def test_every_wrong_program_has_marked_lines_and_no_other_program_has() -> None:
    assert [name for name in PROGRAMS if bool(marked(name)) != name.startswith("wrong_")] == []
