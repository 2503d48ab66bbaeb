"""Many topologies in a few arrays, as compiled code takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.topology import Topology

__all__ = ["Population", "packed"]


@dataclass(frozen=True, eq=False)
class Population:
    """The arrays of P topologies of the same inputs and outputs, one after another."""

    n_inputs: int  # bias included
    n_outputs: int
    unit_starts: NDArray[np.int64]  # [P + 1]
    edge_starts: NDArray[np.int64]  # [P + 1]
    indptr: NDArray[np.int32]  # [all units + P] each topology's own, from 0
    sources: NDArray[np.int32]  # [all edges] unit of its own topology
    activations: NDArray[np.int8]  # [all units]

    @property
    def size(self) -> int:
        """P."""
        return self.unit_starts.size - 1

    @property
    def most_units(self) -> int:
        """Units of the largest topology."""
        return int(np.diff(self.unit_starts).max())


def packed(topologies: Sequence[Topology]) -> Population:
    """Pack topologies, checked: compiled code reads and writes where they say.

    Raises
    ------
    GraphError
        If there is none, if they differ in inputs or outputs, if an edge does not come from an
        earlier unit, or an activation is not one of `WANN_ACTIVATIONS`.
    """
    if not topologies:
        raise GraphError("there is no topology to evaluate: give at least one")
    ends = {(x.n_inputs, x.n_outputs) for x in topologies}
    if len(ends) > 1:
        raise GraphError(
            f"topologies have these inputs and outputs: {sorted(ends)}; those evaluated together "
            "need the same"
        )
    n_inputs, n_outputs = ends.pop()
    n_units = np.array([x.n_units for x in topologies], np.int64)
    n_edges = np.array([x.n_edges for x in topologies], np.int64)
    population = Population(
        n_inputs,
        n_outputs,
        np.append(0, n_units.cumsum()),
        np.append(0, n_edges.cumsum()),
        np.concatenate([x.indptr for x in topologies]).astype(np.int32, copy=False),
        np.concatenate([x.sources for x in topologies]).astype(np.int32, copy=False),
        np.concatenate([x.activations for x in topologies]).astype(np.int8, copy=False),
    )
    _check(population, np.array([x.indptr.size for x in topologies]) - 1)
    return population


def _check(population: Population, n_started: NDArray[np.int64]) -> None:
    """Check the arrays; `n_started` is the number of units that each `indptr` is about."""
    n_units, n_edges = np.diff(population.unit_starts), np.diff(population.edge_starts)
    n_inputs, n_outputs = population.n_inputs, population.n_outputs
    if n_inputs < 1 or n_outputs < 1 or n_units.min() < n_inputs + n_outputs:
        raise GraphError(
            f"{n_inputs} inputs with the bias, {n_outputs} outputs, {n_units.min()} units: the "
            "bias, at least one output, and as many units as both together are needed"
        )
    if (n_started != n_units).any() or not _ascends(population, n_units, n_edges):
        raise GraphError(
            "indptr does not say where the incoming edges of each unit start: [units + 1] numbers "
            "that ascend from 0 to the number of edges are needed, with none into bias and inputs"
        )
    unit = np.arange(n_units.sum()) - np.repeat(population.unit_starts[:-1], n_units)
    fan_in = _fan_in(population)
    sources = population.sources
    if ((sources < 0) | (sources >= np.repeat(unit, fan_in))).any():
        raise GraphError(
            "an edge does not come from a unit before the one that it leads to: order the units "
            "topologically"
        )
    kinds = population.activations
    if ((kinds < 0) | (kinds >= len(WANN_ACTIVATIONS))).any():
        raise GraphError(
            f"activations are {kinds.min()} … {kinds.max()}: indices into WANN_ACTIVATIONS, "
            f"0 … {len(WANN_ACTIVATIONS) - 1}, are needed"
        )


def _ascends(
    population: Population, n_units: NDArray[np.int64], n_edges: NDArray[np.int64]
) -> bool:
    """Whether each indptr ascends from 0 to its number of edges, and inputs are fed by none."""
    begin = population.unit_starts[:-1] + np.arange(population.size)  # in indptr
    ends = population.indptr[begin + population.n_inputs], population.indptr[begin + n_units]
    return bool(
        (population.indptr[begin] == 0).all()
        and (ends[0] == 0).all()
        and (ends[1] == n_edges).all()
        and (_fan_in(population) >= 0).all()
    )


def _fan_in(population: Population) -> NDArray[np.int32]:
    """Incoming edges of each unit [all units]."""
    steps = np.diff(population.indptr)
    between = population.unit_starts[1:-1] + np.arange(population.size - 1)  # two topologies
    return np.delete(steps, between)
