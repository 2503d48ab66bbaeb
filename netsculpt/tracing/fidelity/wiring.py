"""Check layers without parameters: each unit against the units that meet in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.edges import Floats
from netsculpt.tracing.fidelity.bench import Bench, Outcome, error
from netsculpt.tracing.fidelity.run import activations_of, number, ran
from netsculpt.tracing.program import Op, inputs_of
from netsculpt.tracing.rules.addition import OPS as _SUMS

__all__ = ["checked_wiring", "error_of_output", "unscaled"]

_OTHERS = ("mul", "maximum", "minimum")


def checked_wiring(bench: Bench, op: Op, layer: int) -> Outcome:
    """The check of a layer without parameters."""
    if op.name not in (*_SUMS, *_OTHERS) or len(activations_of(op, bench.shadows)) != 2:
        return Outcome.skipped(f"operation '{op.name}' is not a sum or product of two activations")
    uneven = bench.builder.layers[layer].name in bench.builder.input_dependent
    if op.name in _SUMS and not uneven:
        largest = _error_of_sum(bench, op, layer)
        if largest is None:
            return Outcome.skipped("some units of the layer are at no position of the sum")
        return Outcome("values", largest)
    return Outcome("sources", max(_error_of_meeting(bench, op, layer), unscaled(bench, layer)))


def unscaled(bench: Bench, layer: int) -> float:
    """The error of a layer whose edges nothing may have multiplied."""
    fold = bench.fold[bench.builder.layers[layer].units]
    return error(fold, np.ones_like(fold), np.abs(fold))


def _error_of_sum(bench: Bench, op: Op, layer: int) -> float | None:
    """A sum of units with random values, wherever the most operands of a unit meet."""
    units = bench.shadows[op.output].units

    def numbers(name: str) -> Any:
        shadow = bench.shadows[name]
        return bench.random(shadow) if isinstance(shadow, Activation) else number(shadow)

    expected = ran(op, numbers)
    # an edge is the sum of what all operands bring: where one brings nothing, as at a node without
    # neighbours or at padding, it is another position of the same unit, which shows only a part
    arriving = torch.stack(
        [
            bench.shadows[x].units.broadcast_to(units.shape) != NOTHING
            for x in activations_of(op, bench.shadows)
        ]
    ).sum(0)
    block = bench.into(layer)
    local = units - bench.builder.layers[layer].start
    inside = (local >= 0) & (local < block.shape[1])
    most = np.zeros(block.shape[1], np.int64)
    np.maximum.at(most, local[inside].numpy(), arriving[inside].numpy())
    whole = inside & (arriving == torch.from_numpy(most)[local.clamp(0, block.shape[1] - 1)])
    here, local = whole.numpy(), local[whole].numpy()
    if np.unique(local).size < block.shape[1]:
        return None
    sums, bounds = bench.values @ block, np.abs(bench.values) @ abs(block)
    fold = bench.fold[units.numpy()[here]]
    return error(sums[local], expected.numpy()[here] * fold, bounds[local])


def _error_of_meeting(bench: Bench, op: Op, layer: int) -> float:
    """The share of edges that are superfluous or missing: one is needed from each unit there."""
    target = bench.shadows[op.output].units
    n_units = bench.graph.n_units
    keys = []
    names = activations_of(op, bench.shadows)
    heard = torch.ones(target.shape, dtype=torch.bool)
    if op.name == "mul":  # of what is multiplied by 0, as nothing arrives there, nothing is taken
        for zero in (bench.builder.silent.get(name) for name in names):
            heard = heard if zero is None else heard & ~zero.broadcast_to(target.shape)
    for name in names:
        units = bench.shadows[name].units.broadcast_to(target.shape)
        here = (units != NOTHING) & (target != NOTHING) & heard
        keys.append(units[here].numpy() * n_units + target[here].numpy())
    block = bench.into(layer).tocoo()
    edges = block.row.astype(np.int64) * n_units + block.col + bench.builder.layers[layer].start
    expected = np.unique(np.concatenate(keys))
    differing = np.setxor1d(expected, edges).size
    return differing / max(np.union1d(expected, edges).size, 1)


def error_of_output(bench: Bench, layer: int) -> float:
    """One edge to each unit of an identity layer, whose weight is the factor of its source."""
    block = bench.into(layer).tocoo()
    apart = np.full(block.data.size, np.inf)
    for name in inputs_of(bench.program.outputs):
        value = bench.shadows[name]
        if isinstance(value, Activation):
            apart = np.minimum(apart, np.abs(_factors(bench, value)[block.row] - block.data))
    single = np.array_equal(np.sort(block.col), np.arange(block.shape[1]))
    return error(apart, np.zeros_like(apart), np.abs(block.data)) if single else 1.0


def _factors(bench: Bench, value: Activation) -> Floats:
    """The factor of each unit in an activation [U]; infinite for others."""
    factors = np.full(bench.graph.n_units, np.inf)
    here = value.units > NOTHING
    factors[value.units[here].numpy()] = value.factors[here].numpy()
    return factors
