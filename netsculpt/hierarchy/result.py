"""The result type: a hierarchy of modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.partition import Partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Hierarchy", "Module"]

_MOST_NAMED = 3  # labels of merged modules that a name lists


@dataclass(frozen=True)
class Module:
    """One node of the hierarchy."""

    label: int  # in Hierarchy.partition
    n_units: int
    units_by_layer: tuple[int, ...]  # [L] units of the module in each layer
    level: int  # length of the longest path to it, 0 = fed by no module
    trophic_level: float  # MacKay et al. 2020, lowest = 0
    reuse: int  # distinct downstream modules it feeds, plus fed outputs without a module
    feeds: tuple[int, ...]  # their labels
    fed_by: tuple[int, ...]
    inputs_seen: tuple[int, ...]  # input units [U index] with a path into the module
    outputs_served: tuple[int, ...]  # output units [U index] that the module has a path to
    path_share: float  # share of all input→output path weight (magnitude) through the module, 0 … 1
    members: tuple[int, ...] = ()  # its labels in the given partition: one unless merged

    @property
    def name(self) -> str:
        """Label in the given partition; "0+2+5" for a merged module, shortened if long."""
        labels = [str(label) for label in self.members or (self.label,)]
        short = (
            labels if len(labels) <= _MOST_NAMED else [*labels[: _MOST_NAMED - 1], "…", labels[-1]]
        )
        return "+".join(short)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A DAG of modules with levels."""

    partition: Partition  # after merging: labels [U] name the modules below
    modules: tuple[Module, ...]  # [M]
    edges: csr_array  # [M, M] summed |weight| from module to module, no diagonal
    level: NDArray[np.int64]  # [M]
    merged: tuple[tuple[int, ...], ...]  # given labels of modules that feed each other, now one
    flow_hierarchy: float  # of the quotient before merging: share of edges on no cycle, 0 … 1
    trophic_incoherence: float  # of the quotient before merging, 0 = perfectly layered … 1
    unit_names: Mapping[int, str] = field(default_factory=dict)  # of inputs and outputs, if known

    def table(self) -> pd.DataFrame:
        """One row per module, with counts of inputs and outputs."""
        import pandas as pd

        counted = {"inputs_seen", "outputs_served"}
        names = [column.name for column in fields(Module)]
        return pd.DataFrame(
            {
                f"n_{name}" if name in counted else name: [
                    len(getattr(module, name)) if name in counted else getattr(module, name)
                    for module in self.modules
                ]
                for name in names
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, JSON-able; inputs and outputs by name."""
        return {
            "n_modules": len(self.modules),
            "n_levels": int(self.level.max(initial=-1)) + 1,
            "flow_hierarchy": self.flow_hierarchy,
            "trophic_incoherence": self.trophic_incoherence,
            "merged": [list(group) for group in self.merged],
            "modules": [
                {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in vars(module).items()
                }
                | {
                    "inputs_seen": self._names(module.inputs_seen),
                    "outputs_served": self._names(module.outputs_served),
                }
                for module in self.modules
            ],
        }

    def _names(self, units: Iterable[int]) -> list[str]:
        return [self.unit_names.get(unit, str(unit)) for unit in units]
