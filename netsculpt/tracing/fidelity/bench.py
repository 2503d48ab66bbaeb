"""What every check of a graph against its net is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Edges
from netsculpt.tracing.fidelity.folds import folds
from netsculpt.tracing.program import Op, Program

__all__ = ["Bench"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bench:
    """A graph beside the program that it is said to come from."""

    graph: NetGraph
    program: Program
    shadows: Mapping[str, Any]  # of every value: `Activation`, `Constant`, …
    build: Builder
    values: Floats  # [U] random, away from 0

    @cached_property
    def fold(self) -> Floats:
        """What the edges into each unit must have been multiplied by [U]."""
        sums = frozenset(op.output for op in self.made_by.values())
        return folds(self.program, self.shadows, self.build, sums)

    @cached_property
    def _columns(self) -> csc_array:
        return self.graph.weights.astype(np.float64).tocsc()

    def into(self, at: int) -> csr_array:
        """Weights of the edges into a layer [U, units of the layer]."""
        return self._columns[:, self.build.layers[at].units].tocsr()

    def arriving(self, at: int) -> list[Edges]:
        """Edges into a layer, as they were made."""
        return self.build.edges.get(at, [])

    def is_wiring(self, at: int) -> bool:
        """Whether no parameter feeds a layer."""
        return all(edges.kind == WIRING for edges in self.arriving(at))

    @cached_property
    def made_by(self) -> dict[int, Op]:
        """The operation whose output is the first that holds units of a layer, by layer."""
        made: dict[int, Op] = {}
        for op in self.program.ops:
            shadow = self.shadows[op.output]
            found = shadow[0] if isinstance(shadow, list | tuple) and shadow else shadow
            if isinstance(found, Activation):
                units = np.unique(found.units.numpy())
                for at in np.unique(self.build.layer_of(units[units > NOTHING])).tolist():
                    if at in self.build.edges:
                        made.setdefault(at, op)
        return made

    def random(self, given: Activation, factor: Tensor | None = None) -> Tensor:
        """An activation whose units have the random values."""
        values = torch.from_numpy(self.values)[given.units.clamp(min=0)]
        times = given.factors if factor is None else factor
        return (values * times).where(given.units != NOTHING, 0.0)


def error(found: Floats, wanted: Floats, bound: Floats) -> float:
    """The largest difference, as a share of what can arrive at each unit: 0 … 1."""
    size = bound + np.abs(wanted)
    shares = np.abs(found - wanted) / np.where(size == 0, 1.0, size)
    return float(np.nan_to_num(shares, nan=1.0, posinf=1.0).max(initial=0.0))
