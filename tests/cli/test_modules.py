"""The user's own modules on workers that do not have them: real processes, in other folders than the driver's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .programs import Cluster, Program, Programs, write

pytestmark = pytest.mark.slow  # each test starts real programs and waits for them

# A driver that says what it is asked for.
LISTENING = """
import dgo.runtime.modules as modules
real = modules.read_module
def read_module(name):
    print("asked for", name)
    return real(name)
modules.read_module = read_module
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """A coordinator and one worker process, for many drivers one after the other."""
    started = Programs()
    cluster = Cluster(started)
    cluster.worker()
    yield cluster
    started.kill()


def put(folder: Path, files: dict[str, str]) -> None:
    """Modules, by path without ``.py``."""
    for name, text in files.items():
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def output_of(cluster: Cluster, folder: Path, program: str) -> list[str]:
    """What a driver program prints."""
    driver = cluster.driver(write(folder, program))
    assert driver.end() == 0, driver.output
    return driver.lines


def test_a_function_of_the_drivers_own_module_runs_on_a_worker(shared: Cluster, tmp_path: Path) -> None:
    put(tmp_path, {"helper": "def double(n):\n    return 2 * n\n"})
    program = """
import dgo, helper
print(dgo.go(helper.double, 4).result(), dgo.go(lambda: helper.double(5)).result())
"""
    assert output_of(shared, tmp_path, program) == ["8 10"]


def test_an_edited_module_in_a_new_run_is_the_new_code(shared: Cluster, tmp_path: Path) -> None:
    program = """
import dgo, helper
def nested():
    return dgo.go(helper.version).result(), dgo.go(lambda: helper.version()).result()
print(dgo.go(helper.version).result(), dgo.go(lambda: helper.version()).result(), dgo.go(nested).result())
"""
    for version in ("first", "second"):
        put(tmp_path, {"helper": f"def version():\n    return {version!r}\n"})
        assert output_of(shared, tmp_path, program) == [f"{version} {version} {(version, version)}"]


def test_packages_relative_imports_and_dotted_imports_work(shared: Cluster, tmp_path: Path) -> None:
    files = {
        "proj/__init__": "from .core import base\nfrom . import core\n",
        "proj/core": "base = 1\n",
        "proj/deep/__init__": "",
        "proj/deep/leaf": "from ..core import base\nfrom .. import core\nvalue = base + core.base\n",
        "plain/part/leaf": "from . import other\nvalue = other.value\n",
        "plain/part/other": "value = 7\n",
    }
    put(tmp_path, files)
    program = """
import dgo
def dotted():
    import proj.deep.leaf
    return proj.deep.leaf.value, proj.base, proj.__name__, proj.deep.leaf.__package__
def chosen():
    from proj.deep import leaf
    from proj.core import base as renamed
    return leaf.value, renamed
def without_init():
    from plain.part import leaf
    import plain.part
    return leaf.value, getattr(plain, "__file__", None)
print(dgo.go(dotted).result(), dgo.go(chosen).result(), dgo.go(without_init).result())
"""
    assert output_of(shared, tmp_path, program) == ["(2, 1, 'proj', 'proj.deep') (2, 1) (7, None)"]


def test_modules_that_import_each_other_work_as_they_do_at_the_driver(shared: Cluster, tmp_path: Path) -> None:
    files = {
        "hen": "import egg\ndef ask():\n    return egg.laid_by\nname = 'hen'\n",
        "egg": "import hen\nlaid_by = 'a hen'\ndef back():\n    return hen.name\n",
    }
    put(tmp_path, files)
    program = """
import dgo, hen, egg
goroutines = [dgo.go(hen.ask), dgo.go(egg.back), dgo.go(hen.ask), dgo.go(egg.back)]
print([g.result() for g in goroutines])
"""
    assert output_of(shared, tmp_path, program) == ["['a hen', 'hen', 'a hen', 'hen']"]


def test_goroutines_that_begin_with_modules_that_import_each_other_get_whole_ones(
    shared: Cluster, tmp_path: Path
) -> None:
    ring = [f"ring{n}" for n in range(6)]
    put(tmp_path, {name: f"import {ring[n - 1]} as last\nvalue = {n}\n" for n, name in enumerate(ring)})
    program = """
import dgo
def work(n):
    module = __import__(f"ring{n}")
    return module.last.value, module.last.last.value
print([g.result() for g in [dgo.go(work, n) for n in range(6)]])
"""
    expected = [((n - 1) % 6, (n - 2) % 6) for n in range(6)]
    assert output_of(shared, tmp_path, program) == [str(expected)]


@pytest.mark.parametrize("patch", ["patched", "unpatched"])
def test_goroutines_that_import_one_module_at_the_same_time_get_one_whole_module(
    cluster: Cluster, tmp_path: Path, patch: str
) -> None:
    cluster.worker(*([] if patch == "patched" else ["--no-patch"]))
    files = {
        "slow": "import time\nprint('loading')\ntime.sleep(0.2)\nimport slower\nlast = slower.value\n",
        "slower": "import time\ntime.sleep(0.2)\nvalue = 'whole'\n",
    }
    put(tmp_path, files)
    program = """
import importlib
import dgo
def work():
    import slow
    return slow.last
def by_name():
    return importlib.import_module("slow").last
def other():
    import slower, slow
    return slow.last
goroutines = [dgo.go(f) for f in (by_name, work, other) * 3]
print({g.result() for g in goroutines})
"""
    lines = output_of(cluster, tmp_path, program)
    assert sorted(lines) == ["loading", "{'whole'}"]


def test_a_driver_is_asked_once_for_each_name_found_or_not(shared: Cluster, tmp_path: Path) -> None:
    put(tmp_path, {"helper": "try:\n    import absent_extra\nexcept ImportError:\n    extra = None\n"})
    program = f"""
import dgo, helper
{LISTENING}
def work():
    import helper
    try:
        import absent_extra
    except ModuleNotFoundError as error:
        return str(error)
print({{dgo.go(work).result() for _ in range(5)}})
"""
    lines = output_of(shared, tmp_path, program)
    assert [line for line in lines if "asked" in line] == ["asked for helper", "asked for absent_extra"]
    assert lines[-1] == """{"No module named 'absent_extra'"}"""


def test_the_traceback_of_a_shipped_module_shows_its_lines(shared: Cluster, tmp_path: Path) -> None:
    put(tmp_path, {"helper": "def fail():\n    raise ValueError('no')  # the culprit\n"})
    program = """
import dgo, helper
try:
    dgo.go(helper.fail).result()
except ValueError as error:
    print(error.__cause__)
"""
    text = "\n".join(output_of(shared, tmp_path, program))
    assert "raise ValueError('no')  # the culprit" in text
    assert f'"dgo-shipped:{tmp_path}/helper.py", line 2, in fail' in text


def test_a_module_that_fails_to_load_fails_the_goroutine_and_is_tried_again(shared: Cluster, tmp_path: Path) -> None:
    put(tmp_path, {"helper": "import os\nraise LookupError('not today')\n"})
    program = """
import dgo
def work():
    import helper
for _ in range(2):
    print(repr(dgo.go(work).exception()))
"""
    assert output_of(shared, tmp_path, program) == ["LookupError('not today')"] * 2


@pytest.mark.parametrize("way", ["captured", "argument", "imported"])
def test_a_missing_package_is_a_module_not_found_error_that_says_where_and_what_to_do(
    shared: Cluster, tmp_path: Path, way: str
) -> None:
    put(tmp_path / "site-packages", {"only_here": "class Thing:\n    pass\ndef work():\n    pass\n"})
    program = f"""
import sys
sys.path.append({str(tmp_path / "site-packages")!r})
import dgo, only_here
def importing():
    import only_here
calls = {{
    "captured": lambda: dgo.go(lambda: only_here.work()),
    "argument": lambda: dgo.go(print, only_here.Thing()),
    "imported": lambda: dgo.go(importing),
}}
error = calls[{way!r}]().exception()
print(type(error).__name__, error.name, error)
"""
    (line,) = output_of(shared, tmp_path, program)
    assert line.startswith("ModuleNotFoundError only_here No module named 'only_here' on worker w/1.")
    assert "pip install only_here" in line


LIVING = """
import sys, time
import dgo, helper
print("result", dgo.go(helper.name).result())
if "stay" in sys.argv:
    time.sleep(600)
"""


def living(cluster: Cluster, folder: Path, name: str) -> Program:
    """A driver that has loaded its own ``helper`` on the worker, and stays."""
    folder.mkdir(exist_ok=True)
    put(folder, {"helper": f"def name():\n    return {name!r}\n"})
    driver = cluster.driver(write(folder, LIVING), "stay")
    driver.wait_for(f"result {name}")
    return driver


def test_two_drivers_with_the_same_module_share_it_and_the_second_keeps_it(shared: Cluster, tmp_path: Path) -> None:
    first = living(shared, tmp_path / "first", "common")
    second = living(shared, tmp_path / "second", "common")
    first.signal(signal.SIGINT)
    first.end()
    again = living(shared, tmp_path / "third", "common")
    for driver in (second, again):
        driver.signal(signal.SIGINT)
        driver.end()


def test_a_second_driver_with_another_module_of_that_name_is_told_so_until_the_first_has_ended(
    shared: Cluster, tmp_path: Path
) -> None:
    first = living(shared, tmp_path / "first", "one")
    second = tmp_path / "second"
    second.mkdir()
    put(second, {"helper": "def name():\n    return 'another'\n"})
    refused = shared.driver(write(second, LIVING))
    refused.wait_for("ImportError: module 'helper' of this program differs")
    assert refused.end() == 1
    first.signal(signal.SIGINT)
    first.end()
    assert output_of(shared, second, LIVING) == ["result another"]


def test_a_module_is_refused_while_a_goroutine_of_a_program_with_another_one_runs(
    shared: Cluster, tmp_path: Path
) -> None:
    put(tmp_path, {"helper": "def name():\n    return 'mine'\n"})
    program = """
import dgo, time
def work():
    print("running")
    time.sleep(600)
dgo.go(work).wait()
"""
    first = shared.driver(write(tmp_path, program))
    first.wait_for("running")
    other = tmp_path / "other"
    other.mkdir()
    put(other, {"helper": "def name():\n    return 'theirs'\n"})
    refused = shared.driver(write(other, LIVING))
    refused.wait_for("ImportError: module 'helper' of this program differs")
    first.signal(signal.SIGINT)
    first.end()
    shared.coordinator.wait_for("worker w/1 joined")  # its process ends with goroutines of a driver that has gone
    assert output_of(shared, other, LIVING) == ["result theirs"]


def test_an_embedded_cluster_asks_nothing_for_what_can_be_found(programs: Programs, tmp_path: Path) -> None:
    put(tmp_path, {"helper": "import fractions\ndef half():\n    return fractions.Fraction(1, 2)\n"})
    program = f"""
import dgo, helper
{LISTENING}
dgo.init(workers=1)
print(dgo.go(helper.half).result())
"""
    driver = programs.start(str(write(tmp_path, program)))
    assert driver.end() == 0, driver.output
    assert driver.lines == ["1/2"]


def test_an_embedded_cluster_gets_what_the_driver_found_on_a_path_added_later(
    programs: Programs, tmp_path: Path
) -> None:
    put(tmp_path / "more", {"later": "def value():\n    return 'found'\n"})
    program = f"""
import sys
import dgo
dgo.init(workers=1)
sys.path.append({str(tmp_path / "more")!r})
import later
print(dgo.go(later.value).result())
"""
    driver = programs.start(str(write(tmp_path, program)))
    assert driver.end() == 0, driver.output
    assert driver.lines == ["found"]
