"""Functions of single elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode, plain

__all__ = ["OPS"]

_SELU = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}
_PLAIN = {
    **{name: name.lower() for name in ("Abs", "Acos", "Asin", "Atan", "Ceil", "Cos", "Erf", "Exp")},
    **{name: name.lower() for name in ("Floor", "HardSwish", "Log", "Mish", "Neg", "Reciprocal")},
    **{name: name.lower() for name in ("Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus")},
    **{name: name.lower() for name in ("Sqrt", "Tan", "Tanh", "IsInf", "IsNaN")},
    "Not": "logical_not",
}
_WITH_ALPHA = {"Celu": ("celu", 1.0), "Elu": ("elu", 1.0), "LeakyRelu": ("leaky_relu", 0.01)}


def _with_alpha(op: str, alpha: float, node: OnnxNode) -> Value:
    return node.emit(op, node.input(0), node.attribute("alpha", alpha))


def _selu(node: OnnxNode) -> Value:
    for name, value in _SELU.items():
        if not math.isclose(node.attribute(name, value), value, rel_tol=1e-6):
            raise node.refusal(f"its {name} is not the {value:.7g} of SELU")
    return node.emit("selu", node.input(0))


def _hard_sigmoid(node: OnnxNode) -> Value:
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return node.emit("hardsigmoid", node.input(0))
    scaled = node.emit("mul", node.input(0), alpha)
    return node.emit("clamp", node.emit("add", scaled, beta), 0.0, 1.0)


def _gelu(node: OnnxNode) -> Value:
    return node.emit("gelu", node.input(0), approximate=node.attribute("approximate", "none"))


def _swish(node: OnnxNode) -> Value:
    if node.attribute("alpha", 1.0) != 1:
        raise node.refusal("its alpha is not 1")
    return node.emit("silu", node.input(0))


def _threshold(node: OnnxNode) -> Value:
    return node.emit("threshold", node.input(0), node.attribute("alpha", 1.0), 0.0)


def _prelu(node: OnnxNode) -> Value:
    value, slope = node.input(0), node.input(1)
    aligned = [1] * (value.ndim - slope.ndim) + list(slope.shape)
    n = math.prod(slope.shape)
    if n != 1 and (value.ndim < 2 or aligned != [1, n, *[1] * (value.ndim - 2)]):
        raise node.refusal(f"its slope is {list(slope.shape)}: one, or one per channel, is needed")
    return node.emit("prelu", value, node.emit("reshape", slope, [n]))


def _clip(node: OnnxNode) -> Value:
    if node.opset < 11:
        low, high = node.attribute("min"), node.attribute("max")
    else:
        low, high = node.number(1), node.number(2)
    value = node.input(0)
    return value if low is None and high is None else node.emit("clamp", value, low, high)


def _softmax(op: str, node: OnnxNode) -> Value:
    value = node.input(0)
    axis = node.axis(node.attribute("axis", -1 if node.opset >= 13 else 1), value.ndim)
    if node.opset < 13 and axis != value.ndim - 1:
        raise node.refusal("it normalises several axes together, as before opset 13")
    return node.emit(op, value, axis)


OPS: dict[str, Callable[[OnnxNode], Value]] = {
    **{name: plain(op, 1) for name, op in _PLAIN.items()},
    **{name: partial(_with_alpha, *defaults) for name, defaults in _WITH_ALPHA.items()},
    "Clip": _clip,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "LogSoftmax": partial(_softmax, "log_softmax"),
    "PRelu": _prelu,
    "Selu": _selu,
    "Softmax": partial(_softmax, "softmax"),
    "Swish": _swish,
    "ThresholdedRelu": _threshold,
}
