"""Goroutines with options: their records, their deadlines, and what is said of their loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dgo.core.goroutine import STARTED, Ending, Goroutine, Limited, Outcome
from dgo.errors import DeadlineExceeded
from dgo.ids import object_name
from dgo.runtime.options import SpawnOptions
from dgo.wire.snapshot import Call, freeze_exception

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["goroutine_with", "loss_text"]


def goroutine_with(
    node: Node,
    options: SpawnOptions,
    number: int,
    call: Call,
    on_end: Callable[[Goroutine], object] | None,
    on_cancel: Callable[[Goroutine], object],
    job: int,
    since: float | None,
) -> Goroutine:
    """The record of a goroutine with options; its deadline counts from ``since``, or from now. Under the lock."""
    name = call.name if options.name is None else options.name
    if not options.limited:
        return Goroutine(number, name, call, job, on_end, on_cancel)
    goroutine = Limited(number, name, call, job, on_end, on_cancel, options.retries, options)
    if options.timeout is not None:
        deadline = (node.clock() if since is None else since) + options.timeout
        timer = node.set_timer(deadline, partial(_expire, node.id, goroutine))
        goroutine.disarm = partial(node.timers.cancel, timer)
    return goroutine


def _expire(spawner: int, goroutine: Limited) -> None:
    error = DeadlineExceeded(
        f"goroutine {object_name(spawner, goroutine.number)} ({goroutine.name}) was cancelled: it had not ended when "
        f"the {goroutine.again.timeout:g} s of go.options(timeout=...) ran out"
    )
    goroutine.expire(Outcome(Ending.EXPIRED, freeze_exception(error)))


def loss_text(spawner: int, goroutine: Goroutine, cause: str) -> str:
    """What is said of a goroutine whose worker died, and that is not run again."""
    started = "had started" if goroutine.state == STARTED else "may have started"
    return (
        f"goroutine {object_name(spawner, goroutine.number)} ({goroutine.name}) is lost: its worker died ({cause}); "
        f"it {started} and was not run again{_why(goroutine)}"
    )


def _why(goroutine: Goroutine) -> str:
    """Why it was not run again, if it could have been."""
    if not isinstance(goroutine, Limited) or not goroutine.again.retries:
        return ""
    if goroutine.verdict is not None:
        return ": its time had run out"
    if goroutine.cancels:
        return ": it had been cancelled"
    if goroutine.retries:
        return ": its program has ended"
    return f": it was tried {goroutine.runs} times, as often as go.options(retries={goroutine.again.retries}) allows"
