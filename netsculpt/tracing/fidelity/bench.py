"""The data that every check of a graph against its net needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Edges, Floats
from netsculpt.tracing.fidelity.folds import folds
from netsculpt.tracing.program import Op, Program, leaves

__all__ = ["Bench", "Check", "Outcome", "error"]

Check = Literal["values", "path sums", "sources", "not checked"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check."""

    check: Check
    error: float | None = None  # 0 … 1; None if not checked
    reason: str = ""  # why it was not checked

    @classmethod
    def skipped(cls, reason: str) -> Outcome:
        """The outcome where no check applies."""
        return cls("not checked", reason=reason)


@dataclass(frozen=True, eq=False)
class Bench:
    """A graph, and the program that it should come from."""

    graph: NetGraph
    program: Program
    shadows: Mapping[str, Any]  # of every value: `Activation`, `Constant`, …
    builder: Builder
    values: Floats  # [U] random, away from 0

    @cached_property
    def fold(self) -> Floats:
        """The factor that the edges into each unit should carry [U]."""
        sums = frozenset(op.output for op in self.made_by.values())
        fold = folds(self.program, self.shadows, self.builder, sums)
        fold[self.builder.cut] = 0.0  # they are always the same
        return fold

    @cached_property
    def _columns(self) -> csc_array:
        return self.graph.weights.astype(np.float64).tocsc()

    def into(self, layer: int) -> csr_array:
        """Weights of the edges into a layer [U, units of the layer]."""
        return self._columns[:, self.builder.layers[layer].units].tocsr()

    def arriving(self, layer: int) -> list[Edges]:
        """Edges into a layer, as the trace made them."""
        return self.builder.edges.get(layer, [])

    def is_wiring(self, layer: int) -> bool:
        """Whether no parameter feeds a layer."""
        return all(edges.kind == WIRING for edges in self.arriving(layer))

    @cached_property
    def made_by(self) -> dict[int, Op]:
        """The first operation whose output has units of a layer, by index of the layer."""
        makers: dict[int, Op] = {}
        for op in self.program.ops:
            first = next(leaves(self.shadows[op.output]), None)
            if isinstance(first, Activation):
                units = np.unique(first.units.numpy())
                for layer in np.unique(self.builder.layer_of(units[units > NOTHING])).tolist():
                    if layer in self.builder.edges:
                        makers.setdefault(layer, op)
        return makers

    def operand(self, op: Op, name: str) -> Activation:
        """The shadow of a value as an operation takes it: with one factor per unit."""
        shadow: Activation = self.builder.settled.get(op.output, self.shadows[name])
        return shadow

    def random(self, activation: Activation) -> Tensor:
        """An activation whose units have the random values."""
        values = torch.from_numpy(self.values)[activation.units.clamp(min=0)]
        return (values * activation.factors).where(activation.units != NOTHING, 0.0)


def error(actual: Floats, expected: Floats, bound: Floats) -> float:
    """The largest difference, as a share of what can arrive at each unit: 0 … 1."""
    size = bound + np.abs(expected)
    shares = np.abs(actual - expected) / np.where(size == 0, 1.0, size)
    return float(np.nan_to_num(shares, nan=1.0, posinf=1.0).max(initial=0.0))
