"""Where figures were taken: machine, Python, the versions of dgo and its peers, and whether dgo was compiled."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
import subprocess
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from shutil import which

import _processes

#: The distributions of floors and peers.
PEERS = (
    *("pyzmq", "greenlet", "gevent", "numpy", "loky", "joblib", "ray", "distributed", "ipyparallel", "mpi4py"),
    *("faster-fifo", "uvloop", "aiochan"),
)
#: Modules of dgo that are in the way of nearly everything.
HOT = ("dgo.core.channel", "dgo.core.goroutine", "dgo.runtime.node", "dgo.runtime.spawner", "dgo.wire.frames")


def processor() -> str:
    """The model of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def compiled() -> str:
    """Which of dgo's hot modules are compiled, in words."""
    modules = [importlib.import_module(name) for name in HOT]
    native = [module.__name__ for module in modules if str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES))]
    if not native:
        return "pure Python"
    return "compiled" if len(native) == len(modules) else f"compiled in part ({', '.join(native)})"


def version(distribution: str) -> str:
    """The installed version, or that there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def go_version() -> str:
    """Go's, if it is there."""
    if which("go", path=_processes.search_path()) is None:
        return "not installed"
    done = subprocess.run(["go", "version"], capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.split()[2].removeprefix("go") if done.returncode == 0 else "not usable"


def facts() -> dict[str, str]:
    """All of it, by name."""
    import dgo

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} usable",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "dgo": f"{dgo.__version__}, {compiled()}",
        "peers": ", ".join([*(f"{name} {version(name)}" for name in PEERS), f"Go {go_version()}"]),
    }
