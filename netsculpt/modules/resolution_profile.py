"""Modules at many resolutions, to see whether the network has a preferred scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.modules._information import ami, overlap
from netsculpt.modules.comparison import layer_ami
from netsculpt.modules.detectors.layered import layered
from netsculpt.modules.quality import check_resolution, quality

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ResolutionDetector", "ResolutionProfile", "resolution_profile"]

_RESOLUTIONS = tuple(float(2.0 ** (step / 2)) for step in range(-4, 5))  # ¼ … 4


class ResolutionDetector(Protocol):
    """A function that finds modules at a resolution: ``layered`` and ``leiden``."""

    def __call__(self, graph: NetGraph, *, rng: RNG = None, resolution: float = 1.0) -> Partition:
        """Return the modules of `graph` [U]."""
        ...


@dataclass(frozen=True, eq=False)
class ResolutionProfile:
    """The best modules found at each of R resolutions."""

    resolution: NDArray[np.float64]  # [R] γ
    partitions: tuple[Partition, ...]  # [R] with the highest Q over the seeds
    n_modules: NDArray[np.int64]  # [R]
    quality: NDArray[np.float64]  # [R] layer-aware Q at that γ
    stability: NDArray[np.float64]  # [R] mean AMI over pairs of seeds, 1 = always the same
    next_ami: NDArray[np.float64]  # [R] AMI with the next γ's partition: 1 = plateau; last NaN
    layer_ami: NDArray[np.float64]  # [R] AMI with the layers, near 0 is healthy

    def table(self) -> pd.DataFrame:
        """One row per resolution."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def summary(self) -> dict[str, Any]:
        """Plain lists, JSON-able."""
        return {name: column.tolist() for name, column in self._columns().items()}

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        return {name: value for name, value in vars(self).items() if name != "partitions"}


def resolution_profile(
    graph: NetGraph,
    detector: ResolutionDetector = layered,
    *,
    resolutions: Sequence[float] = _RESOLUTIONS,
    n_seeds: int = 5,
    rng: RNG = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ResolutionProfile:
    """Find modules at many resolutions.

    γ sets how much denser than chance a module must be, and no γ is right by itself. A preferred
    scale of the network shows as a plateau: neighbouring γ give the same modules, and seeds agree.

    Parameters
    ----------
    graph
        The network. Weights enter as |weight|.
    detector
        ``layered``, ``leiden``, or any other with a resolution.
    resolutions
        γ [R], each at least 0.
    n_seeds
        Runs at each γ, at least 2.
    rng
        Seed or generator. A run depends on the seed, its γ and its number alone.
    jobs, progress
        As in `netsculpt.core.parallel.in_parallel`: workers that share the R · n_seeds runs,
        threads for ``layered``.

    Raises
    ------
    GraphError
        If no resolution is given, one is negative, or `n_seeds` is below 2.

    Notes
    -----
    Cost: R · n_seeds runs of the detector, by default 45, and R · n_seeds² / 2 comparisons.
    Reichardt and Bornholdt, Phys. Rev. E 74, 016110 (2006), doi:10.1103/PhysRevE.74.016110.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    >>> profile = resolution_profile(graph.pattern, resolutions=[0.5, 1.0, 1.5], n_seeds=2, rng=0)
    >>> profile.n_modules.tolist()
    [2, 2, 2]
    """
    checked_whole(n_seeds, "n_seeds")
    for resolution in resolutions:
        check_resolution(resolution)
    if len(resolutions) == 0 or n_seeds < 2:
        raise GraphError(
            f"{len(resolutions)} resolutions and n_seeds = {n_seeds}: at least 1 and 2 are needed"
        )
    seed = root_seed(rng)
    gammas = tuple(map(float, resolutions))
    n_runs = len(gammas) * n_seeds
    run = partial(_run, graph, detector, seed, gammas, n_seeds)
    results = in_parallel(run, n_runs, jobs, progress)
    best, values, stability = [], [], []
    for _ in gammas:
        runs = list(islice(results, n_seeds))
        value, partition = max(runs, key=itemgetter(0))
        best.append(partition)
        values.append(value)
        pairs = combinations([partition.labels for _, partition in runs], 2)
        stability.append(np.mean([ami(overlap(a, b)) for a, b in pairs]))
    following = [ami(overlap(a.labels, b.labels)) for a, b in pairwise(best)]
    return ResolutionProfile(
        np.array(gammas),
        tuple(best),
        np.array([partition.n_modules for partition in best]),
        np.array(values),
        np.array(stability),
        np.array([*following, np.nan]),
        np.array([layer_ami(graph, partition) for partition in best]),
    )


@for_threads
def _run(
    graph: NetGraph,
    detector: ResolutionDetector,
    seed: int,
    gammas: tuple[float, ...],
    n_seeds: int,
    index: int,
) -> tuple[float, Partition]:
    """Partition of one run, and its quality."""
    gamma, run = gammas[index // n_seeds], index % n_seeds
    partition = detector(graph, rng=stream(seed, f"γ = {gamma!r}", run), resolution=gamma)
    return quality(graph, partition, gamma), partition
