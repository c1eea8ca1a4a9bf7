"""Members agree with a plain table of states and deadlines."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dgo.core.membership import Member, Members, State

from .tools import MANY, run

NODES = st.integers(1, 5)
LEASE = 3.0


def a_member(node: int, role: str = "worker", supervisor: int = 0) -> Member:
    return Member(node, role, f"m{node}", "", "host", 100 + node, supervisor)


class MembersModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.members = Members(LEASE)
        self.now = 0.0
        self.alive: dict[int, bool] = {}  # node -> draining
        self.deadlines: dict[int, float] = {}
        self.dead: dict[int, str] = {}

    @rule(node=NODES)
    def join(self, node: int) -> None:
        if node in self.alive:
            return  # a member joins once; the coordinator asks first
        assert self.members.join(a_member(node)) == (node not in self.dead)
        if node not in self.dead:
            self.alive[node] = False

    @rule(node=NODES)
    def drain(self, node: int) -> None:
        self.members.drain(node)
        if node in self.alive:
            self.alive[node] = True

    @rule(node=NODES)
    def suspect(self, node: int) -> None:
        self.members.suspect(node, self.now)
        if node in self.alive:
            self.deadlines.setdefault(node, self.now + LEASE)

    @rule(node=NODES)
    def back(self, node: int) -> None:
        self.members.back(node)
        self.deadlines.pop(node, None)

    @rule(node=NODES)
    def lose(self, node: int) -> None:
        lost = self.members.lose(node, f"cause {node}")
        assert (lost is not None) == (node in self.alive)
        if node in self.alive:
            del self.alive[node]
            self.deadlines.pop(node, None)
            self.dead[node] = f"cause {node}"

    @rule(seconds=st.integers(1, 4))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def it_agrees(self) -> None:
        self.members.check()
        assert [member.node for member in self.members.all()] == list(self.alive)
        for node in range(1, 6):
            member = self.members.get(node)
            assert (member is not None) == (node in self.alive)
            assert self.members.cause(node) == self.dead.get(node)
            if member is not None:
                assert member.deadline == self.deadlines.get(node)
                if self.alive[node]:
                    assert member.state is State.DRAINING
                else:
                    assert member.state is (State.SUSPECT if node in self.deadlines else State.ALIVE)

    @invariant()
    def the_overdue_are_those_whose_lease_has_run_out(self) -> None:
        expected = [node for node in self.alive if self.deadlines.get(node, self.now + 1) <= self.now]
        assert self.members.overdue(self.now) == expected


def test_members_agree_with_a_plain_table():
    run(MembersModel)


@pytest.mark.slow
def test_members_agree_with_a_plain_table_in_many_runs():
    run(MembersModel, MANY)


def test_what_is_lost_is_a_tombstone():
    members = Members(LEASE)
    assert members.join(a_member(1))
    assert members.lose(1, "killed")
    assert not members.join(a_member(1))
    assert members.get(1) is None
    assert members.cause(1) == "killed"


def test_a_second_suspicion_does_not_prolong_the_lease():
    members = Members(LEASE)
    members.join(a_member(1))
    members.suspect(1, 0.0)
    members.suspect(1, 2.0)
    assert members.overdue(LEASE) == [1]


def test_a_member_that_drains_goes_on_draining_when_it_comes_back():
    members = Members(LEASE)
    members.join(a_member(1))
    members.suspect(1, 0.0)
    members.drain(1)
    members.back(1)
    assert members.get(1).state is State.DRAINING


def test_members_are_found_by_role_and_by_supervisor_in_the_order_of_joining():
    members = Members(LEASE)
    for node, role, supervisor in ((3, "worker", 9), (1, "driver", 0), (2, "worker", 9)):
        members.join(a_member(node, role, supervisor))
    assert [member.node for member in members.with_role("worker")] == [3, 2]
    assert [member.node for member in members.under(9)] == [3, 2]
