"""Independent runs of one function, on one core or many, in order."""

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
    """Mark a function whose runs are best shared among threads, and return it.

    Runs side by side must not meet: no global generator, no setting of a library that is changed
    for a while. And they must spend their time where Python's lock is released: in large arrays
    or in compiled code. A function that only calls those that it is given is marked too: see
    `in_parallel`.

    >>> largest = for_threads(lambda graph: abs(graph.weights.data).max())
    """
    setattr(function, _MARK, True)
    return function


def in_parallel(run: Callable[[int], Result], n: int, jobs: int = 1) -> Iterator[Result]:
    """Yield ``run(0)`` … ``run(n − 1)`` as they are ready, in order.

    `jobs` workers share the runs (−1: one a core), through joblib; 1 needs none. At most `jobs`
    runs are under way at a time.

    The workers are threads, which begin at once and share all memory, if `run` is marked by
    `for_threads`; a `functools.partial` counts as marked if its function is and every function
    that it binds. Otherwise they are processes, which import everything anew and hold a copy of
    what `run` binds. Inside ``joblib.parallel_config("loky")``, "threading", "dask" or "ray" the
    runs go there, marked or not.

    >>> list(in_parallel(abs, 3))
    [0, 1, 2]
    """
    if jobs == 1:
        yield from map(run, range(n))
        return
    from joblib import Parallel, delayed

    workers = Parallel(
        n_jobs=jobs, prefer="threads" if _is_marked(run) else "processes", return_as="generator"
    )
    yield from workers(delayed(run)(at) for at in range(n))


def _is_marked(function: Callable[..., Any]) -> bool:
    if isinstance(function, partial):
        bound = (*function.args, *function.keywords.values())
        return _is_marked(function.func) and all(map(_is_marked, filter(callable, bound)))
    return getattr(function, _MARK, False)


def in_threads(
    run: Callable[[Item], Result], items: Iterable[Item], jobs: int = 1
) -> Iterator[Result]:
    """Yield the run of each item, of which there may be no end, a few ahead of what is taken.

    `jobs` threads share the runs (−1: one a core); 1 needs no other thread.

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
