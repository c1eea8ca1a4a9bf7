"""put and Ref: one value for many goroutines, shipped once to each process."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from dgo.core.kept import Copy, Kept
from dgo.core.ticket import Ticket
from dgo.errors import ChannelLost
from dgo.ids import object_name
from dgo.runtime import current
from dgo.runtime.node import Node
from dgo.runtime.objects import SharedObject
from dgo.runtime.operations import register
from dgo.runtime.shared import KINDS, Shared
from dgo.runtime.shared import Ref as Membership
from dgo.wire.snapshot import ATOMS, Payload, freeze, thaw_shared

__all__ = ["Ref", "RefStatistics", "put"]

T = TypeVar("T")


class RefStatistics(NamedTuple):
    """What this process knows of a ``Ref``.

    Attributes:
        nbytes: the size of the value's snapshot, in bytes.
        here: whether the value is in this process, so that ``get()`` sends no message.
        shipped: how many times it was sent to other processes; None in a process where it does not live.
    """

    nbytes: int
    here: bool
    shipped: int | None


class Ref(SharedObject, Generic[T]):
    """A handle on a value that was put: ``dgo.put(value)`` makes one.

    It can be passed to goroutines anywhere, in arguments, closures and channels, and costs a few bytes there. The value
    stays in the process that has put it, and travels to another process once, when a goroutine there first calls
    ``get()``, however many goroutines use it. It is freed when no handle to it exists anywhere; a process that has got
    it keeps it as long as it has a handle.

    Example:
        >>> table = dgo.put(numpy.load("table.npy"))
        >>> results = list(dgo.map(search, [(table, key) for key in keys]))  # search() calls table.get()
    """

    __slots__ = ("_nbytes",)
    KIND: ClassVar[str] = "ref"
    CORE: ClassVar[type] = Kept

    _nbytes: int

    def __init__(self) -> None:
        raise TypeError("dgo.put(value) makes a Ref")

    def _meta(self) -> list[Any]:
        return [self._nbytes]

    @classmethod
    def _rebuild(cls, node: Node, core: Any, ref: Membership | None, meta: list[Any]) -> Shared:
        handle = cast("Ref[Any]", super()._rebuild(node, core, ref, meta))
        (handle._nbytes,) = meta
        return handle

    def get(self, timeout: float | None = None) -> T:
        """The value; blocks until it is in this process.

        Each call gives an object of its own, which may be changed, but for large buffers: the data of NumPy arrays of
        16 KiB or more is shared by all that is made from this value in this process, and **read-only**
        (``array.flags.writeable`` is False). To change it, copy it: ``array.copy()``.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChannelLost: the world: the process that has put the value has died before this one had it.
            ClusterError: the world: the cluster is gone.
            SerializationError: you: the value cannot be rebuilt in this process.
            Timeout: the timeout ran out. The value goes on coming, for the next call.
        """
        core = self._core
        if core is not None:
            return cast("T", thaw_shared(core.frozen))
        node = self._node
        with node.lock:
            copy = self._copy()
            ticket = None
            if not copy.there:
                ticket = node.host.ticket()
                copy.wait(ticket)
        if ticket is not None:
            node.wait(ticket, "ref get", self, timeout)
        return cast("T", thaw_shared(copy.frozen))

    async def aget(self, timeout: float | None = None) -> T:
        """As ``get``, for coroutines: suspends this coroutine only.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChannelLost: the world: the process that has put the value has died before this one had it.
            ClusterError: the world: the cluster is gone.
            SerializationError: you: the value cannot be rebuilt in this process.
            Timeout: the timeout ran out. The value goes on coming, for the next call.
        """
        from dgo.runtime.awaiting import Suspended, wakes_of  # asyncio takes its time to import

        core = self._core
        node = self._node
        wakes = wakes_of(node)
        if wakes.is_due:
            await wakes.pause()
        suspended = Suspended(wakes)
        if core is not None:
            return cast("T", thaw_shared(core.frozen))
        with node.lock:
            copy = self._copy()
            ticket = None
            if not copy.there:
                ticket = Ticket(suspended.wake, None, suspended)
                copy.wait(ticket)
        if ticket is not None:
            suspended.on(ticket, "ref get", self, timeout)
            await suspended
        return cast("T", thaw_shared(copy.frozen))

    def _copy(self) -> Copy:
        """What this process has of the value; asks for it if nobody has. Under the node's lock."""
        node = self._node
        ref = self._ref
        assert ref is not None
        copy: Copy | None = ref.copy
        if copy is None or copy.failed:
            node.check_open()
            if ref.lost is not None:
                raise ChannelLost(_lost(ref, ref.lost))
            copy = ref.copy = Copy()
            node.remote.start(ref, "get", [], _Answer(copy, ref), None)
        return copy

    def statistics(self) -> RefStatistics:
        """The size of the value and where it is; asks nobody."""
        core = self._core
        if core is not None:
            return RefStatistics(self._nbytes, True, core.shipped)
        copy = self._ref.copy  # type: ignore[union-attr] # a handle without a core has a reference
        return RefStatistics(self._nbytes, copy is not None and copy.there, None)

    def __repr__(self) -> str:
        size = f"{self._nbytes:,} bytes"
        core = self._core
        if core is not None:
            return f"Ref({self._id_text}, {size}, here, sent to others {core.shipped} times)"
        there = self.statistics().here
        return f"Ref({self._id_text}, {size}, {'elsewhere, a copy is here' if there else 'elsewhere'})"


class _Answer:
    """Called with the operation that has fetched a value, once it has ended. Under the node's lock."""

    __slots__ = ("copy", "home", "number")

    def __init__(self, copy: Copy, ref: Membership) -> None:
        self.copy = copy
        self.home = ref.home  # not the reference itself: it is told apart from what it keeps by being garbage first
        self.number = ref.number

    def __call__(self, ticket: Ticket) -> None:
        error = ticket.error
        if error is None:
            self.copy.answered(ticket.result)
        elif isinstance(error, ChannelLost):
            self.copy.fail(ChannelLost(_text(self.home, self.number, "the process that has put it has died")))
        else:
            self.copy.fail(error)


def _lost(ref: Membership, cause: str) -> str:
    return _text(ref.home, ref.number, cause)


def _text(home: int, number: int, cause: str) -> str:
    return (
        f"the value of Ref {object_name(home, number)} is lost: {cause}. Put values where they outlive their users, "
        "for example in the driver"
    )


def put(value: T) -> Ref[T]:
    """Takes a snapshot of a value, to be used by many goroutines; blocks only while it is copied.

    Pass the ``Ref`` that it returns instead of the value: it is copied once here, and once to each other process that
    uses it (on one host a large array not even then), not once for each goroutine.

    Args:
        value: anything that could be an argument of a goroutine.

    Raises:
        SerializationError: you: something in the value cannot travel; the message gives the way to it.
    """
    frozen = freeze(value, "the value put")
    handle: Ref[T] = Ref.__new__(Ref)
    handle._node = current.get()
    nbytes = frozen.nbytes if type(frozen) is Payload else _size(frozen)
    handle._core = Kept(frozen, nbytes)
    handle._ref = None
    handle._nbytes = nbytes
    return handle


def _size(frozen: Any) -> int:
    """Of a value that is its own snapshot."""
    if type(frozen) is str or type(frozen) is bytes:
        return len(frozen)
    return frozen.__sizeof__() if type(frozen) in ATOMS else 0


register(Kept, "get", Kept.get)
KINDS[Ref.KIND] = Ref
