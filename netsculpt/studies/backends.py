"""Where the cells of a study run: in this process, in others, or on a cluster, through joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from netsculpt.core.errors import NetsculptError
from netsculpt.core.parallel import EndingWithParent

__all__ = ["BACKENDS", "CLUSTERS", "as_finished"]

CLUSTERS = {"dask": "dask[distributed]", "ray": "ray"}  # and the packages that they need
BACKENDS = ("loky", "threading", *CLUSTERS)

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_finished(
    run: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int = 1,
    backend: str | None = None,
    address: str | None = None,
) -> Iterator[Result]:
    """Yield the result of each item as soon as it is there, in any order.

    Parameters
    ----------
    run
        A function that can be pickled, unless one job does all.
    jobs
        Workers that share the items; −1: one per core, or all that a cluster has.
    backend
        One of `BACKENDS`; default: this process for one job, else what
        ``joblib.parallel_config`` says, else "loky". Ray yields nothing before all is done.
    address
        Of the scheduler of a Dask or Ray cluster. Default: the ``distributed.Client`` of this
        process, or the Ray that runs here.

    Raises
    ------
    NetsculptError
        If the backend is unknown or not installed, has no use for the address, or Dask has no
        scheduler.

    >>> sorted(as_finished(abs, [-2, 1]))
    [1, 2]
    """
    if address is not None and backend not in CLUSTERS:
        raise NetsculptError(
            f"an address is given, but no cluster: choose backend {' or '.join(CLUSTERS)}"
        )
    if jobs == 1 and backend is None:
        yield from map(run, items)
        return
    from joblib import Parallel, delayed, parallel_config

    options = {} if backend is None else {"backend": backend, **_connection(backend, address)}
    with parallel_config(**options):
        collected = "list" if backend == "ray" else "generator_unordered"
        workers = Parallel(n_jobs=jobs, return_as=collected)
    guarded = EndingWithParent(run)
    yield from workers(delayed(guarded)(item) for item in items)


def _connection(backend: str, address: str | None) -> dict[str, Any]:
    """Options of ``joblib.parallel_config`` for a backend, which is made ready."""
    if backend not in BACKENDS:
        raise NetsculptError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    try:
        if backend == "dask":
            return _dask(address)
        if backend == "ray":
            _start_ray(address)
    except ImportError as error:
        raise NetsculptError(
            f"backend {backend!r} is not installed ({error}): pip install '{CLUSTERS[backend]}', "
            "or use loky"
        ) from None
    return {}


def _dask(address: str | None) -> dict[str, Any]:
    from distributed import get_client

    if address is not None:
        return {"scheduler_host": address}
    try:
        get_client()
    except ValueError:
        raise NetsculptError(
            "backend 'dask' has no scheduler: give the address of one, or make a "
            "distributed.Client first"
        ) from None
    return {}


def _start_ray(address: str | None) -> None:
    import ray
    from ray.util.joblib import register_ray

    if address is not None:
        ray.init(address=address, ignore_reinit_error=True)
    register_ray()
