"""The order in which goroutines that wait are served (contract section 4, design section 6).

That a goroutine waits can only be known where time is virtual: there, a pause of the body ends after all
else has come to rest. So these tests run in the simulated cluster alone.
"""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, away, come_to_rest, drain, elsewhere, here, outcome_of_send, take


@pytest.fixture(params=[here, away])
def make(request):
    return request.param


def tell(ch, name, got):
    got.send((name, ch.recv(timeout=LIMIT)), timeout=LIMIT)


@pytest.mark.parametrize("capacity", [0, 2])
def test_waiting_senders_are_served_in_order_of_arrival(simulated, make, capacity):
    def body():
        ch = make(capacity)
        for i in range(capacity + 4):
            elsewhere(ch.send, i)
            come_to_rest()
        return take(ch, capacity + 4)

    assert simulated(body) == list(range(capacity + 4))


def test_waiting_receivers_are_served_in_order_of_arrival(simulated, make):
    def body():
        ch, got = make(), dgo.Chan(4)
        for i in range(4):
            elsewhere(tell, ch, i, got)
            come_to_rest()
        for i in range(4):
            ch.send(i, timeout=LIMIT)
        return sorted(take(got, 4))

    assert simulated(body) == [(i, i) for i in range(4)]


@pytest.mark.parametrize("capacity", [0, 2])
def test_senders_that_wait_at_the_close_are_refused_and_their_values_are_gone(simulated, make, capacity):
    def body():
        ch = make(capacity)
        senders = []
        for i in range(capacity + 3):
            senders.append(elsewhere(outcome_of_send, ch, i))
            come_to_rest()
        ch.close()
        received = drain(ch)  # before the senders are asked: they may not have run since the close
        return [sender.result(timeout=LIMIT) for sender in senders], received

    assert simulated(body) == (["sent"] * capacity + ["ChannelClosed"] * 3, list(range(capacity)))


def test_a_waiting_sender_makes_a_receive_without_waiting_succeed(simulated, make):
    def body():
        ch = make()
        elsewhere(ch.send, "offered")
        come_to_rest()
        return ch.recv_nowait()

    assert simulated(body) == "offered"


def test_a_waiting_receiver_makes_a_send_without_waiting_succeed(simulated, make):
    def body():
        ch = make()
        receiver = elsewhere(take, ch, 1)
        come_to_rest()
        ch.send_nowait("taken")
        return receiver.result(timeout=LIMIT)

    assert simulated(body) == ["taken"]


def test_len_does_not_count_waiting_senders(simulated, make):
    def body():
        ch = make(2)
        sender = elsewhere(lambda: [ch.send(i, timeout=LIMIT) for i in range(5)])
        come_to_rest()
        waiting = len(ch)
        take(ch, 5)
        sender.result(timeout=LIMIT)
        return waiting

    assert simulated(body) == 2
