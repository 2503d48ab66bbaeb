"""Workers of a Dask cluster.

Dask gives a call whose worker has died to another one by itself, up to ``allowed-failures`` of the
scheduler (3) times; its scheduler reports every death and what the worker was doing. It counts a
death for all calls that the worker had, also for those that only waited there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

from netsculpt.core.errors import NetsculptError
from netsculpt.studies.backends.workers import Counted, WorkerDiedError, Workers

__all__ = ["dask"]

Result = TypeVar("Result")

_EVENTS = "all"  # topic of what happens to workers
_PATIENCE = "10s"  # to reach a scheduler


class _Cluster:
    def __init__(self, client: Any, most: int | None) -> None:
        self.n_deaths = 0
        self._client = client
        self._prefix = f"cells-{uuid4().hex}"
        self._begun = 0
        self._counted = Counted(lambda: sum(client.nthreads().values()), most)

    @property
    def n(self) -> int:
        return self._counted.n()

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        self._begun += 1
        key = f"{self._prefix}-{self._begun}"
        inner = self._client.submit(call, key=key, pure=False)
        outer = Future[Result]()
        outer.inner = inner  # type: ignore[attr-defined]  # Dask forgets what nobody refers to
        inner.add_done_callback(lambda done: _finish(done, outer))
        return outer

    def noted(self, event: tuple[float, Any]) -> None:
        """Count a death in the middle of a call of ours, as the scheduler tells it."""
        _, what = event
        if isinstance(what, dict) and what.get("action") == "remove-worker":
            keys = map(str, what.get("processing-tasks", ()))
            self.n_deaths += any(key.startswith(self._prefix) for key in keys)


def _finish(inner: Any, outer: Future[Result]) -> None:
    from distributed.scheduler import KilledWorker

    try:
        outer.set_result(inner.result())
    except KilledWorker as error:
        times = error.allowed_failures + 1
        reason = "the workers of Dask that ran it died"
        outer.set_exception(WorkerDiedError(reason, times, shared=True))
    except BaseException as error:
        gone = inner.status in ("cancelled", "lost")
        text = "the scheduler of Dask is gone: start it, and give the same command again"
        outer.set_exception(NetsculptError(text) if gone else error)


@contextmanager
def dask(jobs: int, address: str | None) -> Iterator[Workers]:
    """Workers of the scheduler at an address, or of the ``distributed.Client`` of this process.

    Raises
    ------
    NetsculptError
        If there is no scheduler.
    """
    from distributed import get_client

    if address is None:
        try:
            client, own = get_client(), False
        except ValueError:
            raise NetsculptError(
                "backend 'dask' has no scheduler: give the address of one, or make a "
                "distributed.Client first"
            ) from None
    else:
        client, own = _connected(address), True
    cluster = _Cluster(client, None if jobs < 0 else jobs)
    client.subscribe_topic(_EVENTS, cluster.noted)
    try:
        yield cluster
    finally:
        client.unsubscribe_topic(_EVENTS)
        if own:
            client.close()


def _connected(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NetsculptError(
            f"no scheduler of Dask answers at {address!r} ({error}): start one with 'dask "
            "scheduler', which prints its address"
        ) from None
