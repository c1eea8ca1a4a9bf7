"""The documents of the project, and the programs and commands that they show.

A fenced block of Python is a program; the ``text`` block after it is its output, in which ``...`` stands for
anything. ``text unordered`` or a title that says "in any order": the same lines, however they are mixed. A program
may be a line that includes a file (``--8<-- "path"``): then that file is the program.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GUARANTEES = DOCS / "guarantees.md"
#: The pages of the site.
PAGES = tuple(sorted(DOCS.rglob("*.md")))
DOCUMENTS = (README, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *PAGES)
TIMEOUT_SECONDS = 60

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDE = re.compile(r'\A--8<-- "([^"]+)"\n\Z')


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: the first word of its info string.
        info: all of that string.
        text: what is in the block.
        line: where the block begins.
    """

    language: str
    info: str
    text: str
    line: int

    @property
    def unordered(self) -> bool:
        """Whether it is an output of which the order is free."""
        return "unordered" in self.info or "any order" in self.info


class Program(NamedTuple):
    """A program of a document, and the block that follows it."""

    document: Path
    block: Block
    after: Block

    @property
    def file(self) -> Path | None:
        """The file that it is, if it is not written out in the document."""
        found = INCLUDE.match(self.block.text)
        return ROOT / found[1] if found else None

    @property
    def name(self) -> str:
        """For people: which program of which document."""
        return f"{self.document.relative_to(ROOT).with_suffix('')}:{self.block.line}"


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    source = document.read_text()
    found = []
    for match in FENCE.finditer(source):
        info = match[1].strip()
        found.append(Block(info.partition(" ")[0], info, match[2], source.count("\n", 0, match.start()) + 1))
    return found


def programs(document: Path) -> list[Program]:
    """The programs of a document, each with the block that follows it."""
    found = [*blocks(document), Block("", "", "", 0)]
    return [Program(document, block, after) for block, after in pairwise(found) if block.language == "python"]


def command_lines(document: Path) -> list[str]:
    """The lines of a document's ``sh`` blocks."""
    return [line for block in blocks(document) if block.language == "sh" for line in block.text.splitlines() if line]


def environment() -> dict[str, str]:
    """This process's, without a cluster that somebody has chosen."""
    return {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}


def run(program: Program, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program as its readers do.

    Args:
        program: what to run.
        directory: where to work; a program that is written out in its document is put there.
    """
    script = program.file
    if script is None:
        script = directory / "program.py"
        script.write_text(program.block.text)
    return subprocess.run(
        [sys.executable, str(script)],
        env=environment(),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def same(expected: Block, printed: str) -> bool:
    """Whether a program printed what the block shows."""
    if expected.unordered:
        return sorted(printed.splitlines()) == sorted(expected.text.splitlines())
    return doctest.OutputChecker().check_output(expected.text, printed, doctest.ELLIPSIS)
