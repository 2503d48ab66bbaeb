"""Constants and ranges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.tracing.program import Constant

__all__ = ["OPS"]

_NUMBERS = {
    "value_float": torch.float32,
    "value_floats": torch.float32,
    "value_int": torch.int64,
    "value_ints": torch.int64,
}


def _constant(node: OnnxNode) -> Value:
    for name in ("value", "sparse_value"):
        value: Any = node.attribute(name)
        if isinstance(value, Constant):
            is_weight = value.value.is_floating_point() and value.value.ndim
            parameter = node.name if is_weight else None
            return node.emitter.constant(replace(value, parameter=parameter))
    for name, dtype in _NUMBERS.items():
        value = node.attribute(name)
        if value is not None:
            return node.constant(value, dtype)
    raise node.refusal("it has no numbers")


def _filled(node: OnnxNode) -> Value:
    constant = node.attribute("value")
    shape = node.numbers(0)
    if constant is None:
        return node.emit("full", shape, 0.0, dtype=torch.float32)
    if not isinstance(constant, Constant) or constant.value.numel() != 1:
        raise node.refusal("its value is not one number")
    return node.emit("full", shape, constant.value.item(), dtype=constant.value.dtype)


def _range(node: OnnxNode) -> Value:
    bounds = [node.number(index) for index in range(3)]
    return node.emit("arange", *bounds, dtype=node.input(0).meta.dtype)


OPS = {"Constant": _constant, "ConstantOfShape": _filled, "Range": _range}
