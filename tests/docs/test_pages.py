"""What the pages of the site say about dgo's names is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

import dgo
from dgo import errors

from .documents import DOCS, ROOT
from .tables import cells, typed_module, unknown

GO_TO_DGO = DOCS / "go_to_dgo.md"
TABLES = (GO_TO_DGO, DOCS / "multiprocessing_to_dgo.md")
ERRORS = DOCS / "errors.md"
CONTEXT_FUNCTIONS = ("Background", "TODO", "WithCancel", "WithTimeout", "WithDeadline", "WithValue", "WithCancelCause")
CONSTRUCTS = (
    *("go f(x)", "make(chan T)", "make(chan T, n)", "ch <- v", "<-ch", "v, ok := <-ch", "close(ch)", "range ch"),
    *("len(ch)", "cap(ch)", "chan<- T", "<-chan T", "nil channel", "select {}", "default:", "time.After(d)"),
    *("time.Sleep", "NewTimer", "NewTicker", "time.Tick(d)", "AfterFunc", "timer.Stop()", "timer.Reset(d)"),
    *(f"context.{name}(" for name in (*CONTEXT_FUNCTIONS, "WithoutCancel", "AfterFunc", "Cause")),
    *("ctx.Done()", "ctx.Err()", "ctx.Deadline()", "ctx.Value(k)", "context.Canceled", "DeadlineExceeded"),
    *("wg.Add(n)", "wg.Done()", "wg.Wait()", "wg.Go(f)", "mu.Lock()", "mu.Unlock()", "mu.TryLock()"),
    *("rw.RLock()", "rw.RUnlock()", "rw.Lock()", "rw.TryRLock()", "RLocker", "once.Do(f)", "OnceFunc", "OnceValue"),
    *("c.Wait()", "c.Signal()", "c.Broadcast()", "sync.Pool", "sync.Map", "m.Load(k)", "m.Store(k, v)"),
    *("m.LoadOrStore(k, v)", "m.LoadAndDelete(k)", "m.Delete(k)", "m.Range(f)", "m.Clear()", "m.Swap"),
    *("atomic.Int64", "n.Load()", "n.Store(v)", "n.Add(d)", "n.Swap(v)", "n.CompareAndSwap(old, new)", "atomic.Value"),
    *("errgroup.WithContext", "g.Go(f)", "g.TryGo(f)", "g.SetLimit(n)", "g.Wait()", "sf.Do(k, f)", "sf.DoChan"),
    *("sf.Forget(k)", "semaphore.NewWeighted(n)", "sem.Acquire(ctx, k)", "sem.TryAcquire(k)", "sem.Release(k)"),
    *("runtime.Gosched()", "runtime.Goexit()", "runtime.NumGoroutine()", "runtime.GOMAXPROCS(n)", "runtime.NumCPU()"),
    *("runtime.LockOSThread()", "panic(v)", "recover()", "defer f(x)", "all goroutines are asleep", "-race", "GODEBUG"),
    *("`main` returns", "a leak of goroutines", "goleak", "testing/synctest", "t.Deadline()", "thing.Method(x)"),
    *("break Label", "signal.NotifyContext", "runtime.GOMAXPROCS(0)", "OnceValues", "atomic.Pointer[T]"),
)


# go_to_dgo.md, multiprocessing_to_dgo.md


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.stem)
def test_each_code_of_the_tables_names_operations_that_exist_with_such_arguments(page: Path) -> None:
    found = [cell for cell in cells(page) if cell.claimed]
    assert len(found) > 50
    assert {f"line {cell.line}: {cell.code}": wrong for cell in found if (wrong := unknown(cell.code))} == {}


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.stem)
def test_so_does_each_code_of_the_remarks_that_is_about_dgo(page: Path) -> None:
    found = [cell for cell in cells(page) if not cell.claimed and "dgo." in cell.code]
    assert found
    assert {f"line {cell.line}: {cell.code}": wrong for cell in found if (wrong := unknown(cell.code))} == {}


@pytest.mark.parametrize(
    "code",
    ["dgo.spawn(f)", "ch.receive()", "ch.send()", "wg.go()", "dgo.select(cases=[v])", "dgo.Chan(1, 2)", "queue.put(v)"],
)
def test_the_check_of_the_tables_finds_what_does_not_exist(code: str) -> None:
    assert unknown(code)


@pytest.mark.slow
@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.stem)
def test_a_type_checker_accepts_each_code_of_the_tables(page: Path, tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api", reason="mypy is among the tools of development (`.[dev]`)")
    module = tmp_path / "tables.py"
    module.write_text(typed_module(page))
    printed, problems, status = api.run(["--check-untyped-defs", str(module)])
    assert status == 0, printed + problems


@pytest.mark.slow
def test_a_type_checker_accepts_the_programs_by_example() -> None:
    api = pytest.importorskip("mypy.api", reason="mypy is among the tools of development (`.[dev]`)")
    programs = sorted(str(file) for file in (ROOT / "examples" / "by_example").glob("*.py"))
    assert programs
    printed, problems, status = api.run(["--strict", *programs])
    assert status == 0, printed + problems


def test_a_person_who_knows_go_finds_each_construct() -> None:
    rows = "\n".join(line.split(" | ")[0] for line in GO_TO_DGO.read_text().splitlines() if line.startswith("| "))
    assert [construct for construct in CONSTRUCTS if construct not in rows] == []


@pytest.mark.parametrize("module", [dgo.sync, dgo.time, dgo.context], ids=lambda module: module.__name__)
def test_each_thing_of_the_modules_that_go_has_too_is_in_the_tables(module: ModuleType) -> None:
    code = " ".join(cell.code for cell in cells(GO_TO_DGO))
    names = {name for name in module.__all__ if name in dgo.__all__ and not name.endswith("Statistics")}
    assert names
    in_the_text = {"Context"}  # nobody calls it
    assert [name for name in sorted(names - in_the_text) if not re.search(rf"\bdgo\.{name}\b", code)] == []


# errors.md


def drawn_tree() -> dict[str, str]:
    """Each error of the drawing, with the one that it hangs on."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in re.search(r"```text\n(BaseException.*?)```", ERRORS.read_text(), re.DOTALL)[1].splitlines():  # type: ignore[index]
        name = re.search(r"\w+", line)
        assert name
        while above and above[-1][0] >= name.start():
            above.pop()
        if above:
            parents[name[0]] = above[-1][1]
        above.append((name.start(), name[0]))
    return parents


def test_the_tree_of_errors_is_the_one_that_the_code_has() -> None:
    expected = {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}
    assert drawn_tree() == {**expected, "Exception": "BaseException"}


def test_the_other_bases_of_an_error_are_said() -> None:
    text = ERRORS.read_text()
    for name in errors.__all__:
        for base in getattr(errors, name).__bases__[1:]:
            assert re.search(rf"\b{name}\b.*also .*\b{base.__name__}\b", text), (name, base)


def test_each_error_has_a_row_that_says_who_and_what_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", ERRORS.read_text(), re.MULTILINE)
    assert {row[0] for row in rows} == set(errors.__all__) - {"DgoError"}
    assert len(rows) == len({row[0] for row in rows})


def test_the_code_in_the_rows_of_errors_is_code() -> None:
    for code in re.findall(r"`(dgo\.[^`]+)`", ERRORS.read_text()):
        ast.parse(code)
