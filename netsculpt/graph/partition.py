"""A partition of units into modules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph

__all__ = ["NO_MODULE", "Partition", "labels_of", "relabelled", "spread"]

NO_MODULE = -1


@dataclass(frozen=True, eq=False)
class Partition:
    """Which module each unit belongs to.

    Modules are numbered 0 … k−1 in the order in which their first unit appears, so that equal
    partitions have equal labels.
    """

    labels: NDArray[np.int32]  # [U], −1 = no module
    method: str = ""
    quality: float | None = None  # the method's own quality of this partition

    def __init__(self, labels: ArrayLike, method: str = "", quality: float | None = None) -> None:
        values = np.asarray(labels)
        if values.ndim != 1 or not (np.issubdtype(values.dtype, np.integer) or values.size == 0):
            raise GraphError(
                f"labels are {values.dtype} of shape {list(values.shape)}: one integer per unit is "
                "needed, −1 for a unit without module"
            )
        if values.size and values.min() < NO_MODULE:
            raise GraphError(f"label {values.min()} found: modules are 0, 1, …; −1 means none")
        object.__setattr__(self, "labels", _renumber(values))
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "quality", quality)

    @property
    def n_modules(self) -> int:
        """Number of modules; one unit is enough for one."""
        return int(self.labels.max(initial=NO_MODULE)) + 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Units in each module [n_modules]."""
        return np.bincount(self.labels[self.labels >= 0], minlength=self.n_modules)

    def __repr__(self) -> str:
        quality = "" if self.quality is None else f", quality {self.quality:.4f}"
        return f"Partition({self.method or 'given'}: {self.n_modules} modules{quality})"


def labels_of(graph: NetGraph, partition: Partition) -> NDArray[np.int32]:
    """Labels [U] of a partition, which must be of this graph's units.

    Raises
    ------
    GraphError
        If it is not a `Partition`, or one of another number of units.
    """
    if not isinstance(partition, Partition):
        raise GraphError(f"a {type(partition).__name__} is given: wrap labels as Partition(labels)")
    if partition.labels.size != graph.n_units:
        raise GraphError(
            f"the partition has {partition.labels.size} labels, the graph {graph.n_units} units: "
            "one label per unit is needed (live() drops units: partition the same graph)"
        )
    return partition.labels


def relabelled(partition: Partition, labels: NDArray[np.integer]) -> Partition:
    """The same method and quality with other labels."""
    return Partition(labels, partition.method, partition.quality)


def spread(partition: Partition, is_live: NDArray[np.bool_]) -> Partition:
    """A partition of the live units as one of all units [U]; dead ones have no module.

    >>> spread(Partition([0, 1]), np.array([True, False, True])).labels.tolist()
    [0, -1, 1]
    """
    labels = np.full(is_live.size, NO_MODULE, dtype=np.int32)
    labels[is_live] = partition.labels
    return relabelled(partition, labels)


def _renumber(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    in_module = values >= 0
    number = np.full(values.size, NO_MODULE, dtype=np.int32)
    number[np.flatnonzero(in_module)[np.argsort(first[in_module])]] = np.arange(in_module.sum())
    canonical = number[inverse]
    canonical.flags.writeable = False
    return canonical
