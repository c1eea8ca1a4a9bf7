"""Tickets that remember, and how long the models run."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from dgo.core.ticket import DONE, Ticket

_COMMON: dict[str, Any] = {
    "deadline": None,  # the machine may be busy
    "print_blob": True,  # how to run a failure again
    "suppress_health_check": list(HealthCheck),
}
QUICK = settings(max_examples=50, stateful_step_count=40, **_COMMON)
MANY = settings(max_examples=600, stateful_step_count=60, **_COMMON)


def run(model: type[RuleBasedStateMachine], how: settings = QUICK) -> None:
    """Runs a stateful model."""
    run_state_machine_as_test(model, settings=how)


class Local(Ticket):
    """A ticket of this process. ``wakes`` counts the calls of its wake."""

    __slots__ = ("wakes",)

    def __init__(self, value: Any = None) -> None:
        super().__init__(_count, value=value)
        self.wakes = 0

    def check(self) -> None:
        """It is woken once, when it is DONE; one that is not WAITING stands in no queue."""
        assert self.wakes == (self.state == DONE)
        if self.queue is not None:
            assert self in self.queue

    @property
    def done(self) -> bool:
        return self.state == DONE

    @property
    def got(self) -> Any:
        """The value that came, here or as a handoff."""
        assert self.state == DONE
        assert self.error is None, self.error
        return getattr(self.result, "value", self.result)

    @property
    def failed(self) -> type[BaseException] | None:
        return None if self.error is None else type(self.error)


class Remote(Local):
    """A ticket of another process."""

    __slots__ = ()
    remote = True


def _count(ticket: Ticket) -> None:
    assert isinstance(ticket, Local)
    ticket.wakes += 1
