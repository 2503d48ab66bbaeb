"""Workers of a Ray cluster, or of a Ray that is started here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from netsculpt.core.errors import NetsculptError
from netsculpt.studies.backends.workers import Counted, WorkerDiedError, Workers

__all__ = ["ray"]

Result = TypeVar("Result")


class _Cluster:
    def __init__(self, library: Any, most: int | None) -> None:
        self.n_deaths = 0
        self._ray = library
        self._counted = Counted(lambda: int(library.cluster_resources().get("CPU", 0)), most)
        self._run = library.remote(max_retries=0)(_called)

    @property
    def n(self) -> int:
        return self._counted.n()

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        outer = Future[Result]()
        reference = self._run.remote(call)
        reference.future().add_done_callback(partial(self._finish, outer))
        return outer

    def _finish(self, outer: Future[Result], inner: Future[Result]) -> None:
        errors = self._ray.exceptions
        deaths = (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError)
        error = inner.exception()
        if isinstance(error, deaths):
            self.n_deaths += 1
            error = WorkerDiedError(f"the worker of Ray that ran it died ({type(error).__name__})")
        elif isinstance(error, errors.RayTaskError):
            error = error.cause or error
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)


@contextmanager
def ray(jobs: int, address: str | None) -> Iterator[Workers]:
    """Workers of the cluster at an address, or of the Ray of this process; else one is started.

    Raises
    ------
    NetsculptError
        If no cluster answers.
    """
    import ray as library

    own = not library.is_initialized()
    if own:
        local = {} if address else {"num_cpus": None if jobs < 0 else jobs}
        try:
            library.init(address, include_dashboard=False, log_to_driver=False, **local)
        except (ConnectionError, ValueError) as error:
            raise NetsculptError(
                f"no cluster of Ray answers at {address!r} ({error}): start one with 'ray start "
                "--head', which prints its address"
            ) from None
    try:
        yield _Cluster(library, None if jobs < 0 else jobs)
    finally:
        if own:
            library.shutdown()


def _called(call: Callable[[], Result]) -> Result:
    return call()
