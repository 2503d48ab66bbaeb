"""The hierarchy of modules: which module feeds which, at which level, and how often it is reused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph import NetGraph
from netsculpt.partition import Partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Hierarchy", "Module", "infer"]


@dataclass(frozen=True)
class Module:
    """One node of the hierarchy."""

    label: int  # in Hierarchy.partition
    n_units: int
    units_by_layer: tuple[int, ...]  # [L] units of the module in each layer
    level: int  # longest path from the sources of the hierarchy, 0 = fed by no module
    trophic_level: float  # MacKay et al. 2020, lowest = 0
    reuse: int  # distinct downstream modules it feeds, plus fed outputs without a module
    feeds: tuple[int, ...]  # their labels
    fed_by: tuple[int, ...]
    inputs_seen: tuple[int, ...]  # input units [U index] with a path into the module
    outputs_served: tuple[int, ...]  # output units [U index] that the module has a path to
    path_share: float  # share of all input→output path weight (magnitude) through the module, 0 … 1


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A DAG of modules with levels."""

    partition: Partition  # after merging: labels [U] name the modules below
    modules: tuple[Module, ...]  # [M]
    edges: csr_array  # [M, M] summed |weight| from module to module, no diagonal
    level: NDArray[np.int64]  # [M]
    merged: tuple[tuple[int, ...], ...]  # given labels that feed each other and became one module
    flow_hierarchy: float  # of the quotient before merging: share of edges on no cycle, 0 … 1
    trophic_incoherence: float  # of the quotient before merging, 0 = perfectly layered … 1

    def table(self) -> pd.DataFrame:
        """One row a module."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        """Plain numbers and lists, JSON-able."""
        raise NotImplementedError


def infer(graph: NetGraph, partition: Partition) -> Hierarchy:
    raise NotImplementedError
