"""Functions of single elements: the units stay the same."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["elementwise"]

OPS = (
    *("abs", "celu", "clamp", "clamp_min", "clamp_max", "cos", "elu", "erf", "exp", "gelu"),
    *("hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log", "log_sigmoid", "mish", "neg"),
    *("pow", "prelu", "reciprocal", "relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "sin"),
    *("softplus", "sqrt", "square", "tanh", "hardshrink", "softshrink", "threshold", "sign"),
)


def elementwise(call: Call) -> Activation:
    """The same units, no longer private: a later factor cannot be moved before the function."""
    if any(isinstance(x, Activation) for x in call.args[1:]):
        raise call.refusal("two activations meet in it")
    return replace(call.activation(), private=False)
