"""Commands of other programs, each with a time limit and an error that shows what they said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


class CommandFailed(Exception):
    """A command ended badly, or not in time. The message has the command and the end of its output."""


def run(*argv: str, timeout_seconds: float, env: Mapping[str, str] | None = None, merged: bool = False) -> str:
    """Runs a command to its end.

    Args:
        argv: The program and its arguments.
        timeout_seconds: After this the command is killed.
        env: Variables besides those of this process.
        merged: Whether what it says on stderr belongs to the answer too.

    Returns:
        What it wrote on stdout.

    Raises:
        CommandFailed: It could not be started, ended with another status than 0, or ran out of time.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=environment(env),
            timeout=timeout_seconds,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise CommandFailed(f"{_shown(argv)}: cannot be started: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(
            f"{_shown(argv)}: still running after {timeout_seconds} s\n{_tail(error.output)}"
        ) from error
    if done.returncode != 0:
        said = done.stdout if merged else done.stdout + done.stderr
        raise CommandFailed(f"{_shown(argv)}: exit status {done.returncode}\n{_tail(said)}")
    return done.stdout


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """This process's variables with `extra`, without those that would change what compose does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DGO_", "COMPOSE_"))}
    return {**kept, **(extra or {})}


def _shown(argv: Sequence[str]) -> str:
    return " ".join(argv)


def _tail(output: str | bytes | None, lines: int = 30) -> str:
    text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
    return "\n".join(text.splitlines()[-lines:])
