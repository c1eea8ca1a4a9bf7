"""Streams of many values through a buffered channel: nothing tells that slots are lent and values go ahead."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

import dgo
from dgo.runtime.links import Links
from dgo.testing import LocalCluster
from dgo.wire.messages import Msg

from .history import violations
from .places import LIMIT, NOTHING, elsewhere
from .random_programs import run, stream_plan

QUICK = range(100)
MANY = range(1_000, 3_000)


# ---- random programs -------------------------------------------------------------------------------


def check(seed, explore=False, death=False):
    program = stream_plan(seed)
    with LocalCluster(nodes=3, seed=seed, explore=explore) as cluster:
        log = cluster.run(run, program, (lambda: cluster.kill(1 + seed % 2)) if death else None)
        assert cluster.panics == []
    # What was stored in the dead process is gone, and what the dead had seen is not known.
    found = [text for text in violations(log, program.capacities) if not (death and "never received" in text)]
    assert found == [], f"seed {seed}, capacities {program.capacities}\n{log}"


@pytest.mark.parametrize("seed", QUICK)
def test_a_random_stream_has_a_history_that_channels_can_have(seed):
    check(seed)
    check(seed, death=True)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_stream_has_such_a_history_wherever_goroutines_are_switched_out(seed):
    check(seed, explore=True)
    check(seed, explore=True, death=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_random_streams_have_histories_that_channels_can_have(seed):
    for explore in (False, True):
        check(seed, explore)
        check(seed, explore, death=True)


def test_the_random_streams_are_leased_and_called_back(monkeypatch):
    posted: Counter[int] = Counter()
    real = Links.post

    def post(self: Links, peer: int, message: list[Any]) -> None:
        posted[message[0]] += 1
        real(self, peer, message)

    monkeypatch.setattr(Links, "post", post)
    for seed in range(30):
        check(seed)
    for kind in (Msg.LEND, Msg.SEND_LENT, Msg.RECALL, Msg.STOCK, Msg.STOCK_TAKEN, Msg.STOCK_RECALL, Msg.SERVED):
        assert posted[kind] > 5, (kind, posted)


# ---- what a program can see ------------------------------------------------------------------------


def produce(ch, first, count):
    for n in range(first, first + count):
        ch.send(n)


def consume(ch, count):
    return [ch.recv() for _ in range(count)]


def test_a_stream_arrives_whole_and_in_order_wherever_its_ends_are(everywhere, home):
    def body(make):
        for capacity, count in ((1, 30), (2, 60), (7, 200), (100, 400)):
            ch = make(capacity)
            producer = elsewhere(produce, ch, 0, count)
            consumer = elsewhere(consume, ch, count)
            assert consumer.result(timeout=LIMIT) == list(range(count))
            producer.result(timeout=LIMIT)

    everywhere(body, home)


def test_values_of_every_kind_go_ahead(everywhere, home):
    def values():
        return [
            1,
            -1,
            1 << 70,
            2.5,
            None,
            True,
            "text",
            "größe",
            b"bytes",
            (1, "a"),
            [1, [2]],
            {"k": {3}},
            b"x" * 70_000,
        ]

    def give(ch, rounds):
        for _ in range(rounds):
            for value in values():
                ch.send(value)

    def body(make):
        ch = make(50)
        elsewhere(give, ch, 6)
        consumer = elsewhere(consume, ch, 6 * len(values()))
        assert consumer.result(timeout=LIMIT) == values() * 6

    everywhere(body, home)


def test_handles_go_ahead_and_stay_alive(everywhere, home):
    def answer(requests, count):
        for _ in range(count):
            n, reply = requests.recv()
            reply.send(n * 2)

    def body(make):
        requests = make(20)
        server = elsewhere(answer, requests, 60)
        replies = []
        for n in range(60):
            replies.append(dgo.Chan(1))
            requests.send((n, replies[-1]))
        assert [reply.recv(timeout=LIMIT) for reply in replies] == [n * 2 for n in range(60)]
        server.result(timeout=LIMIT)

    everywhere(body, home)


def test_exactly_as_many_sends_complete_as_there_are_slots_and_values_taken(everywhere, home):
    """Values that went ahead to a receiver that has stopped receiving still occupy their slots."""

    def take(ch, count, took, go_on):
        for _ in range(count):
            ch.recv()
        took.send(None)
        go_on.recv()

    def body(make):
        ch, took, go_on = make(9), dgo.Chan(1), dgo.Chan(1)
        taker = elsewhere(take, ch, 5, took, go_on)
        sent = 0
        while True:
            try:
                ch.send(sent, timeout=0.3)
            except dgo.Timeout:
                break
            sent += 1
        took.recv(timeout=LIMIT)
        assert sent == 9 + 5
        assert len(ch) == 9
        go_on.send(None)
        taker.result(timeout=LIMIT)
        assert [ch.recv_nowait() for _ in range(9)] == list(range(5, 14))

    everywhere(body, home)


def test_another_receiver_gets_what_went_ahead_to_one_that_does_not_receive_it(everywhere, home):
    def take_some_and_stay(ch, count, took, go_on):
        took.send([ch.recv() for _ in range(count)])
        go_on.recv()

    def body(make):
        ch, took, go_on = make(40), dgo.Chan(2), dgo.Chan(2)
        for n in range(40):
            ch.send(n)
        stays = elsewhere(take_some_and_stay, ch, 4, took, go_on)
        assert took.recv(timeout=LIMIT) == [0, 1, 2, 3]
        other = elsewhere(consume, ch, 18)
        assert other.result(timeout=LIMIT) == list(range(4, 22))
        assert [ch.recv(timeout=LIMIT) for _ in range(18)] == list(range(22, 40))
        go_on.send(None)
        stays.result(timeout=LIMIT)

    everywhere(body, home)


def test_what_does_not_wait_sees_the_values_that_went_ahead(everywhere, home):
    def take_and_look(ch, took, go_on):
        for n in range(4):
            assert ch.recv() == n
        took.send(None)
        go_on.recv()
        seen = [len(ch), ch.recv_nowait(), len(ch)]
        index, value, _ = dgo.select(dgo.recv(ch), default=True)
        return [*seen, index, value, ch.recv()]

    def body(make):
        ch, took, go_on = make(20), dgo.Chan(1), dgo.Chan(1)
        for n in range(20):
            ch.send(n)
        taker = elsewhere(take_and_look, ch, took, go_on)
        took.recv(timeout=LIMIT)
        assert len(ch) == 16
        assert ch.recv_nowait() == 4
        index, value, ok = dgo.select(dgo.recv(ch), default=True)
        assert (index, value, ok) == (0, 5, True)
        go_on.send(None)
        assert taker.result(timeout=LIMIT) == [14, 6, 13, 0, 7, 8]

    everywhere(body, home)


def test_a_closed_channel_is_drained_only_when_what_went_ahead_was_received(everywhere, home):
    def take_and_stay(ch, took, go_on):
        for _ in range(4):
            ch.recv()
        took.send(None)
        go_on.recv()
        return list(ch)

    def body(make):
        ch, took, go_on = make(12), dgo.Chan(1), dgo.Chan(1)
        for n in range(12):
            ch.send(n)
        taker = elsewhere(take_and_stay, ch, took, go_on)
        took.recv(timeout=LIMIT)
        ch.close()
        assert ch.recv_ok(timeout=LIMIT) == (4, True)
        go_on.send(None)
        rest = taker.result(timeout=LIMIT)
        assert rest == list(range(5, 12))
        assert ch.recv_ok(timeout=LIMIT) == (None, False)

    everywhere(body, home)


def test_a_sender_goes_on_when_a_value_was_taken_not_when_it_went_ahead(everywhere, home):
    def take_one_by_one(ch, told, count):
        for _ in range(count):
            told.recv()
            ch.recv()

    def body(make):
        ch, told = make(3), dgo.Chan()
        taker = elsewhere(take_one_by_one, ch, told, 12)
        for n in range(3):
            ch.send(n)
        for n in range(3, 12):
            with pytest.raises(dgo.Timeout):
                ch.send("too early", timeout=NOTHING)
            told.send(None)
            ch.send(n, timeout=LIMIT)
        for _ in range(3):
            told.send(None)
        taker.result(timeout=LIMIT)

    everywhere(body, home)


def test_who_was_told_of_a_receive_does_not_get_an_older_value(everywhere, home):
    """Go's order holds between two processes that receive in turn and tell each other so."""

    def relay(ch, mine, next_one, count):
        got = []
        for _ in range(count):
            mine.recv()
            got.append(ch.recv())
            got.append(ch.recv())
            next_one.send(None)
        return got

    def body(make):
        ch, first, second = make(80), dgo.Chan(1), dgo.Chan(1)
        for n in range(80):
            ch.send(n)
        one = elsewhere(relay, ch, first, second, 20)
        two = elsewhere(relay, ch, second, first, 20)
        first.send(None)
        assert one.result(timeout=LIMIT) == [n for n in range(80) if n % 4 < 2]
        assert two.result(timeout=LIMIT) == [n for n in range(80) if n % 4 >= 2]

    everywhere(body, home)


def test_many_goroutines_share_a_channel_and_nothing_is_lost_or_doubled(everywhere, home):
    def body(make):
        for capacity in (2, 30):
            ch = make(capacity)
            producers = [elsewhere(produce, ch, 1000 * n, 100) for n in range(4)]
            consumers = [elsewhere(consume, ch, 100) for _ in range(4)]
            got = [consumer.result(timeout=LIMIT) for consumer in consumers]
            for producer in producers:
                producer.result(timeout=LIMIT)
            assert sorted(value for values in got for value in values) == [
                1000 * n + m for n in range(4) for m in range(100)
            ]
            for values in got:
                for n in range(4):
                    own = [value for value in values if value // 1000 == n]
                    assert own == sorted(own), "the values of one sender came in another order"

    everywhere(body, home)


def test_coroutines_stream_too(everywhere, home):
    async def asend_all(ch, count):
        for n in range(count):
            await ch.asend(n)
        ch.close()

    async def areceive_all(ch):
        return [value async for value in ch]

    def body(make):
        ch = make(16)
        consumer = elsewhere(areceive_all, ch)
        elsewhere(asend_all, ch, 300)
        assert consumer.result(timeout=LIMIT) == list(range(300))

    everywhere(body, home)


def test_a_cancelled_await_loses_nothing_that_went_ahead(everywhere, home):
    async def receive_impatiently(ch, count):
        got: list[int] = []
        while len(got) < count:
            try:
                async with asyncio.timeout(0.002):
                    while len(got) < count:
                        got.append(await ch.arecv())
            except TimeoutError:
                continue
        return got

    def slowly(ch, count):
        idle = dgo.Chan()
        for n in range(count):
            ch.send(n)
            if n % 7 == 0:
                with pytest.raises(dgo.Timeout):
                    idle.recv(timeout=0.003)

    def body(make):
        ch = make(10)
        elsewhere(slowly, ch, 100)
        assert elsewhere(receive_impatiently, ch, 100).result(timeout=LIMIT) == list(range(100))

    everywhere(body, home)
