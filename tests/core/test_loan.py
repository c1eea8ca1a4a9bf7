"""Loans: who may be lent slots, and what waits for their return."""

from __future__ import annotations

from dgo.core.channel import Channel
from dgo.core.lease import FIRST_ASKED, WORTH
from dgo.core.loan import Loan

ANNE, BOB = 1, 2


def lent_to_anne(capacity=4):
    recalls = []
    channel = Channel(capacity)
    channel.loan = loan = Loan(channel, lambda holder, epoch: recalls.append(holder))
    for _ in range(FIRST_ASKED - 1):
        assert loan.sent(ANNE) == 0
    assert loan.sent(ANNE) == capacity
    return channel, loan, recalls


def test_a_process_that_is_the_only_sender_for_a_while_gets_all_free_slots():
    channel, loan, _ = lent_to_anne(4)
    assert (channel.lent, loan.holder) == (4, ANNE)


def test_senders_that_take_turns_and_make_nothing_of_their_loans_get_ever_fewer():
    recalls = []
    channel = Channel(4)
    channel.loan = loan = Loan(channel, lambda holder, epoch: recalls.append((holder, epoch)))
    for _ in range(500):
        for who in (ANNE, BOB):
            loan.before(lambda: None, who)
            if loan.recalled:
                loan.back(*recalls[-1])
            loan.sent(who)
    assert 10 <= len(recalls) <= 2 * 10  # they had to ask 2, 4, 8 ... times
    loan.check()


def in_turn(used):
    """ANNE had a loan and used so many slots before BOB came; now she has the next one."""
    laters, recalls = [], []
    channel = Channel(100)
    channel.loan = loan = Loan(channel, lambda holder, epoch: recalls.append(epoch), laters.append)
    for _ in range(FIRST_ASKED):
        loan.sent(ANNE)
    loan.arrived(list(range(used)))
    loan.before(lambda: None, BOB, "first")
    assert (laters, recalls) == ([], [1])
    loan.back(ANNE, 1)
    for _ in range(2 * FIRST_ASKED):
        loan.sent(ANNE)
    assert loan.holder == ANNE
    return loan, laters, recalls


def test_who_has_made_something_of_a_loan_may_end_its_turn_before_another_process_sends():
    loan, laters, recalls = in_turn(WORTH)
    happened = []
    loan.before(lambda: happened.append("bob"), BOB)
    loan.before(lambda: happened.append("here"), 0)
    assert (recalls, len(laters), loan.lend()) == ([1], 1, 0)
    laters[0]()
    assert recalls == [1, 2]
    loan.back(ANNE, 2)
    assert happened == ["bob", "here"]


def test_who_has_made_nothing_of_a_loan_has_the_next_one_called_back_at_once():
    loan, laters, recalls = in_turn(WORTH - 1)
    loan.before(lambda: None, BOB)
    assert (recalls, laters) == ([1, 2], [])


def test_what_is_no_send_does_not_wait_for_the_end_of_a_turn():
    loan, laters, recalls = in_turn(WORTH)
    loan.before(lambda: None)
    assert (recalls, laters) == ([1, 2], [])


def test_a_turn_that_is_used_up_ends_and_the_next_process_has_the_next_one():
    loan, laters, recalls = in_turn(WORTH)
    happened = []
    for _ in range(FIRST_ASKED):
        loan.before(lambda: happened.append("bob"), BOB)
        loan.used(BOB)
    loan.arrived(["v"] * loan.out)
    assert (happened, loan.holder, recalls) == (["bob"] * FIRST_ASKED, BOB, [1])
    laters[0]()  # about a turn that is over
    assert recalls == [1]


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
    assert [loan.sent(ANNE) for _ in range(2 * FIRST_ASKED)] == [0] * (2 * FIRST_ASKED - 1) + [2]


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


def test_who_is_lost_while_its_own_send_waits_gets_no_other_loan():
    channel, loan, _ = lent_to_anne(4)
    for number in range(FIRST_ASKED):
        loan.before(lambda: None, ANNE, number)
        loan.used(ANNE)
    loan.lost(ANNE)
    assert (loan.holder, channel.lent) == (None, 0)
