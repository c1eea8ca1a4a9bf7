"""Modules of the users' projects, as a worker gets them from drivers.

The last finder on ``sys.meta_path``: what this host has is never asked for. In a goroutine it asks the
driver whose program the goroutine belongs to, at most once for each name, and the goroutine waits as it does
for anything else, so others run on, until they import something themselves (see ``turns``). The module locks of
the import system are gevent's here: a second goroutine that imports the same module waits for the first. In a
worker without gevent's patches they are not, so there the whole process waits.

Only source travels, not data files; a shipped package has an empty ``__path__``, so ``pkgutil`` and
``importlib.resources`` find nothing in it. The file name of a shipped module is ``dgo-shipped:`` and its path
at the driver; tracebacks show its lines. When a driver ends, its modules go.

A process has one module of a name. Two drivers may use it at the same time if the module's content is the same
for both; a driver whose content is another gets an ``ImportError``. That cannot be left to the moment of the
import, since a function that came from one driver may be kept here by content hash, with the modules that
it refers to, and serve a call of the other.

Invariants:

1. A job is *admitted* before the first of its goroutines starts here: then its driver has been asked for every
   module in ``_held``, and none differs.
2. A module enters ``_held`` when all admitted jobs have been asked for it. Jobs with another content lose
   their admission, or, if goroutines of theirs are running, the import is refused.
3. A module in ``_held`` belongs to one or more jobs that are alive; when the last of them ends it leaves
   ``sys.modules``, and no object made from code that may refer to it is kept.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, NamedTuple, cast

from dgo.core.ticket import DONE, Ticket
from dgo.runtime.node import Node
from dgo.runtime.waiting import InputWait
from dgo.transport.interface import PolledTransport
from dgo.wire.messages import Msg, ProtocolError
from dgo.wire.snapshot import code
from dgo_worker.turns import ImportTurns

__all__ = ["ShippedModules"]

HASH_BYTES = 16
SCHEME = "dgo-shipped:"
LOOK_SECONDS = 0.05  # for timers, while an unpatched worker waits


class Version(NamedTuple):
    """A module as one driver has it; ``file`` is empty for a package without ``__init__``."""

    is_package: bool
    file: str
    source: str
    digest: bytes


class Held:
    """A shipped module that is, or is about to be, in ``sys.modules``."""

    __slots__ = ("jobs", "version")

    def __init__(self, version: Version, jobs: set[int]) -> None:
        self.version = version
        self.jobs = jobs


class ShippedModules:
    """The finder of one worker, and what was shipped to it.

    Args:
        node: the worker's.
        patched: whether the import system's locks are gevent's.
    """

    def __init__(self, node: Node, *, patched: bool = True) -> None:
        assert node.execution is not None
        self._node = node
        self._execution = node.execution
        self._patched = patched
        self._input: InputWait | None = None
        self._answers: dict[tuple[int, str], Version | None] = {}
        self._asked: dict[tuple[int, str], list[Ticket]] = {}
        self._held: dict[str, Held] = {}
        self._admitted = node.execution.admitted
        self._turns = ImportTurns(node)

    def install(self) -> None:
        """From now on imports in goroutines may ask."""
        node = self._node
        node.handle(Msg.MODULE, self._on_module)
        node.on_death(self._on_death)
        self._execution.admit = self.admit
        sys.meta_path.append(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The finder's protocol. Blocks the calling goroutine while the driver is asked.

        Raises:
            ImportError: another program that is running now has loaded other content under this name here.
        """
        job = self._asking_job()
        if job is None or fullname.partition(".")[0] in sys.stdlib_module_names:
            return None
        with self._turns.asking():
            version = self._version(job, fullname)
            if version is None:
                return None
            self._claim(job, fullname, version)
        return _spec(fullname, version)

    def _asking_job(self) -> int | None:
        task = self._node.host.current()
        # Under the lock nobody may wait: an import there is one of a destructor that runs inside a step.
        if task is None or self._node.lock._is_owned():  # type: ignore[attr-defined] # as threading uses it
            return None
        job: int = task.job
        return job

    # ---- asking ----------------------------------------------------------------------------------

    def _version(self, job: int, name: str) -> Version | None:
        """The module as ``job``'s driver has it; None if it has none to give, or is gone."""
        key = (job, name)
        if key not in self._answers:
            self._ask(key)
        return self._answers.get(key)

    def _ask(self, key: tuple[int, str]) -> None:
        node = self._node
        job, name = key
        with node.lock:
            if node.cause_of_loss(job) is not None:
                return
            ticket = node.host.ticket()
            waiting = self._asked.setdefault(key, [])
            waiting.append(ticket)
            if len(waiting) == 1:
                node.ask(job, [Msg.GET_MODULE, name], partial(self._answered, key))
        self._wait(ticket, name)

    def _answered(self, key: tuple[int, str], version: Version | None) -> None:
        self._answers[key] = version
        for ticket in self._asked.pop(key):
            if ticket.state != DONE:  # not cancelled meanwhile
                ticket.complete()

    def _on_module(self, peer: int, frames: list[bytes], question: int, reply: Any) -> None:
        self._node.answered(question, None if reply is None else _read(reply))

    def _wait(self, ticket: Ticket, name: str) -> None:
        if self._patched:
            self._node.wait(ticket, "module", name)
        else:
            self._wait_as_a_whole(ticket, name)

    def _wait_as_a_whole(self, ticket: Ticket, name: str) -> None:
        """Handles input here until the answer is in, and lets no other goroutine run: the import system knows
        threads only, and would give a half-made module to a goroutine that imports it meanwhile."""
        node = self._node
        if self._input is None:
            self._input = InputWait(cast(PolledTransport, node.transport))  # a real process has no other
        ticket.kind, ticket.target, ticket.since, ticket.timeout = "module", name, node.clock(), None
        node.waits.enter(ticket)
        try:
            while True:
                node.step()
                if ticket.state == DONE:
                    break
                with node.lock:
                    ready = self._input.prepare()
                if not ready:
                    self._input.wait(LOOK_SECONDS)
        finally:
            node.waits.leave(ticket)
        if ticket.error is not None:
            raise ticket.error

    # ---- one content for each name ---------------------------------------------------------------

    def admit(self, job: int) -> None:
        """Lets goroutines of ``job`` start here. Blocks the calling one while the driver is asked.

        Raises:
            ImportError: a module that another program has loaded here is another one in this program.
        """
        while unknown := [name for name, held in self._held.items() if not self._is_settled(job, name, held)]:
            for name in unknown:
                self._version(job, name)
        for name, held in self._held.items():
            version = self._answers.get((job, name))
            if version is None:
                continue
            if version.digest != held.version.digest:
                raise self._conflict(name)
            held.jobs.add(job)
        self._admitted.add(job)

    def _is_settled(self, job: int, name: str, held: Held) -> bool:
        return (job, name) in self._answers or self._node.cause_of_loss(job) is not None

    def _claim(self, job: int, name: str, version: Version) -> None:
        if name not in self._held:
            self._consult(job, name)
        held = self._held.get(name)  # perhaps another job was faster
        if held is not None:
            if held.version.digest != version.digest:
                raise self._conflict(name)
            held.jobs.add(job)
            return
        agreeing = {job}
        for other in self._admitted - {job}:
            theirs = self._answers.get((other, name))
            if theirs is None:
                continue
            if theirs.digest == version.digest:
                agreeing.add(other)
            elif self._is_running(other):
                raise self._conflict(name)
            else:
                self._admitted.discard(other)
        self._held[name] = Held(version, agreeing)

    def _consult(self, job: int, name: str) -> None:
        """Asks the drivers of all admitted jobs, until none is left that was not asked."""
        node = self._node
        while unknown := [
            other
            for other in self._admitted
            if other != job and (other, name) not in self._answers and node.cause_of_loss(other) is None
        ]:
            for other in unknown:
                self._version(other, name)

    def _is_running(self, job: int) -> bool:
        return any(task.job == job and task.carrier is not None for task in self._execution.tasks())

    def _conflict(self, name: str) -> ImportError:
        return ImportError(
            f"module {name!r} of this program differs from module {name!r} of another program that is running "
            f"goroutines on worker {self._node.name} now, and one process can hold only one of them. Give them "
            "different names, run this program when the other one has ended, or give it a cluster of its own",
            name=name,
        )

    # ---- the end of a job ------------------------------------------------------------------------

    def _on_death(self, job: int, cause: str) -> None:
        self._admitted.discard(job)
        for key in [key for key in self._answers if key[0] == job]:
            del self._answers[key]
        orphans = []
        for name, held in self._held.items():
            held.jobs.discard(job)
            if not held.jobs:
                orphans.append(name)
        for name in orphans:
            _unload(name, self._held.pop(name))
        if orphans:
            _forget_objects(self._node.code)

    def __repr__(self) -> str:
        return f"ShippedModules({len(self._held)} held, {len(self._admitted)} jobs)"


class ShippedLoader:
    """Runs the source of a shipped module."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self.file = _shown(version)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The usual kind of module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module's code in it."""
        lines = self._version.source.splitlines(keepends=True)
        # Without a modification time, so that linecache does not look for the file.
        linecache.cache[self.file] = (len(self._version.source), None, lines, self.file)
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, fullname: str) -> CodeType:
        """The compiled source."""
        compiled: CodeType = compile(self._version.source, self.file, "exec", dont_inherit=True)
        return compiled

    def get_source(self, fullname: str) -> str:
        """The source, for ``inspect``."""
        return self._version.source

    def is_package(self, fullname: str) -> bool:
        """Whether it may have submodules."""
        return self._version.is_package


def _spec(name: str, version: Version) -> ModuleSpec:
    loader = ShippedLoader(version)
    spec = ModuleSpec(
        name,
        loader,  # type: ignore[arg-type] # its base class's module costs an embedded worker time to import
        origin=loader.file,
        is_package=version.is_package,
    )
    spec.has_location = bool(version.file)
    return spec


def _shown(version: Version) -> str:
    return f"{SCHEME}{version.file}" if version.file else f"{SCHEME}(a package without __init__)"


def _read(reply: Any) -> Version:
    try:
        is_package, file, source = reply
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"not a module: {error}") from error
    if type(is_package) is not bool or type(file) is not str or type(source) is not str:
        raise ProtocolError("not a module: is_package, file name and source are a bool and two strings")
    kind = b"package" if is_package else b"module"
    digest = hashlib.blake2b(source.encode(), digest_size=HASH_BYTES, person=kind).digest()
    return Version(is_package, file, source, digest)


def _unload(name: str, held: Held) -> None:
    module = sys.modules.get(name)
    if module is not None and isinstance(getattr(module.__spec__, "loader", None), ShippedLoader):
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        above = sys.modules.get(parent)
        if above is not None and vars(above).get(child) is module:  # a package that this host has itself
            delattr(above, child)
    linecache.cache.pop(_shown(held.version), None)


def _forget_objects(store: code.CodeStore) -> None:
    """Functions made from blobs may refer to modules that are gone: they are made again when next called.

    The blobs stay: they name modules, and do not contain them.
    """
    store._blobs.update(code._blobs)  # a store makes objects of the blobs that it has itself
    store._objects.clear()
    code._objects.clear()
