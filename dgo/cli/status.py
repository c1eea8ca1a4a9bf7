"""``dgo status``: who is in a cluster."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from dgo.cli.addresses import DEFAULT_PORT, Endpoint, coordinator_address
from dgo.cli.exits import Exit, fail
from dgo.cli.options import Option, read_options, yes

if TYPE_CHECKING:
    from dgo.cli.member import Answer

__all__ = ["OPTIONS", "run"]

ANSWER_SECONDS = 2.5  # to join and to be answered; with the program's start and end, under five
COLUMNS = ("name", "host", "pid", "state", "goroutines", "labels")

OPTIONS = (
    Option(
        "--address",
        "DGO_ADDRESS",
        "the coordinator",
        coordinator_address,
        Endpoint("127.0.0.1", DEFAULT_PORT),
        "ADDRESS",
    ),
    Option("--json", "DGO_STATUS_JSON", "print one JSON object instead of a table", yes, False),
)


def run(arguments: argparse.Namespace) -> int:
    """Asks the coordinator and prints its answer."""
    read_options(arguments, OPTIONS)
    answer = _ask(str(arguments.address))
    if arguments.json:
        print(json.dumps(_as_object(str(arguments.address), answer)))
    else:
        print(_as_text(str(arguments.address), answer))
    return Exit.OK


def _ask(address: str) -> Answer:
    from dgo.cli.member import Member, NoCoordinator, Refused

    deadline = time.monotonic() + ANSWER_SECONDS
    member = Member("client", "dgo status")
    try:
        member.join(address, ANSWER_SECONDS)
        member.ask()
        while member.answer is None:
            if time.monotonic() >= deadline:
                fail(Exit.UNREACHABLE, f"the coordinator at {address} was there, and then did not answer")
            member.step(deadline - time.monotonic())
        return member.answer
    except NoCoordinator as error:
        fail(Exit.UNREACHABLE, str(error))
    except Refused as error:
        fail(Exit.REFUSED, str(error))
    finally:
        member.leave("it was answered")


def _as_object(address: str, answer: Answer) -> dict[str, Any]:
    fields = (*COLUMNS, "resources")
    workers = [{name: worker[name] for name in fields} for worker in answer.workers]
    return {"coordinator": {"address": address, **answer.facts}, "workers": workers}


def _as_text(address: str, answer: Answer) -> str:
    facts, workers = answer.facts, answer.workers
    goroutines = sum(worker["goroutines"] for worker in workers)
    head = (
        f"coordinator {address}: protocol {facts['protocol']}, Python {facts['python']}, "
        f"{facts['drivers']} drivers, {len(workers)} workers, {goroutines} goroutines, "
        f"{facts['waiting']} waiting, {facts['malformed']} malformed messages"
    )
    rows = [
        tuple(name.upper() for name in COLUMNS),
        *(_row(worker) for worker in sorted(workers, key=_by_name)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([head, *(lines if workers else ["no workers yet: start some with dgo-worker"])])


def _by_name(worker: dict[str, Any]) -> tuple[str, int, str]:
    """host/2 before host/10."""
    prefix, _, number = worker["name"].rpartition("/")
    return prefix, len(number), number


def _row(worker: dict[str, Any]) -> tuple[str, ...]:
    labels = ",".join(f"{key}={value}" for key, value in sorted(worker["labels"].items()))
    return (*(str(worker[name]) for name in COLUMNS[:-1]), labels or "-")
