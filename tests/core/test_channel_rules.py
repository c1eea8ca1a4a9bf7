"""The rules of channels in Go's words, one fact a test; and that nothing is left in a queue."""

from __future__ import annotations

import pytest

from dgo.core.case import Case
from dgo.core.channel import Channel
from dgo.core.select import Select
from dgo.core.ticket import DONE, HELD, WAITING, Ticket
from dgo.errors import Cancelled, ChannelClosed, WouldBlock

from .tools import Local, Remote


def sends(channel: Channel, *values: int, remote: bool = False) -> list[Local]:
    tickets = [(Remote if remote else Local)(value) for value in values]
    for ticket in tickets:
        channel.send(ticket)
        channel.check()
    return tickets


def receives(channel: Channel, count: int = 1, remote: bool = False) -> list[Local]:
    tickets: list[Local] = [Remote() if remote else Local() for _ in range(count)]
    for ticket in tickets:
        channel.recv(ticket)
        channel.check()
    return tickets


def states(tickets: list[Local]) -> list[int]:
    return [ticket.state for ticket in tickets]


# ---- sends and receives ------------------------------------------------------------------------------


def test_a_send_on_an_unbuffered_channel_blocks_until_a_receiver_is_ready():
    channel = Channel(0)
    (send,) = sends(channel, 1)
    assert not send.done
    (recv,) = receives(channel)
    assert send.done
    assert recv.got == 1


def test_a_receive_blocks_until_there_is_a_value():
    channel = Channel(0)
    (recv,) = receives(channel)
    assert not recv.done
    (send,) = sends(channel, 1)
    assert (send.done, recv.got) == (True, 1)


@pytest.mark.parametrize("capacity", [0, 1, 5])
def test_exactly_capacity_sends_complete_before_any_receive(capacity):
    channel = Channel(capacity)
    tickets = sends(channel, *range(capacity + 2))
    assert [ticket.done for ticket in tickets] == [True] * capacity + [False] * 2


@pytest.mark.parametrize("capacity", [0, 1, 5])
def test_the_kth_receive_lets_the_send_number_k_plus_capacity_complete(capacity):
    channel = Channel(capacity)
    tickets = sends(channel, *range(capacity + 3))
    for k in range(1, 4):
        receives(channel)
        assert sum(ticket.done for ticket in tickets) == capacity + k


@pytest.mark.parametrize("capacity", [0, 1, 3, 10])
def test_values_are_received_in_the_order_in_which_they_were_sent(capacity):
    channel = Channel(capacity)
    sends(channel, *range(6))
    assert [recv.got for recv in receives(channel, 6)] == list(range(6))


def test_waiting_receivers_are_served_in_the_order_in_which_they_came():
    channel = Channel(0)
    tickets = receives(channel, 3)
    sends(channel, 1, 2, 3)
    assert [ticket.got for ticket in tickets] == [1, 2, 3]


def test_len_counts_the_values_stored_and_not_the_senders_that_wait():
    channel = Channel(2)
    sends(channel, 1, 2, 3)
    assert len(channel) == 2


def test_a_send_that_does_not_wait_needs_a_slot_or_a_receiver():
    channel = Channel(1)
    assert channel.try_send(1)
    assert not channel.try_send(2)
    receives(channel, 2)
    assert channel.try_send(3)


def test_a_receive_that_does_not_wait_finds_a_blocked_sender():
    channel = Channel(0)
    assert channel.try_recv() is None
    (send,) = sends(channel, 1)
    assert channel.try_recv() == (1, True)
    assert send.done


def test_an_offer_nobody_waits_for_would_block():
    channel = Channel(0)
    offer = Local(1)
    channel.offer(offer, WouldBlock())
    assert offer.failed is WouldBlock
    assert not channel.senders


def test_a_poll_of_an_empty_channel_would_block():
    channel = Channel(1)
    poll = Remote()
    channel.poll(poll, WouldBlock())
    assert poll.failed is WouldBlock
    assert not channel.receivers


# ---- close -------------------------------------------------------------------------------------------


def test_values_sent_before_the_close_are_received_after_it():
    channel = Channel(2)
    sends(channel, 1, 2)
    channel.close()
    assert [recv.got for recv in receives(channel, 2)] == [1, 2]
    (last,) = receives(channel)
    assert (last.got, last.ok) == (None, False)


def test_a_close_wakes_all_receivers():
    channel = Channel(0)
    tickets = [*receives(channel, 2), *receives(channel, 2, remote=True)]
    channel.close()
    assert [ticket.ok for ticket in tickets] == [False] * 4
    assert all(ticket.error is None for ticket in tickets)


def test_a_close_fails_the_blocked_senders_and_drops_their_values():
    channel = Channel(1)
    stored, blocked = sends(channel, 1, 2)
    channel.close()
    assert stored.error is None
    assert blocked.failed is ChannelClosed
    assert [recv.ok for recv in receives(channel, 2)] == [True, False]


def test_a_send_on_a_closed_channel_fails():
    channel = Channel(1)
    channel.close()
    assert sends(channel, 1)[0].failed is ChannelClosed
    with pytest.raises(ChannelClosed):
        channel.try_send(1)


def test_a_second_close_fails():
    channel = Channel(0)
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.close()


def test_a_receiver_waits_on_a_closed_channel_while_a_value_may_still_come_back():
    channel = Channel(1)
    sends(channel, 1)
    (away,) = receives(channel, remote=True)
    channel.close()
    (here,) = receives(channel)
    assert not here.done
    channel.returned([away.result])
    assert here.got == 1


def test_a_receiver_learns_of_the_close_when_the_last_value_elsewhere_was_taken():
    channel = Channel(1)
    sends(channel, 1)
    (away,) = receives(channel, remote=True)
    channel.close()
    (here,) = receives(channel)
    channel.taken(away.result)
    assert (here.done, here.ok) == (True, False)


# ---- values on their way to other processes ----------------------------------------------------------


def test_an_unbuffered_send_completes_when_a_goroutine_elsewhere_has_taken_the_value():
    channel = Channel(0)
    (recv,) = receives(channel, remote=True)
    (send,) = sends(channel, 1)
    assert send.state == HELD
    channel.taken(recv.result)
    assert send.state == DONE


def test_a_value_on_its_way_occupies_its_slot():
    channel = Channel(1)
    sends(channel, 1)
    (recv,) = receives(channel, remote=True)
    (second,) = sends(channel, 2)
    assert (len(channel), second.state) == (1, WAITING)
    channel.taken(recv.result)
    assert second.done


def test_values_that_come_back_are_first_in_line_and_in_order():
    channel = Channel(3)
    sends(channel, 1, 2, 3)
    one, two = receives(channel, 2, remote=True)
    channel.returned([two.result, one.result])
    channel.check()
    assert [recv.got for recv in receives(channel, 3)] == [1, 2, 3]


def test_blocked_senders_whose_values_come_back_are_first_in_line_and_in_order():
    channel = Channel(0)
    sends(channel, 1, 2, 3)
    one, two = receives(channel, 2, remote=True)
    channel.returned([one.result, two.result])
    channel.check()
    assert [recv.got for recv in receives(channel, 3)] == [1, 2, 3]


def test_a_value_that_comes_back_goes_to_a_receiver_that_waits():
    channel = Channel(0)
    (away,) = receives(channel, remote=True)
    (here,) = receives(channel)
    (send,) = sends(channel, 1)
    channel.returned([away.result])
    assert (here.got, send.done) == (1, True)


def test_an_offer_whose_receiver_dies_would_have_blocked():
    channel = Channel(0)
    (away,) = receives(channel, remote=True)
    offer = Local(1)
    channel.offer(offer, WouldBlock())
    assert offer.state == HELD
    channel.returned([away.result])
    assert offer.failed is WouldBlock
    assert not channel.senders


def test_a_send_cancelled_while_its_value_is_away_succeeds_if_the_value_is_taken():
    channel = Channel(0)
    (away,) = receives(channel, remote=True)
    (send,) = sends(channel, 1)
    assert not send.cancel(Cancelled())
    channel.taken(away.result)
    assert send.error is None


def test_a_send_cancelled_while_its_value_is_away_is_cancelled_if_the_value_comes_back():
    channel = Channel(0)
    (away,) = receives(channel, remote=True)
    (send,) = sends(channel, 1)
    send.cancel(Cancelled())
    channel.returned([away.result])
    assert send.failed is Cancelled
    assert not channel.senders


def test_a_send_cancelled_while_away_is_cancelled_also_if_the_channel_was_closed_meanwhile():
    channel = Channel(0)
    (away,) = receives(channel, remote=True)
    (send,) = sends(channel, 1)
    send.cancel(Cancelled())
    channel.close()
    channel.returned([away.result])
    assert send.failed is Cancelled


# ---- loans -------------------------------------------------------------------------------------------


def test_a_lent_slot_counts_as_occupied():
    channel = Channel(3)
    assert channel.lend(2) == 2
    assert states(sends(channel, 1, 2)) == [DONE, WAITING]


def test_no_slot_is_lent_while_a_sender_waits():
    channel = Channel(1)
    sends(channel, 1, 2)
    assert channel.lend(1) == 0


def test_a_slot_is_lent_while_a_receiver_waits():
    channel = Channel(1)
    receives(channel)
    assert channel.lend(1) == 1


def test_no_slot_of_a_closed_channel_is_lent():
    channel = Channel(1)
    channel.close()
    assert channel.lend(1) == 0


def test_a_lent_slot_that_comes_back_goes_to_the_first_sender_that_waits():
    channel = Channel(2)
    channel.lend(2)
    tickets = sends(channel, 1, 2, 3)
    channel.give_back(1)
    assert states(tickets) == [DONE, WAITING, WAITING]


def test_an_arrival_that_a_local_receiver_takes_frees_a_slot_for_a_send_that_is_tied():
    channel = Channel(1)
    channel.lend(1)
    receives(channel, remote=True)
    (tied,) = sends(channel, 1)
    (here,) = receives(channel)
    assert tied.state == HELD
    channel.arrive(2)
    channel.check()
    assert (here.got, tied.state) == (2, DONE)


# ---- leftovers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("remote", [False, True])
def test_a_cancelled_ticket_stands_in_no_queue(remote):
    channel = Channel(0)
    (send,) = sends(channel, 1, remote=remote)
    assert send.cancel(Cancelled())
    assert not channel.senders
    (recv,) = receives(channel, remote=remote)
    assert recv.cancel(Cancelled())
    assert not channel.receivers
    assert send.queue is recv.queue is None
    assert states(sends(channel, 2)) == [WAITING], "nobody receives any more"


def test_a_ticket_is_cancelled_once():
    channel = Channel(0)
    (recv,) = receives(channel)
    assert recv.cancel(Cancelled())
    assert not recv.cancel(ChannelClosed())
    assert recv.failed is Cancelled
    assert recv.wakes == 1


def test_a_ticket_that_is_done_cannot_be_served_again():
    ticket = Local()
    ticket.complete(1)
    with pytest.raises(AssertionError):
        ticket.complete(2)
    with pytest.raises(AssertionError):
        ticket.fail(Cancelled())


def test_a_cancel_in_the_middle_keeps_the_order_of_the_others():
    channel = Channel(0)
    _, middle, _ = sends(channel, 1, 2, 3)
    middle.cancel(Cancelled())
    assert [recv.got for recv in receives(channel, 2)] == [1, 3]


# ---- a plain operation meets a select of this process -----------------------------------------------------


def waiting_select(channel, sending, *, homes=(), poll=False):
    """A select that waits on two channels of this process, and perhaps on others."""
    other = Channel(0)
    select = Select(None, None, (1, 1), poll)
    for index, core in enumerate((other, channel)):
        select.cases.append(Case(select, index, core, sending, "selected" if sending else None))
    if homes:
        select.elsewhere(set(homes))
    select.arm()
    return select, other


@pytest.mark.parametrize("capacity", [0, 1])
def test_a_send_meets_a_select_that_waits_here_at_once(capacity):
    channel = Channel(capacity)
    select, other = waiting_select(channel, sending=False)
    assert channel.try_send("value")
    assert (select.state, select.result, select.ok) == (DONE, (1, "value"), True)
    assert not channel.receivers
    assert not other.receivers, "its other case has left"
    for each in (channel, other, select):
        each.check()


def test_a_receive_meets_a_select_that_waits_here_at_once():
    channel = Channel(0)
    select, other = waiting_select(channel, sending=True)
    assert channel.try_recv() == ("selected", True)
    assert (select.state, select.result) == (DONE, (1, None))
    assert not channel.senders
    assert not other.senders, "its other case has left"
    for each in (channel, other, select):
        each.check()


def test_a_select_whose_other_homes_have_not_answered_is_not_served_at_once():
    channel = Channel(0)
    select, _ = waiting_select(channel, sending=False, homes=[7])
    assert not channel.try_send("value")
    assert select.state == WAITING
    assert list(channel.receivers) == [select.cases[1]]


def test_who_came_before_a_select_is_served_before_it():
    channel = Channel(0)
    first = Ticket(None)
    channel.recv(first)
    select, _ = waiting_select(channel, sending=False)
    assert channel.try_send("one")
    assert (first.result, select.state) == ("one", WAITING)
    assert channel.try_send("two")
    assert select.result == (1, "two")
