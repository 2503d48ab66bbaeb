"""Processes on this machine, by joblib's loky.

An executor of loky breaks as a whole when one of its processes dies, and cannot say which call that
one had. So each process has an executor of its own: a death loses one call, and it is known which.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from netsculpt.core.parallel import EndingWithParent
from netsculpt.studies.backends.workers import WorkerDiedError, Workers

__all__ = ["loky"]

Result = TypeVar("Result")

_THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")


class _Processes:
    """Executors of one process each."""

    def __init__(self, n: int) -> None:
        from joblib import cpu_count

        self.n, self.n_deaths = n, 0
        self._executors: list[Any] = []
        self._idle: list[Any] = []
        threads = str(max(1, cpu_count() // n))
        names = [f"{library}_NUM_THREADS" for library in _THREADS]
        self._environment = {name: os.environ.get(name, threads) for name in names}

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        from joblib.externals.loky.process_executor import BrokenProcessPool

        guarded = EndingWithParent(partial(_called, call))
        executor = self._idle.pop() if self._idle else self._started()
        try:
            inner = executor.submit(guarded, None)
        except BrokenProcessPool:  # somebody ended it while it was idle
            self._drop(executor)
            executor = self._started()
            inner = executor.submit(guarded, None)
        outer = Future[Result]()
        inner.add_done_callback(partial(self._finish, executor, outer))
        return outer

    def close(self, *, at_once: bool) -> None:
        """End all processes, and what they have begun if `at_once`."""
        executors, self._executors = self._executors, []
        for executor in executors:
            executor.shutdown(wait=True, kill_workers=at_once)

    def _started(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        executor = ProcessPoolExecutor(max_workers=1, env=self._environment)
        self._executors.append(executor)
        return executor

    def _finish(self, executor: Any, outer: Future[Result], inner: Future[Result]) -> None:
        """Hand on what a call has come to. Runs in a thread of the executor."""
        from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

        error = inner.exception()
        if isinstance(error, BrokenProcessPool):
            self._drop(executor)
        else:
            self._idle.append(executor)
        if isinstance(error, TerminatedWorkerError):
            self.n_deaths += 1
            code = re.search(r"\{(.*)\}", str(error))
            how = f" with {code[1]}" if code else ""
            error = WorkerDiedError(f"its process ended{how}")
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)

    def _drop(self, executor: Any) -> None:
        if executor in self._executors:
            self._executors.remove(executor)
        executor.shutdown(wait=False)


@contextmanager
def loky(jobs: int) -> Iterator[Workers]:
    """Processes, which share the cores unless the environment says how many threads each has."""
    processes = _Processes(jobs)
    try:
        yield processes
    except BaseException:
        processes.close(at_once=True)
        raise
    processes.close(at_once=False)


def _called(call: Callable[[], Result], _: None) -> Result:
    """Call in a worker; what the call itself runs in parallel shares threads, as in joblib."""
    from joblib import parallel_config

    with parallel_config("threading"):
        return call()
