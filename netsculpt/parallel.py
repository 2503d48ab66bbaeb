"""Independent runs of one function, on one core or many, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["in_parallel"]

Result = TypeVar("Result")


def in_parallel(run: Callable[[int], Result], n: int, jobs: int = 1) -> Iterator[Result]:
    """Yield ``run(0)`` … ``run(n − 1)`` as they are ready, in order.

    `jobs` processes share the runs (−1: one a core), through joblib: inside
    ``joblib.parallel_config("dask")`` or "ray" they go to a cluster. 1 needs no other process.

    >>> list(in_parallel(abs, 3))
    [0, 1, 2]
    """
    if jobs == 1:
        yield from map(run, range(n))
        return
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=jobs, return_as="generator")(delayed(run)(at) for at in range(n))
