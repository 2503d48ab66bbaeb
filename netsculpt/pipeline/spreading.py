"""Results on the network of the live units as results on the whole network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import spread

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy

__all__ = ["everywhere"]


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
