"""Read the attributes of an ONNX node as plain values."""

from __future__ import annotations

from typing import Any

from netsculpt.files.words import quoted
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.loading.programs.onnx.tensors import Tensors
from netsculpt.tracing.program import Constant

__all__ = ["attributes_of"]

_SINGLE, _LISTS = {1: "f", 2: "i", 3: "s"}, {6: "floats", 7: "ints", 8: "strings"}
_TENSOR, _GRAPHS, _SPARSE = 4, (5, 10), 11


def attributes_of(proto: Any, node: OnnxNode, tensors: Tensors) -> dict[str, Any]:
    """Attributes by name: numbers, text, lists of them, and tensors as constants."""
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        if attribute.name in attributes:
            raise node.refusal(f"it has two attributes {quoted(attribute.name)}")
        attributes[attribute.name] = _plain(attribute, node, tensors)
    return attributes


def _plain(attribute: Any, node: OnnxNode, tensors: Tensors) -> Any:
    kind = attribute.type
    if kind in _GRAPHS:
        raise node.refusal("it contains a graph, which runs or not depending on the inputs")
    if attribute.ref_attr_name:
        raise node.refusal("it refers to an attribute of a function")
    if kind == _TENSOR:
        return Constant(tensors.dense(attribute.t))
    if kind == _SPARSE:
        return Constant(*tensors.sparse(attribute.sparse_tensor))
    if kind in _LISTS:
        return [_text(x) for x in getattr(attribute, _LISTS[kind])]
    if kind not in _SINGLE:
        raise node.refusal(f"its attribute {quoted(attribute.name)} is of ONNX type {kind}")
    return _text(getattr(attribute, _SINGLE[kind]))


def _text(value: Any) -> Any:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
