"""May a goroutine be interrupted where it is now?

The tick arrives inside whatever Python code is running. Whether a goroutine may be switched out there, or
``Cancelled`` be raised in it, is read off its stack, from the interrupted frame down to the one that called
the goroutine's function (``dgo.runtime.calling``), or the loop of the coroutines:

* ``NO``: some frame belongs to code that must not be left halfway while other goroutines of the same thread
  run: the import machinery, gevent, greenlet, logging, thread synchronisation, finalisation by
  weakref, dgo's own runtime; or asyncio itself was interrupted, not a coroutine or callback that it has called;
  or no goroutine's function has been called.
* ``SWITCH``: others may run now. The caller also asks whether this thread owns the node's lock, which the stack
  does not tell. A ``__del__`` is never more than that: what is raised in it is lost.
* ``RAISE``: an exception may come out of nowhere here, too: it is the user's own code that was interrupted
  (or library code that it called), not one of dgo's public modules, which may be between two steps of an
  operation. Code of the user's that such a module has called is the user's again.
* ``RAISE_IN_ASYNCIO``: as ``RAISE``, but asyncio has called that code: an exception has to be one of asyncio's.

Where dgo's runtime is compiled it has no frames. What it calls on purpose is called by modules that are not compiled
(``dgo.runtime.calling``, the snapshots). What is left is code that runs unasked inside one of its steps: a ``__del__``,
a weakref's callback, a generator that is closed. Most of these steps are done under the node's lock. For the others
there are the public modules that call nothing of the program's (``STEP``): whatever is above one of them on the stack,
and is not the library of public modules itself, has been called from inside the runtime: ``NO``.
"""

from __future__ import annotations

import os
from types import CodeType, FrameType

import gevent
import greenlet

import dgo
import dgo_worker
from dgo.runtime.calling import call_function

__all__ = ["NO", "RAISE", "RAISE_IN_ASYNCIO", "SWITCH", "begins_at", "may_throw", "verdict"]

NO, SWITCH, RAISE, RAISE_IN_ASYNCIO = range(4)

# What a file's code is.
PROTECTED, STEP, FACADE, LIBRARY, USER, ASYNCIO = range(6)


def _directory(file: str | None) -> str:
    assert file is not None
    return os.path.dirname(file) + os.sep


STANDARD_LIBRARY = _directory(os.__file__)
PROTECTED_MODULES = (
    "_threading_local.py",
    "_weakrefset.py",
    "importlib/",
    "logging/",
    "queue.py",
    "selectors.py",
    "threading.py",
    "weakref.py",
)
PUBLIC_PART = _directory(dgo.__file__)
RUNTIME = tuple(
    f"{PUBLIC_PART}{part}{os.sep}" for part in ("cli", "coordinator", "core", "runtime", "testing", "transport", "wire")
)
CALL_NOTHING = frozenset(
    f"{PUBLIC_PART}{module}.py"
    for module in (
        "channels",
        "context",
        "goroutines",
        "selection",
        "time",
        *(f"sync{os.sep}{name}" for name in ("atomic", "cond", "errgroup", "locks", "map", "semaphore", "waitgroup")),
    )
)
OTHERS_RUNTIME = tuple(_directory(module.__file__) for module in (gevent, greenlet, dgo_worker))
IMPORT_MACHINERY = ("<frozen importlib", "<frozen zipimport", f"{STANDARD_LIBRARY}importlib{os.sep}")


RESUMES_COROUTINES = os.path.join(PUBLIC_PART, "runtime", "awaiting.py")  # like asyncio, of which it is an extension


def _kind(file: str) -> int:
    if file.startswith(IMPORT_MACHINERY):
        return PROTECTED
    if file.startswith("<frozen "):
        return LIBRARY
    if file == RESUMES_COROUTINES:
        return ASYNCIO
    if file.startswith(RUNTIME) or file.startswith(OTHERS_RUNTIME):
        return PROTECTED
    if file in CALL_NOTHING:
        return STEP
    if file.startswith(PUBLIC_PART):
        return FACADE
    if file.startswith(STANDARD_LIBRARY):
        inside = file.removeprefix(STANDARD_LIBRARY)
        if inside.startswith("asyncio/"):
            return ASYNCIO
        if inside.startswith(PROTECTED_MODULES):
            return PROTECTED
        if not inside.startswith(("site-packages", "dist-packages")):
            return LIBRARY
    return USER


class _Kinds(dict[str, int]):
    """The kind of each file seen so far."""

    def __missing__(self, file: str) -> int:
        kind = self[file] = _kind(file)
        return kind


_kinds = _Kinds()
_bases = {call_function.__code__}


def begins_at(code: CodeType) -> None:
    """A frame of this code has called what may be interrupted."""
    _bases.add(code)


def verdict(frame: FrameType | None) -> int:
    """What may be done to a goroutine that was interrupted in ``frame``: one of the four above."""
    kinds = _kinds
    bases = _bases
    first = LIBRARY  # the first kind that is no library's
    found = RAISE
    inside = foreign = finalizes = False  # there are frames; others than public modules'; one of a ``__del__``
    while frame is not None:
        code = frame.f_code
        if code in bases:
            if not inside:
                return NO
            return SWITCH if first == FACADE or finalizes else found
        inside = True
        kind = kinds[code.co_filename]
        if kind == PROTECTED:
            return NO
        if kind == STEP:
            if foreign:
                return NO
            kind = FACADE
        elif kind != FACADE:
            foreign = True
            if code.co_name == "__del__":
                finalizes = True
        if kind == ASYNCIO:
            if first == LIBRARY:
                return NO
            found = RAISE_IN_ASYNCIO
        if first == LIBRARY:
            first = kind
        frame = frame.f_back
    return NO


def may_throw(frame: FrameType | None) -> bool:
    """Whether ``Cancelled`` may be raised in a goroutine that waits in gevent, in ``frame``: not in an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORT_MACHINERY):
            return False
        frame = frame.f_back
    return True
