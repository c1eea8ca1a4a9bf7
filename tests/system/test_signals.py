"""A signal reaches a driver's blocked call, also one that did not wake it.

A signal that comes just before the main thread falls asleep does not wake it: Python only notes it. Here that moment is
made: the main thread does not take the signal, another thread does, so that nothing wakes the main thread.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from .drivers import Driver

PROGRAM = """
    import os, signal, threading, time
    import dgo

    dgo.init(workers=1)
    dgo.go(abs, 1).result()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        WAIT
    except KeyboardInterrupt:
        print("interrupted", dgo.go(abs, -2).result())
"""


@pytest.mark.parametrize(
    "wait",
    [
        "dgo.sleep(1000)",
        pytest.param("dgo.Chan().recv(timeout=1000)", marks=pytest.mark.slow),
        pytest.param("dgo.go(time.sleep, 1000).result()", marks=pytest.mark.slow),
    ],
)
def test_a_signal_that_woke_nobody_ends_a_blocked_call_all_the_same(driver: Callable[..., Driver], wait: str) -> None:
    running = driver(PROGRAM.replace("WAIT", wait))
    assert running.line(seconds=20) == "interrupted 2"
    running.signal(signal.SIGTERM)
    running.wait(20)
