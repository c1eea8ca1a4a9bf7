"""One test body on every runtime, and programs as a user would start them.

A body uses ``dgo`` and the helpers of ``places``; closures of a body are snapshotted at every spawn, so
what a goroutine found out comes back as its result or through a channel, never through a captured list.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dgo

from . import places

#: A simulation is quick, but there are thousands of bodies: one seed in the fast tests, more in the slow ones, which
#: explore: goroutines are switched out around every operation.
MORE_SEEDS = [pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.seeds]) for seed in (7, 42)]
SEEDS = (1, *MORE_SEEDS)
RUNTIMES = (
    "driver",
    "goroutine",
    "memory-1",
    *(pytest.param(f"memory-{each.values[0]}", marks=each.marks) for each in MORE_SEEDS),
)
ASYNC_RUNTIMES = (
    "asyncio driver",
    "async goroutine",
    pytest.param("asyncio.run in a goroutine", marks=pytest.mark.slow),
    *(each for each in RUNTIMES if not isinstance(each, str) or each.startswith("memory-")),
)
TEST_SECONDS = 60
SLOW_TEST_SECONDS = 300


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Looks at something outside dgo (processes, files, counts) until it is so or the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def _bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocked call in the main thread is interruptible by signals: a hang becomes this test's failure."""
    seconds = SLOW_TEST_SECONDS if request.node.get_closest_marker("slow") else TEST_SECONDS

    def give_up(_signum: int, _frame: FrameType | None) -> None:
        pytest.fail(f"the test did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """An embedded cluster of two workers for the tests of one module; at its end no goroutine may be left."""
    running = dgo.init(workers=2)
    running.wait_for_workers(2, timeout=places.LIMIT)
    yield running
    at_rest = eventually(lambda: dgo.num_goroutine() == 1, 10)
    left = dgo.num_goroutine()
    dgo.shutdown()
    assert at_rest, f"{left - 1} goroutines were left behind by the tests of this module"


@pytest.fixture(params=RUNTIMES)
def everywhere(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Returns ``run(body, *args)``: the body's result or exception under this runtime."""
    runtime = request.param
    if runtime.startswith("memory-"):
        seed = int(runtime.removeprefix("memory-"))

        def simulated(body: Callable[..., Any], *args: Any) -> Any:
            from dgo.testing import LocalCluster  # here: a missing simulator fails these cases only

            with LocalCluster(nodes=3, seed=seed, explore=seed != SEEDS[0]) as nodes:
                return nodes.run(body, *args)

        return simulated

    request.getfixturevalue("cluster")
    if runtime == "driver":
        return lambda body, *args: body(*args)
    return lambda body, *args: dgo.go(body, *args).result(timeout=TEST_SECONDS)


@pytest.fixture(params=ASYNC_RUNTIMES)
def async_everywhere(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Returns ``run(body, *args)``: the result or exception of the ``async def`` body under this runtime."""
    runtime = request.param
    if runtime.startswith("memory-"):
        seed = int(runtime.removeprefix("memory-"))

        def simulated(body: Callable[..., Any], *args: Any) -> Any:
            from dgo.testing import LocalCluster  # here: a missing simulator fails these cases only

            with LocalCluster(nodes=3, seed=seed) as nodes:
                return nodes.run(body, *args)

        return simulated

    request.getfixturevalue("cluster")
    if runtime == "asyncio driver":
        return lambda body, *args: asyncio.run(body(*args))
    if runtime == "async goroutine":
        return lambda body, *args: dgo.go(body, *args).result(timeout=TEST_SECONDS)
    return lambda body, *args: dgo.go(lambda: asyncio.run(body(*args))).result(timeout=TEST_SECONDS)


@pytest.fixture(params=["here", "away"])
def home(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Returns ``make(capacity)``: a channel made by the body itself, or by a goroutine somewhere else."""
    return places.here if request.param == "here" else places.away


@pytest.fixture(params=places.MIXTURES)
def homes(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Returns ``make(*capacities)``: channels for one select, with one of the mixtures of homes."""
    return places.MIXTURES[request.param]


@pytest.fixture(params=SEEDS)
def simulated(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Returns ``run(body, *args)`` of a simulated cluster: there a body can wait until all else is at rest."""
    from dgo.testing import LocalCluster

    with LocalCluster(nodes=3, seed=request.param, explore=request.param != SEEDS[0]) as nodes:
        yield nodes.run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Returns ``run(source, how="file", ...)``: runs a program of its own and returns its ended process."""

    def run(
        source: str, how: str = "file", *, env: dict[str, str] | None = None, seconds: float = 30
    ) -> subprocess.CompletedProcess[str]:
        text = textwrap.dedent(source)
        command, stdin = [sys.executable], ""
        if how == "file":
            script = tmp_path / "main.py"
            script.write_text(text)
            command.append(str(script))
        elif how == "-c":
            command += ["-c", text]
        else:
            command, stdin = [sys.executable, "-"], text
        return subprocess.run(
            command,
            input=stdin,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", **(env or {})},
            capture_output=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )

    return run


@pytest.fixture
def output(program: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., list[str]]:
    """Returns ``run(source)``: stdout's lines of a program that ends with status 0 and a silent stderr."""

    def run(source: str, how: str = "file") -> list[str]:
        ended = program(source, how)
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        return ended.stdout.splitlines()

    return run
