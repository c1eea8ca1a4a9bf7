"""The base image: Python's own where a registry can be reached, else one made here from Debian packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .engine import Engine, NotPossibleHere
from .shell import CommandFailed, environment, run

REGISTRY_IMAGE = "python:3.11-slim"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
# Few files make layers quick on an engine that compares whole trees. The package sources and the logs would
# name this machine's mirror.
LEFT_OUT = (
    "./etc/apt/sources.list",
    "./etc/resolv.conf",
    "./etc/hostname",
    "./usr/share/doc/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
)


def base_image(engine: Engine) -> str:
    """The name of an image to build on; one that the engine has already is taken before any is fetched.

    Raises:
        NotPossibleHere: No registry answers and none can be made from packages; the message says why.
    """
    chosen = os.environ.get("DGO_E2E_BASE_IMAGE")
    if chosen:
        return chosen
    release = _release()
    ours = f"dgo-e2e-base:{_recipe(release)}"
    for name in (REGISTRY_IMAGE, ours):
        if engine.has_image(name):
            return name
    try:
        engine.docker("pull", "--quiet", REGISTRY_IMAGE, timeout_seconds=120)
    except CommandFailed as unreachable:
        _make_from_packages(engine, ours, release, unreachable)
        return ours
    return REGISTRY_IMAGE


def _release() -> str:
    """This machine's Debian release, such as `bookworm`; empty on another system."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"')


def _recipe(release: str) -> str:
    """A short hash that changes when the image would."""
    return hashlib.sha256(repr((release, PACKAGES, LEFT_OUT)).encode()).hexdigest()[:12]


def _make_from_packages(engine: Engine, name: str, release: str, unreachable: CommandFailed) -> None:
    """Makes the image with debootstrap from the mirror that apt is configured with."""
    try:
        _need_debootstrap()
        mirror = _mirror(release)
        with tempfile.TemporaryDirectory(prefix="dgo-e2e-base-") as folder:
            root = Path(folder) / "root"
            _bootstrap(root, release, mirror)
            _import(root, name)
    except (CommandFailed, NotPossibleHere) as error:
        raise NotPossibleHere(f"no base image: {error}\n(a registry was tried first: {unreachable})") from error
    version = engine.docker("run", "--rm", name, "python3", "-c", "import sys; print(sys.version_info >= (3, 11))")
    if version.strip() != "True":
        raise NotPossibleHere(f"no base image: Python in {release} is older than 3.11")


def _need_debootstrap() -> None:
    if os.geteuid() != 0:
        raise NotPossibleHere("debootstrap must run as root")
    if shutil.which("debootstrap") is None:
        if shutil.which("apt-get") is None:
            raise NotPossibleHere("debootstrap is not installed, and this is not a Debian system")
        run("apt-get", "update", "--quiet", timeout_seconds=120)
        run(
            *("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "debootstrap"),
            timeout_seconds=120,
        )


def _mirror(release: str) -> str:
    """The address of `release` in apt's own configuration. It is used and written nowhere."""
    targets = run(
        *("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"),
        "Created-By: Packages",
        timeout_seconds=20,
    )
    for line in targets.splitlines():
        found, component, address = line.split(" ", 2)
        if (found, component) == (release, "main"):
            return address
    raise NotPossibleHere(f"apt on this machine has no source for {release or 'its release'}")


def _bootstrap(root: Path, release: str, mirror: str) -> None:
    proxy = run("apt-config", "shell", "x", "Acquire::http::Proxy", timeout_seconds=20)
    variables = {"http_proxy": proxy.partition("=")[2].strip("'\n")} if proxy else {}
    # A mount namespace of its own: whatever way it ends, no /proc stays mounted under the folder, which is
    # removed next.
    run(
        *("unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
        *(release, str(root), mirror),
        timeout_seconds=400,
        env=variables,
        merged=True,
    )


def _import(root: Path, name: str) -> None:
    """Gives the tree to the engine as an image of one layer, without a file in between."""
    left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    with subprocess.Popen(
        ["tar", "--directory", str(root), "--numeric-owner", "--create", *left_out, "."],
        stdout=subprocess.PIPE,
    ) as tar:
        imported = subprocess.run(
            ["docker", "import", "--change", "ENV LANG=C.UTF-8", "-", name],
            stdin=tar.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(None),
            timeout=120,
            text=True,
            check=False,
        )
        assert tar.stdout is not None
        tar.stdout.close()  # tar ends, with an error, if the import ended early
    if tar.returncode != 0 or imported.returncode != 0:
        raise CommandFailed(f"docker import of {name}: {imported.stderr.strip()}")
