"""``Sequencer``: blocks of different goroutines, in an order that the test fixes."""

from __future__ import annotations

from types import TracebackType

from dgo.channels import Chan
from dgo.errors import ChannelClosed, MisuseError
from dgo.selection import recv, select
from dgo.sync import Map

__all__ = ["Sequencer", "Turn"]


class Sequencer:
    """Has blocks run in the order of their numbers, in whatever goroutines and processes they stand.

    Each number stands for one block, from 0 on, without a gap. A Sequencer can be passed to goroutines and is the
    same one everywhere. Its objects live in the processes that use it; with one of them the order is lost
    (``ChannelLost``).

    Example:
        >>> seq = dgo.testing.Sequencer()
        >>> def second(seq):
        ...     with seq(1):
        ...         print("then this")
        >>> g = dgo.go(second, seq)
        >>> with seq(0):
        ...     print("first this")
        >>> with seq(2):
        ...     print("and this last")
    """

    def __init__(self) -> None:
        self._taken: Map[int, bool] = Map()
        self._gates: Map[int, Chan[None]] = Map()
        self._given_up: Map[int, bool] = Map()
        self._failed: Chan[None] = Chan(name="a block's wait was interrupted")

    def __call__(self, number: int) -> Turn:
        """The block with that number, for a ``with`` statement.

        Entering it blocks until the blocks with all lower numbers have ended (with an error or without). If a number
        is missing, that is for ever: the driver's ``Deadlock`` then names the turns that are waited for.

        Raises:
            MisuseError: you, on entering: the number was used before; or the wait of an earlier block was interrupted
                (a cancel, say), so that this one's turn can never come.
            TypeError: you: ``number`` is no integer.
            ValueError: you: ``number`` is negative.
        """
        if type(number) is not int:
            raise TypeError(f"the blocks of a Sequencer have integers for numbers, not {number!r:.80}")
        if number < 0:
            raise ValueError(f"the blocks of a Sequencer are numbered from 0, there is none with {number}")
        return Turn(self, number)

    def take(self, number: int) -> None:
        """Waits for a turn."""
        if self._taken.load_or_store(number, True)[1]:
            raise MisuseError(
                f"number {number} of a Sequencer is used twice: give each block one of its own, 0, 1, 2, ..."
            )
        if number == 0:
            return
        gate = self._gate(number)
        try:
            chosen = select(recv(gate), recv(self._failed))
        except BaseException:
            self._give_up(number, gate)
            raise
        if chosen.index == 1:
            raise MisuseError(
                f"block {number} of a Sequencer can never run: the wait of an earlier block was interrupted"
            )

    def pass_on(self, number: int) -> None:
        """A turn is over."""
        self._gate(number + 1).close()
        if number + 1 in self._given_up:
            self._fail()

    def _gate(self, number: int) -> Chan[None]:
        """The channel that is closed when the turn comes."""
        return self._gates.load_or_store(number, Chan(name=f"turn {number} of a Sequencer"))[0]

    def _give_up(self, number: int, gate: Chan[None]) -> None:
        self._given_up.store(number, True)
        if gate.closed:  # else whoever closes it will see the note
            self._fail()

    def _fail(self) -> None:
        try:
            self._failed.close()
        except ChannelClosed:
            return  # both have seen it


class Turn:
    """What ``seq(number)`` returns: a context manager."""

    def __init__(self, sequencer: Sequencer, number: int) -> None:
        self._sequencer = sequencer
        self._number = number

    def __enter__(self) -> None:
        self._sequencer.take(self._number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sequencer.pass_on(self._number)
