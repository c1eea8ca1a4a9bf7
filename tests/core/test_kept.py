"""A value that was put, and the copies of it that other processes have."""

from __future__ import annotations

from dgo.core.kept import Copy, Kept
from dgo.core.ticket import DONE
from dgo.errors import ChannelLost, Timeout

from .tools import Local


def test_a_kept_value_is_given_to_all_that_ask_and_counts_them():
    kept = Kept("frozen", 6)
    tickets = [Local(), Local()]
    for ticket in tickets:
        kept.get(ticket)
    assert [ticket.result for ticket in tickets] == ["frozen", "frozen"]
    assert kept.shipped == 2


def test_all_that_wait_get_the_value_when_it_comes_and_later_ones_at_once():
    copy = Copy()
    waiting = [Local(), Local()]
    for ticket in waiting:
        copy.wait(ticket)
    copy.check()
    copy.answered("frozen")
    late = Local()
    copy.wait(late)
    for ticket in (*waiting, late):
        ticket.check()
        assert ticket.result == "frozen"
    copy.check()


def test_one_that_has_lost_patience_is_left_alone():
    copy = Copy()
    gone, patient = Local(), Local()
    copy.wait(gone)
    copy.wait(patient)
    assert gone.cancel(Timeout("expected by the test"))
    copy.answered("frozen")
    gone.check()
    assert isinstance(gone.error, Timeout)
    assert patient.result == "frozen"


def test_a_failure_is_told_to_each_that_waits_with_an_error_of_its_own():
    copy = Copy()
    first, gone, second = Local(), Local(), Local()
    for ticket in (first, gone, second):
        copy.wait(ticket)
    gone.cancel(Timeout("expected by the test"))
    copy.fail(ChannelLost("its home died"))
    assert copy.failed
    assert isinstance(gone.error, Timeout)
    assert first.state == second.state == DONE
    assert str(first.error) == str(second.error) == "its home died"
    assert first.error is not second.error
    copy.check()
