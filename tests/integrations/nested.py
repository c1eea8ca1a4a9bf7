"""Parallels in Parallels: importable by every process, without scikit-learn."""

from __future__ import annotations

from joblib import Parallel, delayed

from .calls import square


def sum_of_squares(count, n_jobs):
    return sum(Parallel(n_jobs=n_jobs)(delayed(square)(value) for value in range(count)))


def sum_of_sums(count, n_jobs):
    return sum(Parallel(n_jobs=n_jobs)(delayed(sum_of_squares)(value, n_jobs) for value in range(count)))
