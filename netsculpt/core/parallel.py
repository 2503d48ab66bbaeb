"""Independent runs of one function, on one core or many, with results in order.

A worker process ends when the process that it works for has ended, however that came about:
otherwise it would go on writing, and begin what is left.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import current_process
from typing import Any, Generic, TypeVar

__all__ = ["EndingWithParent", "for_threads", "in_parallel", "in_threads", "n_workers"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "netsculpt_for_threads"
_POLL = 0.1  # seconds
_WORKER = "loky"  # in the module of the class of worker processes


def for_threads(function: Function) -> Function:
    """Mark a function whose calls should share one process as threads, and return it.

    Such calls must not interfere: they use no global generator and change no library's settings.
    And they must spend their time where Python releases its lock: in large arrays or in compiled
    code. Functions that only call their arguments are marked too: see `in_parallel`.

    >>> largest = for_threads(lambda graph: abs(graph.weights.data).max())
    """
    setattr(function, _MARK, True)
    return function


def n_workers(jobs: int) -> int:
    """How many runs `jobs` allows at a time (−1: one per core); with 1, joblib is not imported.

    >>> n_workers(1)
    1
    """
    if jobs == 1:
        return 1
    from joblib import effective_n_jobs

    return int(effective_n_jobs(jobs))


def in_parallel(
    run: Callable[[int], Result],
    n: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Result]:
    """Yield ``run(0)`` … ``run(n − 1)`` as they are ready, in order.

    `jobs` workers share the runs (−1: one per core) through joblib, at most `jobs` at a time; with
    1, no worker is started. The results are the same.

    The workers are threads, which start at once and share all memory, if `run` is marked by
    `for_threads`; a `functools.partial` counts as marked if its function and every function that
    it binds are. Otherwise they are processes, which import everything again and hold a copy of
    what `run` binds. Inside ``joblib.parallel_config("loky")``, "threading", "dask" or "ray" that
    backend does the runs, marked or not.

    `progress` is called with (runs done, n) after each.

    >>> list(in_parallel(abs, 3))
    [0, 1, 2]
    """
    for n_done, result in enumerate(_results(run, n, jobs), start=1):
        if progress is not None:
            progress(n_done, n)
        yield result


def _results(run: Callable[[int], Result], n: int, jobs: int) -> Iterable[Result]:
    if jobs == 1:
        return map(run, range(n))
    from joblib import Parallel, delayed

    workers = Parallel(
        n_jobs=jobs, prefer="threads" if _is_marked(run) else "processes", return_as="generator"
    )
    guarded = EndingWithParent(run)
    results: Iterable[Result] = workers(delayed(guarded)(index) for index in range(n))
    return results


class EndingWithParent(Generic[Result]):
    """A function whose calls in worker processes end when the process that made this has ended.

    >>> EndingWithParent(abs)(-2)
    2
    """

    def __init__(self, run: Callable[..., Result]) -> None:
        self.run, self.parent = run, os.getpid()

    def __call__(self, item: Any) -> Result:
        """Call the function, watched from now on if this is a worker."""
        if os.getpid() != self.parent:
            _watch(self.parent)
        return self.run(item)


_watching = False


def _watch(parent: int) -> None:
    """End this process, at once and without cleaning up, as soon as `parent` has ended.

    Workers of a cluster serve more than one process and stay.
    """
    global _watching  # noqa: PLW0603 - one thread for a process, whatever it is given to do
    if _watching or (os.getppid() != parent and not _is_local_worker()):
        return
    _watching = True
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_exit_after, args=[parent], daemon=True).start()


def _exit_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


def _is_local_worker() -> bool:
    return _WORKER in type(current_process()).__module__


def _is_marked(function: Callable[..., Any]) -> bool:
    if isinstance(function, partial):
        bound = (*function.args, *function.keywords.values())
        return _is_marked(function.func) and all(map(_is_marked, filter(callable, bound)))
    return getattr(function, _MARK, False)


def in_threads(
    run: Callable[[Item], Result], items: Iterable[Item], jobs: int = 1
) -> Iterator[Result]:
    """Yield ``run(item)`` for each item, in order; threads work a few items ahead.

    `jobs` threads share the runs (−1: one per core); with 1, no thread is started. `items` may be
    endless.

    >>> list(in_threads(abs, [-2, 1], jobs=2))
    [2, 1]
    """
    if jobs == 1:
        yield from map(run, items)
        return
    jobs, items = n_workers(jobs), iter(items)
    pool = ThreadPoolExecutor(jobs)
    try:
        ahead = deque(pool.submit(run, item) for item in islice(items, 2 * jobs))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(run, item) for item in islice(items, 1))
    finally:
        pool.shutdown(cancel_futures=True)
