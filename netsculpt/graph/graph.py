"""A network as a weighted DAG, on which everything else is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.provenance import Step, step
from netsculpt.graph._blocks import check_blocks, groups_of
from netsculpt.graph._live import on_paths, weights_between
from netsculpt.graph._scalars import n_numbered
from netsculpt.graph._stored import float_type, frozen, frozen_csr, read_only
from netsculpt.graph.attributes import Attributes, checked_attributes
from netsculpt.graph.layers import WIRING, Block, Layer, Role, check_layers

__all__ = [
    "WIRING",
    "Block",
    "Layer",
    "NetGraph",
    "Role",
    "balancing_groups",
    "edge_columns",
    "float_type",
    "live_units",
    "unit_names",
    "wiring_edges",
]
__dir__ = __all__.copy


@dataclass(frozen=True, eq=False)
class NetGraph:
    """A network as a weighted DAG: U units, E edges, L layers.

    An edge exists iff it is stored: a kept edge may weigh 0. Edges are ordered by source, then by
    target, in every array [E]. Arrays are read-only; the constructor takes them over without a copy
    if their types fit. Memory: 8 bytes per edge with float32 weights.
    """

    weights: csr_array  # [U, U] strictly upper triangular; row = source, column = target
    multiplicity: NDArray[np.integer] | None  # [E] scalar parameters behind each edge (None: all 1)
    layers: tuple[Layer, ...]  # [L] in topological order, covering 0 … U
    blocks: tuple[Block, ...]  # every edge lies in one of them
    provenance: tuple[Step, ...] = ()
    positions: NDArray[np.int32] | None = None  # [U] index in the model's layer (None: 0, 1, …)
    scalars: NDArray[np.int32] | None = None  # [E] number of the stored scalars behind each edge:
    # equal where edges share them, −1 where there are none, as in buffers (None: none are shared)
    attributes: Attributes = field(default_factory=lambda: MappingProxyType({}))  # name → [U]: what
    # units are, such as "activation", the function that each applies; strings, numbers, booleans

    def __post_init__(self) -> None:
        check_layers(self.layers)
        n_units = self.layers[-1].stop if self.layers else 0
        object.__setattr__(self, "weights", frozen_csr(self.weights, n_units))
        positions = self.positions
        if positions is None:
            positions = np.concatenate(
                [np.zeros(0, np.int32), *(np.arange(x.n_units) for x in self.layers)]
            )
        object.__setattr__(self, "positions", frozen(positions, np.int32, n_units, "positions"))
        if self.multiplicity is not None:
            n_edges = self.weights.nnz
            multiplicity = frozen(self.multiplicity, None, n_edges, "multiplicity")
            if multiplicity.dtype.kind not in "iu" or multiplicity.min(initial=1) < 1:
                raise GraphError(
                    f"multiplicity holds {multiplicity.dtype} from {multiplicity.min(initial=1)}: "
                    "each edge has a whole number of scalars, 1 or more"
                )
            object.__setattr__(self, "multiplicity", multiplicity)
        if self.scalars is not None:
            scalars = frozen(self.scalars, np.int32, self.weights.nnz, "scalars")
            object.__setattr__(self, "scalars", scalars)
        attributes = checked_attributes(self.attributes, n_units)
        object.__setattr__(self, "attributes", attributes)
        check_blocks(self.weights, self.layers, self.blocks)

    def __reduce__(self) -> tuple[Any, ...]:
        """Build the graph by its constructor, with checks, when it is unpickled."""
        values = {x.name: getattr(self, x.name) for x in fields(self)}
        values["attributes"] = dict(self.attributes)  # an immutable mapping cannot be pickled
        return NetGraph, tuple(values.values())

    def __repr__(self) -> str:
        widths = "-".join(str(layer.n_units) for layer in self.layers[:12])
        more = "-…" if len(self.layers) > 12 else ""
        return f"NetGraph({widths}{more}: {self.n_units} units, {self.n_edges} edges)"

    def _repr_html_(self) -> str:
        """Units and incoming edges of each layer, in a notebook."""
        import pandas as pd

        in_degree = np.bincount(self.weights.indices, minlength=self.n_units)
        rows = [
            (
                x.name,
                x.role,
                x.n_units,
                in_degree[x.units].sum(),
                ", ".join(self._sources_of(x.name)),
            )
            for x in self.layers
        ]
        columns = ["layer", "role", "units", "edges into it", "from"]
        return str(pd.DataFrame(rows, columns=columns).to_html(index=False))

    def _sources_of(self, name: str) -> list[str]:
        return list(dict.fromkeys(x.source for x in self.blocks if x.target == name))

    @property
    def n_units(self) -> int:
        """U."""
        return int(self.weights.shape[0])

    @property
    def n_edges(self) -> int:
        """E, zero-weight edges included."""
        return int(self.weights.nnz)

    @property
    def density(self) -> float:
        """Kept fraction of the scalar parameters, 0 … 1; wiring holds none."""
        size = sum(block.size for block in self.blocks)
        return self.n_parameters / size if size else 0.0

    @property
    def n_parameters(self) -> int:
        """Kept scalar parameters, each once: copies of a weight, buffers and wiring add none."""
        counts = self.multiplicity
        if self.scalars is not None:
            return n_numbered(self.scalars, counts)
        if counts is None:
            return self.n_edges - sum(_n_wires(self, x) for x in self.blocks if x.kind == WIRING)
        return int(counts.sum(where=~wiring_edges(self)))

    @property
    def inputs(self) -> NDArray[np.intp]:
        """Units where paths begin: input layers, and state layers without incoming blocks."""
        targets = {block.target for block in self.blocks}
        return self._units_of("input", {x.name for x in self.layers} - targets)

    @property
    def outputs(self) -> NDArray[np.intp]:
        """Units where paths end: output layers, and state layers without outgoing blocks."""
        sources = {block.source for block in self.blocks}
        return self._units_of("output", {x.name for x in self.layers} - sources)

    @cached_property
    def layer_of(self) -> NDArray[np.int32]:
        """Index of each unit's layer [U]."""
        sizes = [layer.n_units for layer in self.layers]
        return read_only(np.repeat(np.arange(len(self.layers), dtype=np.int32), sizes))

    @property
    def sources(self) -> NDArray[np.int32]:
        """Source unit of each edge [E]; targets are ``weights.indices``."""
        rows = np.arange(self.n_units, dtype=np.int32)
        return np.repeat(rows, np.diff(self.weights.indptr))

    @property
    def pattern(self) -> NetGraph:
        """The same edges, each of weight 1 (indices shared)."""
        return self.with_weights(np.ones(self.n_edges, dtype=np.float32))

    @property
    def magnitude(self) -> NetGraph:
        """The same edges with |weight| (indices shared)."""
        return self.with_weights(np.abs(self.weights.data))

    @cached_property
    def balanced(self) -> NetGraph:
        """The same edges with |weight| balanced in each block, whatever the scales of units.

        In each block |weight| is divided by a factor per source and per target unit such that every
        unit's strength there is its number of nonzero edges: the mean over them is 1. Scaling a
        unit, a layer or a normalisation changes nothing. Edges of weight 0 stay 0. Edges on
        input→output paths are balanced among themselves, so that ``graph.live()`` has the same
        ones; so are the others. float64. `netsculpt.graph.balancing` says how, and its errors.
        """
        from netsculpt.graph.balancing import balanced_weights

        groups = balancing_groups(self)
        ends = self.sources, self.weights.indices
        return self.with_weights(balanced_weights(self.weights.data, *ends, groups))

    def with_weights(self, weights: NDArray[np.floating]) -> NetGraph:
        """The same edges with other weights [E] (indices shared)."""
        data = np.array(weights)  # a copy: the caller's array is the caller's
        if data.shape != (self.n_edges,):
            raise GraphError(f"weights have shape {list(data.shape)}, [{self.n_edges}] needed")
        same = self.weights
        return replace(self, weights=csr_array((data, same.indices, same.indptr), same.shape))

    def layer(self, name: str) -> Layer:
        """The layer called `name`."""
        if name in self._layer_called:
            return self._layer_called[name]
        names = ", ".join(repr(layer.name) for layer in self.layers[:20])
        raise GraphError(f"no layer is called {name!r}; the layers are {names}")

    def block(self, source: str, target: str) -> csr_array:
        """Weights between two layers, [units of source, units of target], local indices."""
        rows, columns = self.layer(source), self.layer(target)
        edges = self.block_edges(source, target)
        indices = self.weights.indices[edges] - np.int32(columns.start)
        indptr = self.weights.indptr[rows.start : rows.stop + 1]
        if isinstance(edges, slice):
            indptr = indptr - indptr[0]
        else:
            indptr = np.searchsorted(edges, indptr).astype(np.int32)
        shape = (rows.n_units, columns.n_units)
        return csr_array((self.weights.data[edges], indices, indptr), shape)

    def block_edges(self, source: str, target: str) -> slice | NDArray[np.intp]:
        """Index into the edge arrays [E] of the edges from one layer to another."""
        rows, columns = self.layer(source), self.layer(target)
        first, last = self.weights.indptr[rows.start], self.weights.indptr[rows.stop]
        if self._targets_of.get(source) == [target]:
            return slice(int(first), int(last))
        indices = self.weights.indices[first:last]
        inside = (indices >= columns.start) & (indices < columns.stop)
        return np.flatnonzero(inside) + int(first)

    def live(self) -> NetGraph:
        """The graph of the units on an input→output path and the edges between them.

        The last step of the provenance records how many units were dropped.
        """
        return _keep_units(self, live_units(self))

    def with_step(self, step: Step) -> NetGraph:
        """The same graph with one more step in its provenance."""
        return replace(self, provenance=(*self.provenance, step))

    @cached_property
    def _layer_called(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def _targets_of(self) -> dict[str, list[str]]:
        """Names of the layers that each layer's blocks lead to."""
        targets: dict[str, list[str]] = {}
        for block in self.blocks:
            targets.setdefault(block.source, []).append(block.target)
        return targets

    @cached_property
    def _live(self) -> NDArray[np.bool_]:
        return on_paths(self.weights, self.layers, self.inputs, self.outputs)

    def _units_of(self, role: Role, ends: set[str]) -> NDArray[np.intp]:
        chosen = [
            np.arange(layer.start, layer.stop)
            for layer in self.layers
            if layer.role == role or (layer.role == "state" and layer.name in ends)
        ]
        return np.concatenate([np.zeros(0, np.intp), *chosen])


def live_units(graph: NetGraph) -> NDArray[np.bool_]:
    """Whether each unit is on at least one input→output path [U]. Cost O(E), once per graph."""
    return graph._live.copy()


def balancing_groups(graph: NetGraph) -> NDArray[np.int64]:
    """Which edges are balanced among themselves: 2 × block, + 1 for edges on no path [E]."""
    return groups_of(graph.weights, graph.layers, graph.blocks, live_units(graph))


def wiring_edges(graph: NetGraph) -> NDArray[np.bool_]:
    """Whether each edge is wiring: identity edges without parameters [E]."""
    wiring = np.zeros(graph.n_edges, dtype=bool)
    for block in graph.blocks:
        if block.kind == WIRING:
            wiring[graph.block_edges(block.source, block.target)] = True
    return wiring


def _n_wires(graph: NetGraph, block: Block) -> int:
    edges = graph.block_edges(block.source, block.target)
    return edges.stop - edges.start if isinstance(edges, slice) else edges.size


def edge_columns(graph: NetGraph, edges: NDArray[Any]) -> dict[str, Any]:
    """What a graph says of some of its edges but their weights, for a graph of those edges.

    `edges` are a mask [E], or places in an order of the new graph's.
    """
    multiplicity, scalars = graph.multiplicity, graph.scalars
    return {
        "multiplicity": None if multiplicity is None else multiplicity[edges],
        "scalars": None if scalars is None else scalars[edges],
    }


def unit_names(graph: NetGraph, units: Iterable[int] | None = None) -> list[str]:
    """Names of units (default: all [U]), from layer and index in the model: "fc1[3]"."""
    assert graph.positions is not None  # filled in by the constructor
    layers, layer_of, positions = graph.layers, graph.layer_of, graph.positions
    chosen = range(graph.n_units) if units is None else units
    return [f"{layers[layer_of[unit]].name}[{positions[unit]}]" for unit in chosen]


def _keep_units(graph: NetGraph, keep: NDArray[np.bool_]) -> NetGraph:
    assert graph.positions is not None
    dropped = step("live", dropped_units=int(np.count_nonzero(~keep)))
    if keep.all():
        return graph.with_step(dropped)
    weights, kept_edges = weights_between(graph.weights, keep)
    bounds = np.concatenate([[0], np.cumsum(keep)])
    layers = tuple(
        replace(layer, start=int(bounds[layer.start]), stop=int(bounds[layer.stop]))
        for layer in graph.layers
    )
    return NetGraph(
        weights,
        layers=layers,
        blocks=graph.blocks,
        provenance=(*graph.provenance, dropped),
        positions=graph.positions[keep],
        attributes={name: values[keep] for name, values in graph.attributes.items()},
        **edge_columns(graph, kept_edges),
    )
