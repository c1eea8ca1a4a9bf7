"""What a person or an editor sees of dgo: its public names, their docstrings and signatures."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import pydoc
import rlcompleter
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import dgo

CLASSES = [name for name in dgo.__all__ if inspect.isclass(getattr(dgo, name))]


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public attributes that dgo itself gives to a class (not ``args`` of exceptions and the like)."""
    for base in cls.__mro__:
        if base.__module__.startswith("dgo"):
            for name, value in vars(base).items():
                if not name.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                    yield name, value


def import_everything() -> None:
    for module in pkgutil.walk_packages(dgo.__path__, "dgo."):
        importlib.import_module(module.name)


def test_dir_is_the_public_list() -> None:
    assert dir(dgo) == sorted(dgo.__all__)
    assert len(set(dgo.__all__)) == len(dgo.__all__)


def test_dir_is_the_public_list_also_when_every_module_is_imported() -> None:
    import_everything()
    assert "channels" in vars(dgo)
    assert dir(dgo) == sorted(dgo.__all__)


def test_every_name_of_dir_is_there() -> None:
    assert [name for name in dir(dgo) if not hasattr(dgo, name)] == []


def test_completion_at_the_prompt_offers_the_public_list() -> None:
    import_everything()
    completer = rlcompleter.Completer({"dgo": dgo})
    offered = []
    while (text := completer.complete("dgo.", len(offered))) is not None:
        offered.append(text.removeprefix("dgo.").rstrip("()"))
    assert sorted(offered) == sorted(name for name in dgo.__all__ if not name.startswith("_"))


def test_asking_for_names_and_their_docstrings_starts_no_cluster() -> None:
    program = "import dgo, inspect; [inspect.getdoc(getattr(dgo, n)) for n in dir(dgo)]; print(dgo.is_initialized())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", [name for name in dgo.__all__ if name not in ("DEFAULT", "__version__")])
def test_a_public_name_has_a_docstring(name: str) -> None:
    text = inspect.getdoc(getattr(dgo, name))
    assert text
    assert text.split("\n")[0].rstrip().endswith((".", ":", ";", ","))


@pytest.mark.parametrize("name", CLASSES)
def test_the_public_methods_of_a_class_have_docstrings(name: str) -> None:
    cls = getattr(dgo, name)
    assert cls.__doc__ != getattr(cls.__base__, "__doc__", None)
    assert [member for member, value in public_members(cls) if not inspect.getdoc(value)] == []


def test_a_signature_says_what_a_function_takes() -> None:
    assert list(inspect.signature(dgo.go).parameters) == ["fn", "args", "kwargs"]
    assert list(inspect.signature(dgo.Chan).parameters) == ["capacity", "name"]
    assert inspect.signature(dgo.select).parameters["timeout"].default is None
    assert inspect.signature(dgo.map).parameters["ordered"].default is True
    assert list(inspect.signature(dgo.Chan.recv).parameters) == ["self", "timeout"]


def test_help_of_a_channel_shows_what_it_can_do() -> None:
    text = pydoc.plain(pydoc.render_doc(dgo.Chan))
    for part in ("a typed conduit between goroutines", "send(self, value", "recv_ok(self", "receiver(self)"):
        assert part in text


def test_a_direction_has_none_of_the_methods_of_the_other() -> None:
    sending = {name for name, _ in public_members(dgo.SendChan)}
    receiving = {name for name, _ in public_members(dgo.RecvChan)}
    assert {"send", "send_nowait", "close"} <= sending
    assert {"recv", "recv_ok", "recv_nowait"} <= receiving
    assert sending & receiving == {"capacity", "closed", "name"}
    assert not hasattr(dgo.SendChan, "__iter__")


def test_a_channel_is_an_instance_of_both_directions_and_a_direction_of_its_own_only() -> None:
    assert issubclass(dgo.Chan, dgo.SendChan)
    assert issubclass(dgo.Chan, dgo.RecvChan)
    assert not issubclass(dgo.SendChan, (dgo.Chan, dgo.RecvChan))
    assert not issubclass(dgo.RecvChan, (dgo.Chan, dgo.SendChan))
