"""Patches of pictures laid out as columns: the same units, and none at the padding."""

from __future__ import annotations

from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["patches"]

OPS = ("im2col",)


def patches(call: Call) -> Activation:
    """Units and factors of each patch."""

    def moved(values: Tensor, fill: float) -> Tensor:
        # in float64, which represents every unit exactly: padding is filled with 0
        columns: Tensor = call.op.run(
            lambda leaf: values.double() - fill if isinstance(leaf, Activation) else leaf
        )
        return columns + fill

    activation = call.activation()
    factor = None if activation.factor is None else moved(activation.factor, 1.0)
    return Activation(moved(activation.units, NOTHING).long(), factor, call.private)
