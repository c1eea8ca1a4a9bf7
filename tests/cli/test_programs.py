"""Each program on its own: help, refusals, exit statuses."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

import dgo

from .programs import Cluster, Programs, write

PROGRAMS = {
    "dgo": ("dgo.cli.main", ()),
    "dgo run": ("dgo.cli.main", ("run",)),
    "dgo status": ("dgo.cli.main", ("status",)),
    "dgo coordinator": ("dgo.cli.main", ("coordinator",)),
    "dgo worker": ("dgo.cli.main", ("worker",)),
    "dgo-coordinator": ("dgo.cli.coordinator", ()),
    "dgo-worker": ("dgo_worker.cli", ()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_teaches_with_examples_and_exit_statuses(programs: Programs, name: str) -> None:
    module, argv = PROGRAMS[name]
    done = programs.run(module, *argv, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {name} ")
    assert "examples:\n  dgo" in done.stdout
    assert "exit status" in done.stdout


def test_dgo_tells_its_version(programs: Programs) -> None:
    assert programs.run("dgo.cli.main", "--version").stdout == f"dgo {dgo.__version__}\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_unknown_option_is_a_usage_error_on_stderr(programs: Programs, name: str) -> None:
    module, argv = PROGRAMS[name]
    done = programs.run(module, *argv, "--nonsense")
    assert done.returncode == 64
    assert done.stdout == ""
    assert "--help" in done.stderr


# ---- the coordinator ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"])
def test_a_coordinator_does_not_listen_beyond_the_loopback_unasked(programs: Programs, address: str) -> None:
    done = programs.run("dgo.cli.coordinator", "--bind", address)
    assert done.returncode == 78
    assert "--insecure" in done.stderr


def test_an_insecure_coordinator_listens_everywhere_and_says_so_loudly(programs: Programs) -> None:
    coordinator = programs.module("dgo.cli.coordinator", DGO_BIND="tcp://0.0.0.0:0", DGO_INSECURE="1")
    coordinator.wait_for("INSECURE")
    port = coordinator.wait_for(r"listening at tcp://0\.0\.0\.0:(\d+)").group(1)
    done = programs.run("dgo.cli.main", "status", "--address", f"tcp://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr


def test_a_taken_port_is_a_configuration_error(programs: Programs, cluster: Cluster) -> None:
    done = programs.run("dgo.cli.coordinator", "--bind", cluster.address)
    assert done.returncode == 78
    assert "another process" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_coordinator_without_goroutines_drains_at_once_and_ends_well(cluster: Cluster, number: int) -> None:
    cluster.coordinator.signal(number)
    assert cluster.coordinator.end() == 0
    assert "drained" in cluster.coordinator.output
    assert "Traceback" not in cluster.coordinator.output


def test_logs_are_an_object_a_line_unless_stderr_is_a_terminal(cluster: Cluster) -> None:
    cluster.coordinator.signal(signal.SIGTERM)
    cluster.coordinator.end()
    for line in cluster.coordinator.lines:
        assert {"ts", "level", "event"} <= json.loads(line).keys()


# ---- the worker --------------------------------------------------------------------------------------


def test_a_worker_wants_to_know_its_coordinator(programs: Programs) -> None:
    done = programs.run("dgo_worker.cli")
    assert done.returncode == 64
    assert "DGO_ADDRESS" in done.stderr


@pytest.mark.parametrize(
    "argv",
    [("--address", "tcp://192.0.2.1:7117"), ("--address", "tcp://127.0.0.1:1", "--bind", "tcp://0.0.0.0:0")],
)
def test_workers_do_not_listen_beyond_the_loopback_unasked(programs: Programs, argv: tuple[str, ...]) -> None:
    done = programs.run("dgo_worker.cli", *argv)
    assert done.returncode == 78
    assert "--insecure" in done.stderr


def test_a_worker_that_finds_no_coordinator_ends_with_69_and_names_the_address(programs: Programs) -> None:
    done = programs.run("dgo_worker.cli", "--address", "tcp://127.0.0.1:1", "--join-timeout", "0.5")
    assert done.returncode == 69
    assert "tcp://127.0.0.1:1" in done.stderr


def test_ctrl_c_ends_a_worker_that_is_still_looking_for_its_coordinator(programs: Programs) -> None:
    worker = programs.module("dgo_worker.cli", "--address", "tcp://127.0.0.1:1", "--log-level", "debug")
    worker.wait_for("looking for the coordinator")
    worker.signal(signal.SIGINT)
    assert worker.end() == 0
    assert "Traceback" not in worker.output


def test_a_worker_waits_for_a_coordinator_that_starts_later(programs: Programs, cluster: Cluster) -> None:
    cluster.coordinator.signal(signal.SIGTERM)
    cluster.coordinator.end()
    worker = programs.module("dgo_worker.cli", "--address", cluster.address, "--procs", "1", "--log-level", "debug")
    worker.wait_for("looking for the coordinator")
    programs.module("dgo.cli.coordinator", "--bind", cluster.address).wait_for("worker .*/1 joined")


def test_an_address_of_another_machine_is_no_address_to_listen_at(programs: Programs, cluster: Cluster) -> None:
    done = programs.run("dgo_worker.cli", "--address", cluster.address, "--bind", "tcp://192.0.2.1:0", "--insecure")
    assert done.returncode == 78
    assert "cannot listen at tcp://192.0.2.1:0" in done.stderr


@pytest.mark.parametrize(
    ("fact", "value", "reason"),
    [("python", "'2.7'", "Python 2.7 cannot"), ("protocol", "999", "protocol version 999")],
)
def test_a_worker_of_another_version_is_refused_with_77_and_the_reason(
    programs: Programs, cluster: Cluster, tmp_path: Path, fact: str, value: str, reason: str
) -> None:
    script = write(
        tmp_path,
        f"""
import sys
import dgo.cli.member as member
real = member.facts_of_this_process
member.facts_of_this_process = lambda *arguments: real(*arguments) | {{"{fact}": {value}}}
from dgo_worker.cli import main
sys.exit(main(["--address", "{cluster.address}"]))
""",
    )
    worker = programs.start(str(script))
    assert worker.end() == 77
    assert reason in worker.output


# ---- status ------------------------------------------------------------------------------------------


def test_status_without_a_coordinator_ends_with_69_within_five_seconds(programs: Programs) -> None:
    begun = time.monotonic()
    done = programs.run("dgo.cli.main", "status", "--address", "tcp://127.0.0.1:1")
    assert done.returncode == 69
    assert "tcp://127.0.0.1:1" in done.stderr
    assert time.monotonic() - begun < 5


def test_status_of_an_empty_cluster_tells_how_to_get_workers(programs: Programs, cluster: Cluster) -> None:
    done = programs.run("dgo.cli.main", "status", DGO_ADDRESS=cluster.address)
    assert done.returncode == 0
    assert "0 workers" in done.stdout
    assert "dgo-worker" in done.stdout


def test_status_shows_a_line_for_each_worker(programs: Programs, cluster: Cluster) -> None:
    cluster.worker("--procs", "2", "--label", "disk=ssd", "--resource", "gpu=1.5")
    done = programs.run("dgo.cli.main", "status", "--address", cluster.address)
    head, columns, first, second = done.stdout.splitlines()
    assert "2 workers" in head
    assert columns.split() == ["NAME", "HOST", "PID", "STATE", "GOROUTINES", "LABELS"]
    assert first.split()[0] == "w/1"
    assert second.split()[0] == "w/2"
    assert second.split()[3:] == ["alive", "0", "disk=ssd"]
    assert cluster.status()["workers"][0]["resources"] == {"gpu": 1.5}


# ---- run ---------------------------------------------------------------------------------------------


def test_run_gives_the_script_its_arguments_its_folder_and_its_name(programs: Programs, tmp_path: Path) -> None:
    script = write(tmp_path, "import sys; print(__name__, sys.argv[1:], sys.path[0])")
    done = programs.run("dgo.cli.main", "run", str(script), "--workers", "x", "-h")
    assert done.stdout == f"__main__ ['--workers', 'x', '-h'] {tmp_path}\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [("raise SystemExit(7)", 7), ("raise ValueError", 1), ("import os; os.kill(os.getpid(), 9)", -9)],
)
def test_run_ends_as_the_script_does(programs: Programs, tmp_path: Path, text: str, status: int) -> None:
    assert programs.run("dgo.cli.main", "run", str(write(tmp_path, text))).returncode == status


def test_run_chooses_the_cluster_through_the_environment(programs: Programs, tmp_path: Path) -> None:
    script = write(tmp_path, "import os; print(os.environ.get('DGO_ADDRESS'), os.environ.get('DGO_WORKERS'))")
    attached = programs.run("dgo.cli.main", "run", "--address", "somewhere", str(script), DGO_WORKERS="3")
    assert attached.stdout == "tcp://somewhere:7117 None\n"
    embedded = programs.run("dgo.cli.main", "run", "--workers", "2", str(script), DGO_ADDRESS="tcp://x:1")
    assert embedded.stdout == "None 2\n"


def test_run_refuses_both_a_cluster_and_a_number_of_workers(programs: Programs) -> None:
    done = programs.run("dgo.cli.main", "run", "--address", "a", "--workers", "1", "x.py")
    assert done.returncode == 64
