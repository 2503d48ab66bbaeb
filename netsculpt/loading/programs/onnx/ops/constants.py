"""Values from nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value
from netsculpt.tracing.program import Constant

__all__ = ["OPS"]

_NUMBERS = {
    "value_float": torch.float32,
    "value_floats": torch.float32,
    "value_int": torch.int64,
    "value_ints": torch.int64,
}


def _constant(node: Node) -> Value:
    for name in ("value", "sparse_value"):
        found: Any = node.attribute(name)
        if isinstance(found, Constant):
            named = node.name if found.value.is_floating_point() and found.value.ndim else None
            return node.emitter.constant(replace(found, parameter=named))
    for name, dtype in _NUMBERS.items():
        found = node.attribute(name)
        if found is not None:
            return node.constant(found, dtype)
    raise node.refusal("it holds no numbers")


def _filled(node: Node) -> Value:
    found = node.attribute("value")
    shape = node.numbers(0)
    if found is None:
        return node.emit("full", shape, 0.0, dtype=torch.float32)
    if not isinstance(found, Constant) or found.value.numel() != 1:
        raise node.refusal("its value is not one number")
    return node.emit("full", shape, found.value.item(), dtype=found.value.dtype)


def _range(node: Node) -> Value:
    given = [node.number(at) for at in range(3)]
    return node.emit("arange", *given, dtype=node.input(0).meta.dtype)


OPS = {"Constant": _constant, "ConstantOfShape": _filled, "Range": _range}
