"""Operations that change nothing in evaluation mode, and casts."""

from __future__ import annotations

import torch

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.loading.programs.onnx.tensors import TYPES

__all__ = ["OPS"]


def _identity(node: OnnxNode) -> Value:
    return node.input(0)


def _dropout(node: OnnxNode) -> Value:
    node.ignore(1, "ratio", "seed", "is_test")
    if node.number(2, default=False):
        raise node.refusal("it drops elements at random: export the net after net.eval()")
    return node.input(0)


def _cast(node: OnnxNode) -> Value:
    to = node.attribute("to", 0)
    if to not in TYPES:
        raise node.refusal(f"it casts to ONNX type {to}")
    return _as(node, node.input(0), TYPES[to])


def _cast_like(node: OnnxNode) -> Value:
    return _as(node, node.input(0), node.input(1).meta.dtype)


def _as(node: OnnxNode, value: Value, dtype: torch.dtype) -> Value:
    node.ignore("saturate", "round_mode")  # of types that are not supported
    if not value.constant and value.meta.is_floating_point() and not dtype.is_floating_point:
        raise node.refusal("it rounds an activation to integers")
    if value.meta.dtype == dtype:
        return value
    return node.emit("_to_copy", value, dtype=dtype)


OPS = {"Cast": _cast, "CastLike": _cast_like, "Dropout": _dropout, "Identity": _identity}
