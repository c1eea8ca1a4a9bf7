"""What importing dgo, and starting each of its processes, loads: asked in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import dgo

# Each takes longer to load than the modules of dgo that need it only later, or never.
HEAVY = ("asyncio", "cloudpickle", "concurrent.futures.process", "email", "gevent", "greenlet", "http", "ssl", "zmq")


def loaded(program: str, *modules: str) -> list[str]:
    """Which of the modules the program has loaded: an interpreter may bring some of them along."""
    program = f"import sys; before = set(sys.modules)\n{program}\n"
    program += f"print([name for name in {modules!r} if name in sys.modules and name not in before])"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return list(eval(found))


def test_importing_dgo_loads_only_the_package_itself() -> None:
    program = "import sys; before = set(sys.modules); import dgo; print(sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert eval(found) == ["dgo"]


def test_what_starts_a_cluster_is_there_before_what_the_driver_needs_itself() -> None:
    assert loaded("import dgo; dgo.init", *HEAVY, "dgo.channels", "dgo.runtime.node", "logging", "msgpack") == []


def test_a_driver_needs_neither_asyncio_nor_gevent() -> None:
    program = "import dgo; dgo.go; dgo.Chan; dgo.select; dgo.WaitGroup; dgo.Cluster"
    assert loaded(program, "asyncio", "concurrent.futures.process", "dgo.testing", "gevent", "ssl", "zmq") == []


def test_the_coordinator_needs_none_of_what_runs_goroutines() -> None:
    program = "import dgo.coordinator.embedded, dgo.coordinator.service, dgo.runtime.waiting, dgo.transport.opening"
    assert loaded(program, *HEAVY, "dataclasses", "dgo.runtime.node", "dgo.wire.snapshot", "inspect") == []


def test_workers_are_started_before_the_coordinator_loads_anything_else() -> None:
    assert loaded("import dgo.coordinator.embedded", *HEAVY, "dgo.errors", "logging", "msgpack", "typing") == []


def test_a_worker_has_no_asyncio_before_its_first_coroutine(start) -> None:
    start(1)
    assert dgo.go(modules_of_a_worker).result() == []
    assert dgo.go(a_coroutine).result() == ["asyncio"]


def modules_of_a_worker() -> list[str]:
    return [name for name in ("asyncio", "concurrent.futures.process", "dgo.coordinator", "zmq") if name in sys.modules]


async def a_coroutine() -> list[str]:
    return modules_of_a_worker()
