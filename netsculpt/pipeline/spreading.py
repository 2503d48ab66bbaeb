"""Results on the network of the live units as results on the whole network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy

__all__ = ["everywhere", "relabelled", "spread"]


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


def everywhere(hierarchy: Hierarchy, is_live: NDArray[np.bool_]) -> Hierarchy:
    """A hierarchy of the live units' modules, with units by their numbers in the whole network."""
    number = np.flatnonzero(is_live).tolist()
    modules = tuple(
        replace(
            module,
            inputs_seen=tuple(number[unit] for unit in module.inputs_seen),
            outputs_served=tuple(number[unit] for unit in module.outputs_served),
        )
        for module in hierarchy.modules
    )
    return replace(
        hierarchy,
        partition=spread(hierarchy.partition, is_live),
        modules=modules,
        unit_names={number[unit]: name for unit, name in hierarchy.unit_names.items()},
    )
