"""Workers look for input before they sleep while others talk to them, and not when nobody does."""

from __future__ import annotations

import time
from typing import Any

import pytest

import dgo
from dgo.core.eagerness import PRICE
from dgo.runtime import current

LIMIT = 30


def means() -> int:
    """What this worker could spend on looks in vain."""
    host: Any = current.get().host
    return int(host._eagerness.means)


def talk(balls: dgo.Chan[int], returns: dgo.Chan[int], count: int) -> int:
    """Throws balls, and says how eager that has made its worker."""
    for number in range(count):
        balls.send(number)
        assert returns.recv(timeout=LIMIT) == number
    return means()


def answer(balls: dgo.Chan[int], returns: dgo.Chan[int], count: int) -> None:
    """Throws each ball back."""
    for _ in range(count):
        returns.send(balls.recv(timeout=LIMIT))


@pytest.mark.parametrize("transport", ["unix", "zeromq"])
def test_a_worker_is_eager_in_a_conversation_only(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if transport == "zeromq":
        monkeypatch.setenv("DGO_TRANSPORT", "zeromq")
    with dgo.init(workers=2) as cluster:
        cluster.wait_for_workers(2, timeout=LIMIT)
        spread = dgo.go.options(spread=True)
        deadline = time.monotonic() + LIMIT
        while True:  # how soon an answer comes is the machine's affair: on a busy one it may take a few tries
            balls: dgo.Chan[int] = dgo.Chan()
            returns: dgo.Chan[int] = dgo.Chan()
            caller = spread(talk, balls, returns, 200)
            callee = spread(answer, balls, returns, 200)
            callee.result(timeout=LIMIT)
            if caller.result(timeout=LIMIT) >= PRICE:
                break
            assert time.monotonic() < deadline, "never eager"
        while max(spread(means).result(timeout=LIMIT) for _ in range(4)) >= PRICE:
            time.sleep(0.05)
            assert time.monotonic() < deadline, "eager for ever"


def test_a_goroutine_that_was_woken_by_a_thread_goes_on_while_its_worker_looks() -> None:
    def body() -> int:
        import threading

        host: Any = current.get().host
        done: dgo.Chan[int] = dgo.Chan(1000)
        for number in range(200):
            host._eagerness.means = 64
            threading.Thread(target=done.send, args=(number,)).start()
            assert done.recv(timeout=LIMIT) == number
        return 200

    with dgo.init(workers=1):
        assert dgo.go(body).result(timeout=LIMIT) == 200
