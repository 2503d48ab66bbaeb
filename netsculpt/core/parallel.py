"""Independent runs of one function, on one core or many, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, TypeVar

__all__ = ["for_threads", "in_parallel", "in_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "netsculpt_for_threads"


def for_threads(function: Function) -> Function:
    """Mark a function whose calls should share one process as threads, and return it.

    Such calls must not interfere: they use no global generator and change no library's settings.
    And they must spend their time where Python releases its lock: in large arrays or in compiled
    code. Functions that only call their arguments are marked too: see `in_parallel`.

    >>> largest = for_threads(lambda graph: abs(graph.weights.data).max())
    """
    setattr(function, _MARK, True)
    return function


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
    results: Iterable[Result] = workers(delayed(run)(index) for index in range(n))
    return results


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
    from joblib import effective_n_jobs

    jobs, items = effective_n_jobs(jobs), iter(items)
    pool = ThreadPoolExecutor(jobs)
    try:
        ahead = deque(pool.submit(run, item) for item in islice(items, 2 * jobs))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(run, item) for item in islice(items, 1))
    finally:
        pool.shutdown(cancel_futures=True)
