"""Programs: how they are started, their __main__, their modules, their end (contract sections 1 to 3)."""

from __future__ import annotations

import socket
import time

import pytest

HOWS = ("file", "-c", "stdin")


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("how", HOWS)
def test_a_program_without_a_main_guard_runs_its_top_level_once(output, how):
    assert output(
        """
        import dgo
        print("top")
        def square(x):
            return x * x
        print([dgo.go(square, i).result() for i in range(4)])
        """,
        how,
    ) == ["top", "[0, 1, 4, 9]"]


def test_a_program_may_begin_with_a_name_from_a_module_of_dgo(output):
    assert output("""
        from dgo.channels import Chan
        ch = Chan(1)
        ch.send("first of all")
        print(ch.recv())
    """) == ["first of all"]


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_an_exception_class_of_main_is_caught_by_its_type(output, how):
    assert output(
        """
        import dgo
        class Odd(Exception):
            def __init__(self, text, code):
                super().__init__(text, code)
                self.code = code
        def fail():
            raise Odd("odd", 7)
        try:
            dgo.go(fail).result()
        except Odd as error:
            print(error.code, "fail" in str(error.__cause__))
        """,
        how,
    ) == ["7 True"]


@pytest.mark.parametrize("how", ["file", "-c"])
def test_an_object_of_a_class_of_main_comes_back_as_that_class(output, how):
    assert output(
        """
        import dgo
        class Point:
            def __init__(self, x): self.x = x
        def move(point):
            assert isinstance(point, Point)
            return Point(point.x + 1)
        moved = dgo.go(move, Point(1)).result()
        print(isinstance(moved, Point), moved.x)
        """,
        how,
    ) == ["True 2"]


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_the_mutable_data_of_main_is_snapshotted_at_each_spawn(output, how):
    assert output(
        """
        import dgo
        settings, number = {"a": 1}, 1
        gate = dgo.Chan()
        def read():
            gate.recv()
            settings["seen"] = True
            return dict(settings), number
        first = dgo.go(read)
        settings["b"] = 2
        number = 2
        second = dgo.go(read)
        settings["c"] = 3
        gate.send(None)
        gate.send(None)
        print(first.result(), second.result(), settings)
        """,
        how,
    ) == ["({'a': 1, 'seen': True}, 1) ({'a': 1, 'b': 2, 'seen': True}, 2) {'a': 1, 'b': 2, 'c': 3}"]


def test_main_data_that_a_called_function_reads_is_snapshotted_too(output):
    assert output("""
        import dgo
        table = [1]
        def inner(): return list(table)
        def outer(): return inner()
        g = dgo.go(outer)
        table.append(2)
        print(g.result())
    """) == ["[1]"]


def test_a_module_beside_the_script_is_importable_by_goroutines(output, tmp_path):
    (tmp_path / "shapes.py").write_text("def area(side):\n    return side * side\n")
    assert output("""
        import dgo, shapes
        def lazily():
            import shapes
            return shapes.area(4)
        print(dgo.go(shapes.area, 3).result(), dgo.go(lazily).result())
    """) == ["9 16"]


def test_workers_share_the_working_directory_and_the_environment(output):
    assert output("""
        import os, dgo
        os.environ["SHARED_WITH_WORKERS"] = "yes"
        def look():
            return os.getcwd(), os.environ.get("SHARED_WITH_WORKERS"), os.getpid()
        cwd, value, pid = dgo.go(look).result()
        print(cwd == os.getcwd(), value, pid != os.getpid())
    """) == ["True yes True"]


def test_one_goroutine_lives_at_rest(output):
    assert output("""
        import dgo
        dgo.init(workers=2)
        print(dgo.num_goroutine())
        wg = dgo.WaitGroup()
        for _ in range(20):
            wg.go(dgo.gosched)
        wg.wait()
        handles = [dgo.go(dgo.gosched) for _ in range(20)]
        for handle in handles:
            handle.wait()
        print(dgo.num_goroutine())
    """) == ["1", "1"]


def test_no_workers_is_a_value_error(output):
    assert output("""
        import dgo
        for wrong in (0, -1):
            try:
                dgo.init(workers=wrong)
            except ValueError:
                print("refused", dgo.is_initialized())
        dgo.init(workers=1).wait_for_workers(1, timeout=20)
        print(dgo.num_workers())
    """) == ["refused False", "refused False", "1"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("dgo.init({address!r})", id="argument"),
        pytest.param("os.environ['DGO_ADDRESS'] = {address!r}; dgo.init()", id="environment", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_address_is_a_cluster_error_that_names_it_within_ten_seconds(output, said):
    address = f"tcp://127.0.0.1:{free_port()}"
    start = time.monotonic()
    lines = output(
        f"""
        import os, dgo
        try:
            {said.format(address=address)}
        except dgo.ClusterError as error:
            print(isinstance(error, ConnectionError), {address!r} in str(error))
        """
    )
    assert lines == ["True True"]
    assert time.monotonic() - start < 12  # ten for dgo, two for the interpreter of a busy machine


def test_shutdown_may_be_called_again_and_before_any_use(output):
    assert output("""
        import dgo
        dgo.shutdown()
        print(dgo.is_initialized())
        dgo.init(workers=1)
        print(dgo.is_initialized())
        dgo.shutdown()
        dgo.shutdown()
        print(dgo.is_initialized())
    """) == ["False", "True", "False"]


def test_a_program_may_start_a_second_cluster_after_the_first(output):
    assert output("""
        import dgo
        for i in range(2):
            with dgo.init(workers=1) as cluster:
                cluster.wait_for_workers(1, timeout=20)
                print(dgo.go(pow, 2, i).result(), len(cluster.workers()), dgo.cluster() is cluster)
            print(dgo.is_initialized())
    """) == ["1 1 True", "False", "2 1 True", "False"]


def test_what_belonged_to_a_cluster_that_was_shut_down_raises_and_does_not_hang(output):
    assert output("""
        import dgo
        dgo.init(workers=1)
        away = dgo.go(dgo.Chan).result()
        stuck = dgo.go(away.recv)
        dgo.shutdown()
        for use in (stuck.result, away.recv):
            try:
                use(timeout=5)
            except dgo.Timeout:
                print("hung")
            except dgo.DgoError:
                print("refused")
    """) == ["refused", "refused"]


def test_a_shutdown_by_another_thread_releases_the_blocked_main_thread(output):
    assert output("""
        import threading, dgo
        dgo.init(workers=1)
        gate = dgo.Chan()
        stuck = dgo.go(gate.recv)
        threading.Timer(0.2, dgo.shutdown).start()
        try:
            stuck.result(timeout=10)
        except dgo.Timeout:
            print("hung")
        except dgo.DgoError:
            print("released")
    """) == ["released"]


def test_goroutines_end_with_the_program(program):
    start = time.monotonic()
    ended = program("""
        import dgo
        started = dgo.Chan()
        def spin():
            started.send(None)
            while True:
                pass
        def sleep():
            started.send(None)
            dgo.Chan().recv()
        dgo.go(spin), dgo.go(sleep)
        started.recv(), started.recv()
        print("main is over")
    """)
    assert (ended.returncode, ended.stdout) == (0, "main is over\n")
    assert time.monotonic() - start < 15


def test_the_exit_status_of_the_program_is_its_own(program):
    assert program("import dgo, sys\ndgo.go(pow, 1, 1).result()\nsys.exit(5)\n").returncode == 5
    ended = program("import dgo\ndgo.go(pow, 1, 1).result()\nraise KeyError('own')\n")
    assert ended.returncode == 1
    assert "KeyError: 'own'" in ended.stderr
