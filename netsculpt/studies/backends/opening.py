"""The backends by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from netsculpt.core.errors import NetsculptError
from netsculpt.core.extras import require
from netsculpt.studies.backends.dask import dask
from netsculpt.studies.backends.here import at_once, threading
from netsculpt.studies.backends.loky import loky
from netsculpt.studies.backends.ray import ray
from netsculpt.studies.backends.workers import Workers

__all__ = ["BACKENDS", "CLUSTERS", "open_workers"]

CLUSTERS = ("dask", "ray")  # also the extras that install them
BACKENDS = ("loky", "threading", *CLUSTERS)

_OF_JOBLIB = {  # by the classes of joblib's backends
    "SequentialBackend": None,
    "ThreadingBackend": "threading",
    "DaskDistributedBackend": "dask",
    "RayBackend": "ray",
}


@contextmanager
def open_workers(
    jobs: int = 1, backend: str | None = None, address: str | None = None
) -> Iterator[Workers]:
    """Workers of a backend, ready during the block.

    Parameters
    ----------
    jobs
        How many; −1: one per core, or all that a cluster has.
    backend
        One of `BACKENDS`; default: this process for one job, else what
        ``joblib.parallel_config`` says, else "loky".
    address
        Of the scheduler of a Dask or Ray cluster. Default: the ``distributed.Client`` of this
        process; the Ray of this process, or one that is started for the block.

    Raises
    ------
    NetsculptError
        If the backend is unknown or not installed, has no use for the address, or the cluster does
        not answer.
    """
    if address is not None and backend not in CLUSTERS:
        raise NetsculptError(
            f"an address is given, but no cluster: choose backend {' or '.join(CLUSTERS)}"
        )
    if backend is not None and backend not in BACKENDS:
        raise NetsculptError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    name = _surrounding() if backend is None and jobs != 1 else backend
    with _opened(name, jobs, address) as workers:
        yield workers


def _opened(name: str | None, jobs: int, address: str | None) -> AbstractContextManager[Workers]:
    from joblib import effective_n_jobs

    if name is None:
        return at_once()
    if name not in CLUSTERS:
        return (loky if name == "loky" else threading)(effective_n_jobs(jobs))
    require("distributed" if name == "dask" else "ray", f"backend {name!r}")
    return (dask if name == "dask" else ray)(jobs, address)


def _surrounding() -> str | None:
    """The backend that ``joblib.parallel_config`` has set around the call; None: no workers."""
    from joblib.parallel import get_active_backend

    return _OF_JOBLIB.get(type(get_active_backend()[0]).__name__, "loky")
