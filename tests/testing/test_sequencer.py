"""``Sequencer``: blocks run in the order of their numbers, wherever they stand."""

from __future__ import annotations

import pytest

import dgo
from dgo.testing import LocalCluster, Sequencer, simulate


def tell_in_turn(seq, number, told):
    with seq(number):
        told.send(number)


def in_order(count=5):
    seq, told = Sequencer(), dgo.Chan(count)
    for number in reversed(range(count)):
        dgo.go(tell_in_turn, seq, number, told)
    assert [told.recv() for _ in range(count)] == list(range(count))


def test_blocks_of_goroutines_run_in_the_order_of_their_numbers():
    simulate(seeds=50)(in_order)()


def test_blocks_run_in_order_on_a_real_cluster():
    with dgo.init(workers=2):
        in_order()


@simulate(seeds=30)
def test_the_next_block_has_its_turn_when_one_ends_with_an_error():
    seq = Sequencer()
    with pytest.raises(KeyError), seq(0):
        raise KeyError
    with seq(1):
        pass


@simulate(seeds=30)
def test_a_number_that_is_used_twice_is_a_misuse():
    seq, told = Sequencer(), dgo.Chan(1)
    dgo.go(tell_in_turn, seq, 0, told).result()
    with pytest.raises(dgo.MisuseError, match="number 0 of a Sequencer is used twice"), seq(0):
        pytest.fail("the block ran")


@simulate(seeds=30)
def test_two_that_wait_with_the_same_number_are_not_both_served():
    def outcome(seq):
        try:
            with seq(1):
                return "ran"
        except dgo.MisuseError:
            return "misuse"

    seq = Sequencer()
    both = [dgo.go(outcome, seq) for _ in range(2)]
    with seq(0):
        pass
    assert sorted(dgo.gather(*both)) == ["misuse", "ran"]


def test_a_gap_ends_in_a_deadlock_that_names_the_turn():
    def body():
        seq = Sequencer()
        with seq(0):
            pass
        with seq(2):
            pass

    with LocalCluster() as cluster, pytest.raises(dgo.Deadlock, match="turn 2 of a Sequencer"):
        cluster.run(body)


@simulate(seeds=50)
def test_after_a_wait_that_was_interrupted_later_blocks_fail_instead_of_waiting_for_ever():
    seq, told = Sequencer(), dgo.Chan(5)
    cancelled = dgo.go(tell_in_turn, seq, 1, told)
    cancelled.cancel()
    cancelled.wait()
    late = dgo.go(tell_in_turn, seq, 2, told)
    with seq(0):
        pass
    if not seq._taken.load(1)[1]:  # it was cancelled before it had come that far: its number is free
        with seq(1):
            pass
        late.result()
        return
    with pytest.raises(dgo.MisuseError, match="block 2 of a Sequencer can never run"):
        late.result()


@pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), (True, TypeError), (1.0, TypeError), (-1, ValueError)])
def test_what_is_no_number_of_a_block_is_refused(wrong, error):
    def body():
        with pytest.raises(error):
            Sequencer()(wrong)

    with LocalCluster() as cluster:
        cluster.run(body)
