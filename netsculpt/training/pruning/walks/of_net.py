"""A live net as random walks see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import WIRING, Layer, Role
from netsculpt.tracing.engine.edges import LayerWeight
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.program import Program
from netsculpt.training.pruning.walks.ways import Feed, Ways

__all__ = ["Numbered", "ways_of"]


@dataclass(frozen=True, eq=False)
class Numbered:
    """A net's ways, whose scalars are those of its weights, one weight after the other."""

    ways: Ways
    shapes: Mapping[str, torch.Size]

    def by_weight(self, kept: NDArray[np.bool_]) -> dict[str, Tensor]:
        """What is said of every scalar, as tensors of the shapes of the weights."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        parts = torch.split(torch.from_numpy(kept.copy()), sizes)
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in pairs}


def ways_of(
    module: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    weights: Mapping[str, Tensor],
    strength: Callable[[Tensor], Tensor] = torch.abs,
) -> Numbered:
    """The ways along some weights of a net, which is traced with their numbers in their places.

    So each entry of what the net makes of a weight, its transpose or a slice, says which scalar it
    is. Weights that are not named lead walks too, and are not counted.

    Raises
    ------
    TopologyError
        If the net cannot be traced, or computes with a weight before it uses it.
    """
    inputs = (example,) if isinstance(example, Tensor) else tuple(example)
    sizes = [x.numel() for x in weights.values()]
    firsts = dict(zip(weights, np.cumsum([0, *sizes]).tolist(), strict=False))
    build, _ = followed(_with_numbers(exported(module, inputs), weights, firsts), TraceOptions())
    strengths = [torch.zeros(0), *(strength(x.detach()).cpu().flatten() for x in weights.values())]
    held: list[int | NDArray[np.int64]] = []  # by each weight that feeds a layer
    for fed in build.layer_weights:
        name = fed.weight.parameter
        if name is not None and name in weights:
            first = firsts[name]
            held.append(_scalars(fed.weight.value, first, first + weights[name].numel(), name))
        else:  # not counted
            held.append(sum(x.numel() for x in strengths))
            strengths.append(fed.weight.value.abs().flatten())
    n_all = sum(x.numel() for x in strengths)
    listed, feeds = [np.zeros(0, np.int64)], []
    for fed, scalars in zip(build.layer_weights, held, strict=True):
        if isinstance(scalars, int):
            feeds += _feeds(fed, scalars)
        else:
            feeds += _feeds(fed, n_all + sum(x.size for x in listed))
            listed.append(scalars)
    wires = [x for some in build.edges.values() for x in some if x.kind == WIRING]
    pairs = [np.stack([x.source, x.target], axis=1) for x in wires]
    n_units = [layer.n_units for layer in build.layers]
    feeding = {at for some in build.edges.values() for x in some for at in x.size}
    ways = Ways(
        torch.cat(strengths).numpy(),
        sum(sizes),
        np.concatenate(listed),
        feeds,
        np.concatenate([np.zeros((0, 2), np.int64), *pairs]).astype(np.int64),
        np.repeat(np.arange(len(n_units)), n_units),
        _units(build.layers, "input", set(build.edges)),
        _units(build.layers, "output", feeding),
    )
    return Numbered(ways, {name: x.shape for name, x in weights.items()})


def _units(layers: Sequence[Layer], role: Role, joined: Collection[int]) -> NDArray[np.int64]:
    """Units of the layers of a role, and of states that are not joined to others."""
    chosen = [
        np.arange(x.start, x.stop)
        for at, x in enumerate(layers)
        if x.role == role or (x.role == "state" and at not in joined)
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def _with_numbers(
    program: Program, weights: Mapping[str, Tensor], firsts: Mapping[str, int]
) -> Program:
    """The program with 1, 2, … in place of the named weights: none is 0, which is no edge."""
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


def _feeds(fed: LayerWeight, first: int) -> list[Feed]:
    """A weight's copies, each with units of its own."""
    taken, (n_out, width, *taps) = fed.taken, fed.weight.value.shape
    return [
        Feed(
            first,
            (n_out, width, math.prod(taps)),
            fed.start + copy * n_out + np.arange(n_out),
            taken.column[taken.copies == copy],
            taken.unit[taken.copies == copy],
            fed.groups,
        )
        for copy in range(taken.n_copies)
    ]


def _scalars(value: Tensor, begin: int, end: int, parameter: str) -> int | NDArray[np.int64]:
    """Which scalar each entry is; the first, if they are one after the other."""
    number = value.flatten().numpy()
    first = int(number[0]) - 1 if number.size else begin
    if begin <= first <= end - number.size and not (np.diff(number) != 1).any():
        return first
    scalar = number.astype(np.int64) - 1
    own = (number == scalar + 1) & (scalar >= begin) & (scalar < end)
    if not own.all() or np.bincount(scalar - begin).max(initial=0) > 1:
        raise TopologyError(
            f"the net computes with {parameter!r} before it multiplies by it (a mask, a "
            "norm of weights, …), so that entries are not its own: walks need a plain net; remove "
            "parametrizations and masks first"
        )
    return scalar
