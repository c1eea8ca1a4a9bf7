"""One call of an executor, from its submission until its future is settled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from dgo.core.goroutine import Goroutine as Record
from dgo.goroutines import Prepared, thaw_outcome
from dgo.ids import object_name

__all__ = ["Call"]

log = logging.getLogger("dgo.executor")


class Call:
    """A snapshotted call and its future.

    Args:
        prepared: the call.
        landed: called with this, under the node's lock, once its goroutine has ended.
    """

    __slots__ = ("_landed", "_prepared", "_record", "_refusal", "future", "node")

    def __init__(self, prepared: Prepared, landed: Callable[[Call], object]) -> None:
        self.node = prepared.node
        self.future: Future[Any] = Future()
        self._prepared: Prepared | None = prepared
        self._landed: Callable[[Call], object] | None = landed
        self._record: Record | None = None
        self._refusal: BaseException | None = None

    def begin(self) -> bool:
        """Makes its future RUNNING, unless it was cancelled; then it is not to be started."""
        try:
            return self.future.set_running_or_notify_cancel()
        except RuntimeError:  # concurrent.futures has logged it: the program has settled the future itself
            return False

    def start(self) -> None:
        """Becomes a goroutine. Never blocks; what hinders it is its future's exception."""
        prepared, self._prepared = self._prepared, None
        assert prepared is not None
        try:
            with self.node.lock:
                self.node.check_open()
                self._record = prepared.start_now(self._on_end, asked=True)
        except Exception as error:  # noqa: BLE001  as above
            self.refuse(error)

    def refuse(self, error: BaseException) -> None:
        """It does not become a goroutine, or nobody will know how that ends."""
        with self.node.lock:
            self._refusal = error
            self._land()

    def _on_end(self, record: Record) -> None:
        self._record = record
        self._land()

    def _land(self) -> None:
        landed, self._landed = self._landed, None
        if landed is not None:  # the first end counts
            landed(self)

    def cancel(self) -> None:
        """Cancels its goroutine, if that has not ended."""
        with self.node.lock:
            if self._record is not None:
                self._record.cancel()

    def read(self) -> tuple[Any, BaseException | None]:
        """What it returned, or the error that ended it; never raises. It has landed."""
        if self._refusal is not None:
            return None, self._refusal
        assert self._record is not None
        assert self._record.outcome is not None
        try:
            return thaw_outcome(self._record.outcome, self._who, last=True)
        except BaseException as error:  # noqa: BLE001  rebuilding a result may run the program's own code
            return None, error

    def _who(self) -> str:
        assert self._record is not None
        return f"goroutine {object_name(self.node.id, self._record.number)} ({self._record.name})"

    def settle(self, value: Any, error: BaseException | None) -> None:
        """Ends the future, which runs its done callbacks; never raises."""
        try:
            if error is None:
                self.future.set_result(value)
            else:
                self.future.set_exception(error)
        except InvalidStateError:
            log.warning("the program has settled a future of an Executor itself; how its call ended is lost")
        except BaseException:  # concurrent.futures catches only a callback's Exception; all else ends here
            log.exception("a done callback raised")
