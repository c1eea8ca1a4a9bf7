"""One action that is run whenever somebody has asked for it, and never twice at once.

Those who ask may hold any lock and never wait. In the driver the action has a thread of its own, so that what
it calls of the program (done callbacks) blocks nobody else; the thread ends when it has had nothing to do for a
while. On a worker it runs on a carrier, like a goroutine.

Invariants: if ``_asked``, a runner is there, and will look again before it leaves; ``_running`` is True exactly
while there is one. Both change under ``_lock``, which is held for a few steps and is always the last one taken.
"""

from __future__ import annotations

import _thread
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Turns", "active"]

log = logging.getLogger("dgo.turns")

LINGER_SECONDS = 1.0

_active: set[Turns] = set()


def active() -> bool:
    """Whether an action of this process is to be run, or runs: it may wake whoever sleeps."""
    return bool(_active)


class Turns:
    """Runs ``action``.

    Args:
        name: of the thread (which is dgo's own: see ``dgo.runtime.threads``).
        action: what to run; it finds out by itself what there is to do.
        done: whether the thread may end when nobody has asked for a while.
    """

    def __init__(self, name: str, action: Callable[[], object], done: Callable[[], bool]) -> None:
        self._name = name
        self._action = action
        self._done = done
        # Not threading's: on a worker that one may switch to another goroutine, under the node's lock.
        self._lock = _thread.allocate_lock()
        self._asked = False
        self._running = False
        self._bell = _thread.allocate_lock()  # free: it has rung
        self._bell.acquire()
        self._runner: int | None = None

    def ask(self, node: Node) -> None:
        """Has the action run soon: it begins after this call. Under ``node``'s lock."""
        if self._asked:
            return  # it has not begun
        with self._lock:
            self._asked = True
            _active.add(self)
            begin, self._running = not self._running, True
        if node.execution is not None:
            if begin:
                node.host.later(self._run_all)
        elif begin:
            self._begin_thread()
        else:
            self._ring()

    def _begin_thread(self) -> None:
        try:
            threading.Thread(target=self._run_thread, name=self._name, daemon=True).start()
        except RuntimeError as error:  # the interpreter ends, and starts no more threads: nobody is left to be told
            log.debug("%s: %s", self._name, error)
            with self._lock:
                self._running = self._asked = False
                _active.discard(self)

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:  # it has rung before, and has not been heard yet
            pass

    def inside(self) -> bool:
        """Whether the caller is the action, or something that it has called."""
        return self._runner == threading.get_ident()

    def _run_all(self) -> None:
        """Runs until nobody asks; then there is no runner any more."""
        while True:
            with self._lock:
                if not self._asked:
                    self._running = False
                    return
            self._run_once()

    def _run_thread(self) -> None:
        while True:
            if self._asked:
                self._run_once()
                continue
            if not self._bell.acquire(timeout=LINGER_SECONDS):
                with self._lock:
                    if not self._asked and self._done():
                        self._running = False
                        return

    def _run_once(self) -> None:
        self._asked = False  # before the action looks: who asks from here on is seen in the next round
        self._runner = threading.get_ident()
        try:
            self._action()
        except BaseException:  # it must go on, or all those who wait for it would hang
            log.exception("an error in %s; it goes on", self._name)
        finally:
            self._runner = None
            with self._lock:
                if not self._asked:
                    _active.discard(self)
