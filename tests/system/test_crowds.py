"""Many goroutines at once, in several processes: parked, chained, nested, all on one channel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import dgo

from . import measures

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LIMIT = 60


def example(name: str, *arguments: str) -> str:
    """What an example prints on an embedded cluster."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
    return done.stdout


def primes(count: int) -> list[int]:
    """The first primes, by a sieve of Eratosthenes."""
    limit = 4000
    composite = {multiple for i in range(2, limit) for multiple in range(i * i, limit, i)}
    return [number for number in range(2, limit) if number not in composite][:count]


def place_and_park(ready: Any, gate: Any) -> bool:
    ready.send(os.getpid(), timeout=LIMIT)
    return gate.recv_ok()[1]


def descend(depth: int) -> list[int]:
    if depth == 0:
        return [os.getpid()]
    below = dgo.go.options(spread=True)(descend, depth - 1)
    return [os.getpid(), *below.result(timeout=LIMIT)]


def make_channels(count: int) -> dict[str, Any]:
    return {f"channel {i}": dgo.Chan(1) for i in range(count)}


def answer(value: int) -> int:
    return value + 1


def ask(handle: Any) -> Any:
    return handle.result(timeout=LIMIT)


def spawn_for_another(value: int) -> Any:
    return dgo.go.options(spread=True)(answer, value)


def send_numbers(ch: Any, first: int, count: int, back: Any) -> None:
    for number in range(first, first + count):
        ch.send(number, timeout=LIMIT)
    back.send(None, timeout=LIMIT)


def receive_numbers(ch: Any) -> tuple[int, list[int]]:
    return os.getpid(), list(ch)


def test_the_sieve_finds_the_first_primes_over_three_workers() -> None:
    lines = example("sieve.py", "--primes", "60", "--workers", "3").splitlines()
    assert [int(word) for word in lines[0].split()] == primes(60)
    assert "on 3 worker(s)" in lines[1]


@pytest.mark.slow
def test_the_sieve_finds_the_first_500_primes_over_three_workers() -> None:
    lines = example("sieve.py", "--primes", "500", "--workers", "3").splitlines()
    assert [int(word) for word in lines[0].split()] == primes(500)
    assert "500 primes from 500 stages on 3 worker(s)" in lines[1]


def test_a_daisy_chain_of_a_thousand_stages_crosses_processes() -> None:
    lines = example("daisychain.py", "--stages", "1000", "--workers", "2").splitlines()
    assert lines[0] == "1001"
    assert re.match(r"1000 stages on 2 worker\(s\)", lines[1])


async def await_gate(started: Any, gate: Any) -> None:
    started.done()
    async for _ in gate:
        pass


def wait_at_gate(started: Any, gate: Any) -> None:
    started.done()
    for _ in gate:
        pass


def park_and_release(function: Any, count: int) -> dict[str, int]:
    """Parks so many goroutines beside this one, lets them go, and returns the tables that are not empty then."""
    gate, started, everyone = dgo.Chan(), dgo.WaitGroup(), dgo.WaitGroup()
    started.add(count)
    for _ in range(count):
        everyone.go(function, started, gate)
    started.wait()
    assert dgo.num_goroutine() >= count
    gate.close()
    everyone.wait()
    return measures.tables()


@pytest.mark.slow
@pytest.mark.parametrize("function", [wait_at_gate, await_gate])
def test_a_hundred_thousand_parked_goroutines_of_one_worker_are_released(start, function) -> None:
    start(1)
    crowd = int(os.environ.get("DGO_TEST_CROWD", "100000"))  # a million needs 8 GB if they are plain, 2.5 if async
    assert dgo.go(park_and_release, function, crowd).result(timeout=LIMIT * 5) == {}


@pytest.mark.slow
def test_ten_thousand_parked_goroutines_are_all_released(start) -> None:
    start(2)
    ready, gate = dgo.Chan(100), dgo.Chan()
    parked = [dgo.go(place_and_park, ready, gate) for _ in range(10_000)]
    places = Counter(ready.recv(timeout=LIMIT) for _ in parked)
    assert len(places) == 2
    assert dgo.num_goroutine() == 10_001
    gate.close()
    assert not any(dgo.gather(*parked))
    assert dgo.num_goroutine() == 1


def test_the_result_of_goroutines_nested_five_deep_comes_up(start) -> None:
    start(2)
    chain = dgo.go(descend, 5).result(timeout=LIMIT)
    assert len(chain) == 6
    assert len(set(chain)) == 2


def test_nested_goroutines_need_no_slots_on_one_worker(start) -> None:
    start(1)
    assert [len(g.result(timeout=LIMIT)) for g in [dgo.go(descend, 5) for _ in range(200)]] == [6] * 200


def test_channels_in_a_result_are_channels_of_everyone(start) -> None:
    start(2)
    made = dgo.go(make_channels, 3).result(timeout=LIMIT)
    sender = dgo.go.options(spread=True)(made["channel 1"].send, "through it")
    assert made["channel 1"].recv(timeout=LIMIT) == "through it"
    sender.result(timeout=LIMIT)


def test_a_handle_can_be_asked_by_another_goroutine(start) -> None:
    start(2)
    handle = dgo.go(answer, 1)
    assert [dgo.go.options(spread=True)(ask, handle).result(timeout=LIMIT) for _ in range(4)] == [2] * 4


def test_a_handle_in_a_result_can_be_asked_by_a_third_process(start) -> None:
    start(3)
    handle = dgo.go(spawn_for_another, 6).result(timeout=LIMIT)
    assert [dgo.go.options(spread=True)(ask, handle).result(timeout=LIMIT) for _ in range(6)] == [7] * 6


@pytest.mark.parametrize("home", ["driver", "worker"])
def test_every_value_on_one_channel_of_200_goroutines_arrives_once(start, home) -> None:
    start(3)
    spread, done = dgo.go.options(spread=True), dgo.Chan(100)
    ch = dgo.Chan() if home == "driver" else dgo.go(dgo.Chan).result(timeout=LIMIT)
    receivers = [spread(receive_numbers, ch) for _ in range(100)]
    for i in range(100):
        spread(send_numbers, ch, 100 * i, 100, done)
    for _ in range(100):
        done.recv(timeout=LIMIT)
    ch.close()
    got = [receiver.result(timeout=LIMIT) for receiver in receivers]
    assert len({pid for pid, _ in got}) == 3
    assert sorted(number for _, numbers in got for number in numbers) == list(range(10_000))


def test_no_table_keeps_anything_after_200_goroutines_used_one_channel(start) -> None:
    start(2)
    ch, done = dgo.Chan(), dgo.Chan(10)
    receivers = [dgo.go(receive_numbers, ch) for _ in range(100)]
    for i in range(100):
        dgo.go(send_numbers, ch, i, 1, done)
    for _ in range(100):
        done.recv(timeout=LIMIT)
    ch.close()
    dgo.gather(*receivers)
    del ch, done, receivers
    assert measures.empty_soon(2) == {}
