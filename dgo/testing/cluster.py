"""A whole cluster in one thread: simulated nodes, a virtual clock, every choice from one seed.

The nodes run the product's own code: links, sessions, homes, coordinator, carriers; only sockets, threads
and time are simulated. Values are still serialized between nodes, so aliasing shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from types import CoroutineType, TracebackType
from typing import Any, ParamSpec, TypeVar

from greenlet import getcurrent

import dgo.channels
import dgo.context
import dgo.goroutines
import dgo.sync
import dgo.time  # noqa: F401 - handles of every kind may come
from dgo.coordinator.service import Coordinator
from dgo.errors import Deadlock
from dgo.runtime import current
from dgo.runtime.execution import Execution
from dgo.runtime.greenlets import GreenletHost
from dgo.runtime.joining import facts_of_this_process, join
from dgo.runtime.node import Node
from dgo.transport.memory import MemoryNetwork, MemoryTransport, VirtualClock
from dgo.wire.messages import Msg

__all__ = ["LocalCluster"]

P = ParamSpec("P")
T = TypeVar("T")

COORDINATOR_ADDRESS = "memory://coordinator"
HOUSEKEEPING_SECONDS = 0.1
EPOCH = 1_700_000_000.0  # what a simulation's calendar shows at its start, in seconds since 1970
QUIET_ROUNDS = 100  # housekeeping rounds without anything happening before it counts as a deadlock


class LocalCluster:
    """A simulated cluster: node 0 is the driver, the others are workers.

    Args:
        nodes: how many, the driver included; at least 2.
        seed: decides every delay and every choice of who runs next.

    Example:
        >>> with dgo.testing.LocalCluster(nodes=3, seed=7) as cluster:
        ...     cluster.run(program)
    """

    def __init__(self, nodes: int = 3, seed: int = 0) -> None:
        if nodes < 2:
            raise ValueError(f"a cluster has a driver and at least one worker: nodes={nodes}")
        self.seed = seed
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
        host = GreenletHost(getcurrent())
        role, name = ("driver", "driver") if index == 0 else ("worker", f"worker-{index}")
        address = f"memory://node-{index}"
        transport.bind(address)
        choices = random.Random(f"{self.seed} {index}")
        node = Node(self._new_id(), role, name, transport, host, self.clock, choices, self._wall)
        host.node = node
        if role == "worker":
            execution = Execution(node, host.ready)
            execution.give_back = host.give_back
            execution.unqueue = host.unqueue
            execution.begin = host.begin
            execution.ready_count = lambda: len(host.carriers.queue) + execution.running
            node.handle(Msg.JOB_END, _ignore)
        else:
            node.handle(Msg.PANIC, self._on_panic)
        node.spawner.report = self._panic
        self._transports[node.id] = transport
        join(node.links, COORDINATOR_ADDRESS, facts_of_this_process(role, name, address), 10.0, self._wait)
        node.handle(Msg.MEMBERS, _ignore)
        return node

    def _wall(self) -> float:
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
        """
        outcome: list[tuple[Any, BaseException | None]] = []

        driver = self.nodes[0]

        def main() -> None:
            try:
                result = fn(*args, **kwargs)
                if type(result) is CoroutineType:
                    driver.host.coroutines.run(result).add_done_callback(ended)  # type: ignore[attr-defined] # it is a GreenletHost
                else:
                    outcome.append((result, None))
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                outcome.append((None, error))

        def ended(task: Any) -> None:
            try:
                outcome.append((task.result(), None))
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                outcome.append((None, error))

        before = current.peek()
        driver.host.later(main)
        quiet = 0
        ran = self._ran
        try:
            while not outcome:
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
        busy = [node for node in self.nodes if node.id not in self.dead and self._busy(node)]
        if self._coordinator_transport.inbox:
            busy.append(None)  # type: ignore[arg-type] # stands for the coordinator
        if not busy:
            return False
        node = self._random.choice(busy)
        if node is None:
            self.coordinator.step()
            return True
        current.set_current(node)
        with node.lock:
            node.links.receive()
        self._ran += bool(node.host.carriers.queue)  # type: ignore[attr-defined] # it is a GreenletHost
        node.host.carriers.tick = False  # type: ignore[attr-defined] # it is a GreenletHost
        node.host.carriers.pump()  # type: ignore[attr-defined] # it is a GreenletHost
        with node.lock:
            node.flush()
        return True

    def _busy(self, node: Node) -> bool:
        return bool(
            self._transports[node.id].inbox
            or node.host.carriers.queue  # type: ignore[attr-defined] # it is a GreenletHost
            or node.links.pending
            or node.values.dropped
        )

    def _advance(self) -> bool:
        """Moves the clock to whatever happens next; False if nothing will."""
        moments = [node.timers.next_deadline() for node in self.nodes if node.id not in self.dead]
        moments.append(self._network.next_arrival())
        due = [moment for moment in moments if moment is not None]
        if not due:
            return False
        self.clock.now = max(self.clock.now, min(due))
        self._network.deliver_due()
        for node in self.nodes:
            if node.id not in self.dead:
                with node.lock:
                    for action in node.timers.due(self.clock.now):
                        action()
                    node.flush()
        return True

    def _housekeeping(self) -> None:
        self.clock.now += HOUSEKEEPING_SECONDS
        self.coordinator.tick()
        for node in self.nodes:
            if node.id not in self.dead:
                current.set_current(node)
                node.housekeeping()

    def _dump(self) -> str:
        lines = []
        for node in self.nodes:
            for ticket, wait in node.waits.items():
                task = ticket.owner
                who = getattr(task, "id_text", "main")
                lines.append(f"  {node.name}: {who} waits in {wait.kind} of {wait.target!r}")
        return "\n".join(lines)

    # ---- faults ----------------------------------------------------------------------------------

    def kill(self, index: int) -> None:
        """Ends a node at once, as SIGKILL does."""
        node = self.nodes[index]
        self.dead.add(node.id)
        self._transports[node.id].close()
        self.coordinator.lose(node.id, "killed by the test")
        self.coordinator.links.flush()

    def close(self) -> None:
        """Ends the simulation."""
        for node in self.nodes:
            node.host.carriers.close()  # type: ignore[attr-defined] # it is a GreenletHost

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ignore(*args: Any) -> None:
    """A message that a simulation has no use for."""
