"""Handles: how a program holds an object that has a home.

A handle is either *local* (``_core`` is the object itself, this process is its home) or a *proxy* (``_ref``
names it, operations travel). Which one it is, is decided when the handle is made and never changes: objects
do not move. Equality and hash are by the object's identity.
"""

from __future__ import annotations

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
        credit: slots of the channel that are lent to this process.
        lost: why the object is gone (its home died), or None.
    """

    __slots__ = ("__weakref__", "credit", "dropped", "home", "joined", "lost", "number")

    def __init__(self, home: int, number: int, dropped: Any) -> None:
        self.home = home
        self.number = number
        self.joined = False
        self.credit = 0
        self.lost: str | None = None
        self.dropped = dropped

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
