"""Loans: who may be lent slots, and what waits for their return."""

from __future__ import annotations

from dgo.core.channel import Channel
from dgo.core.lease import FIRST_STREAK
from dgo.core.loan import Loan

ANNE, BOB = 1, 2


def lent_to_anne(capacity=4):
    recalls = []
    channel = Channel(capacity)
    channel.loan = loan = Loan(channel, lambda holder, epoch: recalls.append(holder))
    for _ in range(FIRST_STREAK - 1):
        assert loan.sent(ANNE) == 0
    assert loan.sent(ANNE) == capacity
    return channel, loan, recalls


def test_a_process_that_is_the_only_sender_for_a_while_gets_all_free_slots():
    channel, loan, _ = lent_to_anne(4)
    assert (channel.lent, loan.holder) == (4, ANNE)


def test_senders_that_take_turns_get_no_loan():
    channel = Channel(4)
    loan = Loan(channel, lambda holder, epoch: None)
    assert [loan.sent(who) for who in (ANNE, BOB) * 10] == [0] * 20


def test_an_action_happens_at_once_when_nothing_is_lent():
    happened = []
    Loan(Channel(1), lambda holder, epoch: None).before(lambda: happened.append(1))
    assert happened == [1]


def test_an_action_waits_until_all_slots_are_back():
    channel, loan, recalls = lent_to_anne(4)
    happened = []
    loan.before(lambda: happened.append(len(channel)))
    assert (happened, recalls) == ([], [ANNE])
    channel.arrive("on its way")
    loan.settle()
    assert happened == []
    channel.give_back(3)
    loan.settle()
    assert happened == [1]
    loan.check()


def test_actions_that_wait_happen_in_order_and_cause_one_recall():
    channel, loan, recalls = lent_to_anne(2)
    happened = []
    for number in range(3):
        loan.before(lambda number=number: happened.append(number))
    channel.give_back(2)
    loan.settle()
    assert (happened, recalls) == ([0, 1, 2], [ANNE])


def test_after_a_recall_a_process_has_to_send_longer_before_the_next_loan():
    channel, loan, _ = lent_to_anne(2)
    loan.before(lambda: None)
    channel.give_back(2)
    loan.settle()
    assert [loan.sent(ANNE) for _ in range(2 * FIRST_STREAK)] == [0] * (2 * FIRST_STREAK - 1) + [2]


def test_a_loan_that_was_used_up_is_renewed_at_the_next_send():
    channel, loan, _ = lent_to_anne(2)
    for value in range(2):
        channel.arrive(value)
        loan.settle()
    assert channel.try_recv() == (0, True)
    assert loan.sent(ANNE) == 1


def test_the_slots_of_a_dead_holder_are_free_and_what_waited_happens():
    channel, loan, _ = lent_to_anne(2)
    happened = []
    loan.before(lambda: happened.append(1))
    loan.lost(ANNE)
    assert (channel.lent, happened) == (0, [1])


def test_the_death_of_another_process_changes_nothing():
    channel, loan, _ = lent_to_anne(2)
    loan.lost(BOB)
    assert channel.lent == 2
