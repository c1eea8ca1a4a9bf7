"""Handles: how a program holds an object that has a home.

A handle is either *local* (``_core`` is the object itself, this process is its home) or a *proxy* (``_ref``
names it, operations travel). Which one it is, is decided when the handle is made and never changes: objects
do not move. Equality and hash are by the object's identity.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from dgo.ids import object_name
from dgo.wire.snapshot import Handle

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["KINDS", "Ref", "Shared"]


class Ref:
    """This process's membership in the holder list of a foreign object; shared by all its proxies here.

    Attributes:
        joined: the home has confirmed.
        lost: why the object is gone (its home died), or None.

    Of a channel, what is leased to this process (``dgo.runtime.loans``, ``dgo.runtime.stocks``):

        credit: slots that are lent. While there are some, none of ``sends`` waits.
        half: the credit at which values leave although there might be more of them.
        outgoing: values sent into lent slots that no message has yet.
        stock: values handed ahead. While there are some, none of ``recvs`` waits.
        taken: how many of them were taken since that was said.
        say_at: the number of them at which it is said.
        epoch: of the stock.
        shut: the last epoch of which this process takes nothing any more.
        sends, recvs: plain operations that wait for the home's answer, by number.

    Of a value that was put:

        copy: what this process has of it (``dgo.core.kept``), once somebody has asked.
    """

    __slots__ = (
        "__weakref__", "copy", "credit", "dropped", "epoch", "half", "home", "joined", "lost", "number", "outgoing",
        "recvs", "say_at", "sends", "shut", "stock", "taken",
    )  # fmt: skip

    def __init__(self, home: int, number: int, dropped: Any) -> None:
        self.home = home
        self.number = number
        self.joined = False
        self.credit = 0
        self.half = 0
        self.outgoing: list[Any] | None = None
        self.stock: deque[Any] | tuple[()] = ()
        self.taken = 0
        self.say_at = 0
        self.epoch = 0
        self.shut = 0
        self.sends: dict[int, Any] | None = None
        self.recvs: dict[int, Any] | None = None
        self.copy: Any = None
        self.lost: str | None = None
        self.dropped = dropped

    def lose(self, cause: str) -> None:
        """Its home is dead, or the object is gone."""
        self.lost = cause
        self.credit = 0
        self.outgoing = None
        self.stock = ()
        self.taken = 0

    def __del__(self) -> None:
        # May run anywhere, inside any lock: only note it (deque.append is atomic).
        self.dropped.append((self.home, self.number))


class Shared(Handle):
    """Base of all handles. ``KIND`` is its name on the wire, ``_meta`` what a proxy must know beside the name."""

    __slots__ = ("_core", "_node", "_ref")

    KIND: ClassVar[str]

    _core: Any
    _ref: Ref | None
    _node: Node

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Shared):
            return NotImplemented
        if self._core is not None:
            return self._core is other._core
        return self._ref is other._ref

    def __hash__(self) -> int:
        return hash(self._core) if self._core is not None else hash((self._ref.home, self._ref.number))  # type: ignore[union-attr] # one of the two is set

    def __bool__(self) -> bool:
        return True

    def _meta(self) -> list[Any]:
        return []

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Ref | None, meta: list[Any]) -> Shared:
        handle = cls.__new__(cls)
        handle._core = core
        handle._ref = ref
        handle._node = node
        return handle

    @property
    def _id_text(self) -> str:
        if self._ref is not None:
            return object_name(self._ref.home, self._ref.number)
        with self._node.lock:  # its number is given on first use
            return object_name(self._node.id, self._node.values.number(self._core))


KINDS: dict[str, type[Shared]] = {}
