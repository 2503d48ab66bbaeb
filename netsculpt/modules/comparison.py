"""Similarity of two partitions, and of a partition with the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Layer, NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.modules._information import ami, ari, overlap, vi

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare", "layer_ami"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Similarity of two partitions, over the units that have a module in both.

    NaN if there is no such unit.
    """

    ari: float  # adjusted Rand index: 1 = equal, 0 = chance
    ami: float  # adjusted mutual information: 1 = equal, 0 = chance
    vi: float  # variation of information in nats: 0 = equal … ln(n_compared)
    jaccard: float  # mean over modules matched one to one; 1 = equal, an unmatched module counts 0
    n_compared: int  # units with a module in both
    n_left_out: int  # units without a module in one or both
    by_layer: Mapping[str, Comparison] = field(default_factory=dict)  # empty if no layers given

    def table(self) -> pd.DataFrame:
        """One row for all units ("all"), then one per layer."""
        import pandas as pd

        rows = {"all": self, **self.by_layer}
        return pd.DataFrame([{"units": name, **row._numbers()} for name, row in rows.items()])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        layers = {name: row._numbers() for name, row in self.by_layer.items()}
        return {**self._numbers(), "by_layer": layers}

    def _numbers(self) -> dict[str, float | int]:
        return {x.name: getattr(self, x.name) for x in fields(self) if x.name != "by_layer"}


def compare(a: Partition, b: Partition, *, layers: Sequence[Layer] | None = None) -> Comparison:
    """Compare two partitions of the same units.

    Units without a module (−1) in either are left out and counted.

    Parameters
    ----------
    a, b
        The partitions [U], in any order.
    layers
        ``graph.layers``, to compare each layer too.

    Raises
    ------
    GraphError
        If the partitions, or the layers, have different numbers of units.

    Notes
    -----
    ARI: Hubert and Arabie, J. Classif. 2, 193 (1985), doi:10.1007/BF01908075. AMI (arithmetic
    mean): Vinh, Epps and Bailey, JMLR 11, 2837 (2010). VI: Meilă, J. Multivar. Anal. 98, 873
    (2007), doi:10.1016/j.jmva.2006.11.013, eq. 15. The matching of modules maximises the summed
    Jaccard index; the mean is over max(k_a, k_b) modules. Cost O(U) and the cube of the number of
    modules.

    Examples
    --------
    >>> a, b = Partition([0, 0, 1, 1, -1]), Partition([0, 0, 1, 2, 2])
    >>> result = compare(a, b)
    >>> result.n_compared, result.n_left_out, round(result.jaccard, 3)
    (4, 1, 0.5)
    """
    first, second = a.labels, b.labels
    n_covered = first.size if layers is None else (layers[-1].stop if layers else 0)
    if not first.size == second.size == n_covered:
        raise GraphError(
            f"partitions of {first.size} and {second.size} units"
            + ("" if layers is None else f", layers of {n_covered}")
            + ": the same units are needed"
        )
    by_layer = {
        layer.name: _compared(first[layer.units], second[layer.units], {}) for layer in layers or ()
    }
    return _compared(first, second, by_layer)


def layer_ami(graph: NetGraph, partition: Partition) -> float:
    """Adjusted mutual information of modules and layers: high if modules follow depth.

    Over the live units that have a module. Report it with every partition.

    Returns
    -------
    float
        Near 0 is healthy; near 1 the modules are layers. NaN if there is no such unit.

    Raises
    ------
    GraphError
        If the partition is not of this network's units.

    Notes
    -----
    Cost O(E), for liveness. AMI as in `compare`.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, truth = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    >>> abs(layer_ami(graph, truth)) < 0.1
    True
    >>> layer_ami(graph, Partition(graph.layer_of))
    1.0
    """
    modules = np.where(live_units(graph), labels_of(graph, partition), NO_MODULE)
    return ami(overlap(modules, graph.layer_of))


def overlaps(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.float64]:
    """Units common to module i of the first and module j of the second [k_a, k_b]; no −1."""
    shape = (int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1)
    flat = first.astype(np.int64) * shape[1] + second
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def matching(shared: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """Match modules one to one by the largest summed Jaccard index; also return that sum."""
    from scipy.optimize import linear_sum_assignment

    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0) - shared
    jaccard = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    rows, columns = linear_sum_assignment(jaccard, maximize=True)
    return rows, columns, float(jaccard[rows, columns].sum())


def _compared(
    first: NDArray[np.int32], second: NDArray[np.int32], by_layer: Mapping[str, Comparison]
) -> Comparison:
    pairs = overlap(first, second)
    n_compared = int(pairs.shared.sum())
    shared = np.zeros((pairs.first.size, pairs.second.size))
    shared[pairs.rows, pairs.columns] = pairs.shared
    jaccard = matching(shared)[2] / max(shared.shape) if n_compared else np.nan
    n_left_out = first.size - n_compared
    return Comparison(ari(pairs), ami(pairs), vi(pairs), jaccard, n_compared, n_left_out, by_layer)
