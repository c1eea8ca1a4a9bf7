"""Runs the programs of the documents, two at a time: each starts a cluster of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .documents import Program, run

AT_ONCE = 2

Runs = dict[Program, "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture(scope="module")  # not longer: where threads live that do not wait on dgo no deadlock is reported
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """What becomes of the programs that this session's tests are about; they are started with the first test."""
    wanted = []
    for item in request.session.items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if isinstance(parameters.get("program"), Program):
            wanted.append(parameters["program"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {program: pool.submit(run, program, tmp_path_factory.mktemp("program")) for program in wanted}
        pool.shutdown(cancel_futures=True)
