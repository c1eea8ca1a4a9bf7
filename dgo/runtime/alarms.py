"""The clocks of timers and tickers.

Whoever holds a handle on a timer's channel keeps the timer; when nobody does, it cannot matter any more and is
taken off the clock. (A timer that calls a function matters until it has done so.)
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo.core.alarm import Alarm
from dgo.core.ticket import Ticket
from dgo.core.timers import Timer
from dgo.runtime.operations import register

if TYPE_CHECKING:
    from dgo.runtime.node import Node

__all__ = ["Alarms", "Clock"]


class Clock:
    """What makes one alarm fire. Methods are called under the node's lock.

    Attributes:
        job: whose program the call belongs to.
        period: seconds between the ticks of a ticker; None: it fires once.
        action: what is called, where it may block, instead of a value being sent.
        kept: the alarm itself, while it has to fire although nobody may hold it.
    """

    __slots__ = ("_alarm", "_alarms", "action", "job", "kept", "period", "timer", "when")

    def __init__(
        self, alarms: Alarms, alarm: Alarm, period: float | None, action: Callable[[], object] | None, job: int
    ) -> None:
        self._alarms = alarms
        self._alarm = weakref.ref(alarm, self._gone)
        self.period = period
        self.action = action
        self.job = job
        self.kept: Alarm | None = None
        self.timer: Timer | None = None
        self.when = 0.0

    def _gone(self, ref: Any) -> None:
        self._alarms.dropped.append(self)  # may run anywhere, inside any lock: only note it

    def start(self, seconds: float) -> bool:
        """Arms the alarm, which may be armed; returns what ``Alarm.reset`` returns."""
        alarm = self._alarm()
        assert alarm is not None, "its caller has it"
        prevented = alarm.reset()
        self.take_off()
        if self.period is not None:
            self.period = seconds
        if self.action is not None:
            self.kept = alarm
            self._alarms.calling.add(self)
        node = self._alarms.node
        self.when = node.clock() + max(seconds, 0.0)
        self.timer = node.set_timer(self.when, self.ring)
        return prevented

    def stop(self) -> bool:
        """Disarms the alarm; returns what ``Alarm.stop`` returns."""
        alarm = self._alarm()
        assert alarm is not None, "its caller has it"
        self.take_off()
        return alarm.stop()

    def take_off(self) -> None:
        """It will not ring."""
        timer, self.timer = self.timer, None
        if timer is not None:
            self._alarms.node.timers.cancel(timer)
        self.kept = None
        self._alarms.calling.discard(self)

    def ring(self) -> None:
        """The time has come."""
        self.timer = None
        alarm = self._alarm()
        if alarm is None:
            return
        node = self._alarms.node
        if self.period is not None:
            # As in Go: from tick to tick, not from handling to handling; what is missed is missed.
            late = node.clock() - self.when
            self.when += self.period * (1 + max(0.0, late // self.period))
            self.timer = node.set_timer(self.when, self.ring)
            alarm.fire(node.wall())
            return
        alarm.expire()
        if self.action is None:
            alarm.fire(node.wall())
        else:
            self.take_off()
            node.host.later(self.action)


class Alarms:
    """The timers and tickers of one process. Called under the node's lock."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.dropped: deque[Clock] = deque()  # of alarms that nobody holds any more
        self.calling: set[Clock] = set()  # those that will call something
        node.on_death(self._lost)

    def new(
        self,
        seconds: float,
        period: float | None = None,
        action: Callable[[], object] | None = None,
        job: int = 0,
    ) -> Alarm:
        """An alarm that will fire in ``seconds``."""
        alarm = Alarm()
        alarm.keeper = Clock(self, alarm, period, action, job)
        alarm.keeper.start(seconds)
        return alarm

    def sweep(self) -> None:
        """Takes those off the clock that nobody holds."""
        while self.dropped:
            self.dropped.popleft().take_off()

    def _lost(self, node: int, cause: str) -> None:
        """A driver is gone: nothing of its job is started any more."""
        for clock in [clock for clock in self.calling if clock.job == node]:
            clock.take_off()


# ---- operations ------------------------------------------------------------------------------------


def _stop(alarm: Alarm, ticket: Ticket) -> None:
    ticket.complete(alarm.keeper.stop())


def _reset(alarm: Alarm, ticket: Ticket, seconds: float) -> None:
    ticket.complete(alarm.keeper.start(seconds))


register(Alarm, "stop", _stop)
register(Alarm, "reset", _reset)
