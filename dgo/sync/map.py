"""Map: a dictionary that all goroutines share."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, cast, overload

from dgo.core.map import Map as Core
from dgo.runtime import current
from dgo.runtime.objects import SharedObject
from dgo.runtime.shared import KINDS
from dgo.wire.snapshot import ATOMS, Payload, freeze, thaw

__all__ = ["Map", "MapStatistics"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_ABSENT: Any = object()


class MapStatistics(NamedTuple):
    """A Map at one moment.

    Attributes:
        keys: how many there are.
    """

    keys: int


class Map(SharedObject, MutableMapping[K, V]):
    """A map that goroutines anywhere read and change, each operation in one step (Go's ``sync.Map``).

    It is a mapping too: ``m[k]``, ``k in m``, ``len(m)``, iteration, ``get``, ``pop``, ``setdefault`` and the like are
    one step for each key. Iteration goes over the keys of the moment in which it began. Keys and values are copied
    on their way in and out: nothing mutable is shared. Keys are equal as in a dict. As a handle it equals only
    itself, and is true also when it is empty.

    Example:
        >>> seen = dgo.Map()
        >>> seen.load_or_store("a", 1)
        (1, False)
    """

    __slots__ = ()
    KIND: ClassVar[str] = "map"
    CORE: ClassVar[type] = Core

    def __init__(self) -> None:
        self._node = current.get()
        self._core = Core()
        self._ref = None

    def _keyed(self, name: str, key: Any, *values: Any) -> tuple[Any, Any]:
        """One operation on a key: the frozen value, and whether the key was there.

        Raises:
            TypeError: the key cannot be hashed.
        """
        hash(key)
        frozen = key if type(key) in ATOMS else freeze(key, "the key")
        if self._core is None:
            ticket = self._do(name, frozen, *values)
            return ticket.result, ticket.ok
        own = key if type(frozen) is not Payload else thaw(frozen)  # the caller may change its key later
        method = getattr(self._core, name)
        with self._node.lock:
            return cast("tuple[Any, Any]", method(own, frozen, *values))

    # ---- Go's sync.Map ---------------------------------------------------------------------------

    def load(self, key: K) -> tuple[V, Literal[True]] | tuple[None, Literal[False]]:
        """``(value, True)``, or ``(None, False)`` if the key is not there.

        Raises:
            TypeError: you: the key cannot be hashed.
            SerializationError: you: the key cannot travel; or the value cannot be rebuilt in this process.
            ChannelLost: the world: the process in which the map lived has died.
        """
        value, there = self._keyed("load", key)
        return cast("V", thaw(value)), there

    def store(self, key: K, value: V) -> None:
        """Sets the value of a key.

        Raises:
            TypeError: you: the key cannot be hashed.
            SerializationError: you: the key or the value cannot travel.
            ChannelLost: the world: the process in which the map lived has died.
        """
        self._keyed("store", key, freeze(value, "the value"))

    def load_or_store(self, key: K, value: V) -> tuple[V, bool]:
        """``(the value that is there, True)``; if there is none, stores ``value``: ``(value, False)``.

        Raises:
            TypeError: you: the key cannot be hashed.
            SerializationError: you: the key or the value cannot travel.
            ChannelLost: the world: the process in which the map lived has died.
        """
        actual, loaded = self._keyed("load_or_store", key, freeze(value, "the value"))
        return cast("V", thaw(actual)), loaded

    def load_and_delete(self, key: K) -> tuple[V, Literal[True]] | tuple[None, Literal[False]]:
        """Removes a key: ``(its value, True)``, or ``(None, False)`` if it was not there.

        Raises:
            TypeError: you: the key cannot be hashed.
            SerializationError: you: the key cannot travel; or the value cannot be rebuilt in this process.
            ChannelLost: the world: the process in which the map lived has died.
        """
        value, loaded = self._keyed("load_and_delete", key)
        return cast("V", thaw(value)), loaded

    def delete(self, key: K) -> None:
        """Removes a key, if it is there.

        Raises:
            TypeError: you: the key cannot be hashed.
            ChannelLost: the world: the process in which the map lived has died.
        """
        self._keyed("delete", key)

    def range(self) -> Iterator[tuple[K, V]]:
        """The pairs of this moment, in the order in which the keys came.

        Raises:
            ChannelLost: the world: the process in which the map lived has died.
        """
        return ((cast("K", thaw(key)), cast("V", thaw(value))) for key, value in self._pairs())

    def _pairs(self) -> list[tuple[Any, Any]]:
        if self._core is None:
            return cast("list[tuple[Any, Any]]", thaw(self._ask("pairs")))
        with self._node.lock:
            return cast("list[tuple[Any, Any]]", self._core.pairs())

    def clear(self) -> None:
        """Removes all keys.

        Raises:
            ChannelLost: the world: the process in which the map lived has died.
        """
        self._ask("clear")

    # ---- the mapping protocol --------------------------------------------------------------------

    def __getitem__(self, key: K) -> V:
        value, there = self.load(key)
        if not there:
            raise KeyError(key)
        return cast("V", value)

    def __setitem__(self, key: K, value: V) -> None:
        self.store(key, value)

    def __delitem__(self, key: K) -> None:
        if not self._keyed("delete", key)[1]:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return bool(self._keyed("contains", key)[1])

    def __len__(self) -> int:
        if self._core is None:
            return int(self._ask("len"))
        return len(self._core.entries)

    def __iter__(self) -> Iterator[K]:
        return (cast("K", thaw(key)) for key, _ in self._pairs())

    def items(self) -> ItemsView[K, V]:
        """A view of the pairs; each iteration over it is a ``range()``."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """A view of the values; each iteration over it is a ``range()``."""
        return _Values(self)

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """The value of a key, or ``default``."""
        value, there = self.load(key)
        return value if there else default

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, /, default: V | D) -> V | D: ...
    def pop(self, key: K, /, default: Any = _ABSENT) -> Any:
        """Removes a key and returns its value, or ``default``.

        Raises:
            KeyError: the key is not there, and no default was given.
        """
        value, there = self.load_and_delete(key)
        if there:
            return value
        if default is _ABSENT:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[K, V]:
        """Removes some key and returns it with its value.

        Raises:
            KeyError: the map is empty.
        """
        while True:
            keys = list(self)
            if not keys:
                raise KeyError("popitem of an empty Map")
            for key in reversed(keys):
                value, there = self.load_and_delete(key)
                if there:  # else another goroutine was faster
                    return key, cast("V", value)

    @overload
    def setdefault(self: Map[K, V | None], key: K, default: None = None, /) -> V | None: ...
    @overload
    def setdefault(self, key: K, default: V, /) -> V: ...
    def setdefault(self, key: Any, default: Any = None, /) -> Any:
        """The value of a key; if there is none, stores ``default``."""
        return self.load_or_store(key, default)[0]

    def statistics(self) -> MapStatistics:
        """How many keys there are, at this moment."""
        return MapStatistics(len(self))

    def __repr__(self) -> str:
        if self._core is None:
            return f"Map({self._id_text}, elsewhere)"
        return f"Map({self._id_text}, {len(self._core.entries)} keys)"


class _Items(ItemsView[K, V]):
    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping.range()  # type: ignore[attr-defined, no-any-return] # typeshed does not name it


class _Values(ValuesView[V]):
    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping.range())  # type: ignore[attr-defined] # as above

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


KINDS[Map.KIND] = Map
