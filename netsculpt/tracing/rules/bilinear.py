"""Bilinear forms: products of all pairs of units, then a weight."""

from __future__ import annotations

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.copies import apply

__all__ = ["bilinear"]

OPS = ("bilinear",)


def bilinear(call: Call) -> Activation:
    """One unit per row of the weight, fed by the junctions of each pair of units."""
    one, two, weight = call.args[0], call.args[1], call.constant(2)
    if isinstance(one, Constant) or isinstance(two, Constant):
        raise call.refusal("one of its inputs is constant: write it as a linear layer")
    shape = (*one.shape, two.shape[-1])
    pairs = [
        one.changed(lambda x: x[..., :, None].expand(shape)),
        two.changed(lambda x: x[..., None, :].expand(shape)),
    ]
    met = junction(call.builder, pairs, f"{call.junction_name}.pairs")
    call.builder.input_dependent.append(call.builder.layers[-1].name)
    flat = met.changed(lambda x: x.flatten(-2))
    return apply(call, flat, weight.changed(lambda x: x.flatten(1)))
