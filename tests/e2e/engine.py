"""The container engine of this machine: which programs speak to it, and what it can do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from .shell import CommandFailed, run


class NotPossibleHere(Exception):
    """The tests cannot run on this machine; the message is the reason to show."""


@dataclass(frozen=True)
class Engine:
    """An engine that answered.

    Attributes:
        compose: The command that reads compose files: the plugin (v2), else the older program.
    """

    compose: tuple[str, ...]

    def docker(self, *arguments: str, timeout_seconds: float = 60) -> str:
        """Runs `docker ...` and returns its stdout."""
        return run("docker", *arguments, timeout_seconds=timeout_seconds)

    def has_image(self, name: str) -> bool:
        return bool(self.docker("image", "ls", "--quiet", name).strip())

    def resolves_names(self, image: str, network: str) -> bool:
        """Whether a container finds another by its service name: false where the engine has no iptables.

        Args:
            image: Any image with `getent`.
            network: A name for the network that is made for the trial and removed again.
        """
        self.docker("network", "create", network)
        try:
            self.docker(
                *("run", "--rm", "--network", network, "--network-alias", "name-under-test"),
                *(image, "getent", "hosts", "name-under-test"),
            )
        except CommandFailed:
            return False
        finally:
            self.docker("network", "rm", network)
        return True


def find_engine() -> Engine:
    """The engine that `docker` reaches.

    Raises:
        NotPossibleHere: No engine answers, or nothing here reads compose files.
    """
    if shutil.which("docker") is None:
        raise NotPossibleHere("no container engine: the program `docker` is not installed")
    try:
        run("docker", "version", "--format", "{{.Server.Version}}", timeout_seconds=20)
    except CommandFailed as error:
        raise NotPossibleHere(f"no container engine answers: {error}") from error
    for compose in (("docker", "compose"), ("docker-compose",)):
        try:
            run(*compose, "version", timeout_seconds=20)
        except CommandFailed:
            continue
        return Engine(compose)
    raise NotPossibleHere("neither `docker compose` nor `docker-compose` is installed")
