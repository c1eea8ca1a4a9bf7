"""Loans under many schedules: nothing that a program can see tells that slots were lent."""

from __future__ import annotations

import pytest

import dgo
import dgo.testing

SEEDS = range(12)


def run(seed, body):
    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:
        return cluster.run(body)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_from_another_process_arrives_whole_and_in_order(seed):
    def body():
        def produce(ch):
            for n in range(200):
                ch.send(n)
            ch.close()

        ch = dgo.Chan(7)
        dgo.go(produce, ch)
        assert list(ch) == list(range(200))

    run(seed, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_as_many_sends_complete_as_there_are_slots(seed):
    def body():
        def produce(ch, count):
            sent = 0
            try:
                for n in range(count):
                    ch.send(n, timeout=0.5)
                    sent += 1
            except dgo.Timeout:
                pass
            return sent

        ch = dgo.Chan(9)
        assert dgo.go(produce, ch, 30).result() == 9
        assert len(ch) == 9

    run(seed, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_len_and_a_receive_that_does_not_wait_see_every_completed_send(seed):
    def body():
        def produce(ch, told, go_on):
            for n in range(20):
                ch.send(n)
                told.send(n)
                go_on.recv()

        ch, told, go_on = dgo.Chan(20), dgo.Chan(), dgo.Chan()
        dgo.go(produce, ch, told, go_on)
        for n in range(20):
            told.recv()
            assert len(ch) == 1
            assert ch.recv_nowait() == n
            go_on.send(None)

    run(seed, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_send_that_happened_before_another_process_s_send_is_received_before_it(seed):
    def body():
        def first(ch, told):
            for n in range(15):
                ch.send(("first", n))
                told.send(n)

        def second(ch, told):
            for n in told:
                ch.send(("second", n))

        ch, told = dgo.Chan(40), dgo.Chan()
        spread = dgo.go.options(spread=True)
        spread(first, ch, told)
        spread(second, ch, told)
        order = [ch.recv() for _ in range(30)]
        for n in range(15):
            assert order.index(("first", n)) < order.index(("second", n))
        told.close()

    run(seed, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_close_keeps_what_was_sent_into_lent_slots(seed):
    def body():
        def produce(ch, told):
            for n in range(10):
                ch.send(n)
            told.send(None)
            try:
                while True:
                    ch.send(-1)
            except dgo.ChannelClosed:
                return "closed"

        ch, told = dgo.Chan(50), dgo.Chan()
        producer = dgo.go(produce, ch, told)
        told.recv()
        ch.close()
        assert producer.result() == "closed"
        assert list(ch)[:10] == list(range(10))

    run(seed, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_slots_of_a_killed_process_are_free_again(seed):
    def body():
        def produce(ch, told):
            for n in range(5):
                ch.send(n)
            told.send(None)
            dgo.Chan().recv()

        ch, told = dgo.Chan(30), dgo.Chan(1)
        producer = dgo.go(produce, ch, told)
        told.recv()
        kill_worker_of(producer)
        with pytest.raises(dgo.WorkerLost):
            producer.result()
        while len(ch):
            ch.recv()
        for n in range(30):
            ch.send_nowait(n)
        with pytest.raises(dgo.WouldBlock):
            ch.send_nowait(30)

    with dgo.testing.LocalCluster(nodes=3, seed=seed) as cluster:

        def kill_worker_of(goroutine):
            where = goroutine._core.where
            cluster.kill(next(i for i, node in enumerate(cluster.nodes) if node.id == where))

        cluster.run(body)


@pytest.mark.parametrize("seed", range(40))
def test_slots_may_be_lent_at_any_moment_of_a_send(seed):
    def body():
        def produce(ch):
            for n in range(300):
                ch.send(n)
            ch.close()

        ch = dgo.Chan(6)
        dgo.go(produce, ch)
        assert list(ch) == list(range(300))

    with dgo.testing.LocalCluster(nodes=2, seed=seed, explore=True) as cluster:
        cluster.run(body)
