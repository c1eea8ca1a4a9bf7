"""dgo in a notebook: a kernel of its own for each test, whose cells are run, interrupted and run again."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .kernels import CELL_SECONDS, KERNEL, Kernel, prepare
from .leftovers import eventually, marked

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "notebook.ipynb"
END_SECONDS = 20


@pytest.fixture
def kernel(private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel that has imported dgo, with a cluster of two workers; after the test nothing of them is left."""
    started = Kernel(prepare(private, monkeypatch), tmp_path)
    try:
        assert started.run("import dgo\ncluster = dgo.init(workers=2)").error is None
        yield started
    finally:
        started.close()
    assert eventually(lambda: not started.processes(), END_SECONDS), started.processes()


# ---- the example -----------------------------------------------------------------------------------


def shown(cell: nbformat.NotebookNode) -> str:
    """All texts that a cell has shown."""
    texts = []
    for output in cell.get("outputs", ()):
        texts.append(output.get("text", ""))
        texts += [str(text) for text in output.get("data", {}).values()]
    return "\n".join(texts)


@pytest.mark.slow
def test_the_example_notebook_shows_what_it_says(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = prepare(private, monkeypatch)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, kernel_name=KERNEL, timeout=CELL_SECONDS, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    cells = {cell["id"]: shown(cell) for cell in notebook.cells}
    assert "looking from 0 to 10000\n" in cells["goroutines"]
    assert "2262" in cells["goroutines"]
    assert "<td style='text-align:left'>returned</td>" in cells["handle"]
    assert "worker-" in cells["cluster"]  # one of them, if the other one is still starting
    assert "[0, 1, 4, 9, 16]" in cells["channels"]
    assert "(0, 'the quick one')" in cells["select"]
    assert "collatz: 100%" in cells["map"]
    assert "499/499" in cells["map"]
    assert "143" in cells["map"]
    assert "'hello, gopher'" in cells["greeting"]
    assert "'good evening, gopher'" in cells["redefined"]
    assert "the goroutine failed: division by zero" in cells["errors"]
    assert "<td style='text-align:left'>raised</td>" in cells["errors"]
    assert "False" in cells["shutdown"]
    assert eventually(lambda: not marked(mark), END_SECONDS), marked(mark)


def test_the_example_notebook_is_stored_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 8
    assert [cell["outputs"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


# ---- interrupting a cell ---------------------------------------------------------------------------

#: Cells that wait for ever. Each prints WORD when it is about to. (A word of its own: what goroutines of an interrupted
#: cell still print would appear in the next one.)
WAITING = {
    "recv": "print('WORD'); dgo.Chan().recv()",
    "a send": "print('WORD'); dgo.Chan().send(1)",
    "a channel elsewhere": "far = dgo.go(dgo.Chan).result(); print('WORD'); far.recv()",
    "select": "print('WORD'); dgo.select(dgo.recv(dgo.Chan()), dgo.recv(dgo.go(dgo.Chan).result()))",
    "result": "g = dgo.go(wait_for_ever, 'WORD'); g.result()",
    "map": "list(dgo.map(wait_for_ever, ['WORD'] * 10))",
    "map with progress": "list(dgo.map(wait_for_ever, ['WORD'] * 10, progress=True, ordered=False))",
    "a WaitGroup": "wg = dgo.WaitGroup(); wg.go(wait_for_ever, 'WORD'); wg.wait()",
    "a lock": "m = dgo.Mutex(); m.lock(); print('WORD'); m.lock()",
    "computing": "list(dgo.map(compute, ['WORD'] * 4))",
}
DEFINITIONS = """
def wait_for_ever(word):
    print(word)
    dgo.Chan().recv()

def compute(word):
    print(word)
    while True:
        word = word[::-1]
"""


def works(kernel: Kernel) -> bool:
    """Whether the next cell can use the cluster."""
    done = kernel.run("dgo.go(pow, 2, 5).result(), sum(dgo.map(abs, range(-9, 9), limit=3)), dgo.num_workers()")
    return (done.value, done.error) == ("(32, 81, 2)", None)


def interrupted(kernel: Kernel, cell: str) -> bool:
    word = uuid.uuid4().hex
    return kernel.run(cell.replace("WORD", word), interrupt_at=word).error == "KeyboardInterrupt"


def test_a_cell_that_waits_can_be_interrupted_and_the_next_one_works(kernel: Kernel) -> None:
    assert interrupted(kernel, WAITING["recv"])
    assert works(kernel)


@pytest.mark.slow
def test_whatever_a_cell_waits_for_it_can_be_interrupted_again_and_again(kernel: Kernel) -> None:
    assert kernel.run(DEFINITIONS).error is None
    for _ in range(2):
        for what, cell in WAITING.items():
            assert interrupted(kernel, cell), what
            assert works(kernel), what


@pytest.mark.slow
def test_the_goroutine_whose_wait_was_interrupted_goes_on(kernel: Kernel) -> None:
    cell = "def double(n): return 2 * n.recv()\nn = dgo.Chan()\ng = dgo.go(double, n)\nprint('WORD')\ng.result()"
    assert interrupted(kernel, cell)
    assert kernel.run("n.send(21)\ng.result()").value == "42"


@pytest.mark.slow
def test_an_interrupted_map_leaves_no_goroutine_behind(kernel: Kernel) -> None:
    assert kernel.run(DEFINITIONS).error is None
    assert interrupted(kernel, WAITING["map"])
    assert interrupted(kernel, WAITING["computing"])
    at_rest = "while dgo.num_goroutine() > 1: dgo.sleep(0.01)\ndgo.num_goroutine()"
    assert kernel.run(at_rest).value == "1"


@pytest.mark.slow
def test_a_value_sent_after_an_interrupted_receive_is_not_lost(kernel: Kernel) -> None:
    assert interrupted(kernel, "ch = dgo.Chan(1)\nprint('WORD')\nch.recv()")
    assert kernel.run("ch.send('kept')\nch.recv()").value == "'kept'"


# ---- what cells show -------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_goroutines_print_appears_in_the_cell_that_waits_for_them(kernel: Kernel) -> None:
    cell = """
import sys
def speak(n):
    print("spoken", n)
    print("complained", n, file=sys.stderr)
dgo.gather(dgo.go(speak, {0}), dgo.go(speak, {0}))
"""
    for number in range(3):
        seen = kernel.run(cell.format(number))
        assert seen.stdout == f"spoken {number}\n" * 2
        assert seen.stderr == f"complained {number}\n" * 2


@pytest.mark.slow
def test_what_a_goroutine_of_an_earlier_cell_prints_appears_in_the_cell_that_runs(kernel: Kernel) -> None:
    early = kernel.run("def later(ch):\n    ch.recv()\n    print('later')\nch = dgo.Chan()\ng = dgo.go(later, ch)")
    assert early.stdout == ""
    assert kernel.run("ch.send(1)\ng.wait()").stdout == "later\n"


@pytest.mark.slow
def test_cells_of_the_loop_that_runs_already_may_await_and_wait(kernel: Kernel) -> None:
    kernel.run("import asyncio\nasync def both():\n    await asyncio.sleep(0)\n    return dgo.go(abs, -3).result()")
    assert kernel.run("await both()").value == "3"


@pytest.mark.slow
def test_a_handle_is_shown_as_a_table(kernel: Kernel) -> None:
    seen = kernel.run("g = dgo.go(abs, -1)\ng.wait()\ng")
    assert "<table>" in seen.result["text/html"]
    assert "abs" in seen.result["text/html"]
    assert str(seen.value).startswith("Goroutine(")


@pytest.mark.slow
def test_a_progress_bar_is_shown_without_a_warning(kernel: Kernel) -> None:
    seen = kernel.run("list(dgo.map(abs, range(5), progress='five'))")
    assert seen.value == "[0, 1, 2, 3, 4]"
    assert "five: 100%" in seen.stderr
    assert "Warning" not in seen.stderr


# ---- cells that redefine ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_redefined_function_takes_effect_at_the_next_go(kernel: Kernel) -> None:
    kernel.run("def f(): return 'old'\ndef g(): return f()\nheld = f")
    assert kernel.run("dgo.go(f).result(), dgo.go(g).result()").value == "('old', 'old')"
    kernel.run("def f(): return 'new'")
    seen = kernel.run("dgo.go(f).result(), dgo.go(g).result(), dgo.go(lambda: f()).result(), dgo.go(held).result()")
    assert seen.value == "('new', 'new', 'new', 'old')"
    assert kernel.run("list(dgo.map(lambda _: g(), range(2)))").value == "['new', 'new']"


@pytest.mark.slow
def test_a_goroutine_that_runs_keeps_the_function_with_which_it_was_started(kernel: Kernel) -> None:
    kernel.run(
        "def f(): return 'old'\ndef wait(ch):\n    ch.recv()\n    return f()\nch = dgo.Chan()\ng = dgo.go(wait, ch)"
    )
    assert kernel.run("def f(): return 'new'\nch.send(1)\ng.result()").value == "'old'"


@pytest.mark.slow
def test_a_redefined_class_takes_effect_and_old_objects_keep_theirs(kernel: Kernel) -> None:
    kernel.run("class A:\n    def m(self): return 1\nold = A()\ndef make(): return A()")
    assert kernel.run("dgo.go(make).result().m(), dgo.go(old.m).result()").value == "(1, 1)"
    kernel.run("class A:\n    def m(self): return 2\nnew = A()")
    seen = kernel.run("dgo.go(make).result().m(), dgo.go(old.m).result(), dgo.go(new.m).result()")
    assert seen.value == "(2, 1, 2)"
    assert kernel.run("type(dgo.go(make).result()) is A, type(dgo.go(lambda: old).result()) is type(old)").value == (
        "(True, True)"
    )


@pytest.mark.slow
def test_a_changed_variable_of_the_notebook_takes_effect_at_the_next_go(kernel: Kernel) -> None:
    kernel.run("factor = 2\ndef scale(n): return factor * n")
    assert kernel.run("dgo.go(scale, 10).result()").value == "20"
    assert kernel.run("factor = 3\ndgo.go(scale, 10).result()").value == "30"


# ---- the end of the kernel -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_kernel_that_is_shut_down_leaves_no_process_behind(kernel: Kernel) -> None:
    assert works(kernel)
    assert len(kernel.processes()) >= 4  # itself, the coordinator, two workers
    kernel.manager.shutdown_kernel()
    assert eventually(lambda: not kernel.processes(), END_SECONDS), kernel.processes()


@pytest.mark.slow
def test_a_kernel_that_is_killed_leaves_no_process_behind(kernel: Kernel) -> None:
    assert works(kernel)
    pid = kernel.manager.provisioner.pid
    assert pid in kernel.processes()
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not set(kernel.processes()) - {pid}, END_SECONDS), kernel.processes()


@pytest.mark.slow
def test_a_cluster_can_be_left_and_started_again_in_one_kernel(kernel: Kernel) -> None:
    first = set(kernel.processes())
    assert kernel.run("dgo.shutdown()\ndgo.is_initialized()").value == "False"
    assert kernel.run("dgo.init(workers=2)\ndgo.go(abs, -2).result()").value == "2"
    assert works(kernel)
    assert len(set(kernel.processes()) & first) == 1  # only the kernel itself is the same
