"""From one process's ``__main__`` to a fresh interpreter and back."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HARNESS = '''
"""remote(fn, ...) runs a call in a fresh interpreter; serve() is that interpreter's main."""
import ast, subprocess, sys
from dgo.wire.snapshot import *


def pack(frozen):
    if isinstance(frozen, Payload):
        assert not frozen.handles
        fixed = [type(b) is bytes for b in frozen.buffers]
        return ("payload", frozen.data, tuple(map(bytes, frozen.buffers)), fixed)
    return ("raw", frozen)


def unpack(packed):
    if packed[0] == "raw":
        return packed[1]
    buffers = tuple(b if fixed else bytearray(b) for b, fixed in zip(packed[2], packed[3]))
    return Payload(packed[1], buffers)


def tell(file, message):
    file.write(repr(message) + "\\n")
    file.flush()


def hear(file):
    return ast.literal_eval(file.readline())


class Remote:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import harness; harness.serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.store = CodeStore()
        self.fetched = 0

    def __call__(self, fn, *args, **kwargs):
        return self.run(snapshot_call(fn, args, kwargs))

    def run(self, call):
        tell(self.process.stdin, (call.key, call.args, call.kwargs, pack(call.payload), call.codes))
        while True:
            kind, *rest = hear(self.process.stdout)
            if kind == "missing":
                self.fetched += len(rest[0])
                tell(self.process.stdin, [(name, self.store.blob(name)) for name in rest[0]])
            elif kind == "value":
                return thaw(unpack(rest[0]))
            else:
                frozen, *texts = rest[0]
                raise thaw_exception((unpack(frozen), *texts))

    def __enter__(self):
        return self

    def __exit__(self, *info):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve():
    out, sys.stdout = sys.stdout, sys.stderr
    store = CodeStore()
    while line := sys.stdin.readline():
        key, args, kwargs, payload, codes = ast.literal_eval(line)
        while missing := store.missing(key, codes):
            tell(out, ("missing", missing))
            for name, blob in hear(sys.stdin):
                store.add(name, blob)
        try:
            fn, args, kwargs = thaw_call(key, args, kwargs, unpack(payload), store)
            tell(out, ("value", pack(freeze(fn(*args, **kwargs)))))
        except Exception as error:
            frozen, *texts = freeze_exception(error)
            tell(out, ("error", (pack(frozen), *texts)))
'''


@pytest.fixture
def main(tmp_path: Path) -> object:
    """Runs a text as a main script; its asserts are the test."""
    (tmp_path / "harness.py").write_text(HARNESS)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(tmp_path), os.environ.get("PYTHONPATH", "")])

    def run(text: str, *arguments: str) -> None:
        script = tmp_path / "main.py"
        script.write_text("from harness import *\n" + textwrap.dedent(text))
        done = subprocess.run(
            [sys.executable, *(arguments or (str(script),))],
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


def test_a_main_function_with_its_helpers_modules_and_data_runs_elsewhere(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        import math
        SCALE = 3
        TABLE = {"a": [1]}
        def helper(x): return math.floor(x * SCALE)
        def f(x): return helper(x)
        def g(): TABLE["a"].append(2); return TABLE
        with Remote() as remote:
            assert remote(f, 1.5) == 4
            assert remote(g) == {"a": [1, 2]}
            assert TABLE == {"a": [1]}
            SCALE = 10
            assert remote(f, 1.5) == 15
        """
    )


def test_code_is_fetched_once_also_for_changing_data(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        data = []
        def f(): return len(data)
        def g(x): return x
        with Remote() as remote:
            for n in range(5):
                data.append(n)
                assert remote(f) == n + 1
                assert remote(g, n) == n
            assert remote.fetched == 2
        """
    )


def test_recursion_between_two_main_functions_works_elsewhere(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        log = []
        def even_logged(n): log.append(n); return n == 0 or odd_logged(n - 1)
        def odd_logged(n): return n != 0 and even_logged(n - 1)
        with Remote() as remote:
            assert remote(even, 10) is True
            assert remote(even_logged, 11) is False
        """
    )


def test_an_exception_class_of_main_is_caught_by_its_own_except(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        class MyError(Exception):
            def __init__(self, *, code):
                super().__init__(f"code {code}")
                self.code = code
        def f(): raise MyError(code=3)
        with Remote() as remote:
            try:
                remote(f)
            except MyError as error:
                assert error.code == 3
                assert "in f" in str(error.__cause__), str(error.__cause__)
            else:
                raise AssertionError("not raised")
        """
    )


def test_a_class_of_main_comes_back_as_itself_and_unchanged(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        import enum
        class Point:
            made = 0
            def __init__(self, x): self.x = x
            def count(self): return Point.made
        class Colour(enum.Enum):
            RED = 1
        def f(p): Point.made = 99; return Point(p.x + 1), Colour.RED
        count = Point.count
        with Remote() as remote:
            call = snapshot_call(f, (Point(1),), {})
            Point.made = 5
            back, colour = remote.run(call)
            assert type(back) is Point and back.x == 2
            assert colour is Colour.RED
            assert Point.made == 5 and Point.count is count and back.count() == 5
        """
    )


def test_a_class_attribute_changed_between_two_calls_is_seen_by_the_second(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        class Config:
            level = 1
        def f(): return Config.level
        with Remote() as remote:
            assert remote(f) == 1
            Config.level = 2
            assert remote(f) == 2
        """
    )


def test_a_remote_traceback_names_the_failing_line(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        def f(): return 1 // 0
        with Remote() as remote:
            try:
                remote(f)
            except ZeroDivisionError as error:
                assert "return 1 // 0" in str(error.__cause__), str(error.__cause__)
        """
    )


def test_a_function_that_cannot_be_rebuilt_there_says_why(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        import sys
        from importlib.machinery import ModuleSpec
        from types import ModuleType
        from dgo.errors import SerializationError
        only_here = ModuleType("only_here")
        only_here.__spec__ = ModuleSpec("only_here", None)
        exec("def f(): return 1", vars(only_here))
        sys.modules["only_here"] = only_here
        with Remote() as remote:
            try:
                remote(only_here.f)
            except SerializationError as error:
                assert "ModuleNotFoundError: No module named 'only_here'" in str(error)
            else:
                raise AssertionError("not raised")
        """
    )


def test_a_class_used_as_a_function_and_a_bound_method_work_elsewhere(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        from dataclasses import dataclass
        import functools
        @dataclass
        class Point:
            x: int
            def moved(self, by): return Point(self.x + by)
        with Remote() as remote:
            assert remote(Point, 3) == Point(3)
            assert remote(Point(1).moved, by=2) == Point(3)
            assert remote(functools.partial(Point, 4)) == Point(4)
            assert remote(len, [1, 2]) == 2
        """
    )


def test_arrays_stay_writable_or_not_on_the_way(main) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("numpy", exc_type=ImportError)
    main(
        """
        import numpy
        fixed = numpy.zeros(50_000); fixed.flags.writeable = False
        def f(a, b): return a.flags.writeable, b.flags.writeable, a
        with Remote() as remote:
            a, b, back = remote(f, numpy.zeros(50_000), fixed)
            assert (a, b, back.flags.writeable) == (True, False, True)
        """
    )


def test_a_script_that_is_run_with_dash_c_works(main) -> None:  # type: ignore[no-untyped-def]
    main(
        "",
        "-c",
        "from harness import *\nN = [1]\ndef f(): return N\nwith Remote() as r: assert r(f) == [1]",
    )


def test_a_child_of_multiprocessing_sends_its_main_by_value(main) -> None:  # type: ignore[no-untyped-def]
    main(
        """
        import multiprocessing
        class Point: pass
        def f(): return Point
        def child():
            assert __name__ == "__mp_main__"
            with Remote() as remote:
                assert remote(f) is Point
                assert remote(Point).__class__ is Point
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=child)
            process.start()
            process.join()
            assert process.exitcode == 0
        """
    )
