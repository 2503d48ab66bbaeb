"""What every backend offers: places where calls run, some of which may die."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Protocol, TypeVar

__all__ = ["Counted", "WorkerDiedError", "Workers"]

Result = TypeVar("Result")

_LOOK = 5.0  # seconds after which the workers of a cluster are counted again


class WorkerDiedError(Exception):
    """A worker process ended before its call did, `times` in a row.

    If the worker was `shared`, another of our calls on it may be what ended it.
    """

    def __init__(self, reason: str, times: int = 1, *, shared: bool = False) -> None:
        super().__init__(reason, times)
        self.reason, self.times, self.shared = reason, times, shared

    def __str__(self) -> str:
        return self.reason


class Counted:
    """How many workers a cluster has, at most `most` of them; asked now and then."""

    def __init__(self, count: Callable[[], int], most: int | None) -> None:
        self._count, self._most = count, most
        self._n, self._asked = 0, float("-inf")

    def n(self) -> int:
        """The number as of a few seconds ago."""
        if monotonic() - self._asked > _LOOK:
            found = self._count()
            self._n = found if self._most is None else min(found, self._most)
            self._asked = monotonic()
        return self._n


class Workers(Protocol):
    """Workers that are ready: a backend is a context manager that yields them."""

    n_deaths: int  # of worker processes, in the middle of a call

    @property
    def n(self) -> int:
        """How many calls run at a time, now: clusters grow and shrink, even to 0."""

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Begin a call, if fewer than `n` are running, or none.

        The future raises what the call raises, or `WorkerDiedError`; then only this call is lost.
        """
