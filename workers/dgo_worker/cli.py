"""``dgo-worker``: the daemon that runs a host's worker processes."""

from __future__ import annotations

import argparse
import logging
import socket
import sys

from dgo.cli.addresses import Endpoint, coordinator_address, parse_endpoint
from dgo.cli.exits import Exit, fail, run_program
from dgo.cli.logs import LOG_OPTIONS, set_up_log
from dgo.cli.options import Option, Parser, add_options, amounts, count, labels, read_options, seconds, yes
from dgo.cli.signals import on_stop_signal

__all__ = ["DESCRIPTION", "EXAMPLES", "OPTIONS", "main", "run"]

log = logging.getLogger("dgo.worker")

DESCRIPTION = "Runs this machine's worker processes: they join the coordinator and run goroutines."
EXAMPLES = """\
examples:
  dgo-worker --address tcp://127.0.0.1:7117                # the coordinator is on this machine
  dgo-worker --address tcp://HOST:7117 --insecure          # it is elsewhere, on a network that you trust
  dgo-worker --address tcp://HOST:7117 --insecure --procs 2 --label disk=ssd --resource gpu=1

SIGTERM and Ctrl-C drain: no new goroutines, what runs gets --grace seconds; a second one ends it at once.
exit status: 0 ended as told, 64 wrong command line, 69 no coordinator within --join-timeout, 70 a mistake of
dgo's, 75 the coordinator is gone (start the daemon again), 77 refused by it, 78 wrong address or environment
"""


def _listener(text: str) -> Endpoint:
    return parse_endpoint(text, 0)


OPTIONS = (
    Option(
        "--address",
        "DGO_ADDRESS",
        "the coordinator",
        coordinator_address,
        None,
        "ADDRESS",
        shown="none, required",
    ),
    Option("--procs", "DGO_PROCS", "worker processes", count, None, "N", shown="one for each usable core"),
    Option(
        "--bind",
        "DGO_WORKER_BIND",
        "where the workers listen; with a port, worker n takes port+n-1",
        _listener,
        None,
        "ADDRESS",
        shown="any port of 127.0.0.1, or of the interface that reaches the coordinator",
    ),
    Option(
        "--advertise",
        "DGO_ADVERTISE",
        "the host, or address, that others are told to reach the workers at",
        _listener,
        None,
        "ADDRESS",
        shown="where they listen",
    ),
    Option(
        "--insecure",
        "DGO_INSECURE",
        "let the workers listen beyond the loopback without keys: whoever reaches them can run any code",
        yes,
        False,
    ),
    Option("--label", "DGO_LABELS", "a label of each worker; repeatable", labels, {}, "KEY=VALUE", many=True),
    Option(
        "--resource",
        "DGO_RESOURCES",
        "what each worker has to hand out; repeatable",
        amounts,
        {},
        "KEY=AMOUNT",
        many=True,
    ),
    Option(
        "--name",
        "DGO_NAME",
        "workers are called NAME/1, NAME/2, ...",
        str,
        None,
        "NAME",
        shown="the host name",
    ),
    Option(
        "--grace",
        "DGO_GRACE",
        "seconds for goroutines that run when it is told to stop",
        seconds,
        8.0,
        "SECONDS",
    ),
    Option(
        "--join-timeout",
        "DGO_JOIN_TIMEOUT",
        "seconds until a coordinator must have answered",
        seconds,
        60.0,
        "SECONDS",
    ),
    Option(
        "--orphan-timeout",
        "DGO_ORPHAN_TIMEOUT",
        "seconds of the coordinator's silence until it gives up",
        seconds,
        60.0,
        "SECONDS",
    ),
    Option(
        "--no-patch",
        "DGO_NO_PATCH",
        "leave blocking calls as they are: each then blocks its whole worker",
        yes,
        False,
    ),
    *LOG_OPTIONS,
)


def run(arguments: argparse.Namespace) -> int:
    """Runs the daemon with options as parsed."""
    read_options(arguments, OPTIONS)
    style = set_up_log(arguments.log_level, arguments.log_format)
    if arguments.address is None:
        fail(Exit.USAGE, "which coordinator? Say --address tcp://host:7117, or set DGO_ADDRESS")
    _check_listening(arguments)
    from dgo.runtime.cpus import usable_cpus
    from dgo_worker.daemon import Daemon, Settings

    daemon = Daemon(
        Settings(
            address=arguments.address,
            procs=arguments.procs or usable_cpus(),
            name=arguments.name or socket.gethostname(),
            bind=arguments.bind,
            advertise=arguments.advertise,
            labels=arguments.label,
            resources=arguments.resource,
            grace=arguments.grace,
            join_timeout=arguments.join_timeout,
            orphan_timeout=arguments.orphan_timeout,
            patch=not arguments.no_patch,
            log=(arguments.log_level, style),
        )
    )
    on_stop_signal(daemon.stop)
    return daemon.run()


def _check_listening(arguments: argparse.Namespace) -> None:
    """Off the loopback nothing listens unless the user says so."""
    bind: Endpoint = arguments.bind or arguments.address
    if bind.loopback:
        return
    where = str(bind) if arguments.bind else f"the interface that reaches {bind}"
    if not arguments.insecure:
        fail(
            Exit.CONFIGURATION,
            f"the workers would listen at {where}, and whoever reaches them can run any code here. Say "
            "--insecure (DGO_INSECURE=1) on a network that you trust, or --bind tcp://127.0.0.1:0",
        )
    log.warning("INSECURE: the workers listen at %s; everyone who can reach them can run any code", where)


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit status."""
    parser = Parser(prog="dgo-worker", description=DESCRIPTION, epilog=EXAMPLES)
    add_options(parser, OPTIONS)
    arguments = parser.parse_args(argv)
    return run_program(lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
