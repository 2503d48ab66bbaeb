"""The factors that edges into each unit should carry, measured on the operations themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Floats
from netsculpt.tracing.fidelity.run import activations_of, number, ran
from netsculpt.tracing.norms.normalisation import Normalisation
from netsculpt.tracing.program import Op, Program, Ref, leaves
from netsculpt.tracing.rules.addition import OPS as _SUMS
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.norm import OPS as _NORMS
from netsculpt.tracing.rules.padding import OPS as _PADDINGS
from netsculpt.tracing.rules.product import OPS as _PRODUCTS
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["folds"]

_GAMMA = {  # norms by statistics of their input, which are not linear: the argument that is γ
    "_native_batch_norm_legit": 1,
    "group_norm": 2,
    "instance_norm": 1,
    "layer_norm": 2,
    "rms_norm": 2,
}
_LINEAR = (
    *(*_SUMS, *_PRODUCTS, *_NORMS, *_MOVES, *_UNCHANGED, *_PADDINGS),
    *("mean", "sum"),
)
_AVERAGES = ("avg_pool", "adaptive_avg_pool", "upsample", "_upsample")  # beginnings of names
_BY_SHAPE = ("layer_norm", "rms_norm")


def folds(
    program: Program, shadows: Mapping[str, Any], builder: Builder, sums: frozenset[str]
) -> Floats:
    """The factor of each unit [U] that its activation does not carry on.

    NaN where the factor differs between positions of a unit, or where another operation takes the
    unit first: then the edges into it must not have been multiplied. `sums` names the values that
    are weighted sums of their units.
    """
    makers = {op.output: op for op in program.ops}
    fold = np.ones(builder.layers[-1].stop)
    for op in program.ops:
        taken, after = activations_of(op, shadows), next(leaves(shadows[op.output]), None)
        skipped = op.name in _NORMS and not builder.options.fold_norms
        scales = op.name in (*_SUMS, *_PRODUCTS, *_NORMS)
        if not scales or skipped or len(taken) != 1 or not isinstance(after, Activation):
            continue
        units_before = shadows[taken[0]].units.broadcast_to(after.units.shape)
        before = shadows[taken[0]].factors.broadcast_to(after.units.shape)
        if op.name in _NORMS and ((units_before != after.units) & (after.units != NOTHING)).any():
            before = torch.ones(())  # edges into the junction with the statistics have it
        product = _slope(op, shadows, taken[0]).broadcast_to(after.units.shape) * before
        carried = after.factors
        ratio = torch.where(product == carried, 1.0, product / carried)
        here = after.units > NOTHING
        units, ratios = after.units[here].numpy(), ratio[here].numpy()
        of_unit = np.ones(fold.size)
        of_unit[units] = ratios
        differ = np.abs(of_unit[units] - ratios) > 1e-9 * np.abs(ratios)
        if (ratios != 1).any() and not _is_private_sum(program, shadows, makers, sums, taken[0]):
            differ |= np.abs(ratios - 1) > 1e-9
        of_unit[units[differ]] = np.nan
        fold *= of_unit
    return fold


def _is_private_sum(
    program: Program,
    shadows: Mapping[str, Any],
    makers: Mapping[str, Op],
    sums: frozenset[str],
    name: str,
) -> bool:
    """Whether a value is a weighted sum, moved or multiplied, that only one operation takes."""
    op = makers.get(name)
    if op is None or program.uses[name] > 1:
        return False
    if name in sums:
        return True
    linear = op.name in _LINEAR or op.name.startswith(_AVERAGES)
    taken = activations_of(op, shadows)
    return linear and all(_is_private_sum(program, shadows, makers, sums, x) for x in taken)


def _slope(op: Op, shadows: Mapping[str, Any], name: str) -> Tensor:
    """The derivative of an operation's value with respect to one of its activations."""
    shape = shadows[name].units.shape
    if isinstance(op, Normalisation):
        return op.factor
    if op.name in _GAMMA:
        gamma = op.arg(_GAMMA[op.name], "weight")
        if not isinstance(gamma, Ref):
            return torch.ones(shape, dtype=torch.float64)
        value: Tensor = number(shadows[gamma.name])
        return value if op.name in _BY_SHAPE else value.view(-1, *[1] * (len(shape) - 2))

    def at_level(level: float) -> Tensor:
        def numbers(other: str) -> Any:
            if other == name:
                return torch.full(shape, level, dtype=torch.float64)
            value = number(shadows[other])
            return torch.zeros_like(value) if op.name in _SUMS else value  # it may be infinite

        first: Tensor = next(leaves(ran(op, numbers)))
        return first

    slope = at_level(1.0) - at_level(0.0)
    return slope.abs() if slope.is_complex() else slope
