"""An action that is run whenever somebody has asked, in the driver."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from dgo.runtime import turns
from dgo.runtime.turns import Turns

LIMIT = 30
DRIVER: Any = SimpleNamespace(execution=None)  # all that a driver's turns need to know of their node


@pytest.fixture(autouse=True)
def _threads_end_soon(monkeypatch):
    monkeypatch.setattr(turns, "LINGER_SECONDS", 0.02)


def named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_who_asks_while_it_runs_is_served_by_one_more_run_and_never_by_two_at_once():
    inside, go_on, rounds = threading.Semaphore(0), threading.Semaphore(0), []

    def action():
        rounds.append(threading.get_ident())
        inside.release()
        assert go_on.acquire(timeout=LIMIT)

    asked = Turns("test-turns-1", action, lambda: True)
    asked.ask(DRIVER)
    assert inside.acquire(timeout=LIMIT)
    for _ in range(5):
        asked.ask(DRIVER)
    assert len(rounds) == 1
    go_on.release()
    assert inside.acquire(timeout=LIMIT)
    go_on.release()
    for thread in named("test-turns-1"):
        thread.join(LIMIT)
    assert len(rounds) == 2
    assert len(set(rounds)) == 1


def test_an_action_that_raises_is_run_again_when_asked(caplog):
    ran = threading.Semaphore(0)

    def action():
        ran.release()
        raise SystemExit("from the action")

    asked = Turns("test-turns-2", action, lambda: True)
    for _ in range(3):
        asked.ask(DRIVER)
        assert ran.acquire(timeout=LIMIT)
    for thread in named("test-turns-2"):
        thread.join(LIMIT)
    assert caplog.text.count("it goes on") == 3


def test_its_thread_ends_when_there_is_nothing_left_to_wait_for_and_another_begins():
    ran, done = threading.Semaphore(0), threading.Event()
    asked = Turns("test-turns-3", ran.release, done.is_set)
    asked.ask(DRIVER)
    assert ran.acquire(timeout=LIMIT)
    (thread,) = named("test-turns-3")
    thread.join(0.1)
    assert thread.is_alive()
    done.set()
    thread.join(LIMIT)
    assert not thread.is_alive()
    asked.ask(DRIVER)
    assert ran.acquire(timeout=LIMIT)


@pytest.mark.parametrize("again", [False, True])
def test_it_counts_as_active_from_the_ask_to_the_end_of_its_last_run(again):
    inside, go_on = threading.Semaphore(0), threading.Semaphore(0)
    asked = Turns("test-turns-4", lambda: (inside.release(), go_on.acquire(timeout=LIMIT)), lambda: True)
    assert asked not in turns._active
    asked.ask(DRIVER)
    assert turns.active()
    assert inside.acquire(timeout=LIMIT)
    if again:
        asked.ask(DRIVER)
        go_on.release()
        assert inside.acquire(timeout=LIMIT)
    assert turns.active()
    go_on.release()
    for thread in named("test-turns-4"):
        thread.join(LIMIT)
    assert asked not in turns._active


def test_only_what_it_calls_is_inside():
    found = []
    asked = Turns("test-turns-5", lambda: found.append(asked.inside()), lambda: True)
    asked.ask(DRIVER)
    for thread in named("test-turns-5"):
        thread.join(LIMIT)
    assert found == [True]
    assert not asked.inside()
