"""A native thread that stands in for the hub.

While a goroutine sits in C code that has released the GIL (NumPy, a database driver), or in Python code that may
not be interrupted, the hub does not come round; but the process must still answer for the objects that it owns.
So when the hub has neither polled nor begun a turn for a while, this thread takes the node's lock and does what the hub
would do with input: it serves the objects, runs timers, makes goroutines ready and sends what is queued. It never runs
a goroutine and never touches anything of gevent's. It also has the main thread ticked: the timer counts CPU
time, and on a busy machine ten milliseconds of it may take long.

Invariants:

1. A step is made under the node's lock, and only if the hub has still not begun a turn since it was last seen:
   a turn ends this thread's part before the hub itself looks at anything.
2. What was made ready or received here is seen by the hub: it is woken at the end.
3. Nothing of gevent's patches is used here: waiting is native.
"""

from __future__ import annotations

import _thread
import logging
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from gevent import monkey

from dgo.runtime.calling import call_function
from dgo.runtime.task import Task

if TYPE_CHECKING:
    from dgo_worker.hub import HubHost

__all__ = ["Sysmon"]

log = logging.getLogger("dgo.worker")

LATE_SECONDS = 0.015  # without a turn, after which the hub is stood in for
IDLE_SECONDS = 0.02  # between two looks while the hub polls
LONG_IDLE_SECONDS = 0.05  # the same, once it has been polling for a while
LONG_IDLE_AFTER = 25  # looks
HOUSEKEEPING_SECONDS = 0.1
STALL_SECONDS = 1.0  # without a turn, after which the goroutine that holds the worker up is reported

_sleep: Callable[[float], None] = monkey.get_original("time", "sleep")
_start: Callable[..., int] = monkey.get_original("_thread", "start_new_thread")
_poll: Callable[[], Any] = monkey.get_original("select", "poll")


class Sysmon:
    """The thread that watches one hub.

    Args:
        host: the hub's host.
        main_thread: the native id of its thread.
    """

    def __init__(self, host: HubHost, main_thread: int) -> None:
        self._host = host
        self._main_thread = main_thread
        self._stopped = False
        self._poll = _poll()
        self._registered: set[int] = set()
        self._generation = -1
        self.stood_in = 0  # how often

    def start(self) -> None:
        """Begins to watch."""
        _start(self._run, ())

    def stop(self) -> None:
        """Ends the watch soon; nothing of the node is touched any more once the caller has had the node's lock."""
        self._stopped = True

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        threading.current_thread().name = "dgo-sysmon"  # else logging would make it a thread of the user's
        host = self._host
        looks = 0
        while not self._stopped:
            if host.polling:
                looks += 1
                self._wait(IDLE_SECONDS if looks < LONG_IDLE_AFTER else LONG_IDLE_SECONDS)
                continue
            looks = 0
            turns = host.turns
            reported = self._wait(LATE_SECONDS)
            if self._is_late(turns):
                self._stand_in(turns, reported)

    def _wait(self, seconds: float) -> bool:
        """Sleeps. If that took very long a goroutine has held the GIL: reports it and returns True.

        It still is where it was: it lets this thread go on as soon as it comes back from C.
        """
        clock = self._host.node.clock
        since = clock()
        _sleep(seconds)
        late = clock() - since - seconds
        return late > STALL_SECONDS and self._report(late)

    def _is_late(self, turns: int) -> bool:
        host = self._host
        return host.turns == turns and not host.polling and not self._stopped

    def _stand_in(self, turns: int, reported: bool) -> None:
        """Serves until the hub comes round; tells of a stall, unless it was ``reported``."""
        self.stood_in += 1
        node = self._host.node
        clock = node.clock
        since = clock()
        keep_house_at = since + HOUSEKEEPING_SECONDS
        _thread.interrupt_main(signal.SIGVTALRM)  # runs the tick's handler there; no system call is interrupted
        while self._is_late(turns):
            now = clock()
            try:
                wait = self._step(turns, now >= keep_house_at)
            except Exception:
                log.exception("an error while standing in for the worker's loop; it goes on")
                wait = LATE_SECONDS
            if now >= keep_house_at:
                keep_house_at = now + HOUSEKEEPING_SECONDS
            if not reported and now - since > STALL_SECONDS:
                reported = True
                self._report(now - since)
            if wait > 0:
                self._poll.poll(wait * 1000)
        self._host.nudge()

    def _step(self, turns: int, keep_house: bool) -> float:
        """Does what the hub would do now; returns how long to wait for input, at most."""
        host = self._host
        node = host.node
        transport = host.transport
        with node.lock:
            if not self._is_late(turns):
                return 0.0
            node.moment = node.clock()
            host.handle_input()
            if keep_house:
                node.housekeeping()
            node.flush()
            if transport.generation != self._generation:
                self._register(transport.descriptors(), transport.generation)
            busy = transport.stale or transport.ready()
            deadline = node.timers.next_deadline()
        if busy:
            return 0.0
        return LATE_SECONDS if deadline is None else max(0.0, min(LATE_SECONDS, deadline - node.clock()))

    def _register(self, descriptors: list[int], generation: int) -> None:
        self._generation = generation
        now = set(descriptors)
        for descriptor in self._registered - now:
            self._poll.unregister(descriptor)
        for descriptor in now - self._registered:
            self._poll.register(descriptor, select.POLLIN)
        self._registered = now

    def _report(self, seconds: float) -> bool:
        """Tells which goroutine has held others up, and where; False if none has, or nobody waits for it."""
        if not self._host.keeps_waiting():
            return False
        frame = sys._current_frames().get(self._main_thread)
        task = running_task(frame)
        if frame is None or task is None:
            return False
        log.warning(
            "goroutine %s (%s) has kept this worker's other goroutines waiting for %.1f s, at %s:%s in %s. Code that "
            "does not come back to Python, or must not be interrupted, stops all goroutines of its process",
            task.id_text,
            task.name,
            seconds,
            frame.f_code.co_filename,
            frame.f_lineno,  # None between two lines
            frame.f_code.co_qualname,
        )
        return True


def running_task(frame: FrameType | None) -> Task | None:
    """The goroutine in whose stack ``frame`` is."""
    while frame is not None:
        if frame.f_code is call_function.__code__:
            task = frame.f_locals.get("task")
            return task if isinstance(task, Task) else None
        frame = frame.f_back
    return None
