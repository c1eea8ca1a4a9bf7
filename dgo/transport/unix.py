"""Frame sets over Unix stream sockets: between the processes of one host, which trust the same directory.

Each process reads and writes its connections itself, with no thread in between: a message costs one system call
at each end and wakes one thread, where ZeroMQ's own threads wake two more.

A frame set on a stream: the number of frames and the length of the first, then the other lengths, then the frames.
What the kernel does not take at once waits in the connection's backlog and goes on in ``receive`` when there is
room, so whoever polls also writes.

* The sockets stand in one epoll object, whose descriptor stands for all of them. It is level-triggered: what
  has come and was not read makes the next wait end at once, so ``stale`` is never set here.
* A dialled route whose listener is not there yet keeps the latest frame set, and tries again whenever its process
  looks for input. One whose connection has ended connects again at the next ``send``.
* Whoever may enter the sockets' directory may connect: it belongs to one user (``tempfile.mkdtemp``).
* A forked child has no part in its parent's connections: its copies are closed at once.
* Nothing of this is gevent's, though workers are patched: the sockets are ``_socket``'s, the epoll class is given.

Invariants:

1. A frame set begins to be written only when all before it on its connection have been: ``backlog`` is the
   rest of them, in order, and a connection with a backlog waits for room (``EPOLLOUT``).
2. ``unparsed`` is the beginning of one frame set, ``have`` bytes of it, fewer than ``need``.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import time
import weakref
from _socket import AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, socket
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from dgo.errors import ClusterError
from dgo.transport.interface import Frame, Route
from dgo.wire.messages import MAX_FRAME

__all__ = ["SCHEME", "UnixTransport"]

SCHEME = "unix://"
LINGER_MS = 1000
BACKLOG = 1024  # connections that wait to be accepted
SEND_BUFFER = 1 << 20  # bytes asked for; the kernel gives what it allows
READ_SIZE = 1 << 16  # bytes
LONGEST_READ = 1 << 20
JOINED = 1 << 14  # bytes up to which it is cheaper to copy frames together than to pass them one by one
PIECES = 512  # of a backlog in one system call (IOV_MAX is 1024)
MAX_FRAMES = 1 << 20  # of one set

EPOLLIN, EPOLLOUT = int(select.EPOLLIN), int(select.EPOLLOUT)
FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT

PREFIX = struct.Struct("!II")  # frames, length of the first


class _Connection:
    """One stream; of a dialled route also the lack of one.

    Attributes:
        route: what it is to the layers above.
        address: the path that was dialled; "" if the peer has connected.
        socket: None while a dialled route is not connected.
        backlog: what is still to be written, if it is connected.
        latest: the frame set that goes first once the dialled listener is there.
        unparsed: the pieces of a frame set that is not complete.
    """

    __slots__ = ("address", "backlog", "have", "latest", "need", "route", "socket", "unparsed")

    def __init__(self, route: Route, address: str, stream: socket | None) -> None:
        self.route = route
        self.address = address
        self.socket = stream
        self.backlog: deque[Frame] = deque()
        self.latest: Sequence[Frame] | None = None
        self.unparsed: list[bytes] = []
        self.have = 0
        self.need = 0

    def check(self) -> None:
        """Asserts the second invariant at the head of this module."""
        assert self.have == sum(map(len, self.unparsed))
        assert self.have < self.need or not self.unparsed


class UnixTransport:
    """Frame sets over Unix stream sockets (``unix://path``). Not thread-safe: the caller holds a lock.

    Args:
        watch_connections: whether ``broken`` tells of inbound connections that have ended.
        epoll: makes the epoll object, for processes whose ``select`` module is patched.
    """

    def __init__(self, watch_connections: bool = False, epoll: Callable[[], Any] | None = None) -> None:
        self._epoll: Any = select.epoll() if epoll is None else epoll()
        self._watch = watch_connections
        self._listener: socket | None = None
        self._connections: dict[int, _Connection] = {}  # by descriptor
        self._routes: dict[Route, _Connection] = {}
        self._opening: list[_Connection] = []  # dialled, and nobody has listened there yet
        self._serial = 0
        self._broken: list[Route] = []
        self._paused = False  # nobody is accepted for the moment
        self.stale = False
        self.edge_triggered = False
        self.generation = 1
        _all.add(self)

    # ---- opening ---------------------------------------------------------------------------------

    def bind(self, address: str) -> str:
        """Listens at ``address`` (``unix://path``)."""
        listener = _stream()
        try:
            listener.bind(address.removeprefix(SCHEME))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise ClusterError(f"cannot listen at {address}: {error.strerror or error}") from error
        self._listener = listener
        self._epoll.register(listener.fileno(), EPOLLIN)
        return address

    def dial(self, address: str) -> Route:
        """Opens a route to ``address``; whoever is to listen there may come later."""
        self._serial += 1
        connection = _Connection(("d", self._serial), address.removeprefix(SCHEME), None)
        self._routes[connection.route] = connection
        self._opening.append(connection)
        self._open()
        return connection.route

    def _open(self) -> None:
        self._opening = [connection for connection in self._opening if not self._connect(connection)]

    def _connect(self, connection: _Connection) -> bool:
        stream = _stream()
        try:
            failed = stream.connect_ex(connection.address)
        except OSError as error:  # a path that is too long
            stream.close()
            raise ClusterError(f"{SCHEME}{connection.address} is not an address: {error}") from error
        if failed:
            stream.close()
            return False
        self._add(connection, stream)
        latest, connection.latest = connection.latest, None
        if latest is not None:
            self._write(connection, latest)
        return True

    def _add(self, connection: _Connection, stream: socket) -> None:
        connection.socket = stream
        self._connections[stream.fileno()] = connection
        self._epoll.register(stream.fileno(), EPOLLIN)

    def _accept(self) -> bool:
        """Takes the connections that wait; False if there were none."""
        listener = self._listener
        assert listener is not None
        serial = self._serial
        while True:
            try:
                descriptor, _ = listener._accept()  # type: ignore[attr-defined] # what socket.accept wraps
            except BlockingIOError:
                return self._serial > serial
            except OSError as error:
                if error.errno == errno.ECONNABORTED:
                    continue
                # This process has no descriptor left. Whoever polls would find the listener readable at once again.
                self._epoll.modify(listener.fileno(), 0)
                self._paused = True
                return self._serial > serial
            self._serial += 1
            connection = _Connection(("r", self._serial), "", None)
            self._routes[connection.route] = connection
            self._add(connection, _prepared(socket(fileno=descriptor)))

    def hang_up(self, route: Route) -> None:
        """Closes a dialled route."""
        connection = self._routes.pop(route, None)
        if connection is None:
            return
        if connection in self._opening:
            self._opening.remove(connection)
        self._disconnect(connection)

    def _disconnect(self, connection: _Connection) -> None:
        stream, connection.socket = connection.socket, None
        if stream is not None:
            del self._connections[stream.fileno()]
            stream.close()  # which takes it out of the epoll object
        connection.backlog.clear()
        connection.unparsed.clear()
        connection.have = connection.need = 0

    def _ended(self, connection: _Connection) -> None:
        """The peer has closed it, or cannot be understood."""
        self._disconnect(connection)
        if not connection.address:
            del self._routes[connection.route]
            if self._watch:
                self._broken.append(connection.route)

    # ---- sending ---------------------------------------------------------------------------------

    def send(self, route: Route, frames: Sequence[Frame]) -> bool:
        """Sends without waiting; False if the route is dead."""
        connection = self._routes.get(route)
        if connection is None:
            return False
        if connection.socket is None:
            if connection in self._opening:
                self._open()
                if connection.socket is None:
                    connection.latest = frames
                    return True
            elif not self._connect(connection):
                return False
        return self._write(connection, frames)

    def _write(self, connection: _Connection, frames: Sequence[Frame]) -> bool:
        stream = connection.socket
        assert stream is not None
        count = len(frames)
        data: Frame
        if count == 1 and len(frames[0]) <= JOINED:
            data = PREFIX.pack(1, len(frames[0])) + frames[0]
            pieces: Sequence[Frame] = (data,)
        else:
            pieces = (_head(frames), *frames)
            data = b""
        backlog = connection.backlog
        if backlog:
            backlog.extend(pieces)
            return True
        try:
            if data:
                sent = stream.send(data, FLAGS)
                if sent == len(data):
                    return True
            else:
                sent = stream.sendmsg(pieces[:PIECES], (), FLAGS)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._ended(connection)
            return False
        backlog.extend(pieces)
        _drop(backlog, sent)
        if backlog:
            self._epoll.modify(stream.fileno(), EPOLLIN | EPOLLOUT)
        return True

    def _go_on(self, connection: _Connection) -> None:
        """There is room for more of the backlog."""
        stream, backlog = connection.socket, connection.backlog
        assert stream is not None
        try:
            while backlog:
                _drop(backlog, stream.sendmsg(_some(backlog), (), FLAGS))
        except BlockingIOError:
            return
        except OSError:
            return  # reading finds out, after what the peer had sent
        self._epoll.modify(stream.fileno(), EPOLLIN)

    # ---- receiving -------------------------------------------------------------------------------

    def receive(self) -> list[tuple[Route, list[bytes]]]:
        """Everything that has come, without waiting. Also goes on sending where there is room."""
        self.stale = False
        if self._opening:
            self._open()
        if self._epoll.closed:
            return []
        received: list[tuple[Route, list[bytes]]] = []
        connections = self._connections
        accepted = True
        while accepted:
            accepted = False
            for descriptor, events in self._epoll.poll(0):
                connection = connections.get(descriptor)
                if connection is None:
                    accepted = self._accept()  # what they have sent already has come, too
                    continue
                if connection.backlog and events & EPOLLOUT:
                    self._go_on(connection)
                if events != EPOLLOUT:
                    self._read(connection, received)
        return received

    def _read(self, connection: _Connection, received: list[tuple[Route, list[bytes]]]) -> None:
        stream = connection.socket
        assert stream is not None
        while True:
            size = READ_SIZE
            if connection.unparsed and connection.need - connection.have > size:  # no more than belongs to it
                size = min(connection.need - connection.have, LONGEST_READ)
            try:
                data = stream.recv(size, MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:  # it was reset; what had come before has been read
                data = b""
            if not data:
                self._ended(connection)
                return
            got = len(data)
            if connection.unparsed:
                connection.unparsed.append(data)
                connection.have += got
                data = b""
                if connection.have >= connection.need:
                    data = _complete(connection, received)
            if data and not _parse(connection, data, received):
                received.append((connection.route, []))  # which the layer above counts and logs
                self._ended(connection)
                return
            if got < size:
                return

    def broken(self) -> list[Route]:
        """The inbound routes whose connection has ended (only with ``watch_connections``). Called now and then: it
        also has those accepted again for whom there was no descriptor."""
        if self._paused and self._listener is not None:
            self._paused = False
            self._epoll.modify(self._listener.fileno(), EPOLLIN)
        broken, self._broken = self._broken, []
        return broken

    # ---- waiting for input -----------------------------------------------------------------------

    def descriptors(self) -> list[int]:
        """The one descriptor that is readable while there is something to read or to go on with."""
        return [self._epoll.fileno()]

    def ready(self) -> bool:
        """True if ``receive`` would find something to do."""
        if self._opening:
            self._open()
        return not self._epoll.closed and bool(self._epoll.poll(0, 1))

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Closes all sockets; what was sent has ``linger_ms`` to leave."""
        if self._listener is not None:
            self._epoll.unregister(self._listener.fileno())
            self._listener.close()
            self._listener = None
        deadline = time.monotonic() + linger_ms / 1000
        for connection in list(self._connections.values()):
            if connection.backlog:
                self._linger(connection, max(0.0, deadline - time.monotonic()))
            self._disconnect(connection)
        self._routes.clear()
        self._opening.clear()
        self._epoll.close()

    def _linger(self, connection: _Connection, seconds: float) -> None:
        stream, backlog = connection.socket, connection.backlog
        assert stream is not None
        stream.settimeout(seconds)
        try:
            while backlog:
                _drop(backlog, stream.sendmsg(_some(backlog), (), MSG_NOSIGNAL))
        except OSError:  # it takes too long, or the peer has gone
            return

    def forsake(self) -> None:
        """In a forked child: all this is the parent's, and two must not write to it."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections.values()):
            self._disconnect(connection)
        self._routes.clear()
        self._opening.clear()
        self._epoll.close()

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        for connection in self._connections.values():
            connection.check()


def _stream() -> socket:
    return _prepared(socket(AF_UNIX, SOCK_STREAM))


def _prepared(stream: socket) -> socket:
    stream.setblocking(False)
    stream.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)
    return stream


def _head(frames: Sequence[Frame]) -> bytes:
    return struct.pack(f"!{len(frames) + 1}I", len(frames), *map(len, frames))


def _some(backlog: deque[Frame]) -> list[Frame]:
    """As much of it as one system call takes."""
    return list(islice(backlog, PIECES))


def _drop(backlog: deque[Frame], sent: int) -> None:
    """Takes off the first ``sent`` bytes, and empty pieces behind them."""
    while backlog and (sent or not len(backlog[0])):
        piece = backlog.popleft()
        if sent < len(piece):
            backlog.appendleft(memoryview(piece)[sent:])
            return
        sent -= len(piece)


def _complete(connection: _Connection, received: list[tuple[Route, list[bytes]]]) -> bytes:
    """All bytes of a frame set have come: adds it to ``received``, or returns what is to be parsed.

    A large set ends with a large frame, and nothing else was read with it: its pieces are copied once, into that frame.
    """
    pieces, have = connection.unparsed, connection.have
    connection.unparsed, connection.have = [], 0
    first = pieces[0]
    if have >= 2 * READ_SIZE:
        count, _ = PREFIX.unpack_from(first)
        start = PREFIX.size + 4 * (count - 1)
        if 0 < count <= MAX_FRAMES and start <= len(first):
            *lengths, last = struct.unpack_from(f"!{count}I", first, 4)
            end = start + sum(lengths)
            if end <= len(first) and end + last == have:
                frames = _cut(first, start, lengths)
                frames.append(b"".join([memoryview(first)[end:], *pieces[1:]]))
                received.append((connection.route, frames))
                return b""
    return b"".join(pieces)


def _parse(connection: _Connection, data: bytes, received: list[tuple[Route, list[bytes]]]) -> bool:
    """Adds the frame sets in ``data`` to ``received`` and keeps the rest of it; False if it cannot be understood."""
    route, size = connection.route, len(data)
    at, need = 0, PREFIX.size
    while at + need <= size:
        count, length = PREFIX.unpack_from(data, at)
        start = at + PREFIX.size
        if count == 1:
            need = PREFIX.size + length
            if length > MAX_FRAME:
                return False
            if at + need > size:
                break
            received.append((route, [data[start : start + length]]))
        else:
            if not 1 < count <= MAX_FRAMES:
                return False
            start += 4 * (count - 1)
            need = start - at
            if start > size:
                break
            lengths = struct.unpack_from(f"!{count}I", data, at + 4)
            if max(lengths) > MAX_FRAME:
                return False
            need += sum(lengths)
            if at + need > size:
                break
            received.append((route, _cut(data, start, lengths)))
        at += need
        need = PREFIX.size
    if at < size:
        connection.unparsed = [data[at:]]
        connection.have = size - at
        connection.need = need
    return True


def _cut(data: bytes, start: int, lengths: Sequence[int]) -> list[bytes]:
    frames = []
    for length in lengths:
        frames.append(data[start : start + length])
        start += length
    return frames


_all: weakref.WeakSet[UnixTransport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_all):
        transport.forsake()


os.register_at_fork(after_in_child=_after_fork)
