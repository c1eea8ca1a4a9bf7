"""Where a goroutine may be interrupted, as its stack tells."""

from __future__ import annotations

import os
import sys

import gevent
import pytest

import dgo
import dgo.testing
from dgo_worker.preemption import NO, RAISE, RAISE_IN_ASYNCIO, SWITCH, verdict

LIMIT = 30
USER, OTHER_USER = "/home/somebody/program.py", "<string>"
LIBRARY = os.path.join(os.path.dirname(os.__file__), "statistics.py")
INSTALLED = os.path.join(os.path.dirname(os.__file__), "site-packages", "numpy", "core.py")
PUBLIC = os.path.join(os.path.dirname(dgo.__file__), "combine.py")
STEP = os.path.join(os.path.dirname(dgo.__file__), "channels.py")
SYNC = os.path.join(os.path.dirname(dgo.__file__), "sync", "once.py")


def of_stdlib(name):
    return os.path.join(os.path.dirname(os.__file__), name)


def beside(module, name):
    return os.path.join(os.path.dirname(module.__file__), name)


def stack_of(files):
    """The verdict in a goroutine whose stack, from the outermost frame, is of code of these files."""

    def innermost():
        return verdict(sys._getframe(1))

    call = innermost
    for file in reversed(files):
        names = {"inner": call}
        exec(compile("def step():\n    return inner()\n", file, "exec"), names)
        call = names["step"]
    return call()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param([USER], RAISE, id="a function of the user's"),
        pytest.param([USER, LIBRARY], RAISE, id="the library called by it"),
        pytest.param([USER, INSTALLED, OTHER_USER], RAISE, id="an installed package"),
        pytest.param([USER, PUBLIC], SWITCH, id="a public module of dgo's"),
        pytest.param([USER, PUBLIC, LIBRARY], SWITCH, id="the library called by it for dgo"),
        pytest.param([USER, STEP], SWITCH, id="a public module that calls nothing"),
        pytest.param([USER, PUBLIC, STEP], SWITCH, id="a public module called by another"),
        pytest.param([USER, STEP, OTHER_USER], NO, id="what runs unasked inside a step of dgo's"),
        pytest.param([USER, STEP, LIBRARY], NO, id="the library's, that runs unasked inside a step"),
        pytest.param([USER, STEP, OTHER_USER, PUBLIC], NO, id="dgo called by what runs unasked inside a step"),
        pytest.param([USER, SYNC, OTHER_USER], RAISE, id="the user's code called by dgo"),
        pytest.param([USER, "<frozen importlib._bootstrap>", OTHER_USER], NO, id="a module being imported"),
        pytest.param([USER, of_stdlib("importlib/__init__.py")], NO, id="import_module"),
        pytest.param([USER, of_stdlib("logging/__init__.py"), USER], NO, id="a log handler"),
        pytest.param([USER, of_stdlib("asyncio/events.py"), USER], RAISE_IN_ASYNCIO, id="a coroutine"),
        pytest.param([USER, of_stdlib("asyncio/events.py"), USER, LIBRARY], RAISE_IN_ASYNCIO, id="what it has called"),
        pytest.param([USER, of_stdlib("asyncio/events.py"), USER, PUBLIC], SWITCH, id="dgo called by a coroutine"),
        pytest.param([USER, of_stdlib("asyncio/events.py"), of_stdlib("asyncio/queues.py")], NO, id="asyncio itself"),
        pytest.param(
            [USER, beside(dgo, "runtime/awaiting.py"), USER], RAISE_IN_ASYNCIO, id="a coroutine that was woken"
        ),
        pytest.param([USER, beside(dgo, "runtime/awaiting.py")], NO, id="a coroutine that begins to wait"),
        pytest.param([USER, of_stdlib("threading.py")], NO, id="thread synchronisation"),
        pytest.param([USER, of_stdlib("weakref.py"), USER], NO, id="a finalizer"),
        pytest.param([USER, beside(gevent, "hub.py"), USER], NO, id="gevent"),
        pytest.param([USER, beside(dgo, "runtime/node.py")], NO, id="dgo's runtime"),
        pytest.param([USER, beside(dgo, "wire/snapshot/raw.py"), USER], NO, id="an object being pickled"),
    ],
)
def test_the_verdict_on_a_stack(files, expected):
    with dgo.testing.LocalCluster(nodes=2, seed=1) as cluster:
        assert cluster.run(lambda: dgo.go(stack_of, files).result(timeout=LIMIT)) == expected


class Finalized:
    """Asks for the verdict where its end finds it."""

    def __init__(self, found):
        self.found = found

    def __del__(self):
        self.found.append(verdict(sys._getframe()))


def test_nothing_is_raised_in_a_finalizer_where_it_would_be_lost():
    def finalize():
        found = []
        Finalized(found)
        return found

    with dgo.testing.LocalCluster(nodes=2, seed=1) as cluster:
        assert cluster.run(lambda: dgo.go(finalize).result(timeout=LIMIT)) == [SWITCH]


def test_outside_goroutines_nothing_is_interrupted():
    assert verdict(sys._getframe()) == NO
    assert verdict(None) == NO
