"""A process that takes part without running goroutines: a supervisor, or a person's question.

It joins, asks the coordinator who is there, and leaves. It pickles nothing and has no thread: its owner calls
``step`` again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack

from dgo.errors import ClusterError
from dgo.ids import COORDINATOR
from dgo.runtime.joining import facts_of_this_process
from dgo.runtime.links import Links
from dgo.runtime.waiting import InputWait
from dgo.transport.interface import Route
from dgo.transport.zeromq import ZmqTransport
from dgo.wire.frames import HEADER_SIZE, Header, Kind, encode_header
from dgo.wire.messages import Msg, ProtocolError
from dgo_worker.launch import new_node_id

__all__ = ["Answer", "Member", "NoCoordinator", "Refused"]

FIRST_REPEAT = 0.25  # seconds until JOIN is said again; each pause is half as long again
LAST_REPEAT = 5.0
HOUSEKEEPING_SECONDS = 0.1


class NoCoordinator(ClusterError):
    """Nobody answered in time."""


class Refused(ClusterError):
    """The coordinator answered, and does not take us."""


class Answer(NamedTuple):
    """What the coordinator says of its cluster."""

    workers: list[dict[str, Any]]
    facts: dict[str, Any]


class Member:
    """This process's membership.

    Attributes:
        node: this incarnation.
        wait: waits for input; the owner may have it watch more, and nudge it.
        answer: the latest answer to ``ask``; None while one is awaited.
        unknown: the coordinator does not know us: it was started anew, or has given us up.
    """

    def __init__(self, role: str, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.node = new_node_id()
        self.answer: Answer | None = None
        self.unknown = False
        self._facts = facts_of_this_process(role, name)
        self._clock = clock
        self._transport = ZmqTransport()
        self.wait = InputWait(self._transport)
        self._links = Links(self.node, self._transport, self._deliver, clock, lambda peer: None)
        self._links.on_control = self._on_control
        self._welcome: dict[str, Any] | None = None
        self._refusal: str | None = None
        self._question = 0
        self._next_housekeeping = 0.0

    # ---- joining ---------------------------------------------------------------------------------

    def join(self, address: str, timeout: float, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Joins the cluster whose coordinator listens at ``address``; False if ``given_up()`` became true.

        The transport connects in the background, with growing pauses; a JOIN waits in it for the connection.

        Raises:
            NoCoordinator: the world: nobody answered within ``timeout`` seconds.
            Refused: the peer: version mismatch and the like; the message has its reason.
        """
        self._links.coordinator_route = self._transport.dial(address)
        deadline = self._clock() + timeout
        repeat_at, pause = 0.0, FIRST_REPEAT
        while self._welcome is None and not given_up():
            now = self._clock()
            if now >= deadline:
                raise NoCoordinator(
                    f"no coordinator answers at {address} ({timeout:g} s). Is `dgo coordinator` running "
                    "there, is the port right (7117 by default), and does a firewall let it through?"
                )
            if now >= repeat_at:
                self._say_join()
                repeat_at, pause = now + pause, min(pause * 1.5, LAST_REPEAT)
            self._receive(min(repeat_at, deadline) - now)
            if self._refusal is not None:
                raise Refused(f"the coordinator at {address} refused this {self._facts['role']}: {self._refusal}")
        return self._welcome is not None

    def _say_join(self) -> None:
        frame = encode_header(Kind.JOIN, self.node, COORDINATOR) + msgpack.packb(self._facts)
        self._transport.send(self._links.coordinator_route, [frame])

    def _on_control(self, header: Header, route: Route, frames: list[bytes]) -> None:
        if route != self._links.coordinator_route:
            raise ProtocolError("a control frame from somebody who is not the coordinator")
        if self._welcome is not None:
            # The answer to a greeting: all is well only if the same coordinator still says welcome.
            self.unknown |= header.kind != Kind.WELCOME or header.source != self._links.coordinator
        elif header.kind in (Kind.WELCOME, Kind.REFUSED):
            facts = _unpack(frames)
            if header.kind == Kind.REFUSED:
                self._refusal = str(facts.get("reason", "it gave no reason"))
            else:
                self._welcome = facts
                self._links.coordinator = header.source

    # ---- taking part -----------------------------------------------------------------------------

    def greet(self) -> None:
        """Says JOIN again. To a coordinator that knows us it changes nothing; one that was started anew, or
        has given us up, shows itself by its answer, and ``unknown`` becomes true."""
        self._say_join()

    def ask(self) -> None:
        """Asks who is in the cluster; some ``step`` later ``answer`` has it."""
        self.answer = None
        self._question += 1
        self.post([Msg.WORKERS, self._question])

    def post(self, message: list[Any]) -> None:
        """Queues a message to the coordinator; it leaves with the next ``step``."""
        assert self._links.coordinator is not None, "joined"
        self._links.post(self._links.coordinator, message)

    def step(self, seconds: float) -> None:
        """Sends what is queued, waits for input for ``seconds`` at most, handles it."""
        self._links.flush()
        self._receive(seconds)
        now = self._clock()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_SECONDS
            self._links.housekeeping()
        self._links.flush()

    def _receive(self, seconds: float) -> None:
        if not self.wait.prepare():
            self.wait.wait(seconds)
        self._links.receive()

    def _deliver(self, peer: int, message: list[Any], frames: list[bytes]) -> None:
        if peer != self._links.coordinator or message[0] != Msg.WORKER_LIST:
            raise ProtocolError(f"a {self._facts['role']} does not take {Msg(message[0]).name}")
        _, question, workers, facts = message
        if question == self._question:
            self.answer = Answer(workers, facts)

    # ---- leaving ---------------------------------------------------------------------------------

    def leave(self, reason: str) -> None:
        """Says BYE, if there is somebody to say it to, and closes."""
        if self._links.coordinator is not None and not self.unknown:
            self.post([Msg.BYE, reason])
            self._links.flush()
        self.close()

    def close(self) -> None:
        """Releases sockets and descriptors; what was sent has a second to leave."""
        self._transport.close()
        self.wait.close()


def _unpack(frames: list[bytes]) -> dict[str, Any]:
    try:
        facts = msgpack.unpackb(frames[0][HEADER_SIZE:])
    except (ValueError, IndexError) as error:
        raise ProtocolError(f"not an answer to JOIN: {error}") from error
    if not isinstance(facts, dict):
        raise ProtocolError("not an answer to JOIN")
    return facts
