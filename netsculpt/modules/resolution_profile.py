"""Modules at many resolutions, to see whether the network prefers a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.errors import GraphError
from netsculpt.graph import NetGraph
from netsculpt.modules.comparison import compare, layer_ami
from netsculpt.modules.detectors.leiden import leiden
from netsculpt.partition import Partition
from netsculpt.random import RNG, root_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ResolutionProfile", "resolution_profile"]

_RESOLUTIONS = tuple(float(2.0 ** (step / 2)) for step in range(-4, 5))  # ¼ … 4


@dataclass(frozen=True, eq=False)
class ResolutionProfile:
    """The best modules found at each of R resolutions."""

    resolution: NDArray[np.float64]  # [R] γ
    partitions: tuple[Partition, ...]  # [R] of the highest Q over the seeds
    n_modules: NDArray[np.int64]  # [R]
    quality: NDArray[np.float64]  # [R] layer-aware Q at that γ
    stability: NDArray[np.float64]  # [R] mean AMI over pairs of seeds, 1 = always the same
    next_ami: NDArray[np.float64]  # [R] AMI with the next γ's partition: 1 = plateau; last NaN
    layer_ami: NDArray[np.float64]  # [R] AMI with the layers, near 0 is healthy

    def table(self) -> pd.DataFrame:
        """One row a resolution."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def summary(self) -> dict[str, Any]:
        """Plain lists, JSON-able."""
        return {name: column.tolist() for name, column in self._columns().items()}

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        return {name: value for name, value in vars(self).items() if name != "partitions"}


def resolution_profile(
    graph: NetGraph,
    *,
    resolutions: Sequence[float] = _RESOLUTIONS,
    n_seeds: int = 5,
    rng: RNG = None,
) -> ResolutionProfile:
    """Find modules by `leiden` at many resolutions.

    γ sets how much denser than chance a module must be, and no γ is right by itself. A scale that
    the network prefers shows as a plateau: neighbouring γ give the same modules, seeds agree.

    Parameters
    ----------
    graph
        The network. Weights enter as |weight|.
    resolutions
        γ [R], each at least 0.
    n_seeds
        Runs at each γ, at least 2.
    rng
        Seed or generator. A run depends on the seed, its γ and its number alone.

    Raises
    ------
    GraphError
        If no resolution is given, one is negative, or `n_seeds` is below 2.

    Notes
    -----
    Cost: R · n_seeds runs of `leiden`. Reichardt and Bornholdt, Phys. Rev. E 74, 016110 (2006),
    doi:10.1103/PhysRevE.74.016110.

    Examples
    --------
    >>> from netsculpt.synthetic import planted
    >>> graph, _ = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    >>> profile = resolution_profile(graph.pattern, resolutions=[0.5, 1.0, 1.5], n_seeds=2, rng=0)
    >>> profile.n_modules.tolist()
    [2, 2, 2]
    """
    if len(resolutions) == 0 or n_seeds < 2:
        raise GraphError(
            f"{len(resolutions)} resolutions and n_seeds = {n_seeds}: at least 1 and 2 are needed"
        )
    seed = root_seed(rng)
    best, stability = [], []
    for gamma in map(float, resolutions):
        runs = [
            leiden(graph, rng=stream(seed, f"γ = {gamma!r}", at), resolution=gamma)
            for at in range(n_seeds)
        ]
        best.append(max(runs, key=_quality))
        stability.append(np.mean([compare(a, b).ami for a, b in combinations(runs, 2)]))
    following = [compare(a, b).ami for a, b in pairwise(best)]
    return ResolutionProfile(
        np.array(resolutions, dtype=np.float64),
        tuple(best),
        np.array([found.n_modules for found in best]),
        np.array([_quality(found) for found in best]),
        np.array(stability),
        np.array([*following, np.nan]),
        np.array([layer_ami(graph, found) for found in best]),
    )


def _quality(found: Partition) -> float:
    assert found.quality is not None  # leiden fills it in
    return found.quality
