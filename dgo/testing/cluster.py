"""A whole cluster in one thread: simulated nodes, a virtual clock, every choice from one seed.

The nodes run the product's own code: links, sessions, homes, coordinator, carriers; only sockets, threads
and time are simulated. Values are still serialized between nodes, so aliasing shows.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CoroutineType, TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent

import dgo.channels
import dgo.context
import dgo.goroutines
import dgo.references
import dgo.sync
import dgo.time  # noqa: F401 - handles of every kind may come
from dgo.coordinator.service import Coordinator
from dgo.errors import Deadlock, DgoError, MisuseError
from dgo.runtime import current
from dgo.runtime.execution import Execution
from dgo.runtime.joining import facts_of_this_process, join
from dgo.runtime.node import Node
from dgo.testing.loops import simulated_loops
from dgo.testing.scheduling import ExploringLock, Schedule, SimulatedHost, lock_free
from dgo.testing.trace import Trace
from dgo.transport.memory import MemoryNetwork, MemoryTransport, VirtualClock
from dgo.wire.messages import Msg

__all__ = ["LocalCluster", "NoEnd"]

P = ParamSpec("P")
T = TypeVar("T")

COORDINATOR_ADDRESS = "memory://coordinator"
HOUSEKEEPING_SECONDS = 0.1
EPOCH = 1_700_000_000.0  # what a simulation's calendar shows at its start, in seconds since 1970
LONG_JUMP = 1.0  # seconds of the clock in which nobody speaks, and nobody is blamed for it
QUIET_ROUNDS = 100  # housekeeping rounds without anything happening before it counts as a deadlock


class NoEnd(DgoError):
    """You: a simulated program has not ended within its number of steps: it goes round for ever, or needs more."""


class LocalCluster:
    """A simulated cluster: node 0 is the driver, the others are workers.

    Args:
        nodes: how many, the driver included; at least 2.
        seed: decides every delay and every choice of who runs next.
        explore: let the seed also choose the next goroutine of a process, and let others run before and after each
            operation; else goroutines of a process run in the order in which they became ready, until they block.
        trace: note each operation in ``trace``.
        steps: turns after which ``run`` gives up with ``NoEnd``; None: never.

    Attributes:
        seed: as given.
        nodes: of the simulation, the driver first.
        clock: the virtual one.
        panics: what would have been printed of exceptions that nobody asked for.

    Raises:
        ValueError: you: fewer than two nodes.

    Example:
        >>> with dgo.testing.LocalCluster(nodes=3, seed=7) as cluster:
        ...     cluster.run(program)
    """

    def __init__(
        self,
        nodes: int = 3,
        seed: int = 0,
        *,
        explore: bool = False,
        trace: bool = False,
        steps: int | None = None,
    ) -> None:
        if nodes < 2:
            raise ValueError(f"a cluster has a driver and at least one worker: nodes={nodes}")
        self.seed = seed
        self._events = Trace() if trace else None
        self._watched = explore or trace
        self._schedule = Schedule(seed, explore, self._events)
        self._steps = steps
        self._random = random.Random(seed)
        self.clock = VirtualClock()
        self._network = MemoryNetwork(seed, self.clock)
        self._ids = random.Random(seed ^ 0x5EED)
        self._transports: dict[int, MemoryTransport] = {}
        self.dead: set[int] = set()
        transport = self._network.transport()
        transport.bind(COORDINATOR_ADDRESS)
        self.coordinator = Coordinator(self._new_id(), transport, self.clock)
        self._coordinator_transport = transport
        self.panics: list[str] = []
        self._ran = 0  # turns in which a goroutine ran
        self.nodes: list[Node] = []
        for index in range(nodes):
            self.nodes.append(self._make(index))

    def _new_id(self) -> int:
        return self._ids.getrandbits(47) * 2 + 1

    def _make(self, index: int) -> Node:
        transport = self._network.transport()
        host = SimulatedHost(getcurrent(), self._schedule)
        role, name = ("driver", "driver") if index == 0 else ("worker", f"worker-{index}")
        address = f"memory://node-{index}"
        transport.bind(address)
        choices = random.Random(f"{self.seed} {index}")
        node = Node(self._new_id(), role, name, transport, host, self.clock, choices, self.wall)
        host.node = node
        if self._watched:
            node.lock = cast("Any", ExploringLock(host))
        if role == "worker":
            execution = Execution(node, host.ready, host.born)
            execution.give_back = host.give_back
            execution.unqueue = host.unqueue
            execution.begin = host.begin
            execution.ready_count = host.ready_count
            node.handle(Msg.JOB_END, _ignore)
        else:
            node.handle(Msg.PANIC, self._on_panic)
        node.spawner.report = self._panic
        self._transports[node.id] = transport
        join(node.links, COORDINATOR_ADDRESS, facts_of_this_process(role, name, address), 10.0, self._wait)
        node.handle(Msg.MEMBERS, _ignore)
        return node

    def wall(self) -> float:
        return EPOCH + self.clock.now

    def _wait(self, seconds: float) -> None:
        arrival = self._network.next_arrival()
        self.clock.now = max(self.clock.now, arrival if arrival is not None else self.clock.now)
        self._network.deliver_due()
        self.coordinator.step()
        arrival = self._network.next_arrival()
        if arrival is not None:
            self.clock.now = max(self.clock.now, arrival)
            self._network.deliver_due()

    def _on_panic(self, peer: int, frames: list[bytes], question: int, text: str) -> None:
        self._panic(text, None)
        self.nodes[0].links.post(peer, [Msg.PANIC_OK, question])

    def _panic(self, text: str, then: Callable[[], object] | None) -> None:
        self.panics.append(text)
        if then is not None:
            then()

    # ---- running ---------------------------------------------------------------------------------

    def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn``, which may be ``async def``, as the driver's main program; returns its result.

        Raises:
            Deadlock: everything sleeps for ever; the message lists who waits for what.
            BaseException: what ``fn`` raised.
            NoEnd: it did not end within the cluster's ``steps``.
        """
        outcome: list[tuple[Any, BaseException | None]] = []

        driver = self.nodes[0]

        def main() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                ends(None, error)
                return
            if type(result) is CoroutineType:
                driver.host.coroutines.run(result).add_done_callback(ended)  # type: ignore[attr-defined] # it is a GreenletHost
            else:
                ends(result, None)

        def ended(task: Any) -> None:
            try:
                result = task.result()
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                ends(None, error)
            else:
                ends(result, None)

        def ends(result: Any, error: BaseException | None) -> None:
            outcome.append((result, error))
            if self._events is not None:
                failure = outcome[0][1]
                self._events.add(driver, None, "ends" if failure is None else f"ends: {type(failure).__name__}")

        before = current.peek()
        driver.host.later(main)
        quiet = 0
        ran = self._ran
        steps = 0
        with self._steady(), simulated_loops():
            try:
                while not outcome:
                    steps += 1
                    if self._steps is not None and steps > self._steps:
                        raise NoEnd(self._no_end())
                    if self._ran != ran:
                        ran = self._ran
                        quiet = 0
                    if self._run_one():
                        continue
                    if not self._advance():
                        quiet += 1
                        self._housekeeping()
                        if quiet > QUIET_ROUNDS:
                            raise Deadlock(f"everything sleeps for ever (seed {self.seed}):\n{self._dump()}")
            finally:
                current.set_current(before)
        value, error = outcome[0]
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return] # it is what fn returned

    def _run_one(self) -> bool:
        """Lets one node that has something to do do it, chosen at random."""
        busy: list[Node | None] = [node for node in self.nodes if node.id not in self.dead and self._busy(node)]
        if self._coordinator_transport.inbox:
            busy.append(None)  # stands for the coordinator
        if not busy:
            return False
        node = self._random.choice(busy)
        if node is None:
            self.coordinator.step()
            return True
        current.set_current(node)
        with node.lock:
            node.links.receive()
        host = cast("SimulatedHost", node.host)
        self._ran += host.carriers.waiting()
        over = host.turn()
        with node.lock:
            node.flush()
        if over:
            self.clock.now += self._schedule.moment()
            self._due()
        return True

    def _busy(self, node: Node) -> bool:
        return bool(
            self._transports[node.id].inbox
            or node.host.carriers.waiting()  # type: ignore[attr-defined] # it is a GreenletHost
            or node.unsent
            or node.values.dropped
        )

    def _advance(self) -> bool:
        """Moves the clock to whatever happens next; False if nothing will."""
        moments = [node.timers.next_deadline() for node in self.nodes if node.id not in self.dead]
        moments.append(self._network.next_arrival())
        due = [moment for moment in moments if moment is not None]
        if not due:
            return False
        jump = min(due) - self.clock.now
        if jump > 0:
            self.clock.now += jump
            if jump > LONG_JUMP:
                for links in (self.coordinator.links, *(node.links for node in self.nodes)):
                    links.slept(jump)
        self._network.deliver_due()
        for node in self.nodes:
            if node.id not in self.dead:
                self._ring(node)
        return True

    def _due(self) -> None:
        """Messages arrive, and timers ring, whose time has come while somebody ran."""
        self._network.deliver_due()
        for node in self.nodes:
            deadline = node.timers.next_deadline()
            if deadline is not None and deadline <= self.clock.now and node.id not in self.dead:
                self._ring(node)

    def _ring(self, node: Node) -> None:
        with node.lock:
            for action in node.timers.due(self.clock.now):
                action()
            node.flush()

    def _housekeeping(self) -> None:
        self.clock.now += HOUSEKEEPING_SECONDS
        self.coordinator.tick()
        for node in self.nodes:
            if node.id not in self.dead:
                current.set_current(node)
                node.housekeeping()

    @contextmanager
    def _steady(self) -> Iterator[None]:
        """Where every step counts: no chance visits of the garbage collector, and all operations are seen."""
        if not self._watched:
            yield
            return
        collects = gc.isenabled()
        gc.disable()
        try:
            with lock_free():
                yield
        finally:
            if collects:
                gc.enable()

    def _no_end(self) -> str:
        return (
            f"the program has not ended within {self._steps} steps and {self.clock.now:g} virtual seconds (seed "
            f"{self.seed}): somebody goes round for ever, or it needs more steps (steps=...). "
            f"Who waits:\n{self._dump()}"
        )

    @property
    def trace(self) -> list[str]:
        """What has happened, a line for each event: when, in which process, which goroutine, what.

        Raises:
            MisuseError: you: the cluster was made without ``trace=True``.
        """
        return self.events().lines()

    def events(self) -> Trace:
        """What has happened, for whoever wants a part of it.

        Raises:
            MisuseError: you: the cluster was made without ``trace=True``.
        """
        if self._events is None:
            raise MisuseError("this simulation keeps no trace: make it with LocalCluster(..., trace=True)")
        return self._events

    def report_unasked(self) -> None:
        """The program is over: nobody will ask any more how goroutines have ended that failed; see ``panics``."""
        for node in self.nodes:
            if node.id not in self.dead:
                node.spawner.sweep()
                for record in list(node.spawner.unasked.values()):
                    node.spawner.report_unasked(record)

    def _dump(self) -> str:
        lines = []
        for node in self.nodes:
            for ticket in node.waits:
                task = ticket.owner
                who = getattr(task, "id_text", "main")
                lines.append(f"  {node.name}: {who} waits in {ticket.kind} of {ticket.target!r}")
        return "\n".join(lines)

    # ---- faults ----------------------------------------------------------------------------------

    def kill(self, node: int | str | Node) -> None:
        """Ends a worker at once, as SIGKILL does: what it had not sent is lost, what is on its way arrives.

        Args:
            node: the worker: its index in ``nodes``, its name (``"worker-1"``), or itself.

        Raises:
            MisuseError: you: there is no such worker, it is dead already, or it is the driver.
        """
        victim = self._find(node)
        if victim.role == "driver":
            raise MisuseError(f"kill({node!r}): that is the driver, and the program would end with it: kill a worker")
        if victim.id in self.dead:
            raise MisuseError(f"kill({node!r}): {victim.name} is dead already")
        if self._events is not None:
            self._events.add(victim, None, "is killed")
        self.dead.add(victim.id)
        self._transports[victim.id].close()
        self.coordinator.lose(victim.id, "killed by the test")
        self.coordinator.links.flush()

    def _find(self, node: int | str | Node) -> Node:
        if isinstance(node, int) and not isinstance(node, bool) and 0 <= node < len(self.nodes):
            return self.nodes[node]
        for each in self.nodes:
            if each is node or each.name == node:
                return each
        names = ", ".join(each.name for each in self.nodes)
        raise MisuseError(f"there is no node {node!r} in this simulation: it has {names} (0 to {len(self.nodes) - 1})")

    def close(self) -> None:
        """Ends the simulation, and what is left of its goroutines."""
        before = current.peek()
        for node in self.nodes:
            current.set_current(node)
            cast("SimulatedHost", node.host).close()
        current.set_current(before)

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ignore(*args: Any) -> None:
    """A message that a simulation has no use for."""
