"""What the documents say is so: the commands exist, the files and folders exist, the tests named as evidence exist.

The programs of the documents are run by ``test_programs``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from importlib.util import find_spec

from .documents import (
    DOCUMENTS,
    GUARANTEES,
    PAGES,
    README,
    ROOT,
    TIMEOUT_SECONDS,
    blocks,
    command_lines,
    environment,
)

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
#: The modules behind the installed programs, to be run without installing.
PROGRAMS = {"dgo": "dgo.cli.main", "dgo-coordinator": "dgo.cli.coordinator", "dgo-worker": "dgo_worker.cli"}
COMMANDS = [line for document in (README, *PAGES) for line in command_lines(document)]


@cache
def help_of(program: str, *subcommand: str) -> str:
    """What ``program --help`` prints."""
    command = [sys.executable, "-m", PROGRAMS[program], *subcommand, "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True, env=environment()
    )
    return done.stdout


def words_of(line: str) -> list[str]:
    """A command line without the variables that it sets."""
    return [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {block.info for block in blocks(README)} <= {"python", "text", "text unordered", "sh"}
    assert {block.language for page in PAGES for block in blocks(page)} <= {"python", "text", "sh", "go", ""}


def test_the_commands_have_the_options_that_they_are_given() -> None:
    for line in COMMANDS:
        words = words_of(line)
        if words[0] not in PROGRAMS:
            continue
        subcommand = words[1:2] if words[0] == "dgo" else []
        text = help_of(words[0], *subcommand)
        for word in words:
            assert not word.startswith("--") or word in text, line


def test_every_other_command_is_known() -> None:
    for line in COMMANDS:
        words = words_of(line)
        assert words[0] in {*PROGRAMS, "pip", "python", "docker", "make"}, line
        if words[0] == "python" and "/" in words[1]:
            assert (ROOT / words[1]).is_file(), line


def test_the_services_that_the_readme_names_are_in_the_compose_file() -> None:
    services = re.findall(r"^  (\w+):", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    named = {word for line in COMMANDS for word in re.findall(r"--scale (\w+)=|run --rm (\w+)", line)}
    assert {service for pair in named for service in pair if service} <= set(services)


def test_every_make_target_that_the_documents_name_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for document in DOCUMENTS for name in re.findall(r"`make ([\w-]+)`", document.read_text())}
    named |= {words_of(line)[1] for line in COMMANDS if words_of(line)[0] == "make"}
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


def test_every_test_that_a_document_names_exists() -> None:
    named = {pair for document in DOCUMENTS for pair in TEST.findall(document.read_text())}
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
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

    code = "\n".join(
        [block.text for document in (README, *PAGES) for block in blocks(document) if block.language == "python"]
        + [span for page in PAGES for span in re.findall(r"`([^`\n]+)`", page.read_text())]
    )
    names = set(re.findall(r"\bdgo\.([A-Za-z_]\w*)", code))
    assert {name for name in names if not hasattr(dgo, name) and find_spec(f"dgo.{name}") is None} == set()
