"""What a worker tells of its goroutines: starts and ends to their spawners, the load to the coordinator.

It is told in batches, when the worker has nothing else to do. Who has ended need not be told to have started; a small
change of the load can wait a moment: else each goroutine that comes alone would wake the coordinator twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dgo.core.goroutine import Ending, Outcome
from dgo.core.timers import Timer
from dgo.errors import SerializationError
from dgo.runtime.task import Task
from dgo.runtime.values import is_scalar
from dgo.wire.messages import SERIES_OF_ENDS_FIELDS, Msg

if TYPE_CHECKING:
    from dgo.runtime.execution import Execution
    from dgo.runtime.node import Node

__all__ = ["Reports"]

ENDS_AT_ONCE = 256  # in one message
LARGE_CHANGE = 8  # goroutines that came, started or ended; the coordinator learns it at once
SMALL_CHANGE_SECONDS = 0.003  # until it learns of a smaller one
RETURNED = Ending.RETURNED  # a name of its own: each look into an enum costs


class Reports:
    """What has not been told yet. Methods are called under the node's lock.

    Attributes:
        begun: goroutines that have started; few of them have ended.
    """

    def __init__(self, node: Node, execution: Execution) -> None:
        self._node = node
        self._execution = execution
        self.begun: list[Task] = []
        self._ended: dict[int, list[Any]] = {}  # by spawner, as they are written (see ``dgo.wire.messages``)
        self._ends = 0  # in them
        self._freed: dict[str, float] = {}
        self._known = (0, 0, 0, False)  # of the load, to the coordinator
        self._timer: Timer | None = None  # for a report that can wait a moment

    def end(self, task: Task, outcome: Outcome, explain: Callable[[Task, BaseException], Any]) -> None:
        """The spawner will be told how a goroutine has ended.

        Args:
            task: the goroutine's.
            outcome: how it ended.
            explain: writes down the error if its result cannot travel.
        """
        begun = self.begun
        if begun and begun[-1] is task:  # nobody need hear of the start any more
            begun.pop()
        node = self._node
        spawner = task.spawner
        ended = self._ended.get(spawner)
        if ended is None:
            ended = self._ended[spawner] = []
        value = outcome.value
        if outcome.ending == RETURNED and (value is None or is_scalar(value)):
            last: list[Any] = ended[-1] if ended else []
            if len(last) == SERIES_OF_ENDS_FIELDS and last[0] + len(last[1]) == task.number:
                last[1].append(value)
            else:
                ended.append([task.number, [value]])
        else:
            try:
                written = node.write_outcome(outcome, spawner)
            except SerializationError as error:
                written = node.write_outcome(Outcome(Ending.RAISED, explain(task, error)), spawner)
            ended.append([task.number, *written])
            if node.links.link(spawner).buffers:  # they belong to the batch in which their message is: post at once
                self._tell_ends(spawner)
        self._ends += 1
        if self._ends >= ENDS_AT_ONCE:
            self._tell_all_ends()

    def free(self, options: dict[str, Any] | None) -> None:
        """The coordinator need not reserve a goroutine's resources here any longer."""
        for name, amount in ((options or {}).get("resources") or {}).items():
            self._freed[name] = self._freed.get(name, 0.0) + amount

    def flush(self) -> None:
        """Tells starts and ends; and the load, now or soon, if it has changed."""
        if self.begun:
            self._tell_starts()
        if self._ended:
            self._tell_all_ends()
        received, unstarted, live, busy = self._known
        execution = self._execution
        change = abs(execution.unstarted + execution.unstarted_local - unstarted) + abs(execution.count - live)
        change += execution.received - received
        change += (execution.ready_count() > 0) != busy
        if change >= LARGE_CHANGE or self._freed:
            self.tell_load()
        elif change and self._timer is None:
            self._timer = self._node.set_timer(self._node.clock() + SMALL_CHANGE_SECONDS, self.tell_load)

    def tell_load(self, always: bool = False) -> None:
        """Tells the coordinator the load, if it does not know it or it is to be told ``always``."""
        if self._timer is not None:
            self._node.timers.cancel(self._timer)
            self._timer = None
        execution = self._execution
        ready = execution.ready_count()
        load = (execution.received, execution.unstarted + execution.unstarted_local, execution.count, ready > 0)
        if always or load != self._known or self._freed:
            self._known = load
            received, unstarted, live, _ = load
            self._node.links.post(self._node.coordinator, [Msg.LOAD, received, unstarted, ready, live, self._freed])
            self._freed = {}

    def _tell_starts(self) -> None:
        begun, self.begun = self.begun, []
        numbers: dict[int, list[int]] = {}
        for task in begun:
            if self._execution.find(task.spawner, task.number) is task:  # else its end says enough
                numbers.setdefault(task.spawner, []).append(task.number)
        for spawner, started in numbers.items():
            self._node.links.post(spawner, [Msg.STARTED, started])

    def _tell_ends(self, spawner: int) -> None:
        ended = self._ended.pop(spawner, None)
        if ended:
            self._node.links.post(spawner, [Msg.ENDED, ended])

    def _tell_all_ends(self) -> None:
        self._ends = 0
        for spawner in list(self._ended):
            self._tell_ends(spawner)
