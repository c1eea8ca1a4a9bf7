"""``dgo-coordinator``: the daemon that knows who is in a cluster."""

from __future__ import annotations

import argparse
import logging
import sys

from dgo.cli.addresses import DEFAULT_PORT, Endpoint, parse_endpoint
from dgo.cli.exits import Exit, fail, run_program
from dgo.cli.logs import LOG_OPTIONS, set_up_log
from dgo.cli.options import Option, Parser, add_options, read_options, seconds, yes
from dgo.cli.signals import on_stop_signal

__all__ = ["DESCRIPTION", "EXAMPLES", "OPTIONS", "main", "run"]

log = logging.getLogger("dgo.coordinator")

DESCRIPTION = "Runs the coordinator of a cluster: it knows the members and gives goroutines to workers."
EXAMPLES = f"""\
examples:
  dgo-coordinator                                          # for this machine only
  dgo-coordinator --bind tcp://0.0.0.0:{DEFAULT_PORT} --insecure     # for a private network that you trust
  then, on each machine:  dgo-worker --address tcp://HOST:{DEFAULT_PORT}
  and a program:          DGO_ADDRESS=tcp://HOST:{DEFAULT_PORT} python program.py

SIGTERM and Ctrl-C drain: nothing more is placed, what runs gets --grace seconds; a second ends it at once.
exit status: 0 ended as told, 64 wrong command line, 70 a mistake of dgo's, 78 wrong address or environment
"""

OPTIONS = (
    Option(
        "--bind",
        "DGO_BIND",
        "where to listen; * for every interface",
        parse_endpoint,
        Endpoint("127.0.0.1", DEFAULT_PORT),
        "ADDRESS",
    ),
    Option(
        "--insecure",
        "DGO_INSECURE",
        "listen beyond the loopback without keys: whoever reaches the port can run any code on the workers",
        yes,
        False,
    ),
    Option(
        "--lease",
        "DGO_LEASE",
        "seconds for a member whose connection broke to come back",
        seconds,
        10.0,
        "SECONDS",
    ),
    Option(
        "--grace",
        "DGO_GRACE",
        "seconds for goroutines that run when it is told to stop",
        seconds,
        8.0,
        "SECONDS",
    ),
    *LOG_OPTIONS,
)


def run(arguments: argparse.Namespace) -> int:
    """Runs the daemon with options as parsed."""
    read_options(arguments, OPTIONS)
    set_up_log(arguments.log_level, arguments.log_format)
    bind = _checked_bind(arguments.bind, arguments.insecure)
    from dgo.coordinator.daemon import Daemon
    from dgo.errors import ClusterError

    try:
        daemon = Daemon(str(bind), arguments.lease, arguments.grace)
    except ClusterError as error:
        fail(Exit.CONFIGURATION, str(error))
    on_stop_signal(daemon.stop)
    log.info("listening at %s", parse_endpoint(daemon.address).plain())
    daemon.run()
    return Exit.OK


def _checked_bind(bind: Endpoint, insecure: bool) -> Endpoint:
    if not bind.loopback:
        if not insecure:
            fail(
                Exit.CONFIGURATION,
                f"{bind} can be reached from other machines, and whoever reaches it can run any code on the "
                "workers. Listen on the loopback (--bind tcp://127.0.0.1:7117), or say --insecure "
                "(DGO_INSECURE=1) on a network that you trust",
            )
        log.warning("INSECURE: %s is open to everyone who can reach it, who can then run any code", bind)
    try:
        return bind.numeric()
    except ValueError as error:
        fail(Exit.CONFIGURATION, f"cannot listen at {bind}: {error}")


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit status."""
    parser = Parser(prog="dgo-coordinator", description=DESCRIPTION, epilog=EXAMPLES)
    add_options(parser, OPTIONS)
    arguments = parser.parse_args(argv)
    return run_program(lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
