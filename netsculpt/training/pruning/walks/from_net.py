"""The graph that random walks move on, from a live net."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import WIRING, Layer, Role
from netsculpt.tracing.engine.edges import Entries, LayerWeight
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import Program
from netsculpt.training.pruning.report import LiveUnits
from netsculpt.training.pruning.walks.edges import kept_edges, live_units
from netsculpt.training.pruning.walks.graph import Connection, WalkGraph

__all__ = ["NetWalkGraph", "walk_graph"]


@dataclass(frozen=True, eq=False)
class NetWalkGraph:
    """A walk graph whose scalars are the net's weights, one after the other."""

    graph: WalkGraph
    shapes: Mapping[str, torch.Size]
    layers: tuple[Layer, ...]

    def by_weight(self, values: NDArray[np.bool_]) -> dict[str, Tensor]:
        """One value per scalar, as tensors of the shapes of the weights."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        parts = torch.split(torch.from_numpy(values.copy()), sizes)
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in pairs}

    def flat(self, values: Mapping[str, Tensor], *, missing: bool = False) -> NDArray[Any]:
        """One value per scalar, from tensors of the shapes of the weights."""
        parts = [
            values[name] if name in values else torch.full(shape, missing)
            for name, shape in self.shapes.items()
        ]
        return torch.cat([part.detach().cpu().flatten() for part in parts]).numpy()

    def live(self, kept: NDArray[np.bool_]) -> LiveUnits:
        """Units on input→output paths of what is kept, by layer."""
        source, target, _ = kept_edges(self.graph, kept)
        return LiveUnits.of(self.layers, live_units(self.graph, source, target))


def walk_graph(
    net: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    weights: Mapping[str, Tensor],
    strength: Callable[[Tensor], Tensor] = torch.abs,
) -> NetWalkGraph:
    """The walk graph of a net, which is traced with numbers in place of some weights.

    So each entry of what the net derives from a weight, such as a transpose or a slice, tells its
    scalar. Walks also pass through weights that are not named; these are not counted.

    Raises
    ------
    TopologyError
        If the net cannot be traced, or computes with a weight before it uses it.
    """
    inputs = (example,) if isinstance(example, Tensor) else tuple(example)
    sizes = [x.numel() for x in weights.values()]
    firsts = dict(zip(weights, np.cumsum([0, *sizes]).tolist(), strict=False))
    build, _ = followed(_with_numbers(exported(net, inputs), weights, firsts), TraceOptions())
    used = [layer_weight.weight for layer_weight in build.layer_weights]
    uncounted = [x.value.abs().flatten() for x in used if x.parameter not in weights]
    counted = [torch.zeros(0), *(strength(x.detach()).cpu().flatten() for x in weights.values())]
    strengths = torch.cat([*counted, *uncounted]).numpy()
    next_uncounted, listed, connections = sum(sizes), [np.zeros(0, np.int64)], []
    for layer_weight, weight in zip(build.layer_weights, used, strict=True):
        name = weight.parameter
        if name is None or name not in weights:
            first, next_uncounted = next_uncounted, next_uncounted + weight.value.numel()
        else:
            begin, end = firsts[name], firsts[name] + weights[name].numel()
            scalars = _scalars(weight.value, begin, end, name)
            if isinstance(scalars, int):
                first = scalars
            else:
                first = strengths.size + sum(x.size for x in listed)
                listed.append(scalars)
        connections += _connections(layer_weight, first)
    wires = [x for edges in build.edges.values() for x in edges if x.kind == WIRING]
    pairs = [_pairs(x.entries) for x in wires]
    n_units = [layer.n_units for layer in build.layers]
    feeding = {layer for edges in build.edges.values() for x in edges for layer in x.size}
    graph = WalkGraph(
        strengths,
        sum(sizes),
        np.concatenate(listed),
        connections,
        np.concatenate([np.zeros((0, 2), np.int64), *pairs]),
        np.repeat(np.arange(len(n_units)), n_units),
        _units(build.layers, "input", set(build.edges)),
        _units(build.layers, "output", feeding),
    )
    shapes = {name: x.shape for name, x in weights.items()}
    return NetWalkGraph(graph, shapes, tuple(build.layers))


def _pairs(entries: Entries) -> NDArray[np.int64]:
    """Source and target of each edge."""
    pairs = np.empty((entries.n_edges, 2), np.int64)
    for part in entries.parts():
        pairs[part.place] = np.stack([part.source, part.target], axis=1)
    return pairs


def _units(layers: Sequence[Layer], role: Role, joined: Collection[int]) -> NDArray[np.int64]:
    """Units of the layers with a role, and of states that are not joined to others."""
    chosen = [
        np.arange(x.start, x.stop)
        for index, x in enumerate(layers)
        if x.role == role or (x.role == "state" and index not in joined)
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def _with_numbers(
    program: Program, weights: Mapping[str, Tensor], firsts: Mapping[str, int]
) -> Program:
    """The program with 1, 2, … in place of the named weights; 0 would not be an edge."""
    constants = dict(program.constants)
    for name, constant in constants.items():
        parameter = constant.parameter
        if parameter is not None and parameter in weights:
            shape, begin = constant.value.shape, firsts[parameter]
            numbers = torch.arange(1 + begin, 1 + begin + constant.value.numel())
            constants[name] = replace(
                constant, value=numbers.double().reshape(shape), keep=None, is_mask=False
            )
    return replace(program, constants=constants)


def _connections(layer_weight: LayerWeight, first: int) -> list[Connection]:
    """One connection per copy of a weight, each with its own units."""
    taken, (n_out, width, *taps) = layer_weight.taken, layer_weight.weight.value.shape
    return [
        Connection(
            first,
            (n_out, width, math.prod(taps)),
            layer_weight.start + copy * n_out + np.arange(n_out),
            taken.column[taken.copies == copy],
            taken.unit[taken.copies == copy],
            layer_weight.groups,
        )
        for copy in range(taken.n_copies)
    ]


def _scalars(value: Tensor, begin: int, end: int, parameter: str) -> int | NDArray[np.int64]:
    """The scalar of each entry; only the first if they follow one another."""
    number = value.flatten().numpy()
    first = int(number[0]) - 1 if number.size else begin
    if begin <= first <= end - number.size and not (np.diff(number) != 1).any():
        return first
    scalar = number.astype(np.int64) - 1
    belongs = (number == scalar + 1) & (scalar >= begin) & (scalar < end)
    if not belongs.all() or np.bincount(scalar - begin).max(initial=0) > 1:
        raise TopologyError(
            f"the net computes with {parameter!r} before it multiplies by it (a mask, a norm of "
            "weights, …), so that its entries cannot be told apart: walks need a plain net; remove "
            "parametrizations and masks first"
        )
    return scalar
