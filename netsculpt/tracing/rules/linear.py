"""Products with a weight matrix: a new layer."""

from __future__ import annotations

from netsculpt.tracing._edges import columns, weighted
from netsculpt.tracing._program import Constant
from netsculpt.tracing._values import Activation, Call

__all__ = ["linear"]

OPS = ("linear", "matmul", "mm", "addmm")


def linear(call: Call) -> Activation:
    """A unit for each row of the weight; the same for all positions."""
    given, weight = _operands(call)
    taken = columns(call, given, given.units.ndim - 1)
    if taken.mixed:
        raise call.refusal(
            "positions hold different units in the same column, so the weight is shared between "
            "units and not only between positions"
        )
    shape = call.op.shape
    start = weighted(call, weight, taken, kind="linear", shape=shape[1:])
    return call.build.fresh(start, shape, dim=len(shape) - 1)


def _operands(call: Call) -> tuple[Activation, Constant]:
    if call.op.name == "linear":
        return call.activation(0), call.constant(1)
    first = 1 if call.op.name == "addmm" else 0
    if first and not isinstance(call.args[0], Constant):
        raise call.refusal("what it adds depends on the inputs")
    weight = call.constant(first + 1)
    if weight.value.ndim != 2:
        raise call.refusal(f"its weight is {list(weight.value.shape)}, a matrix is needed")
    return call.activation(first), weight.changed(lambda matrix: matrix.T)
