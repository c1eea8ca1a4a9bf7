"""Modules of the user's project, as the driver gives them to workers.

A worker that cannot find a module asks the driver of its goroutine (``Msg.GET_MODULE``). What is given: the
source of modules that the driver can import and that nobody installed, so not the standard library, not what
is under ``site-packages`` or ``dist-packages``, not dgo itself, not ``__main__`` (its functions travel by
value). A package without ``__init__`` is one with an empty source and no file name. Only Python source
travels: extension modules and data files of a project do not; pass data as arguments, or put it where every
worker finds it.

Invariants:

1. Nothing is imported to find out: a module that the program has loaded is known by its spec, any other is
   searched for along the path of its parent.
2. Within one program a module has one source: what was given once is given again, even if the file has
   changed meanwhile. The next run reads it anew.
3. Every question is answered, with None if there is nothing to give.

It runs in the driver's input thread, under the node's lock, so it only looks at files. In particular it takes
no lock of the import system for a module of the user's: the main thread may hold one while it waits for us.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourcelessFileLoader
from importlib.util import decode_source
from typing import TYPE_CHECKING, Any

from dgo.wire.messages import Msg

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["ProjectModules", "failed_import", "say_how_to_add"]

log = logging.getLogger("dgo.modules")

INSTALLED = frozenset({"site-packages", "dist-packages"})
NEVER = sys.stdlib_module_names | {"__main__", "__mp_main__", "dgo", "dgo_worker"}
STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep

Answer = list[Any]  # is it a package, its file name, its source


class ProjectModules:
    """Answers the workers' questions for modules, in a driver."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._given: dict[str, Answer] = {}
        node.handle(Msg.GET_MODULE, self._on_get_module)

    def _on_get_module(self, peer: int, frames: list[bytes], question: int, name: str) -> None:
        self._node.links.post(peer, [Msg.MODULE, question, self._answer(name)])

    def _answer(self, name: str) -> Answer | None:
        given = self._given.get(name)
        if given is None:
            try:
                given = read_module(name)
            except Exception:  # loaders and specs may be anybody's; whatever they raise, a worker waits
                log.debug("module %r cannot be given to a worker", name, exc_info=True)
            if given is not None:
                self._given[name] = given
        return given


def read_module(name: str) -> Answer | None:
    """What a worker needs to run the module itself; None if it is none of the user's, or has no source."""
    parts = name.split(".")
    if parts[0] in NEVER or not all(map(str.isidentifier, parts)):
        return None
    spec = _find(name)
    if spec is None or spec.name != name:  # another name for a module: made by code that workers run too
        return None
    locations = spec.submodule_search_locations
    if spec.origin is None and locations is not None:
        return None if all(map(_is_installed, locations)) else [True, "", ""]
    if spec.origin is None or not spec.has_location or _is_installed(spec.origin):
        return None
    source = _source(spec, spec.origin)
    if source is None:
        return None
    source.encode()  # raises now what it would raise when the answer is sent
    return [locations is not None, os.fsencode(spec.origin).decode("utf-8", "backslashreplace"), source]


def _find(name: str) -> ModuleSpec | None:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(spec, ModuleSpec):
        return spec
    parent = name.rpartition(".")[0]
    path = _search_path(parent) if parent else None
    if parent and path is None:
        return None
    return _find_below(name, path) or _find_editable(name, path)


def _search_path(package: str) -> list[str] | None:
    path: Iterable[str] | None = getattr(sys.modules.get(package), "__path__", None)
    if path is None:
        spec = _find(package)
        path = None if spec is None else spec.submodule_search_locations
    return None if path is None else list(path)


def _find_below(name: str, path: list[str] | None) -> ModuleSpec | None:
    try:
        return PathFinder.find_spec(name, path)
    except KeyError:  # it is a package without __init__ whose parent is not loaded, which its spec cannot bear
        spec = ModuleSpec(name, None, is_package=True)
        folders = [os.path.join(entry, name.rpartition(".")[2]) for entry in path or ()]
        spec.submodule_search_locations = list(filter(os.path.isdir, folders))
        return spec


def _find_editable(name: str, path: list[str] | None) -> ModuleSpec | None:
    """A project that is being worked on may be installed as a finder that knows where its source is."""
    for finder in sys.meta_path:
        if str(getattr(finder, "__module__", "")).startswith("__editable__"):
            spec = finder.find_spec(name, path, None)
            if spec is not None:
                return spec
    return None


def _is_installed(path: str) -> bool:
    return not INSTALLED.isdisjoint(path.split(os.sep)) or path.startswith(STANDARD_LIBRARY)


def _source(spec: ModuleSpec, file: str) -> str | None:
    if isinstance(spec.loader, ExtensionFileLoader | SourcelessFileLoader):
        return None
    try:
        with open(file, "rb") as opened:
            return decode_source(opened.read())
    except OSError:  # in an archive
        get_source = getattr(spec.loader, "get_source", None)
        source: str | None = None if get_source is None else get_source(spec.name)
        return source


# ---- what a worker says about imports that fail ------------------------------------------------------


def failed_import(error: BaseException) -> ImportError | None:
    """The failed import among the causes of a ``SerializationError``."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ImportError):
        cause = cause.__cause__
    return cause


def say_how_to_add(error: ModuleNotFoundError, worker: str) -> None:
    """Has the error name the worker, the package and what to do; one that does already is left alone."""
    text = str(error)
    if not error.name or not text.startswith(f"No module named {error.name!r}") or " on worker " in text:
        return
    package = error.name.partition(".")[0]
    error.msg = (
        f"{text} on worker {worker}. If {package!r} is an installed package, add it to the workers' environment "
        f"or image (`pip install {package}` there, if that is its name); if it is a module of your own project, "
        "make it importable by the driver: dgo ships the source of what the driver finds on its sys.path "
        "outside site-packages, and no extension modules"
    )
    error.args = (error.msg,)
