"""The product's image, built by the compose file from a clean context, with wheels that the host fetched."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .engine import Engine, NotPossibleHere
from .shell import CommandFailed, run

# Another tree may be tested in place of this one, such as an unpacked source distribution.
SOURCE = Path(os.environ.get("DGO_E2E_SOURCE", Path(__file__).resolve().parents[2]))
PROGRAMS = Path(__file__).resolve().parent / "programs"
CONTEXT = (
    "LICENSE",
    "README.md",
    "docker-compose.yml",
    "pyproject.toml",
    "deploy",
    "dgo",
    "examples",
    "workers",
)
LAST_BUILT = "dgo-e2e:last"  # kept between runs: its layers are the next build's cache


def make_context(folder: Path) -> None:
    """Copies what the build may see: the sources, without what lies about in a checkout."""
    clutter = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc", ".*")
    for name in CONTEXT:
        source = SOURCE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=clutter)
        else:
            shutil.copy(source, folder / name)


def fetch_wheels(engine: Engine, base: str, folder: Path) -> None:
    """Fetches the wheels of the dependencies and of the build for the base image's Python, on the host.

    Raises:
        NotPossibleHere: pip could not get them; the message has its words.
    """
    asked = engine.docker(
        *("run", "--rm", base, "python3", "-c"),
        "import sys, platform as p; print(*sys.version_info[:2], p.machine(), *p.libc_ver()[1].split('.'))",
    )
    major, minor, machine, _glibc_major, glibc_minor = asked.split()
    platforms = [f"manylinux_2_{number}_{machine}" for number in range(int(glibc_minor), 16, -1)]
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    try:
        run(
            *(
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--dest",
                str(folder),
                "--only-binary=:all:",
            ),
            *("--implementation", "cp", "--python-version", f"{major}.{minor}"),
            *(f"--abi={abi}" for abi in (f"cp{major}{minor}", "abi3", "none")),
            *(f"--platform={name}" for name in (*platforms, f"manylinux2014_{machine}")),
            *wanted,
            timeout_seconds=120,
            merged=True,
        )
    except CommandFailed as error:
        raise NotPossibleHere(f"no wheels for the image: {error}") from error


@contextmanager
def product_image(engine: Engine, base: str, context: Path, name: str) -> Iterator[str]:
    """Builds the product's image, and on it one with the programs of these tests.

    Args:
        engine: The engine.
        base: The image to build on.
        context: The folder of `make_context`, with the wheels in `wheels/`.
        name: The image's name while the tests run.

    Yields:
        The name of the image with the programs.
    """
    run(
        *(*engine.compose, "--file", str(context / "docker-compose.yml"), "build"),
        timeout_seconds=400,
        env={"DGO_IMAGE": name, "DGO_BASE_IMAGE": base},
        merged=True,
    )
    with_programs = f"{name}-programs"
    try:
        # This is also how a user adds programs or packages to the image.
        programs = context / "programs"
        shutil.copytree(PROGRAMS, programs, ignore=shutil.ignore_patterns("__pycache__"))
        (programs / "Dockerfile").write_text(f"FROM {name}\nCOPY *.py /app/programs/\n", encoding="utf-8")
        engine.docker("build", "--tag", with_programs, str(programs), timeout_seconds=120)
        yield with_programs
    finally:
        _keep_as_cache(engine, name, with_programs)


def _keep_as_cache(engine: Engine, name: str, with_programs: str) -> None:
    before = engine.docker("image", "ls", "--quiet", LAST_BUILT).split()
    engine.docker("tag", with_programs if engine.has_image(with_programs) else name, LAST_BUILT)
    now = engine.docker("image", "ls", "--quiet", LAST_BUILT).split()
    forgotten = [image for image in before if image not in now]
    for image in (name, with_programs, *forgotten):
        try:
            engine.docker("image", "rm", image)
        except CommandFailed as error:  # it was not built, or another run of these tests uses it
            print(error)
