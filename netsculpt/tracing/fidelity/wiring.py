"""Layers without parameters of their own: edges from what meets in them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.fidelity.bench import Bench, error
from netsculpt.tracing.fidelity.run import given_to, number, ran
from netsculpt.tracing.program import Op, Ref

__all__ = ["checked_wiring", "unscaled"]

_SUMS = ("add", "sub", "rsub")
_OTHERS = ("mul", "maximum", "minimum")


def checked_wiring(bench: Bench, op: Op | None, at: int) -> tuple[str, float | None, str]:
    """Which check was made of a layer, its error, and why it was none."""
    if op is None and bench.build.layers[at].role == "output":
        return "values", _of_output(bench, at), ""
    given = [] if op is None else given_to(op, bench.shadows)
    if op is None:
        return "not checked", None, "no operation gives its units alone"
    if op.name not in (*_SUMS, *_OTHERS) or len(given) != 2:
        return "not checked", None, f"operation '{op.name}' is no sum or product of two activations"
    if op.name in _SUMS:
        found = _of_sum(bench, op, at)
        if found is None:
            return "not checked", None, "at no position all of a unit's sources meet"
        return "values", found, ""
    return "sources", max(_of_meeting(bench, op, at), unscaled(bench, at)), ""


def unscaled(bench: Bench, at: int) -> float:
    """The error of a layer whose edges nothing may have multiplied."""
    fold = bench.fold[bench.build.layers[at].units]
    return error(fold, np.ones_like(fold), np.abs(fold))


def _of_sum(bench: Bench, op: Op, at: int) -> float | None:
    """A sum of units with random values, wherever all of those that a unit stands for meet."""
    found = bench.shadows[op.output].units
    wanted = ran(op, lambda n: _random(bench, n))
    one, two = (
        bench.shadows[x].units.broadcast_to(found.shape) for x in given_to(op, bench.shadows)
    )
    meeting = (one != NOTHING).int() + ((two != NOTHING) & (two != one))
    block = bench.into(at)
    n_sources = torch.from_numpy(np.bincount(block.indices, minlength=block.shape[1]))
    local = found - bench.build.layers[at].start
    whole = (found != NOTHING) & (meeting == n_sources[local.clamp(min=0)])
    here, local = whole.numpy(), local[whole].numpy()
    if np.unique(local).size < block.shape[1]:
        return None
    sums, bounds = bench.values @ block, np.abs(bench.values) @ abs(block)
    fold = bench.fold[found.numpy()[here]]
    return error(sums[local], wanted.numpy()[here] * fold, bounds[local])


def _of_meeting(bench: Bench, op: Op, at: int) -> float:
    """The share of edges that are too many or too few: one from each unit that stands there."""
    found = bench.shadows[op.output].units
    n_units = bench.graph.n_units
    keys = []
    for name in given_to(op, bench.shadows):
        units = bench.shadows[name].units.broadcast_to(found.shape)
        here = units != NOTHING
        keys.append(units[here].numpy() * n_units + found[here].numpy())
    block = bench.into(at).tocoo()
    edges = block.row.astype(np.int64) * n_units + block.col + bench.build.layers[at].start
    wanted = np.unique(np.concatenate(keys))
    differing = np.setxor1d(wanted, edges).size
    return differing / max(np.union1d(wanted, edges).size, 1)


def _of_output(bench: Bench, at: int) -> float:
    """One edge to each unit of a layer that only hands on, of the factor that it comes with."""
    block = bench.into(at).tocoo()
    given = [bench.shadows[x.name] for x in bench.program.outputs if isinstance(x, Ref)]
    apart = np.full(block.data.size, np.inf)
    for value in given:
        if isinstance(value, Activation):
            apart = np.minimum(apart, np.abs(_factors(bench, value)[block.row] - block.data))
    single = np.array_equal(np.sort(block.col), np.arange(block.shape[1]))
    return error(apart, np.zeros_like(apart), np.abs(block.data)) if single else 1.0


def _factors(bench: Bench, value: Activation) -> NDArray[np.float64]:
    """The factor of each unit in an activation [U]; infinite for others."""
    found = np.full(bench.graph.n_units, np.inf)
    here = value.units > NOTHING
    found[value.units[here].numpy()] = value.factors[here].numpy()
    return found


def _random(bench: Bench, name: str) -> torch.Tensor:
    shadow = bench.shadows[name]
    value = bench.random(shadow) if isinstance(shadow, Activation) else number(shadow)
    assert isinstance(value, torch.Tensor)
    return value
