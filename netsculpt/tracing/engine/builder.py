"""A graph while it is being made: its layers, edges and provenance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.core.provenance import step
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.graph import WIRING, Block, Layer, NetGraph, Role
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.assembly import assembled
from netsculpt.tracing.engine.edges import Edges, Floats, Ints, LayerWeight
from netsculpt.tracing.engine.entries import Listed
from netsculpt.tracing.engine.scalars import sizes_once
from netsculpt.tracing.engine.unit_positions import unit_positions
from netsculpt.tracing.options import TraceOptions

__all__ = ["Builder", "Names"]

_INT32_MAX = np.iinfo(np.int32).max


@dataclass
class Names:
    """New names for what has one already, found as fast after many copies as after few."""

    taken: Collection[str]  # may grow
    last: dict[str, int] = field(default_factory=dict)  # number of the last copy of each name

    def free(self, name: str) -> str:
        """The name, or the first free one of "name (2)", "name (3)", …."""
        free = name
        while free in self.taken:
            self.last[name] = self.last.get(name, 1) + 1
            free = f"{name} ({self.last[name]})"
        return free


@dataclass(eq=False)
class Builder:
    """A graph in the making."""

    options: TraceOptions
    names: frozenset[str]  # of the net's parameters
    layers: list[Layer] = field(default_factory=list)
    _layer_names: set[str] = field(default_factory=set)
    _stops: Ints = field(default_factory=lambda: np.zeros(64, np.int64))  # of them, and free places
    _inputs: list[int] = field(default_factory=list)  # indices of input layers
    _n_edges: int = 0
    edges: dict[int, list[Edges]] = field(default_factory=dict)  # by index of the target layer
    factors: dict[str, dict[str, Any]] = field(default_factory=dict)  # of norms and multiplications
    input_dependent: list[str] = field(default_factory=list)  # layers of products of activations
    constant: list[int] = field(default_factory=list)  # units that a factor of 0 switches off
    cut: list[int] = field(default_factory=list)  # those of them that are outputs
    constant_weights: dict[str, int] = field(default_factory=dict)  # kept, of constants, by layer
    unread_taps: dict[str, int] = field(default_factory=dict)  # kept, only on padding, by layer
    silent: dict[str, Any] = field(default_factory=dict)  # where values are 0 as nothing arrives
    layer_weights: list[LayerWeight] = field(default_factory=list)  # in the order in which they run
    tokens: dict[int, Layer] = field(default_factory=dict)  # by their number in shadows
    computed: dict[str, Any] = field(default_factory=dict)  # operations on constants, by arguments
    sample_dimensions: dict[str, int | None] = field(default_factory=dict)  # of values, once asked
    states: list[tuple[str, Activation]] = field(default_factory=list)  # after the last step so far
    scaled: dict[bytes, Activation] = field(default_factory=dict)  # by what they take the place of
    settled: dict[str, Activation] = field(default_factory=dict)  # operands, by operation
    left_out: dict[str, str] = field(default_factory=dict)  # operations without edges, and why
    apart: frozenset[str] = frozenset()  # operations that make a unit for each of their constants
    together: set[str] = field(default_factory=set)  # those that could, and did not
    whole: set[int] = field(default_factory=set)  # layers of inputs of whole numbers, by index
    functions: list[tuple[str, Ints]] = field(default_factory=list)  # applied inside operations
    activation: NDArray[np.str_] | None = None  # [U] function applied to each unit, at the end
    outputs: dict[str, str] = field(default_factory=dict)  # layers of outputs that have a key
    positions: dict[int, Ints] = field(default_factory=dict)  # of units, by layer; else 0, 1, …

    def note_uneven(self) -> None:
        """Say of the last layer that its edges have weight 1 where factors differ by position."""
        layer = self.layers[-1].name
        self.input_dependent.append(layer)
        self.factors[layer] = {"kind": "factors that differ by position", "folded": "left out"}

    def __post_init__(self) -> None:
        self._names, self.factor_names = Names(self._layer_names), Names(self.factors)

    def add_layer(self, name: str, role: Role, shape: Sequence[int], n_units: int) -> int:
        """Add a layer after all others; its first unit."""
        free = self._names.free(name)
        self._layer_names.add(free)
        start = self.layers[-1].stop if self.layers else 0
        if start + n_units > _INT32_MAX:
            raise LimitError(f"layer {name!r} ends at unit {start + n_units}: at most 2³¹ − 1 fit")
        n_layers = len(self.layers)
        if n_layers == self._stops.size:
            self._stops = np.concatenate([self._stops, np.zeros_like(self._stops)])
        self._stops[n_layers] = start + n_units
        if role == "input":
            self._inputs.append(n_layers)
        self.layers.append(Layer(free, role, tuple(shape), start, start + n_units))
        return start

    def place_units(self, units: Ints) -> None:
        """Say at which index of the last layer its units are, from those of its elements."""
        layer = self.layers[-1]
        found = unit_positions(units, layer.shape, layer.start, layer.n_units)
        if found is not None and (found != np.arange(found.size)).any():
            self.positions[len(self.layers) - 1] = found

    def add_edges(self, edges: Edges) -> None:
        """Add edges into the last layer."""
        self.check_room(self.layers[-1].name, edges.entries.n_edges)
        self.edges.setdefault(len(self.layers) - 1, []).append(edges)
        self._n_edges += edges.entries.n_edges

    def check_room(self, name: str, n_edges: int) -> None:
        """Raise if this many more edges, into the layer `name`, exceed the limit."""
        total = n_edges + self._n_edges
        if total > min(self.options.max_edges, _INT32_MAX):
            smaller = "" if self.options.granularity == "channel" else ", granularity='channel'"
            raise LimitError(
                f"layer {name!r} needs {n_edges:,} edges or more, which brings the graph to "
                f"{total:,}; max_edges is {self.options.max_edges:,}. Trace with a smaller example"
                f"{smaller}, or with a larger max_edges (to 2³¹ − 1) if there is memory"
            )

    def wire(self, source: NDArray[Any], target: NDArray[Any], weight: Floats) -> None:
        """Add edges without parameters into the last layer; each pair of units once."""
        size = dict.fromkeys(np.unique(self.layer_of(np.unique(source))).tolist(), 0)
        entries = Listed(source, target, weight)
        self.add_edges(Edges(entries, size, None, WIRING, normed=False))

    def layer_of(self, units: Ints) -> Ints:
        """Index of the layer of each unit."""
        return np.searchsorted(self._stops[: len(self.layers)], units, side="right")

    def is_input(self, units: Ints) -> NDArray[np.bool_]:
        """Whether each unit is an input of the net."""
        return np.isin(self.layer_of(units), self._inputs)

    def are_features(self, units: Ints) -> bool:
        """Whether all units are of layers of vectors: not of positions that a channel has."""
        layers = np.unique(self.layer_of(units)).tolist()
        return all(len(self.layers[x].shape) == 1 for x in layers)

    def is_logic(self, activation: Activation) -> bool:
        """Whether it depends on nothing but tokens and inputs of whole numbers, like a mask."""
        present = np.unique(activation.units[activation.units > NOTHING].numpy())
        return bool(np.isin(self.layer_of(present), list(self.whole)).all())

    def n_constant(self) -> dict[str, int]:
        """Number of units that a factor of 0 switches off for all that took them, by layer."""
        taken = [x.entries.sources for arriving in self.edges.values() for x in arriving]
        off = np.unique(np.array(self.constant, np.int64))
        for sources in taken:
            off = off[~np.isin(off, sources)]
        layers = self.layer_of(off).tolist()
        return {self.layers[x].name: layers.count(x) for x in dict.fromkeys(layers)}

    def note_constants(self, kept: NDArray[np.bool_], fed: NDArray[np.bool_]) -> None:
        """Count the kept scalars [out, in / groups, taps] of the last layer that no unit feeds.

        `fed` says of each column whether a unit feeds it.
        """
        if fed.all():
            return
        groups = fed.size // kept.shape[1]
        n_each = kept.reshape(groups, -1, *kept.shape[1:]).sum(axis=(1, 3)).ravel()
        n_kept = int(n_each[~fed].sum())
        if n_kept:
            self.constant_weights[self.layers[-1].name] = n_kept

    def apply(self, function: str, activation: Activation) -> None:
        """Say that inside an operation other units take these after a function."""
        units = activation.units.reshape(-1).numpy()
        self.functions.append((function, units[units > NOTHING]))

    def graph(self, **details: Any) -> NetGraph:
        """Finish the graph, which uses up the builder's edges."""
        self._count_once()
        blocks, edges = self._blocks(), [x for arriving in self.edges.values() for x in arriving]
        weights, count, scalars = assembled(edges, self.layers[-1].stop)
        options = {key: x for key, x in asdict(self.options).items() if key != "max_edges"}
        traced = step("trace", **options, **details)
        layers = tuple(self.layers)
        attributes = {} if self.activation is None else {ACTIVATION: self.activation}
        steps, positions = (traced,), self._positions()
        return NetGraph(
            weights, count, layers, tuple(blocks), steps, positions, scalars, attributes
        )

    def _positions(self) -> NDArray[np.int32] | None:
        """The index of every unit in its layer; None: 0, 1, … in each."""
        if not self.positions:
            return None
        each = [self.positions.get(i, np.arange(x.n_units)) for i, x in enumerate(self.layers)]
        return np.concatenate(each).astype(np.int32)

    def _count_once(self) -> None:
        """Reduce the sizes of weights to the scalars that no weight before them has."""
        edges = [x for _, arriving in sorted(self.edges.items()) for x in arriving]
        weighted = [(x, x.scalars) for x in edges if x.scalars is not None]
        sizes = sizes_once([scalars for _, scalars in weighted])
        for (x, _), once in zip(weighted, sizes, strict=True):
            x.size = {layer: once.get(layer, 0) for layer in x.size}

    def _blocks(self) -> list[Block]:
        return [
            Block(
                self.layers[source].name,
                self.layers[target].name,
                edges.parameter,
                edges.kind,
                0 if edges.kind == WIRING else size,
            )
            for target, arriving in sorted(self.edges.items())
            for edges in arriving
            for source, size in sorted(edges.size.items())
        ]
