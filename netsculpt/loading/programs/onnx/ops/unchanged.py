"""Operations that give what they take when a net evaluates."""

from __future__ import annotations

import torch

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.tensors import TYPES
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["OPS"]


def _identity(node: Node) -> Value:
    return node.input(0)


def _dropout(node: Node) -> Value:
    node.ignore(1, "ratio", "seed", "is_test")
    if node.number(2, default=False):
        raise node.refusal("it drops elements at random: export the net after net.eval()")
    return node.input(0)


def _cast(node: Node) -> Value:
    to = node.attribute("to", 0)
    if to not in TYPES:
        raise node.refusal(f"it makes elements of ONNX type {to}")
    return _as(node, node.input(0), TYPES[to])


def _cast_like(node: Node) -> Value:
    return _as(node, node.input(0), node.input(1).meta.dtype)


def _as(node: Node, given: Value, dtype: torch.dtype) -> Value:
    node.ignore("saturate", "round_mode")  # of types that are not read
    if not given.constant and given.meta.is_floating_point() and not dtype.is_floating_point:
        raise node.refusal("it rounds an activation to integers")
    if given.meta.dtype == dtype:
        return given
    return node.emit("_to_copy", given, dtype=dtype)


OPS = {"Cast": _cast, "CastLike": _cast_like, "Dropout": _dropout, "Identity": _identity}
