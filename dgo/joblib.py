"""A backend of joblib: ``import dgo.joblib``, then ``joblib.parallel_config(backend="dgo")``.

    import dgo.joblib
    import joblib

    with joblib.parallel_config(backend="dgo"):
        scores = cross_val_score(model, x, y, cv=5)

Each batch of tasks is a goroutine. Arguments travel as dgo's do (large arrays beside the pickle, uncopied): joblib's
own way by files in ``temp_folder`` is not needed, and its settings for that (``max_nbytes``, ``mmap_mode``) are
without effect. A task that uses ``Parallel(n_jobs=...)`` itself spawns goroutines; as a goroutine that waits
occupies no place, that cannot deadlock. A task that gives no ``n_jobs`` runs its inner loops itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from dgo.executor import Executor
from dgo.goroutines import num_workers

try:
    from joblib import register_parallel_backend
    from joblib.parallel import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "dgo.joblib needs joblib, which is not installed here: pip install joblib", name=error.name
    ) from error

__all__ = ["DgoBackend"]


class DgoBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc] # joblib ships no annotations
    """Runs the batches of ``joblib.Parallel`` as goroutines; made by joblib.

    Args:
        nesting_level: how many calls of ``Parallel`` it is inside of.
        inner_max_num_threads: not supported; joblib says so.
    """

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(self, nesting_level: int | None = None, inner_max_num_threads: int | None = None) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._n_jobs = 1
        self._executor: Executor | None = None

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many batches run at once: as joblib counts, with the cluster's workers for the cores.

        Raises:
            ValueError: you: 0 has no meaning.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(num_workers() + 1 + n_jobs, 1)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **settings: Any) -> int:
        """Called before the first batch of a ``Parallel``. One job needs no cluster: it runs here."""
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._n_jobs = self.effective_n_jobs(n_jobs)
        self._executor = Executor(self._n_jobs)
        return self._n_jobs

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], object] | None = None) -> Future[Any]:
        """Starts a batch; ``callback`` gets its future once it has ended."""
        assert self._executor is not None, "configured"
        try:
            future = self._executor.submit(func)
        except Exception as error:  # noqa: BLE001  joblib submits in done callbacks too, where it would be lost
            future = Future()
            future.set_exception(error)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future: Future[Any]) -> Any:
        """The results of a batch, or its exception."""
        return future.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """An error or Ctrl-C ends the ``Parallel``: cancels its batches, running ones too."""
        if self._executor is not None:
            self._executor.cancel_all()
            self._executor = Executor(self._n_jobs) if ensure_ready else None

    def terminate(self) -> None:
        """The ``Parallel`` is over."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None
        self.reset_batch_stats()

    def get_nested_backend(self) -> tuple[DgoBackend, int]:
        """What a ``Parallel`` inside a task uses: goroutines if it asks for several jobs, else none."""
        return DgoBackend(nesting_level=(self.nesting_level or 0) + 1), 1

    def __reduce__(self) -> tuple[Any, ...]:
        return DgoBackend, (self.nesting_level,)


register_parallel_backend("dgo", DgoBackend)
