"""joblib on goroutines: ``parallel_config(backend="dgo")``."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import joblib
import numpy
import pytest
from joblib import Parallel, delayed
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

import dgo
import dgo.joblib  # registers the backend

from .calls import LIMIT, OddError, arrive, fail_at, identity, pass_gate, pid, square
from .nested import sum_of_sums

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(autouse=True)
def backend():
    with joblib.parallel_config(backend="dgo"):
        yield


def test_parallel_gives_the_results_in_order_from_other_processes():
    assert Parallel(n_jobs=2)(delayed(square)(value) for value in range(50)) == [value**2 for value in range(50)]
    assert os.getpid() not in Parallel(n_jobs=2)(delayed(pid)() for _ in range(4))


def test_the_backend_can_be_named_in_parallel_too():
    assert Parallel(n_jobs=-1, backend="dgo")(delayed(square)(value) for value in range(5)) == [0, 1, 4, 9, 16]


def test_without_n_jobs_all_workers_are_used_and_n_jobs_counts_them_as_joblib_counts_cores():
    assert joblib.effective_n_jobs(-1) == 2
    assert joblib.effective_n_jobs(-2) == 1
    assert joblib.effective_n_jobs(5) == 5
    assert os.getpid() not in Parallel()(delayed(pid)() for _ in range(4))
    with pytest.raises(ValueError, match="no meaning"):
        joblib.effective_n_jobs(0)


def test_one_job_runs_here():
    assert set(Parallel(n_jobs=1)(delayed(pid)() for _ in range(4))) == {os.getpid()}


def test_an_error_of_a_task_ends_the_parallel_with_it_and_the_backend_goes_on():
    with pytest.raises(OddError, match="at 7") as caught:
        Parallel(n_jobs=2)(delayed(fail_at)(7, value) for value in range(20))
    assert "in fail_at" in str(caught.value.__cause__)
    assert Parallel(n_jobs=2)(delayed(square)(value) for value in range(3)) == [0, 1, 4]


def test_an_error_cancels_the_tasks_that_run():
    arrivals, gate = dgo.Chan(), dgo.Chan()

    def fail_after_the_other():
        arrivals.recv(timeout=LIMIT)
        raise OddError("first")

    with pytest.raises(OddError, match="first"):
        Parallel(n_jobs=2)([delayed(arrive)(arrivals, gate), delayed(fail_after_the_other)()])
    # The gate stays shut: what waits at it was cancelled, or the fixture finds a goroutine left behind.


def test_a_task_that_cannot_travel_ends_the_parallel_also_when_it_comes_late():
    def tasks():
        yield from (delayed(square)(value) for value in range(20))
        yield delayed(identity)(threading.Lock())

    with pytest.raises(dgo.SerializationError):
        Parallel(n_jobs=2)(tasks())


def test_a_lost_worker_ends_the_parallel():
    with pytest.raises(dgo.WorkerLost):
        Parallel(n_jobs=2)([delayed(os.kill)(0, 0), delayed(os._exit)(3)])


def test_a_timeout_ends_the_parallel():
    gate = dgo.Chan()
    with pytest.raises(multiprocessing.TimeoutError):
        Parallel(n_jobs=2, timeout=0.1)(delayed(pass_gate)(gate) for _ in range(3))


def test_results_can_come_as_a_generator():
    found = Parallel(n_jobs=2, return_as="generator")(delayed(square)(value) for value in range(10))
    assert list(found) == [value**2 for value in range(10)]
    found = Parallel(n_jobs=2, return_as="generator_unordered")(delayed(square)(value) for value in range(10))
    assert sorted(found) == [value**2 for value in range(10)]


def test_no_more_than_n_jobs_batches_run_at_once():
    running = dgo.Atomic(0)

    def count():
        seen = running.add(1)
        dgo.sleep(0.002)
        running.add(-1)
        return seen

    assert max(Parallel(n_jobs=2, pre_dispatch="all")(delayed(count)() for _ in range(30))) <= 2


@pytest.mark.parametrize("n_jobs", [None, 2, -1])
@pytest.mark.parametrize("prefer", [None, "threads"])
def test_parallels_in_parallels_do_not_block_one_another(n_jobs, prefer):
    found = Parallel(n_jobs=2, prefer=prefer)(delayed(sum_of_sums)(value, n_jobs) for value in range(6))
    sums = [sum(value**2 for value in range(count)) for count in range(6)]
    assert found == [sum(sums[:count]) for count in range(6)]


def test_a_task_that_needs_shared_memory_gets_threads():
    seen = []
    Parallel(n_jobs=2, require="sharedmem")(delayed(seen.append)(value) for value in range(5))
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_large_arrays_travel_and_are_writable_on_the_other_side():
    def double(array):
        array *= 2
        return array

    array = numpy.arange(300_000.0)
    found = Parallel(n_jobs=2)(delayed(double)(array) for _ in range(3))
    assert all((each == numpy.arange(300_000.0) * 2).all() for each in found)
    assert (array == numpy.arange(300_000.0)).all()


@pytest.fixture(scope="module")
def data():
    return make_classification(150, n_features=8, random_state=0)


def test_cross_val_score_gives_the_sequential_answer(data):
    sequential = cross_val_score(LogisticRegression(), *data, cv=5, n_jobs=1)
    assert (cross_val_score(LogisticRegression(), *data, cv=5, n_jobs=-1) == sequential).all()


def test_cross_val_score_of_a_forest_that_is_parallel_itself_gives_the_sequential_answer(data):
    with joblib.parallel_config(backend="sequential"):
        sequential = cross_val_score(RandomForestClassifier(6, random_state=0), *data, cv=3)
    inner = RandomForestClassifier(6, random_state=0, n_jobs=2)
    assert (cross_val_score(inner, *data, cv=3, n_jobs=-1) == sequential).all()


def test_grid_search_gives_the_sequential_answer(data):
    def search(n_jobs):
        found = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0, 10.0]}, cv=3, n_jobs=n_jobs).fit(*data)
        return found.best_params_, found.best_score_, list(found.cv_results_["mean_test_score"])

    assert search(-1) == search(1)


def test_without_joblib_the_error_says_what_to_install():
    source = "import sys; sys.modules['joblib'] = None; import dgo.joblib"
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False)
    assert "pip install joblib" in ended.stderr
