"""A goroutine that blocks in the standard library does not stop its neighbours (contract section 7).

One worker only: the goroutine under test and the one that counts share its thread.
"""

from __future__ import annotations

import textwrap

import pytest

#: The goroutine under test blocks for so many seconds; the neighbour ticks every hundredth of one.
SECONDS = 1.0
#: So many ticks a busy machine can make of them. A neighbour that was stopped makes one or two.
TICKS = 20

PROGRAM = """
import dgo

def count(stop):
    ticks = 0
    while True:
        try:
            stop.recv_ok(timeout=0.01)
            return ticks
        except dgo.Timeout:
            ticks += 1

{functions}

def main():
    dgo.init(workers=1)
    stop = dgo.Chan()
    {prepare}
    dgo.go(int).result(timeout=20)
    counter = dgo.go(count, stop)
    goroutine = dgo.go(block, *arguments)
    value = goroutine.result(timeout=20)
    stop.close()
    ticks = counter.result(timeout=20)
    print(value, ticks >= {ticks} or ticks)

main()
"""

#: Functions of the program; what the driver prepares (it sets ``arguments``); what ``block`` returns.
BLOCKERS = {
    "time.sleep": (
        """
        import time
        def block(seconds):
            time.sleep(seconds)
            return "slept"
        """,
        f"arguments = ({SECONDS},)",
        "slept",
    ),
    "a socket": (
        """
        import socket, threading, time
        def answer_late(server, seconds):
            connection, _ = server.accept()
            time.sleep(seconds)
            connection.sendall(b"late")
            connection.close()
        def block(port):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                return connection.recv(4).decode()
        """,
        f"""
        server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=answer_late, args=(server, {SECONDS}), daemon=True).start()
        arguments = (server.getsockname()[1],)
        """,
        "late",
    ),
    "urllib": (
        """
        import http.server, threading, time, urllib.request
        class Late(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                time.sleep(self.delay)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"page")
            def log_message(self, *args):
                pass
        def block(port):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://127.0.0.1:{port}/", timeout=20) as page:
                return page.read().decode()
        """,
        f"""
        Late.delay = {SECONDS}
        server = http.server.HTTPServer(("127.0.0.1", 0), Late)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        arguments = (server.server_port,)
        """,
        "page",
    ),
    "threading.Lock": (
        """
        import time
        def hold(held, seconds):
            import common_things
            with common_things.lock:
                held.send(None)
                time.sleep(seconds)
        def block():
            import common_things
            with common_things.lock:
                return "locked"
        """,
        f"""
        held = dgo.Chan()
        dgo.go(hold, held, {SECONDS})
        held.recv(timeout=20)
        arguments = ()
        """,
        "locked",
    ),
    "threading.Event": (
        """
        import time
        def set_late(seconds):
            import common_things
            time.sleep(seconds)
            common_things.event.set()
        def block():
            import common_things
            return common_things.event.wait(20)
        """,
        f"""
        dgo.go(set_late, {SECONDS})
        arguments = ()
        """,
        "True",
    ),
    "queue.Queue": (
        """
        import time
        def put_late(seconds):
            import common_things
            time.sleep(seconds)
            common_things.queue.put("item")
        def block():
            import common_things
            return common_things.queue.get(timeout=20)
        """,
        f"""
        dgo.go(put_late, {SECONDS})
        arguments = ()
        """,
        "item",
    ),
    "subprocess.run": (
        """
        import subprocess, sys
        def block(seconds):
            code = f"import time; time.sleep({seconds}); print('ended')"
            return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        """,
        f"arguments = ({SECONDS},)",
        "ended",
    ),
    "a thread": (
        """
        import threading, time
        def block(seconds):
            thread = threading.Thread(target=time.sleep, args=(seconds,))
            thread.start()
            thread.join()
            return "joined"
        """,
        f"arguments = ({SECONDS},)",
        "joined",
    ),
    "select.select": (
        """
        import select, socket
        def block(seconds):
            one, other = socket.socketpair()
            with one, other:
                return select.select([one], [], [], seconds)
        """,
        f"arguments = ({SECONDS},)",
        "([], [], [])",
    ),
}

COMMON_THINGS = """
import queue as queues
import threading

lock = threading.Lock()
event = threading.Event()
queue = queues.Queue()
"""


@pytest.mark.parametrize("blocker", BLOCKERS)
def test_a_goroutine_that_blocks_in_the_standard_library_does_not_stop_its_neighbour(output, tmp_path, blocker):
    functions, prepare, value = BLOCKERS[blocker]
    (tmp_path / "common_things.py").write_text(COMMON_THINGS)
    source = PROGRAM.format(
        functions=textwrap.dedent(functions).strip(),
        prepare=textwrap.indent(textwrap.dedent(prepare).strip(), "    ").strip(),
        ticks=TICKS,
    )
    assert output(source) == [f"{value} True"]


def test_many_sleepers_of_one_worker_sleep_at_the_same_time(output):
    assert output("""
        import time, dgo
        def sleep():
            time.sleep(0.5)
        dgo.init(workers=1)
        dgo.go(int).result(timeout=20)
        start = time.monotonic()
        with dgo.WaitGroup() as wg:
            for _ in range(50):
                wg.go(sleep)
        print(time.monotonic() - start < 10)   # one after the other it would be 25 s
    """) == ["True"]


def test_a_goroutine_that_blocks_in_the_standard_library_can_be_cancelled(output):
    assert output("""
        import time, dgo
        def sleep(started):
            started.send(None)
            time.sleep(600)
        dgo.init(workers=1)
        started = dgo.Chan()
        goroutine = dgo.go(sleep, started)
        started.recv(timeout=20)
        goroutine.cancel()
        goroutine.wait(timeout=20)
        print(goroutine.cancelled())
    """) == ["True"]


def test_dgo_sleep_and_the_standard_sleep_can_be_mixed(output):
    assert output("""
        import time, dgo
        def mixed(order, name, sleep, seconds):
            sleep(seconds)
            order.send(name, timeout=20)
        dgo.init(workers=1)
        order = dgo.Chan(4)
        for name, sleep, seconds in (("d", time.sleep, 2.0), ("b", dgo.sleep, 0.6), ("a", time.sleep, 0.1),
                                     ("c", dgo.sleep, 1.2)):
            dgo.go(mixed, order, name, sleep, seconds)
        print([order.recv(timeout=20) for _ in range(4)])
    """) == ["['a', 'b', 'c', 'd']"]


def test_the_standard_library_of_the_driver_is_left_as_it_is(output):
    assert output("""
        import socket, subprocess, threading, time
        before = (time.sleep, socket.socket, threading.Lock, threading.Thread.start, subprocess.Popen)
        import dgo
        dgo.init(workers=1)
        dgo.go(int).result(timeout=20)
        after = (time.sleep, socket.socket, threading.Lock, threading.Thread.start, subprocess.Popen)
        print(before == after)
    """) == ["True"]
