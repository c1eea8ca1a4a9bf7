"""What the documents say is so: the programs of the README print what it shows, the commands exist, the tests
named as evidence exist.

A fenced block of the README with the info string ``python`` is a program; the ``text`` block after it is its
output, in which ``...`` stands for anything. ``text unordered``: the same lines in any order.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GUARANTEES = ROOT / "docs" / "guarantees.md"
DOCUMENTS = (README, GUARANTEES, ROOT / "docs" / "design.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md")
TIMEOUT_SECONDS = 60

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
#: The modules behind the installed programs, to be run without installing.
PROGRAMS = {"dgo": "dgo.cli.main", "dgo-coordinator": "dgo.cli.coordinator", "dgo-worker": "dgo_worker.cli"}


class Block(NamedTuple):
    """A fenced block."""

    info: str
    text: str
    line: int


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    source = document.read_text()
    return [
        Block(match[1].strip(), match[2], source.count("\n", 0, match.start()) + 1) for match in FENCE.finditer(source)
    ]


def programs() -> list[tuple[Block, Block]]:
    """The programs of the README, each with the block that follows it."""
    found = [*blocks(README), Block("", "", 0)]
    return [(block, after) for block, after in pairwise(found) if block.info == "python"]


def command_lines() -> list[str]:
    """The lines of the README's ``sh`` blocks."""
    return [line for block in blocks(README) if block.info == "sh" for line in block.text.splitlines() if line]


def environment() -> dict[str, str]:
    """This process's, without a cluster that somebody has chosen."""
    return {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}


def same(expected: Block, printed: str) -> bool:
    """Whether a program printed what the block shows."""
    if expected.info == "text unordered":
        return sorted(printed.splitlines()) == sorted(expected.text.splitlines())
    return doctest.OutputChecker().check_output(expected.text, printed, doctest.ELLIPSIS)


@cache
def help_of(program: str, *subcommand: str) -> str:
    """What ``program --help`` prints."""
    command = [sys.executable, "-m", PROGRAMS[program], *subcommand, "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True, env=environment()
    )
    return done.stdout


@pytest.mark.parametrize("program", programs(), ids=lambda pair: f"line-{pair[0].line}")
def test_a_program_of_the_readme_prints_what_the_readme_shows(program: tuple[Block, Block], tmp_path: Path) -> None:
    source, expected = program
    script = tmp_path / "program.py"
    script.write_text(source.text)
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(expected, done.stdout), f"shown:\n{expected.text}\nprinted:\n{done.stdout}\n{done.stderr}"


def test_every_program_of_the_readme_is_followed_by_its_output() -> None:
    assert programs()
    assert [block.line for block, after in programs() if not after.info.startswith("text")] == []


def test_every_block_of_the_readme_is_of_a_kind_that_is_tested() -> None:
    assert {block.info for block in blocks(README)} <= {"python", "text", "text unordered", "sh"}


def test_the_commands_of_the_readme_have_the_options_that_it_gives_them() -> None:
    for line in command_lines():
        words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
        if words[0] not in PROGRAMS:
            continue
        subcommand = words[1:2] if words[0] == "dgo" else []
        text = help_of(words[0], *subcommand)
        for word in words:
            assert not word.startswith("--") or word in text, line


def test_every_other_command_of_the_readme_is_known() -> None:
    for line in command_lines():
        words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
        assert words[0] in {*PROGRAMS, "pip", "python", "docker"}, line
        if words[0] == "python" and "/" in words[1]:
            assert (ROOT / words[1]).is_file(), line


def test_the_services_that_the_readme_names_are_in_the_compose_file() -> None:
    services = re.findall(r"^  (\w+):", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    named = {word for line in command_lines() for word in re.findall(r"--scale (\w+)=|run --rm (\w+)", line)}
    assert {service for pair in named for service in pair if service} <= set(services)


def test_every_make_target_that_the_documents_name_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for document in DOCUMENTS for name in re.findall(r"`make ([\w-]+)`", document.read_text())}
    assert named
    assert named <= targets


def test_every_folder_and_document_that_the_documents_name_exists() -> None:
    for document in DOCUMENTS:
        text = document.read_text()
        links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
        for link in filter(None, links):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
    for folder in re.findall(r"^\| `([\w/]+/)` \|", README.read_text(), re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = TEST.findall(GUARANTEES.read_text())
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or not re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_guarantee_names_a_test() -> None:
    text = GUARANTEES.read_text().partition("## Not guaranteed")[0]
    items = re.findall(r"^- (.*?)(?=^- |^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert items
    assert [item for item in items if not TEST.search(item)] == []


def test_the_documents_name_no_operation_that_does_not_exist() -> None:
    import dgo

    code = "\n".join(block.text for block in blocks(README) if block.info == "python")
    names = set(re.findall(r"\bdgo\.([A-Za-z_]\w*)", code))
    assert {name for name in names if not hasattr(dgo, name)} == set()
