"""What every backend offers: places where calls run, some of which may die."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

__all__ = ["WorkerDiedError", "Workers"]

Result = TypeVar("Result")


class WorkerDiedError(Exception):
    """A worker process ended before its call did, `times` in a row."""

    def __init__(self, reason: str, times: int = 1) -> None:
        super().__init__(reason, times)
        self.reason, self.times = reason, times

    def __str__(self) -> str:
        return self.reason


class Workers(Protocol):
    """Workers that are ready: a backend is a context manager that yields them."""

    n_deaths: int  # of worker processes, in the middle of a call

    @property
    def n(self) -> int:
        """How many calls run at a time, now: clusters grow and shrink."""

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Begin a call, if fewer than `n` are running.

        The future raises what the call raises, or `WorkerDiedError`; then only this call is lost.
        """
