"""The transport over Unix sockets: frame sets arrive in order and whole, whatever the kernel takes at once."""

from __future__ import annotations

import errno
import os
import random
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dgo.errors import ClusterError
from dgo.runtime.waiting import InputWait
from dgo.transport.interface import Route
from dgo.transport.opening import transport_for
from dgo.transport.scheme import local_scheme
from dgo.transport.unix import JOINED, PIECES, READ_SIZE, UnixTransport
from dgo.wire.messages import MAX_FRAME

Pair = tuple[UnixTransport, Route, UnixTransport, Route]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], UnixTransport]]:
    """Makes transports that are checked and closed at the end."""
    made: list[UnixTransport] = []

    def one(watch_connections: bool = False) -> UnixTransport:
        made.append(UnixTransport(watch_connections))
        return made[-1]

    yield one
    for transport in made:
        transport.check()
        transport.close(linger_ms=0)
        assert transport.receive() == []


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"unix://{tmp_path}/socket"


@pytest.fixture
def pair(make: Callable[..., UnixTransport], address: str) -> Pair:
    """Two ends of one connection, and the route to the other at each."""
    home = make(watch_connections=True)
    home.bind(address)
    guest = make()
    there = guest.dial(address)
    assert guest.send(there, [b"hello"])
    [(back, frames)] = home.receive()
    assert frames == [b"hello"]
    return guest, there, home, back


def settle(receiver: UnixTransport, *writers: UnixTransport) -> list[list[bytes]]:
    """All that arrives until nobody has anything to write or to read."""
    arrived: list[list[bytes]] = []
    while True:
        for writer in writers:
            assert not writer.receive()
        waiting = any(connection.backlog for w in writers for connection in w._connections.values())
        arrived += [frames for _, frames in receiver.receive()]
        if not waiting:
            return arrived


def test_sets_of_all_shapes_arrive_in_order_and_whole_in_both_directions(pair: Pair) -> None:
    guest, there, home, back = pair
    choose = random.Random(4)
    sizes = [0, 1, 7, 8, JOINED - 1, JOINED, JOINED + 1, READ_SIZE - 8, READ_SIZE, READ_SIZE + 1, 3_000_000]
    for sender, route, receiver in ((guest, there, home), (home, back, guest)):
        for _ in range(10):
            sets = [
                [choose.randbytes(choose.choice(sizes)) for _ in range(choose.choice([1, 1, 1, 2, 5]))]
                for _ in range(choose.randrange(1, 12))
            ]
            for frames in sets:
                assert sender.send(route, frames)
            assert settle(receiver, sender) == sets


def test_a_set_of_more_frames_than_a_system_call_takes_arrives(pair: Pair) -> None:
    guest, there, home, _ = pair
    frames = [bytes([number % 256]) * (number % 50) for number in range(3 * PIECES + 1)]
    assert guest.send(there, frames)
    assert settle(home, guest) == [frames]


def test_frames_may_be_views_and_bytearrays(pair: Pair) -> None:
    guest, there, home, _ = pair
    assert guest.send(there, [memoryview(b"one")[1:]])
    assert guest.send(there, [bytearray(b"two"), memoryview(b"three"), b""])
    arrived = settle(home, guest)
    assert arrived == [[b"ne"], [b"two", b"three", b""]]
    assert all(type(frame) is bytes for frames in arrived for frame in frames)


def test_what_nobody_reads_waits_and_nothing_overtakes_it(pair: Pair) -> None:
    guest, there, home, _ = pair
    sets = [[struct.pack("!I", number) * 5000] for number in range(400)]
    for frames in sets:
        assert guest.send(there, frames), "sending never waits"
    assert guest.send(there, [b"last"])
    assert settle(home, guest) == [*sets, [b"last"]]


def test_a_wait_ends_when_there_is_room_to_go_on_and_not_before(pair: Pair) -> None:
    guest, there, home, _ = pair
    wait = InputWait(guest)
    assert not wait.prepare()
    for _ in range(10):
        guest.send(there, [bytes(1_000_000)])
    guest.receive()
    assert not guest.ready(), "the other end has not read anything"
    home.receive()
    assert guest.ready()
    wait.close()


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_stream_may_be_cut_anywhere(pair: Pair, address: str, cut: int) -> None:
    _, _, home, _ = pair
    first, second = [b"abc"], [b"d", b"", b"efgh"]
    stream = struct.pack("!II", 1, 3) + b"abc" + struct.pack("!IIII", 3, 1, 0, 4) + b"defgh"
    stream += struct.pack("!II", 1, 3) + b"abc"
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(address.removeprefix("unix://"))
        arrived = []
        for piece in (stream[:cut], stream[cut:]):
            bare.sendall(piece)
            arrived += [frames for _, frames in home.receive()]
            home.check()
        assert arrived == [first, second, first]


def test_a_stream_may_come_byte_by_byte(pair: Pair, address: str) -> None:
    _, _, home, _ = pair
    stream = (struct.pack("!IIII", 3, 1, 0, 4) + b"defgh") * 3
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(address.removeprefix("unix://"))
        arrived = []
        for byte in stream:
            bare.send(bytes([byte]))
            arrived += [frames for _, frames in home.receive()]
            home.check()
    assert arrived == [[b"d", b"", b"efgh"]] * 3


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack("!II", 0, 3) + b"abc",
        struct.pack("!II", 1, MAX_FRAME + 1),
        struct.pack("!III", 2, 1, MAX_FRAME + 1),
        struct.pack("!II", (1 << 20) + 1, 1),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_frame_set_ends_the_connection_and_is_told(pair: Pair, address: str, stream: bytes) -> None:
    guest, _, home, back = pair
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(address.removeprefix("unix://"))
        bare.sendall(struct.pack("!II", 1, 2) + b"ok" + stream)
        (route, good), (same, bad) = home.receive()
        assert good == [b"ok"]
        assert bad == [], "a set without frames, which the layer above counts and logs"
        assert route == same
        assert home.broken() == [route]
        assert not home.send(route, [b"answer"])
        assert bare.recv(1) == b""
    assert home.send(back, [b"others are not concerned"])
    assert settle(guest, home) == [[b"others are not concerned"]]


def test_random_bytes_do_no_harm(pair: Pair, address: str) -> None:
    guest, there, home, _ = pair
    choose = random.Random(9)
    for _ in range(200):
        with socket.socket(socket.AF_UNIX) as bare:
            bare.connect(address.removeprefix("unix://"))
            bare.sendall(choose.randbytes(choose.randrange(1, 200)))
            home.receive()
            home.check()
    assert guest.send(there, [b"still there"])
    assert [b"still there"] in settle(home, guest)


def test_the_end_of_a_connection_comes_after_all_that_was_sent(pair: Pair) -> None:
    guest, there, home, back = pair
    home.send(back, [b"unread"])  # so the guest's end resets the connection
    for number in range(100):
        guest.send(there, [bytes([number])])
    guest.close()
    assert [frames for _, frames in home.receive()] == [[bytes([number])] for number in range(100)]
    home.receive()
    assert home.broken() == [back]
    assert home.broken() == []
    assert not home.send(back, [b"anybody?"])


def test_what_is_in_the_backlog_leaves_before_the_end(pair: Pair) -> None:
    guest, there, home, _ = pair
    sets = [[bytes([number]) * 100_000] for number in range(50)]
    for frames in sets:
        guest.send(there, frames)
    closing = threading.Thread(target=guest.close, args=(30_000,))
    closing.start()
    arrived: list[list[bytes]] = []
    wait = InputWait(home)
    while len(arrived) < len(sets):
        wait.prepare()
        wait.wait(30)
        arrived += [frames for _, frames in home.receive()]
    closing.join()
    wait.close()
    assert arrived == sets


def test_a_listener_may_come_later_and_gets_the_latest(make: Callable[..., UnixTransport], address: str) -> None:
    guest = make()
    there = guest.dial(address)
    assert guest.send(there, [b"early"])
    assert guest.send(there, [b"later"])
    assert guest.receive() == []
    home = make()
    home.bind(address)
    assert guest.receive() == []
    assert [frames for _, frames in home.receive()] == [[b"later"]]
    guest.send(there, [b"and now at once"])
    assert settle(home) == [[b"and now at once"]]


def test_a_dialled_route_connects_again_when_it_is_used(make: Callable[..., UnixTransport], address: str) -> None:
    home = make()
    home.bind(address)
    guest = make()
    there = guest.dial(address)
    guest.send(there, [b"one"])
    assert settle(home) == [[b"one"]]
    home.close()
    guest.receive()
    assert not guest.send(there, [b"nobody is there"])
    os.unlink(address.removeprefix("unix://"))
    again = make()
    again.bind(address)
    assert guest.send(there, [b"two"])
    assert settle(again) == [[b"two"]]


def test_a_route_that_was_hung_up_is_dead(pair: Pair) -> None:
    guest, there, home, back = pair
    guest.hang_up(there)
    assert not guest.send(there, [b"x"])
    home.receive()
    assert home.broken() == [back]
    guest.hang_up(there)


def test_a_forked_child_has_no_part_in_it(pair: Pair) -> None:
    guest, there, home, back = pair
    told, say = os.pipe()
    gate, go_on = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go_on)
        told_all = not guest.send(there, [b"from the child"]) and guest.receive() == [] and not home.send(back, [b"x"])
        os.write(say, b"1" if told_all else b"0")
        os.read(gate, 1)
        os._exit(0)
    assert os.read(told, 1) == b"1"
    assert guest.send(there, [b"from the parent"])
    assert settle(home, guest) == [[b"from the parent"]]
    guest.close()
    home.receive()
    assert home.broken() == [back], "although the child lives"
    for descriptor in (go_on, gate, told, say):
        os.close(descriptor)
    os.waitpid(child, 0)


def test_nothing_happens_after_the_end(pair: Pair) -> None:
    guest, there, _, _ = pair
    guest.close()
    assert guest.receive() == []
    assert not guest.ready()
    assert not guest.send(there, [b"x"])


def use_up_the_descriptors(kept: list[int]) -> None:
    error = 0
    while not error:
        try:
            kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as failed:
            error = failed.errno or 0
    assert error == errno.EMFILE


def test_without_descriptors_nobody_is_accepted_and_nobody_spins(pair: Pair, address: str) -> None:
    _, _, home, _ = pair
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(address.removeprefix("unix://"))
        bare.sendall(struct.pack("!II", 1, 2) + b"ok")
        kept = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 1, limits[1]))
        try:
            use_up_the_descriptors(kept)
            assert home.receive() == []
            assert not home.ready()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for descriptor in kept:
                os.close(descriptor)
        home.broken()
        assert [frames for _, frames in home.receive()] == [[b"ok"]]


def test_an_address_that_is_taken_or_impossible_is_refused(pair: Pair, make: Callable[..., UnixTransport]) -> None:
    with pytest.raises(ClusterError, match="cannot listen"):
        make().bind("unix:///no/such/directory/socket")
    too_long = "unix:///" + "x" * 200
    with pytest.raises(ClusterError, match="cannot listen"):
        make().bind(too_long)
    with pytest.raises(ClusterError, match="not an address"):
        make().dial(too_long)


def test_a_taken_address_is_refused(pair: Pair, make: Callable[..., UnixTransport], address: str) -> None:
    with pytest.raises(ClusterError, match="cannot listen"):
        make().bind(address)


def test_the_scheme_chooses_the_transport(tmp_path: Path) -> None:
    one = transport_for(f"unix://{tmp_path}/x")
    other = transport_for("tcp://127.0.0.1:7117")
    assert type(one) is UnixTransport
    assert type(other).__name__ == "ZmqTransport"
    one.close()
    other.close()


def test_the_environment_chooses_how_an_embedded_cluster_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DGO_TRANSPORT", raising=False)
    assert local_scheme() == "unix://"
    monkeypatch.setenv("DGO_TRANSPORT", "zeromq")
    assert local_scheme() == "ipc://"
    monkeypatch.setenv("DGO_TRANSPORT", "pigeon")
    with pytest.raises(ValueError, match="'unix' or by 'zeromq'"):
        local_scheme()
