"""``dgo run script.py``: Python, with the cluster chosen on the command line."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping

from dgo.cli.addresses import coordinator_address
from dgo.cli.exits import Exit, fail
from dgo.cli.options import Option, count, read_options

__all__ = ["OPTIONS", "add_script", "run"]

OPTIONS = (
    Option(
        "--address",
        "DGO_ADDRESS",
        "the coordinator",
        coordinator_address,
        None,
        "ADDRESS",
        shown="an embedded cluster on this machine",
    ),
    Option(
        "--workers",
        "DGO_WORKERS",
        "worker processes of an embedded cluster",
        count,
        None,
        "N",
        shown="one for each usable core",
    ),
)


def add_script(parser: argparse.ArgumentParser) -> None:
    """Adds the script and what belongs to it."""
    parser.add_argument("script", help="the program, as for python")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")


def run(arguments: argparse.Namespace) -> int:
    """Becomes a fresh Python that runs the script: its ``__main__``, arguments, signals and exit status are
    Python's own because it is Python's own. Returns only in a way: by ending this program."""
    if arguments.address is not None and arguments.workers is not None:
        fail(Exit.USAGE, "--address and --workers exclude each other: a cluster has the workers that it has")
    environment = _environment(arguments)
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # as multiprocessing does
    command = [sys.executable, *flags, arguments.script, *arguments.arguments]
    os.execve(sys.executable, command, environment)


def _environment(arguments: argparse.Namespace, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The command line's choice replaces the environment's."""
    environment = dict(inherited)
    if arguments.workers is not None:
        environment.pop("DGO_ADDRESS", None)
    elif arguments.address is not None:
        environment.pop("DGO_WORKERS", None)
    read_options(arguments, OPTIONS, environment)
    for option in OPTIONS:
        value = getattr(arguments, option.name)
        if value is not None:
            environment[option.variable] = str(value)
    return environment
