"""The programs of the README and of the pages print what is shown there."""

from __future__ import annotations

import pytest

from .conftest import Runs
from .documents import DOCS, PAGES, README, ROOT, Program, programs, same

#: Documents whose programs are run with the fast tests; each program starts a cluster, so the others are slow ones.
FAST = (
    README,
    DOCS / "index.md",
    DOCS / "errors.md",
    *(DOCS / "by_example" / f"{name}.md" for name in ("goroutines", "channels", "selecting", "closing_channels")),
    *(DOCS / "by_example" / f"{name}.md" for name in ("worker_pools", "waitgroups", "mutexes", "stateful_goroutines")),
)
#: Of these the first one only.
FIRST_IS_FAST = tuple(DOCS / f"{name}.md" for name in ("asyncio", "executor", "testing", "notebooks"))
PROGRAMS = [program for document in (README, *PAGES) for program in programs(document)]


FAST_PROGRAMS = {
    *(program for program in PROGRAMS if program.document in FAST),
    *(programs(document)[0] for document in FIRST_IS_FAST),
}


def parameters() -> list[object]:
    """The programs, as parameters of a test."""
    return [
        pytest.param(program, id=program.name, marks=[] if program in FAST_PROGRAMS else [pytest.mark.slow])
        for program in PROGRAMS
    ]


@pytest.mark.parametrize("program", parameters())
def test_a_program_prints_what_its_document_shows(program: Program, runs: Runs) -> None:
    done = runs[program].result()
    assert done.returncode == 0, done.stderr
    shown = program.after.text
    assert same(program.after, done.stdout), f"shown:\n{shown}\nprinted:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr


def test_every_program_is_followed_by_its_output() -> None:
    assert PROGRAMS
    assert [program.name for program in PROGRAMS if program.after.language != "text"] == []


def test_every_program_by_example_is_shown_by_the_page_of_its_name() -> None:
    shown = {
        program.document.stem: program.file for program in PROGRAMS if program.document.parent.name == "by_example"
    }
    assert shown == {file.stem: file for file in (ROOT / "examples" / "by_example").glob("*.py")}


def test_no_output_by_example_leaves_anything_open() -> None:
    outputs = [program.after.text for program in PROGRAMS if program.document.parent.name == "by_example"]
    assert outputs
    assert not any("..." in text for text in outputs)
