"""Whether a graph has a path from each input unit to each output unit that it moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils import _pytree

from families.model import Model
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import Granularity, TraceOptions
from netsculpt.tracing.program import Ref, leaves

__all__ = ["Reach", "reach"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_ZERO = 1e-12  # of the largest derivative: smaller ones are rounding
_MORE = 6  # times as many points, as long as an input has not moved what its paths lead to


@dataclass(frozen=True)
class Reach:
    """Pairs of an input unit and an output unit, counted."""

    n_pairs: int
    n_paths: int  # with a path
    n_missing: int  # without a path, though the input moves the output: the graph is wrong
    n_extra: int  # with a path, though the input does not move the output


@dataclass(frozen=True, eq=False)
class _Traced:
    """A graph, and the units of the elements of inputs and outputs."""

    graph: NetGraph
    inputs: tuple[Ints, ...]  # unit of each element, or that of token 0 of its vocabulary
    vocabularies: tuple[Ints, ...]  # how many tokens each element can be; 0: it is a number
    outputs: tuple[Ints, ...]


def reach(model: Model, granularity: Granularity, *, n_points: int, seed: int) -> Reach:
    r"""Compare paths with :math:`\partial y_i / \partial x_j` at several random inputs.

    For tokens :math:`x_j` is an entry of the one-hot vector that an embedding multiplies. The
    statistics of norms are units here, because they do move the outputs.
    """
    traced = _traced(
        model, TraceOptions(norms="dense", granularity=granularity, unroll=model.unroll)
    )
    rows = np.unique(np.concatenate(traced.outputs))
    generator = torch.Generator().manual_seed(seed)
    moved = np.zeros((rows.size, traced.graph.n_units), bool)
    pairs = zip(traced.inputs, traced.vocabularies, strict=True)
    inputs = np.unique(np.concatenate([_every(*x) for x in pairs]))
    paths = _paths(traced.graph, inputs)[:, rows].T & (rows != NOTHING)[:, None]
    net = model.net.double()
    for point in range(_MORE * n_points):
        if point >= n_points and not (paths & ~moved[:, inputs]).any():
            break
        moved |= _moved(net, model.example, traced, rows, generator)
    net.float()
    moved = moved[:, inputs]
    return Reach(
        moved.size, int(paths.sum()), int((moved & ~paths).sum()), int((paths & ~moved).sum())
    )


def _every(first: Ints, sizes: Ints) -> Ints:
    """The units of the elements of an input, and those of all of their tokens."""
    pairs = zip(first.tolist(), np.maximum(sizes, 1).tolist(), strict=True)
    return np.unique(np.concatenate([np.arange(x, x + size) for x, size in pairs]))


def _traced(model: Model, options: TraceOptions) -> _Traced:
    program = exported(model.net, model.example)
    builder, shadows = followed(program, options)
    inputs, vocabularies = zip(
        *(_input_units(shadows[name], builder) for name in program.inputs), strict=True
    )
    values = [shadows[x.name] if isinstance(x, Ref) else None for x in leaves(program.outputs)]
    outputs = [
        x.units.reshape(-1).numpy() if isinstance(x, Activation) else np.array([NOTHING])
        for x in values
    ]
    return _Traced(builder.graph(), inputs, vocabularies, tuple(outputs))


def _input_units(shadow: Activation, builder: Builder) -> tuple[Ints, Ints]:
    units = shadow.units.reshape(-1).numpy().copy()
    sizes = np.zeros_like(units)
    for token, layer in builder.tokens.items():
        at = units == token
        units[at], sizes[at] = layer.start, layer.n_units
    return units, sizes


def _paths(graph: NetGraph, inputs: Ints) -> Bools:
    """Whether a path leads from each of some units to each unit [inputs, U]."""
    steps = graph.pattern.weights.astype(np.float32)
    reached = np.zeros((inputs.size, graph.n_units), bool)
    reached[np.arange(inputs.size), inputs] = True
    front = reached
    while front.any():
        front = ((front.astype(np.float32) @ steps) > 0) & ~reached
        reached = reached | front
    return reached


def _moved(
    net: torch.nn.Module,
    example: tuple[Tensor, ...],
    traced: _Traced,
    rows: Ints,
    generator: torch.Generator,
) -> Bools:
    """Whether each unit of the inputs moves the elements of each unit of the outputs at a point."""
    pairs = zip(example, traced.vocabularies, strict=True)
    given = [_drawn(x, sizes, generator) for x, sizes in pairs]
    hots: list[tuple[Tensor, Ints]] = []  # one-hot vectors, and the unit of each token 0
    with mock.patch.object(functional, "embedding", _multiplied(given, traced, hots)):
        values = [x for x in _pytree.tree_leaves(net(*given)) if isinstance(x, Tensor)]
    asked: list[Tensor] = [x for x in given if x.requires_grad]
    units = [u for x, u in zip(given, traced.inputs, strict=True) if x.requires_grad]
    for hot, first in hots:
        asked.append(hot)
        units.append((first[:, None] + np.arange(hot.shape[-1])).reshape(-1))
    slopes = np.zeros((rows.size, traced.graph.n_units))
    flat = torch.cat([x.reshape(-1) for x in values])
    of_element = np.concatenate(traced.outputs)
    for row, unit in enumerate(rows.tolist()):
        weights = torch.randn(flat.shape, generator=generator, dtype=torch.float64)
        weights = weights.masked_fill(torch.from_numpy(of_element != unit), 0.0)
        total = (flat * weights).sum()
        if not total.requires_grad:
            continue
        found = torch.autograd.grad(total, asked, retain_graph=True, allow_unused=True)
        for gradient, own in zip(found, units, strict=True):
            if gradient is not None:
                np.add.at(slopes[row], own, gradient.abs().reshape(-1).numpy())
    result: Bools = slopes > _ZERO * max(slopes.max(initial=0.0), 1e-300)
    return result


def _drawn(example: Tensor, sizes: Ints, generator: torch.Generator) -> Tensor:
    if example.is_floating_point():
        point = torch.randn(example.shape, generator=generator, dtype=torch.float64)
        return point.requires_grad_()
    if not sizes.any():
        return example
    draws = torch.rand(example.shape, generator=generator).reshape(-1)
    return (draws * torch.from_numpy(sizes)).long().reshape(example.shape)


def _multiplied(
    given: list[Tensor], traced: _Traced, hots: list[tuple[Tensor, Ints]]
) -> Callable[..., Tensor]:
    """An embedding that multiplies one-hot vectors, and keeps those of the inputs' tokens."""
    starts: Mapping[int, Ints] = defaultdict(
        lambda: np.zeros(0, np.int64),
        {
            x.untyped_storage().data_ptr(): units
            for x, units in zip(given, traced.inputs, strict=True)
            if not x.is_floating_point()
        },
    )

    def embedding(tokens: Tensor, table: Tensor, *_: Any, **__: Any) -> Tensor:
        hot = functional.one_hot(tokens, table.shape[0]).to(table.dtype)
        units = starts[tokens.untyped_storage().data_ptr()]
        if units.size:  # a view of an input
            hot.requires_grad_()
            elements = torch.from_numpy(units).as_strided(
                tokens.shape, tokens.stride(), tokens.storage_offset()
            )
            hots.append((hot, elements.reshape(-1).numpy()))
        return hot @ table

    return embedding
