"""``dgo``: everything for a person, as subcommands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

import dgo
from dgo.cli import coordinator, run, status
from dgo.cli.exits import run_program
from dgo.cli.options import Option, Parser, add_options
from dgo_worker import cli as worker

__all__ = ["main"]

EXAMPLES = """\
examples:
  dgo run program.py                                       # on this machine, a worker for each core
  dgo run --workers 4 program.py --its-own option
  dgo coordinator                                          # a cluster that stays, in three terminals:
  dgo worker --address tcp://127.0.0.1:7117
  dgo run --address tcp://127.0.0.1:7117 program.py
  dgo status                                               # who is in it

`dgo COMMAND --help` tells more, with the environment variable of each option.
exit status: 0 fine, 64 wrong command line, 69 no coordinator answers, 70 a mistake of dgo's, 77 refused by
the coordinator, 78 wrong address or environment, 130 Ctrl-C; `dgo run` ends as the program does
"""

RUN_EXAMPLES = """\
examples:
  dgo run program.py                                       # an embedded cluster, a worker for each core
  dgo run --workers 2 program.py --verbose                 # what follows the script is the script's
  dgo run --address tcp://127.0.0.1:7117 program.py        # a cluster that runs already

The exit status is the program's.
"""

STATUS_EXAMPLES = """\
examples:
  dgo status
  dgo status --address tcp://HOST:7117 --json
  until dgo status; do sleep 1; done                       # a health check: 0 once the coordinator answers

exit status: 0 it answered, 64 wrong command line, 69 it did not within 5 s, 77 it refused, 78 wrong
environment
"""

Command = Callable[[argparse.Namespace], int]


def _parser() -> Parser:
    parser = Parser(
        prog="dgo",
        description="Go's concurrency for Python programs, across processes and machines.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"dgo {dgo.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "run", "run a Python program on a cluster", RUN_EXAMPLES, run.OPTIONS, run.run)
    run.add_script(commands.choices["run"])
    _add(commands, "status", "show who is in a cluster", STATUS_EXAMPLES, status.OPTIONS, status.run)
    _add(
        commands,
        "coordinator",
        coordinator.DESCRIPTION,
        coordinator.EXAMPLES,
        coordinator.OPTIONS,
        coordinator.run,
    )
    _add(commands, "worker", worker.DESCRIPTION, worker.EXAMPLES, worker.OPTIONS, worker.run)
    return parser


def _add(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    description: str,
    examples: str,
    options: Iterable[Option],
    command: Command,
) -> None:
    parser = commands.add_parser(name, help=description, description=description, epilog=examples)
    add_options(parser, options)
    parser.set_defaults(command=command)


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit status."""
    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    return run_program(lambda: command(arguments))


if __name__ == "__main__":
    sys.exit(main())
