"""gevent's patches in a worker: the same as patch_all's, whoever is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from dgo_worker.patching import plugins_possible

PLUGIN = """
[console_scripts]
unrelated = nothing:here

[gevent.plugins.monkey.did_patch_all]
told = told_plugin:tell
"""

PATCHED = "from gevent.monkey import saved; print(sorted((module, *sorted(names)) for module, names in saved.items()))"


def distribution(directory: Path, folder: str, text: str) -> None:
    (directory / folder).mkdir(parents=True)
    (directory / folder / "entry_points.txt").write_text(text)


def run(program: str, *path: str) -> str:
    program = f"import sys; sys.path[:0] = {list(path)!r}; {program}"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_the_same_names_are_patched_as_by_gevent_itself() -> None:
    whole = run("from gevent import monkey; monkey.patch_all(sys=False, signal=False, subprocess=True); " + PATCHED)
    assert run("from dgo_worker.patching import patch; patch(); " + PATCHED) == whole


def test_gevent_can_be_told_of_plugins_again_afterwards() -> None:
    program = """
from gevent import events
before = events.notify_and_call_entry_points
from dgo_worker.patching import patch
patch()
print(events.notify_and_call_entry_points is before)
"""
    assert run(f"exec({program!r})") == "True\n"


@pytest.mark.parametrize("folder", ["told-1.0.dist-info", "told.egg-info"])
def test_a_plugin_is_called(tmp_path: Path, folder: str) -> None:
    distribution(tmp_path, folder, PLUGIN)
    (tmp_path / "told_plugin.py").write_text("def tell(event): print(type(event).__name__)\n")
    told = run("from dgo_worker.patching import patch; patch()", str(tmp_path))
    assert told == "GeventDidPatchAllEvent\n"


def test_a_plugin_in_an_egg_is_possible(tmp_path: Path) -> None:
    distribution(tmp_path / "told-1.0.egg", "EGG-INFO", PLUGIN)
    assert plugins_possible([str(tmp_path / "told-1.0.egg")])
    assert not plugins_possible([str(tmp_path)])


def test_other_distributions_are_no_plugins(tmp_path: Path) -> None:
    distribution(tmp_path, "unrelated-1.0.dist-info", "[console_scripts]\nunrelated = nothing:here\n")
    distribution(tmp_path, "gevent-24.2.dist-info", PLUGIN)
    (tmp_path / "old.egg-info").write_text("Name: old\n")
    (tmp_path / "silent-1.0.dist-info").mkdir()
    assert not plugins_possible([str(tmp_path), str(tmp_path / "missing"), ""])


def test_in_an_archive_a_plugin_is_possible(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    assert plugins_possible([str(tmp_path / "archive.zip")])


def test_what_another_importer_knows_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, *_: object) -> list[object]:
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert plugins_possible([])
