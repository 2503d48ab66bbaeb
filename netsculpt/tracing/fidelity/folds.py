"""By what edges that arrive at a unit were multiplied, measured on the operations themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.fidelity.run import given_to, number, ran
from netsculpt.tracing.program import Op, Program, Ref
from netsculpt.tracing.rules.addition import OPS as _SUMS
from netsculpt.tracing.rules.moves import OPS as _MOVES
from netsculpt.tracing.rules.norm import OPS as _NORMS
from netsculpt.tracing.rules.padding import OPS as _PADDINGS
from netsculpt.tracing.rules.product import OPS as _PRODUCTS
from netsculpt.tracing.rules.unchanged import OPS as _UNCHANGED

__all__ = ["folds"]

_GAMMA = {  # norms of what they are given, which are no straight lines: where γ stands
    "_native_batch_norm_legit": 1,
    "group_norm": 2,
    "instance_norm": 1,
    "layer_norm": 2,
    "rms_norm": 2,
}
_STRAIGHT = (
    *(*_SUMS, *_PRODUCTS, *_NORMS, *_MOVES, *_UNCHANGED, *_PADDINGS),
    *("getitem", "mean", "sum"),
)
_AVERAGES = ("avg_pool", "adaptive_avg_pool", "upsample", "_upsample")  # so their names begin
_BY_SHAPE = ("layer_norm", "rms_norm")


def folds(
    program: Program, shadows: Mapping[str, Any], build: Builder, sums: frozenset[str]
) -> NDArray[np.float64]:
    """The factor of each unit [U] that is not carried on by its activation.

    NaN where it is not the same at all positions of a unit, or where something else than that
    operation sees the unit before it: edges that arrive must not have been multiplied then.
    Values that are weighted sums of their units are `sums`.
    """
    makers = {op.output: op for op in program.ops}
    fold = np.ones(build.layers[-1].stop)
    for op in program.ops:
        given, found = given_to(op, shadows), shadows[op.output]
        found = found[0] if isinstance(found, list | tuple) and found else found
        skipped = op.name in _NORMS and not build.plan.fold_norms
        known = op.name in (*_SUMS, *_PRODUCTS, *_NORMS)
        if not known or skipped or len(given) != 1 or not isinstance(found, Activation):
            continue
        before = shadows[given[0]].factors.broadcast_to(found.units.shape)
        rest = _slope(op, shadows, given[0]).broadcast_to(found.units.shape) * before
        carried = found.factors
        ratio = torch.where(rest == carried, 1.0, rest / carried)
        here = found.units > NOTHING
        units, ratios = found.units[here].numpy(), ratio[here].numpy()
        of_unit = np.ones(fold.size)
        of_unit[units] = ratios
        differ = np.abs(of_unit[units] - ratios) > 1e-9 * np.abs(ratios)
        if (ratios != 1).any() and not _straight(program, shadows, makers, sums, given[0]):
            differ |= np.abs(ratios - 1) > 1e-9
        of_unit[units[differ]] = np.nan
        fold *= of_unit
    return fold


def _straight(
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
    given = given_to(op, shadows)
    straight = op.name in _STRAIGHT or op.name.startswith(_AVERAGES)
    return straight and all(_straight(program, shadows, makers, sums, x) for x in given)


def _slope(op: Op, shadows: Mapping[str, Any], name: str) -> Tensor:
    """By how much what an operation gives grows with what it takes."""
    shape = shadows[name].units.shape
    if op.name in _GAMMA:
        at = _GAMMA[op.name]
        gamma = op.args[at] if len(op.args) > at else op.options.get("weight")
        if not isinstance(gamma, Ref):
            return torch.ones(shape, dtype=torch.float64)
        value: Tensor = number(shadows[gamma.name])
        return value if op.name in _BY_SHAPE else value.view(-1, *[1] * (len(shape) - 2))

    def at_level(level: float) -> Tensor:
        def of(other: str) -> Any:
            if other == name:
                return torch.full(shape, level, dtype=torch.float64)
            value = number(shadows[other])
            return torch.zeros_like(value) if op.name in _SUMS else value  # it may be infinite

        value = ran(op, of)
        found: Tensor = value[0] if isinstance(value, list | tuple) else value
        return found

    return at_level(1.0) - at_level(0.0)
