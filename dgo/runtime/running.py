"""What the task of a goroutine that is a coroutine has in place of a carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from dgo.runtime.coroutines import Coroutines

__all__ = ["Running", "cancel_again"]


class Running:
    """A goroutine's coroutine on the node's loop. It is also what asyncio calls when that has ended."""

    __slots__ = ("_again", "_coroutines", "_pending", "_task")

    def __init__(self, coroutines: Coroutines, task: asyncio.Task[object]) -> None:
        self._coroutines = coroutines
        self._task = task
        self._pending = 0  # cancellations that it has not heard of
        self._again = False  # the last one met the end of an ``await``, and comes at the next

    def __call__(self, task: asyncio.Task[object]) -> None:
        self._coroutines.ended(task)

    def cancel(self) -> None:
        """Has the coroutine cancelled as asyncio does it: ``CancelledError`` at its ``await``. Any thread."""
        self._pending += 1
        self._coroutines.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        if self._pending:
            import asyncio

            self._pending -= 1
            asyncio.Task.cancel(self._task)  # in whatever goroutine's name the loop does this

    def comes_late(self, task: asyncio.Task[object]) -> bool:
        """The cancellation of ``task`` met the end of its ``await``; returns False if that is not this coroutine's."""
        if task is not self._task:
            return False
        self._again = True
        self._coroutines.loop.call_soon(self._deliver_again)
        return True

    def _deliver_again(self) -> None:
        if self._again:
            self._again = False
            cancel_again(self._task)

    def interrupt(self) -> None:
        """Raises a cancellation that is due, if it is this coroutine that runs now. In the loop's thread."""
        import asyncio

        if asyncio.current_task() is not self._task:
            return
        if self._pending:
            self._pending -= 1
            raise asyncio.CancelledError
        if self._again and self._task.cancelling():
            self._again = False
            raise asyncio.CancelledError


def cancel_again(task: asyncio.Task[object]) -> None:
    """The cancellation that came too late for the last ``await``, unless ``asyncio.timeout`` has dealt with it."""
    import asyncio

    if not task.done() and task.cancelling():
        asyncio.Task.cancel(task)
        task.uncancel()  # the count stays as it was: it is the same cancellation
