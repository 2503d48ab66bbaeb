"""Functions of single elements: the units stay the same."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant, leaves
from netsculpt.tracing.rules._parts.meeting import meet

__all__ = ["elementwise"]

OPS = (
    *("abs", "celu", "clamp", "clamp_min", "clamp_max", "cos", "elu", "erf", "exp", "gelu"),
    *("hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log", "log_sigmoid", "mish"),
    *("pow", "prelu", "reciprocal", "relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "sin"),
    *("softplus", "sqrt", "square", "tanh", "hardshrink", "softshrink", "threshold", "sign"),
    *(
        "acos",
        "acosh",
        "angle",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "clip",
        "cosh",
        "digamma",
    ),
    *("erfc", "erfinv", "exp2", "expm1", "floor", "frac", "imag", "lgamma", "log10", "log1p"),
    *("log2", "logit", "nan_to_num", "real", "round", "rrelu", "sgn", "sinc", "sinh"),
    *("special_entr", "special_erf", "special_expit", "special_expm1", "special_log1p"),
    *("float_power", "special_logit", "tan", "tanhshrink", "trunc", "fmod", "remainder", "relu_"),
    *("absolute", "floor_divide", "heaviside"),
)


def elementwise(call: Call) -> Activation:
    """The same units, no longer private: a later factor cannot be moved before the function.

    Where several activations meet in it, as in a power of two, they are a junction.
    """
    if len(call.activations) > 1 or not isinstance(call.args[0], Activation):
        return meet(call, [x.broadcast(call.op.shape) for x in call.activations])
    return replace(_of_constants(call), private=False)


def _of_constants(call: Call) -> Activation:
    """The activation whose zeros and −∞ are what the function makes of them."""
    activation = call.activation()
    none = activation.units == NOTHING
    if activation.factor is None or not bool((none & (activation.factor != 1)).any()):
        return activation
    known, factor = torch.tensor([0.0, -torch.inf]), activation.factor
    made = [float(x) for x in _run(call, known)]
    for before, after in zip(known.tolist(), made, strict=True):
        stays = after if after in (0.0, -torch.inf) else 1.0
        factor = factor.masked_fill(none & (activation.factor == before), stays)
    return replace(activation, factor=factor)


def _run(call: Call, values: Tensor) -> Tensor:
    """The function of some numbers; of none of them known where other tensors are part of it."""
    others = [x for x in leaves((call.args[1:], call.op.kwargs)) if isinstance(x, Constant)]
    if others or call.op.name == "imag":  # which takes no real numbers
        return torch.ones_like(values)
    made: Tensor = call.op.run(lambda leaf: values if isinstance(leaf, Activation) else leaf)
    return made
