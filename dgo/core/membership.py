"""Who is in the cluster, as the coordinator sees it.

::

    ALIVE ──drain──> DRAINING
      │ ▲               │
   suspect│back         │ suspect
      ▼ │               ▼
    SUSPECT ────────────┐
      │                 │
      └──────lose───────┴──> LOST      (from every state)

A member is one incarnation of one process: it joins once, and what is LOST stays LOST: its id is a
tombstone, and nothing it says is believed. SUSPECT means that its connection is gone; it has until
``lease`` seconds after that to come back.

Invariants: a tombstone is no member; the suspects are exactly the members with a deadline.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["ROLES", "Member", "Members", "State"]

ROLES = ("driver", "worker", "supervisor", "client")


class State(Enum):
    """The states of a member."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DRAINING = "draining"


class Member:
    """One process that takes part.

    Attributes:
        node: its incarnation.
        role: one of ``ROLES``.
        address: where other members can connect to it; empty if nowhere (drivers only connect out).
        supervisor: the node that started it and reports its exit; 0 if none.
        labels: what placement can ask for.
        resources: amounts that placement can hand out.
    """

    __slots__ = (
        "address", "deadline", "host", "labels", "name", "node", "pid", "resources", "role", "state", "supervisor",
    )  # fmt: skip

    def __init__(
        self,
        node: int,
        role: str,
        name: str,
        address: str,
        host: str,
        pid: int,
        supervisor: int = 0,
        labels: dict[str, str] | None = None,
        resources: dict[str, float] | None = None,
    ) -> None:
        self.node = node
        self.role = role
        self.name = name
        self.address = address
        self.host = host
        self.pid = pid
        self.supervisor = supervisor
        self.labels = labels if labels is not None else {}
        self.resources = resources if resources is not None else {}
        self.state = State.ALIVE
        self.deadline: float | None = None


class Members:
    """The members of one cluster."""

    def __init__(self, lease: float) -> None:
        self.lease = lease
        self._members: dict[int, Member] = {}
        self._lost: dict[int, str] = {}

    def join(self, member: Member) -> bool:
        """Adds a member; False if its id was used before (then it must not be believed)."""
        if member.node in self._lost:
            return False
        self._members[member.node] = member
        return True

    def get(self, node: int) -> Member | None:
        """The member, unless it never joined or is lost."""
        return self._members.get(node)

    def cause(self, node: int) -> str | None:
        """Why ``node`` was lost; None if it was not."""
        return self._lost.get(node)

    def with_role(self, role: str) -> list[Member]:
        """All members with that role, in the order in which they joined."""
        return [member for member in self._members.values() if member.role == role]

    def under(self, supervisor: int) -> list[Member]:
        """The processes that ``supervisor`` started."""
        return [member for member in self._members.values() if member.supervisor == supervisor]

    def all(self) -> list[Member]:
        """All members."""
        return list(self._members.values())

    def drain(self, node: int) -> None:
        """The member takes no new goroutines from now on."""
        member = self._members.get(node)
        if member is not None:
            member.state = State.DRAINING

    def suspect(self, node: int, now: float) -> None:
        """Its connection is gone; it has the lease to come back."""
        member = self._members.get(node)
        if member is not None and member.deadline is None:
            member.deadline = now + self.lease
            if member.state is State.ALIVE:
                member.state = State.SUSPECT

    def back(self, node: int) -> None:
        """It was heard again in time."""
        member = self._members.get(node)
        if member is not None and member.deadline is not None:
            member.deadline = None
            if member.state is State.SUSPECT:
                member.state = State.ALIVE

    def overdue(self, now: float) -> list[int]:
        """The suspects whose lease has run out."""
        return [
            member.node for member in self._members.values() if member.deadline is not None and member.deadline <= now
        ]

    def lose(self, node: int, cause: str) -> Member | None:
        """The member is dead; returns it, or None if that was known (or it never joined)."""
        member = self._members.pop(node, None)
        if member is not None:
            self._lost[node] = cause
        return member

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for node, member in self._members.items():
            assert node == member.node
            assert node not in self._lost
            assert member.state is not State.SUSPECT or member.deadline is not None
