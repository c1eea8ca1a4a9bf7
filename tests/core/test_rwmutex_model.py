"""An RWMutex agrees with two lists of who waits and a list of who reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.owner import Owner
from dgo.core.rwmutex import RWMutex
from dgo.errors import Cancelled, LockLost, MisuseError

from .tools import MANY, Local, run

OWNERS = st.tuples(st.integers(1, 3), st.integers(0, 1), st.integers(1, 2))


class RWMutexModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.lock_ = RWMutex()
        self.writer: Owner | None = None
        self.reading: list[Owner] = []
        self.writers: list[tuple[Owner, Local]] = []
        self.readers: list[tuple[Owner, Local]] = []
        self.notice = False
        self.locked: list[Local] = []
        self.told: list[Local] = []

    def let_readers_in(self) -> None:
        for owner, ticket in self.readers:
            self.reading.append(owner)
            self.locked.append(ticket)
        self.readers = []

    def settle(self) -> None:
        if self.writer is None and not self.writers:
            self.let_readers_in()
        elif self.writer is None and not self.reading:
            self.writer, ticket = self.writers.pop(0)
            self.locked.append(ticket)

    def end_of_writing(self) -> None:
        self.writer = None
        self.let_readers_in()
        self.settle()

    def lose(self) -> None:
        if self.writers:
            self.told.append(self.writers.pop(0)[1])
        else:
            self.notice = True
        self.end_of_writing()

    @rule(owner=OWNERS)
    def rlock(self, owner: Owner) -> None:
        ticket = Local()
        self.lock_.rlock(ticket, owner)
        self.readers.append((owner, ticket))
        self.settle()

    @rule(owner=OWNERS)
    def try_rlock(self, owner: Owner) -> None:
        free = self.writer is None and not self.writers
        assert self.lock_.try_rlock(owner) == free
        if free:
            self.reading.append(owner)

    @rule(owner=OWNERS)
    def runlock(self, owner: Owner) -> None:
        if not self.reading:
            with pytest.raises(MisuseError):
                self.lock_.runlock(owner)
            return
        before = dict(self.lock_.readers)
        self.lock_.runlock(owner)
        if owner in self.reading:
            self.reading.remove(owner)
        else:  # whose it was is not promised
            (other,) = (one for one, count in before.items() if self.lock_.readers.get(one, 0) < count)
            self.reading.remove(other)
        self.settle()

    @rule(owner=OWNERS)
    def lock(self, owner: Owner) -> None:
        ticket = Local()
        self.lock_.lock(ticket, owner)
        if self.notice:
            self.notice = False
            self.told.append(ticket)
        else:
            self.writers.append((owner, ticket))
            self.settle()

    @rule(owner=OWNERS)
    def try_lock(self, owner: Owner) -> None:
        if self.notice:
            with pytest.raises(LockLost):
                self.lock_.try_lock(owner)
            self.notice = False
            return
        free = self.writer is None and not self.reading
        assert self.lock_.try_lock(owner) == free
        if free:
            self.writer = owner

    @rule()
    def unlock(self) -> None:
        if self.writer is None:
            with pytest.raises(MisuseError):
                self.lock_.unlock()
        else:
            self.lock_.unlock()
            self.end_of_writing()

    @rule(owner=OWNERS, writing=st.booleans())
    def withdraw(self, owner: Owner, writing: bool) -> None:
        self.lock_.withdraw(owner, writing)
        if writing and self.writer == owner:
            self.end_of_writing()
        elif not writing and owner in self.reading:
            self.reading.remove(owner)
            self.settle()

    @rule(owner=OWNERS)
    def abandon(self, owner: Owner) -> None:
        if any(owner == other for other, _ in self.writers + self.readers):
            return  # who waits does not end
        self.lock_.abandon(owner)
        if self.writer == owner:
            self.lose()
        self.reading = [other for other in self.reading if other != owner]
        self.settle()

    @rule(node=st.integers(1, 3))
    def lost(self, node: int) -> None:
        for entry in [entry for entry in self.writers + self.readers if entry[0][0] == node]:
            if entry in self.writers + self.readers:  # else the leaving of another one has let it in
                self.give_up(entry)
        self.lock_.lost(node)
        if self.writer is not None and self.writer[0] == node:
            self.lose()
        self.reading = [owner for owner in self.reading if owner[0] != node]
        self.settle()

    def give_up(self, entry: tuple[Owner, Local]) -> None:
        assert entry[1].cancel(Cancelled())
        (self.writers if entry in self.writers else self.readers).remove(entry)
        self.settle()

    @precondition(lambda self: self.writers or self.readers)
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        self.give_up(data.draw(st.sampled_from(self.writers + self.readers)))

    @invariant()
    def it_agrees(self) -> None:
        self.lock_.check()
        assert self.lock_.writer == self.writer
        assert {owner: self.reading.count(owner) for owner in self.reading} == self.lock_.readers
        assert (self.lock_.notice is not None) == self.notice
        assert list(self.lock_.waiting_writers) == [ticket for _, ticket in self.writers]
        assert list(self.lock_.waiting_readers) == [ticket for _, ticket in self.readers]
        assert all(ticket.done and ticket.error is None for ticket in self.locked)
        assert all(ticket.failed is LockLost for ticket in self.told)
        for ticket in (*self.locked, *self.told, *(ticket for _, ticket in self.writers + self.readers)):
            ticket.check()


def test_an_rwmutex_agrees_with_a_plain_reference():
    run(RWMutexModel)


@pytest.mark.slow
def test_an_rwmutex_agrees_with_a_plain_reference_in_many_runs():
    run(RWMutexModel, MANY)


def asked(lock: RWMutex, kinds: str) -> list[Local]:
    """One ticket for each letter: ``r`` asks to read, ``w`` to write."""
    tickets = []
    for number, kind in enumerate(kinds):
        ticket = Local()
        (lock.rlock if kind == "r" else lock.lock)(ticket, (1, 1, number))
        tickets.append(ticket)
    return tickets


def test_a_writer_that_waits_stops_new_readers():
    assert [ticket.done for ticket in asked(RWMutex(), "rrwr")] == [True, True, False, False]


def test_the_last_reader_lets_the_writer_in():
    lock = RWMutex()
    tickets = asked(lock, "rrwr")
    lock.runlock((1, 1, 0))
    assert not tickets[2].done
    lock.runlock((1, 1, 1))
    assert [ticket.done for ticket in tickets[2:]] == [True, False]


def test_when_a_writer_unlocks_the_readers_that_wait_go_before_the_next_writer():
    lock = RWMutex()
    tickets = asked(lock, "wrwr")
    lock.unlock()
    assert [ticket.done for ticket in tickets] == [True, True, False, True]


def test_readers_go_on_when_the_writer_that_kept_them_waiting_gives_up():
    _, writer, reader = asked(RWMutex(), "rwr")
    writer.cancel(Cancelled())
    assert reader.done


def test_the_loss_of_a_writer_is_told_to_the_next_writer_not_to_readers():
    lock = RWMutex()
    _, reader, told, writer = asked(lock, "wrww")
    lock.abandon((1, 1, 0))
    assert reader.error is None
    assert reader.done
    assert told.failed is LockLost
    assert not writer.done
    lock.runlock((1, 1, 1))
    assert writer.got is None
