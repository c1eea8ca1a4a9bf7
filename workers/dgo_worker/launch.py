"""Starting a worker process: what it is told, and how it is tied to its parent.

Imports only the standard library: the embedded coordinator starts its workers before it loads anything else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

TYPE_CHECKING = False  # ``typing`` is not needed before the processes have been started
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BOOT", "die_with_parent", "launch", "new_node_id", "remove_directory", "thread_settings"]

# The first statement restores the parent's sys.path: a worker finds the modules that the driver finds.
BOOT = (
    "import sys, json; _c = json.loads(sys.argv[1]); sys.path[:] = _c['path']; sys.argv[:] = [sys.argv[0]]; "
    "from {module} import main; main(_c)"
)

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
)


def new_node_id() -> int:
    """A new incarnation."""
    return int.from_bytes(os.urandom(6), "big") | 1


def remove_directory(path: str) -> None:
    """Removes a directory of sockets; whatever else is in it too. Does nothing if it is gone."""
    try:
        for entry in os.scandir(path):
            os.unlink(entry.path)
        os.rmdir(path)
    except OSError:
        if os.path.exists(path):
            import shutil  # rarely needed, and takes its time to import

            shutil.rmtree(path, ignore_errors=True)


def thread_settings(environment: dict[str, str]) -> dict[str, str]:
    """``environment`` with one thread for each numerical library, unless the user chose otherwise:
    there is a worker for each core already."""
    return {**dict.fromkeys(THREAD_VARIABLES, "1"), **environment}


def launch(module: str, config: dict[str, Any], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a fresh interpreter (never a fork) that runs ``module.main(config)``."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # as multiprocessing does
    config = {"path": sys.path, "parent": os.getpid(), **config}
    command = [sys.executable, *flags, "-c", BOOT.format(module=module), json.dumps(config)]
    return subprocess.Popen(command, **options)


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when its parent ends. To be called first, in the main thread.

    The parent must start its children from a thread that lives as long as it does.
    """
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)
