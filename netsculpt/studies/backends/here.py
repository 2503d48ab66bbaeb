"""Calls in this process: at once, or in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from netsculpt.studies.backends.workers import Workers

__all__ = ["at_once", "threading"]

Result = TypeVar("Result")


@dataclass(eq=False)
class _AtOnce:
    n = 1
    n_deaths = 0

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        done = Future[Result]()
        done.set_result(call())  # what it raises, it raises here: Ctrl-C too
        return done


@dataclass(eq=False)
class _Threads:
    pool: ThreadPoolExecutor
    n: int
    n_deaths = 0

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        return self.pool.submit(call)


@contextmanager
def at_once() -> Iterator[Workers]:
    """No worker: each call runs where it is submitted."""
    yield _AtOnce()


@contextmanager
def threading(jobs: int) -> Iterator[Workers]:
    """Threads; calls that have begun are waited for, whatever happens."""
    with ThreadPoolExecutor(jobs) as pool:
        yield _Threads(pool, jobs)
