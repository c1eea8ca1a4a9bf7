"""What may be compiled, and with what (``setup.py``)."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import dgo
import dgo_worker
from dgo.runtime.build import compiled

ROOT = Path(__file__).parents[2]
OPEN_CLASS = re.compile(r"^@mypyc_attr\(allow_interpreted_subclasses=True\)\nclass (\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def modules() -> frozenset[str]:
    """The modules that the compiled build compiles."""
    with mock.patch.dict(sys.modules, setuptools=mock.Mock()), mock.patch.dict(os.environ):
        os.environ.pop("DGO_COMPILE", None)
        paths = runpy.run_path(str(ROOT / "setup.py"))["MODULES"]
    return frozenset(path.removesuffix(".py").replace("/", ".") for path in paths)


def classes() -> Iterator[type]:
    for package in (dgo, dgo_worker):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.startswith(("dgo.cli", "dgo.joblib", "dgo_worker.")):
                continue  # programs, and what needs a patched process
            module = importlib.import_module(found.name)
            yield from (
                value for value in vars(module).values() if isinstance(value, type) and value.__module__ == found.name
            )


def test_a_class_that_derives_from_a_compiled_one_is_compiled_or_allowed(modules: frozenset[str]) -> None:
    allowed = {
        f"{name}.{found}"
        for name in modules
        for found in OPEN_CLASS.findall((ROOT / f"{name.replace('.', '/')}.py").read_text())
    }
    wrong = [
        f"{cls.__module__}.{cls.__name__} derives from {base.__module__}.{base.__name__}"
        for cls in classes()
        for base in cls.__mro__[1:]
        if base.__module__ in modules
        and cls.__module__ not in modules
        and f"{base.__module__}.{base.__name__}" not in allowed
    ]
    assert not wrong


def test_a_class_that_is_compiled_derives_from_compiled_ones_only(modules: frozenset[str]) -> None:
    wrong = [
        f"{cls.__module__}.{cls.__name__} derives from {base.__module__}.{base.__name__}"
        for cls in classes()
        for base in cls.__mro__[1:]
        if cls.__module__ in modules and base.__module__.partition(".")[0] == "dgo" and base.__module__ not in modules
    ]
    assert not wrong


def test_what_calls_the_program_is_not_compiled(modules: frozenset[str]) -> None:
    interpreted = {"dgo.runtime.calling", "dgo.runtime.coroutines", "dgo.wire.snapshot.pickling"}
    assert not modules & interpreted
    assert not [name for name in modules if not name.startswith(("dgo.core.", "dgo.runtime.", "dgo.wire."))]


def test_the_build_is_known(modules: frozenset[str]) -> None:
    files = {name: importlib.import_module(name).__file__ or "" for name in modules}
    assert {file.endswith(".py") for file in files.values()} == {not compiled()}
