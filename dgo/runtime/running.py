"""What the task of a goroutine that is a coroutine has in place of a carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["Running"]


class Running:
    """A goroutine's coroutine on the node's loop."""

    __slots__ = ("_loop", "_pending", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[object]) -> None:
        self._loop = loop
        self._task = task
        self._pending = 0  # cancellations that it has not heard of

    def cancel(self) -> None:
        """Has the coroutine cancelled as asyncio does it: ``CancelledError`` at its ``await``. Any thread."""
        self._pending += 1
        self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        if self._pending:
            import asyncio

            self._pending -= 1
            asyncio.Task.cancel(self._task)  # in whatever goroutine's name the loop does this

    def interrupt(self) -> None:
        """Raises a cancellation that is pending, if it is this coroutine that runs now. In the loop's thread."""
        import asyncio

        if self._pending and asyncio.current_task() is self._task:
            self._pending -= 1
            raise asyncio.CancelledError
