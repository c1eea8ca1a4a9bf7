"""The coordinator process of an embedded cluster: coordinator and supervisor in one.

It lives exactly as long as its driver: a descriptor of the driver's process (and the pipe on its standard
input) says when that has ended, whatever way. Then the workers are killed, the private directory is
removed, and it ends.

The workers are started before anything else is imported: they start up while this process does.
"""

from __future__ import annotations

import os
import signal
import sys

from dgo_worker.launch import launch, new_node_id, remove_directory, thread_settings
from dgo_worker.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["main"]


def main(config: dict[str, Any]) -> None:
    """Runs the embedded cluster of one driver."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # they are the driver's; its end is ours
    _become_reaper()
    directory = config["directory"]
    try:
        driver = os.pidfd_open(config["parent"])
    except ProcessLookupError:
        remove_directory(directory)
        return
    if os.getppid() != config["parent"]:
        remove_directory(directory)
        return
    own = new_node_id()
    supervisor = Supervisor(config["workers"], lambda slot: _launch(slot, config, own), lambda node, cause: None)
    try:
        supervisor.start()
        _serve(config, own, supervisor, driver)
    finally:
        supervisor.kill()
        remove_directory(directory)
        _kill_orphans()
    os._exit(0)  # nothing is left to do, and the interpreter's own end takes longer than all that


def _launch(slot: int, config: dict[str, Any], own: int) -> Any:
    node = new_node_id()
    directory = config["directory"]
    worker = {
        "node": node,
        "name": f"worker-{slot + 1}",
        "supervisor": own,
        "address": f"{config['scheme']}{directory}/coordinator",
        "bind": f"{config['scheme']}{directory}/{node:012x}",
        "patch": config.get("patch", True),
        "path": config["path"],
    }
    process = launch(
        "dgo_worker.process",
        worker,
        stdin=-3,  # subprocess.DEVNULL
        env=thread_settings(dict(os.environ)),
        process_group=0,
    )
    return process, node


def _serve(config: dict[str, Any], own: int, supervisor: Supervisor, driver: int) -> None:
    import time

    from dgo.coordinator.service import Coordinator
    from dgo.runtime.waiting import InputWait
    from dgo.transport.opening import transport_for

    address = f"{config['scheme']}{config['directory']}/coordinator"
    transport = transport_for(address, watch_connections=True)
    transport.bind(address)
    os.write(config["listening"], b".")
    os.close(config["listening"])
    coordinator = Coordinator(own, transport, time.monotonic)
    gone: list[int] = []
    coordinator.on_driver_gone = gone.append
    supervisor.on_exit = coordinator.lose
    wait = InputWait(transport)
    wait.watch(driver)
    wait.watch(0)
    watched: set[int] = set()
    stopped: set[int] = set()
    next_tick = 0.0
    while not gone:
        readable = [] if wait.prepare() else wait.wait(next_tick - time.monotonic())
        if driver in readable or 0 in readable:
            return
        if readable or time.monotonic() >= next_tick:  # a worker has ended, or is to be started again
            supervisor.step()
            now_watched = set(supervisor.descriptors())
            for descriptor in watched - now_watched:
                wait.unwatch(descriptor)
            for descriptor in now_watched - watched:
                wait.watch(descriptor)
            watched = now_watched
        if supervisor.hopeless and not coordinator.members.with_role("worker"):
            sys.stderr.write("dgo: the worker processes end as soon as they are started; see their errors above\n")
            return
        coordinator.step()
        if time.monotonic() >= next_tick:
            were_stopped, stopped = stopped, supervisor.stopped()  # a Unix socket does not tell
            for node in were_stopped - stopped:
                coordinator.members.back(node)
            for node in stopped:
                coordinator.members.suspect(node, time.monotonic())
            coordinator.tick()
            next_tick = time.monotonic() + 0.1


def _become_reaper() -> None:
    """What the workers' goroutines start and leave becomes our child, so that we can end it."""
    import ctypes

    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1)


def _kill_orphans() -> None:
    """Ends what was left to us; the children of what we end are left to us in their turn."""
    while children := _children():
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []
