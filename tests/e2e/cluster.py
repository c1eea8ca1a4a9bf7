"""A cluster of containers under a project name of its own, driven through the product's compose file."""

from __future__ import annotations

import json
import os
import queue
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engine import Engine
from .shell import CommandFailed, environment, run

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


class DriverRun:
    """A program of the driver service while it runs: what it prints is read line by line."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(env),
            text=True,
            errors="replace",
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for_line(self, wanted: str, timeout_seconds: float) -> None:
        """Returns when the program has printed the line `wanted`; fails if it ends or is silent before."""
        deadline = time.monotonic() + timeout_seconds
        while (line := self._next_line(deadline)) is not None:
            if line == wanted:
                return
        raise AssertionError(f"the driver did not print {wanted!r}; it said:\n{self.output}")

    def result(self, timeout_seconds: float) -> Any:
        """Waits for the program's good end; the value of the JSON object that it printed last."""
        deadline = time.monotonic() + timeout_seconds
        while self._next_line(deadline) is not None:
            pass
        status = self._process.wait(timeout=max(1.0, deadline - time.monotonic()))
        assert status == 0, f"the driver ended with status {status}; it said:\n{self.output}"
        return json.loads([line for line in self._said if line.startswith("{")][-1])

    @property
    def output(self) -> str:
        return "\n".join(self._said)

    def stop(self) -> None:
        """Ends the client program; the container is removed with the cluster."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _next_line(self, deadline: float) -> str | None:
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"the driver went on for too long; it said:\n{self.output}") from None
        if line is not None:
            self._said.append(line)
        return line


@dataclass
class Cluster:
    """A compose project of these tests.

    Attributes:
        engine: The engine it runs on.
        project: The compose project's name.
        files: The compose files, the product's first.
        env: The variables that fill the compose files.
    """

    engine: Engine
    project: str
    files: tuple[Path, ...]
    env: dict[str, str]
    _drivers: list[DriverRun] = field(default_factory=list)

    def compose(self, *arguments: str, timeout_seconds: float = 120) -> str:
        """Runs a compose command on this project and returns its stdout."""
        return run(*self._command(*arguments), timeout_seconds=timeout_seconds, env=self.env)

    def up(self, workers: int) -> None:
        """Starts what is not running, until there are so many workers; nothing that runs is made anew."""
        self.compose("up", "--detach", "--no-recreate", "--no-build", "--scale", f"worker={workers}")

    def wait_for_workers(self, count: int) -> list[dict[str, Any]]:
        """The cluster's list of its workers once `count` joined; asked in the coordinator's container."""
        said = self.compose(
            *("exec", "-T", "-e", "DGO_ADDRESS=tcp://127.0.0.1:7117", "coordinator"),
            *("python", "/app/programs/wait_for_workers.py", str(count)),
        )
        listed: list[dict[str, Any]] = json.loads(said.splitlines()[-1])
        return listed

    def drive(self, *command: str) -> str:
        """Runs the driver service to its good end and returns its stdout; no command: the service's own."""
        return self.compose("run", "--rm", "-T", "driver", *command)

    def start_driver(self, *command: str) -> DriverRun:
        driver = DriverRun(self._command("run", "--rm", "-T", "driver", *command), self.env)
        self._drivers.append(driver)
        return driver

    def containers(self, service: str | None = None) -> list[str]:
        """The ids of the project's containers, also of those that have ended."""
        labels = [f"{PROJECT_LABEL}={self.project}"]
        if service is not None:
            labels += [f"{SERVICE_LABEL}={service}", "com.docker.compose.oneoff=False"]
        filters = [part for label in labels for part in ("--filter", f"label={label}")]
        return self.engine.docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """All that the engine knows about a container."""
        (found,) = json.loads(self.engine.docker("inspect", container))
        return dict(found)

    def leftovers(self) -> list[str]:
        """The ids of containers, networks and volumes that the project still has."""
        of_project = ("--quiet", "--filter", f"label={PROJECT_LABEL}={self.project}")
        networks = self.engine.docker("network", "ls", *of_project).split()
        volumes = self.engine.docker("volume", "ls", *of_project).split()
        return [*self.containers(), *networks, *volumes]

    def remove(self) -> None:
        """Takes everything down, whatever state it is in, and says what the daemons had logged."""
        for driver in self._drivers:
            driver.stop()
        try:
            print(self.compose("logs", "--no-color", "--tail", "80"))
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        except CommandFailed as error:
            print(error)
        for container in self.containers():
            self.engine.docker("rm", "--force", "--volumes", container)
        for kind in ("network", "volume"):
            label = f"label={PROJECT_LABEL}={self.project}"
            for found in self.engine.docker(kind, "ls", "--quiet", "--filter", label).split():
                self.engine.docker(kind, "rm", found)

    def _command(self, *arguments: str) -> list[str]:
        files = [part for file in self.files for part in ("--file", str(file))]
        return [*self.engine.compose, "--project-name", self.project, *files, *arguments]


@contextmanager
def running_cluster(
    engine: Engine, context: Path, image: str, *, workers: int, fixed_address: bool
) -> Iterator[Cluster]:
    """A cluster whose workers have joined; nothing of it is left afterwards.

    Args:
        engine: The engine.
        context: The folder with the product's compose file.
        image: The product's image with the programs of these tests.
        workers: How many to start.
        fixed_address: Whether to give the coordinator a fixed address, for an engine that resolves no names.
    """
    project = new_project()
    files = [context / "docker-compose.yml"]
    env = {"DGO_IMAGE": image, "DGO_PROCS": "1", "DGO_HEALTH_INTERVAL": "1s"}
    if fixed_address:
        files.append(context / "deploy" / "compose.fixed-address.yml")
        third = secrets.randbelow(256)
        env |= {"DGO_SUBNET": f"10.213.{third}.0/24", "DGO_COORDINATOR_IP": f"10.213.{third}.10"}
    cluster = Cluster(engine, project, tuple(files), env)
    try:
        cluster.up(workers)
        cluster.wait_for_workers(workers)
        yield cluster
    finally:
        cluster.remove()


def new_project() -> str:
    """A name that no other run of these tests uses."""
    return f"dgo-e2e-{os.getpid()}-{secrets.token_hex(3)}"
