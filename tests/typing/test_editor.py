"""What an editor shows when the pointer rests on a name of dgo: asked of a language server, as editors do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # a language server of its own, which reads all of dgo

ROOT = Path(__file__).resolve().parents[2]
ANSWER_SECONDS = 60
SERVER = "from basedpyright.langserver import main; main()"
PROGRAM = """\
import dgo

def double(number: int) -> int:
    return 2 * number

handle = dgo.go(double, 1)
numbers: dgo.Chan[int] = dgo.Chan(3)
numbers.send(handle.result())
got = dgo.select(dgo.recv(numbers))
names = list(dgo.map(str, [1, 2]))
group = dgo.WaitGroup()
group.go(double, 2)
"""


class Editor:
    """A client of a language server over its standard streams, with one file open."""

    def __init__(self, folder: Path) -> None:
        file = folder / "program.py"
        file.write_text(PROGRAM)
        paths = os.pathsep.join((str(ROOT), str(ROOT / "workers")))
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, "--stdio"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # the server is a child of this process: both are ended
        )
        self._guard = threading.Timer(ANSWER_SECONDS, self._kill)  # a server that hangs ends our reading
        self._guard.start()
        self._uri = file.as_uri()
        self._number = 0
        folders = [{"uri": folder.as_uri(), "name": "project"}]
        self._ask("initialize", {"processId": os.getpid(), "capabilities": {}, "workspaceFolders": folders})
        self._tell("initialized", {})
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": PROGRAM}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def hover(self, text: str) -> str:
        """What is shown at the last letter of ``text``, where the program has it first."""
        before = PROGRAM[: PROGRAM.index(text) + len(text) - 1]
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        answer = self._ask("textDocument/hover", {"textDocument": {"uri": self._uri}, "position": place})
        assert answer, f"nothing is shown at {text}"
        return str(answer["contents"]["value"])

    def close(self) -> None:
        """Ends the server."""
        self._guard.cancel()
        self._kill()
        self._process.communicate()

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server's own questions: it has no settings from us
                items = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
                self._send({"id": message["id"], "result": [None] * len(items) if items else None})
            elif message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        size = 0
        while (line := self._process.stdout.readline().strip()) or not size:
            name, _, value = line.partition(b":")
            assert name, "the language server has ended"
            if name.lower() == b"content-length":
                size = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(size))
        return message


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    started = Editor(tmp_path_factory.mktemp("project"))
    yield started
    started.close()


@pytest.mark.parametrize(
    ("place", "signature", "docstring"),
    [
        ("dgo.Chan", "Chan", "A channel: a typed conduit between goroutines"),
        ("dgo.go", "go", "as a goroutine and returns a handle on it at once"),
        ("numbers.send", "send(", "blocks until it is received (capacity 0) or stored"),
        ("handle.result", "result(", "What the function returned; blocks until it has ended"),
        ("dgo.select", "select(", "has exactly that one happen"),
        ("dgo.map", "map(", "each call a goroutine; yields the results"),
        ("dgo.WaitGroup", "WaitGroup", "Waits for a number of goroutines to end"),
        ("group.go", "go(", "as a goroutine of the group"),
    ],
)
def test_an_editor_shows_signature_and_docstring(editor: Editor, place: str, signature: str, docstring: str) -> None:
    text = editor.hover(place)
    assert signature in text
    assert docstring in " ".join(text.replace("&nbsp;", " ").split())


def test_an_editor_shows_the_types_that_went_through_dgo(editor: Editor) -> None:
    assert "Goroutine[int]" in editor.hover("handle")
    assert "Chan[int]" in editor.hover("numbers")
    assert "Selected[int | None]" in editor.hover("got")
    assert "list[str]" in editor.hover("names")
