"""Those who wait for one thing, in the order in which they came.

Most queues hold nobody or one. So the first stands beside the others: to come and go alone touches no table, and a
queue of nobody is small. The others are in a table, from which each can leave at any time, wherever it stands.

Invariants (``check()`` asserts them):

1. There are others only behind a first.
2. Nobody stands in it twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

__all__ = ["Queue"]


class Queue:
    """Waiting parties: tickets, and on channels the cases of selects.

    Attributes:
        first: whose turn it is; None if nobody waits.
    """

    __slots__ = ("_others", "first")

    def __init__(self) -> None:
        self.first: Any = None
        self._others: OrderedDict[Any, None] | None = None

    def append(self, party: Any) -> None:
        """``party`` comes, as the last."""
        if self.first is None:
            self.first = party
            return
        if self._others is None:
            self._others = OrderedDict()
        self._others[party] = None

    def prepend(self, party: Any) -> None:
        """``party`` comes back, before all others."""
        first, self.first = self.first, party
        if first is not None:
            if self._others is None:
                self._others = OrderedDict()
            self._others[first] = None
            self._others.move_to_end(first, last=False)

    def take(self) -> Any:
        """The first leaves; there is one."""
        party = self.first
        others = self._others
        if others:
            self.first, _ = others.popitem(last=False)
        else:
            self.first = None
        return party

    def remove(self, party: Any) -> None:
        """``party`` leaves, wherever it stands."""
        if party is self.first:
            self.take()
        else:
            assert self._others is not None, "it stands here"
            del self._others[party]

    def give_up(self, party: Any) -> None:
        """``party`` leaves because it waits no longer."""
        self.remove(party)

    def __bool__(self) -> bool:
        return self.first is not None

    def __len__(self) -> int:
        if self.first is None:
            return 0
        return 1 + (len(self._others) if self._others is not None else 0)

    def __iter__(self) -> Iterator[Any]:
        if self.first is not None:
            yield self.first
            if self._others is not None:
                yield from self._others

    def __contains__(self, party: object) -> bool:
        return party is not None and (party is self.first or (self._others is not None and party in self._others))

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        if self._others:
            assert self.first is not None, "1: others wait behind nobody"
            assert self.first not in self._others, "2: it stands here twice"
