"""What of a program a driver gives to workers, and what a worker says when a module is missing."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgo.errors import SerializationError
from dgo.runtime.modules import failed_import, read_module, say_how_to_add


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which the driver imports."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    loaded = set(sys.modules)
    yield folder
    for name in set(sys.modules) - loaded:
        if name.startswith("mine"):
            del sys.modules[name]


def put(folder: Path, name: str, text: str = "") -> Path:
    """A file, with the folders above it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    importlib.invalidate_caches()
    return file


def test_a_module_is_given_with_its_source(project: Path) -> None:
    file = put(project, "mine.py", "value = 1\n")
    assert read_module("mine") == [False, str(file), "value = 1\n"]


def test_a_package_and_its_submodules_are_given_without_importing_anything(project: Path) -> None:
    put(project, "mine/__init__.py", "raise RuntimeError('imported')\n")
    put(project, "mine/inner/__init__.py", "raise RuntimeError('imported')\n")
    file = put(project, "mine/inner/leaf.py", "value = 2\n")
    assert read_module("mine.inner.leaf") == [False, str(file), "value = 2\n"]
    assert read_module("mine") == [True, str(project / "mine/__init__.py"), "raise RuntimeError('imported')\n"]
    assert "mine" not in sys.modules


def test_a_package_without_init_has_no_source_and_no_file(project: Path) -> None:
    put(project, "mine/inner/leaf.py", "value = 3\n")
    assert read_module("mine") == [True, "", ""]
    assert read_module("mine.inner") == [True, "", ""]
    assert read_module("mine.inner.leaf") == [False, str(project / "mine/inner/leaf.py"), "value = 3\n"]


def test_a_module_that_the_program_found_by_a_path_of_its_own_is_given(project: Path) -> None:
    put(project, "mine/__init__.py", "__path__.append(__path__[0] + '/elsewhere')\n")
    file = put(project, "mine/elsewhere/leaf.py", "value = 4\n")
    importlib.import_module("mine.leaf")
    assert read_module("mine.leaf") == [False, str(file), "value = 4\n"]


def test_a_module_in_an_archive_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "project.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("mine_zipped.py", "value = 5\n")
    monkeypatch.syspath_prepend(str(archive))
    assert read_module("mine_zipped") == [False, f"{archive}/mine_zipped.py", "value = 5\n"]


def test_the_encoding_of_a_source_is_respected(project: Path) -> None:
    (project / "mine.py").write_bytes("# coding: latin-1\nvalue = 'é'\n".encode("latin-1"))
    answer = read_module("mine")
    assert answer is not None
    assert "'é'" in answer[2]


@pytest.mark.parametrize(
    "name",
    ["json", "json.decoder", "sys", "zlib", "_frozen_importlib", "__main__", "__mp_main__", "dgo", "dgo.errors"],
)
def test_the_standard_library_and_the_main_module_and_dgo_are_not_given(name: str) -> None:
    assert read_module(name) is None


@pytest.mark.parametrize("name", ["msgpack", "zmq.error", "greenlet._greenlet", "pytest"])
def test_installed_packages_are_not_given(name: str) -> None:
    assert read_module(name) is None


@pytest.mark.parametrize("installed", ["site-packages", "dist-packages"])
def test_what_lies_under_an_installation_folder_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    folder = tmp_path / installed
    put(folder, "mine_installed.py")
    put(folder, "mine_namespace/leaf.py")
    monkeypatch.syspath_prepend(str(folder))
    assert read_module("mine_installed") is None
    assert read_module("mine_namespace") is None


@pytest.mark.parametrize("file", ["mine.cpython-311-x86_64-linux-gnu.so", "mine.abi3.so", "mine.pyc", "mine.txt"])
def test_what_has_no_source_is_not_given(project: Path, file: str) -> None:
    put(project, file)
    assert read_module("mine") is None


@pytest.mark.parametrize(
    "name", ["", ".", "mine.", "..mine", "../mine", "mine/leaf", "mine leaf", "absent", "absent.leaf"]
)
def test_a_name_that_is_no_module_is_not_given(project: Path, name: str) -> None:
    put(project, "mine/leaf.py")
    assert read_module(name) is None


def test_another_name_of_a_module_is_not_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(project, "mine.py")
    monkeypatch.setitem(sys.modules, "mine_alias", importlib.import_module("mine"))
    assert read_module("mine_alias") is None


def test_a_missing_module_names_the_worker_and_the_package_and_what_to_do() -> None:
    error = ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    say_how_to_add(error, "w/1")
    assert str(error).startswith("No module named 'torch.nn' on worker w/1.")
    assert "pip install torch" in str(error)
    assert "importable by the driver" in str(error)


def test_what_was_said_once_is_not_said_again_by_another_worker() -> None:
    error = ModuleNotFoundError("No module named 'torch'", name="torch")
    say_how_to_add(error, "w/1")
    said = str(error)
    say_how_to_add(error, "w/2")
    assert str(error) == said


def test_a_users_own_words_are_left_alone() -> None:
    error = ModuleNotFoundError("get yourself torch", name="torch")
    say_how_to_add(error, "w/1")
    assert str(error) == "get yourself torch"


def test_the_failed_import_is_found_through_several_causes() -> None:
    missing = ModuleNotFoundError("No module named 'torch'", name="torch")
    inner, outer = SerializationError("inner"), SerializationError("outer")
    inner.__cause__, outer.__cause__ = missing, inner
    assert failed_import(outer) is missing
    outer.__cause__ = json.JSONDecodeError("no import", "", 0)
    assert failed_import(outer) is None
