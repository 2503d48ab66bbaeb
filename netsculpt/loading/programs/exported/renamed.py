"""Rename operations of other dialects of ATen to those that rules handle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from netsculpt.tracing.program import Op, Ref

if TYPE_CHECKING:
    from netsculpt.loading.programs.exported.node import ExportedNode

__all__ = ["OTHER_NAMES", "renamed"]

Shape = Callable[[str], tuple[int, ...]]  # of a value, by its name
Target = tuple[str, tuple[Any, ...]]  # name and arguments
Renaming = Callable[["ExportedNode", Shape], Target]


def renamed(node: ExportedNode, index: int, shape: Shape) -> list[Op]:
    """The operation of a node, and those that take its values apart."""
    args = node.args
    if node.name in _RENAMED:
        name, args = _RENAMED[node.name](node, shape)
        kwargs: Mapping[str, Any] = {}
    else:
        name, kwargs = node.name, node.kwargs
    if name == "addmm" and kwargs.get("alpha", 1) != 1:
        raise node.refusal(f"its product is multiplied by {kwargs['alpha']}")
    several = name in _SEVERAL or (node.several and node.name not in _RENAMED)
    outputs = node.outputs if several else node.outputs[:1]
    first = next((x for x in outputs if x is not None), None)
    if first is None:
        raise node.refusal("its value is not a tensor")
    value = f"{index}:{first}" if several else first  # no name of the graph has a colon
    op = Op(name, args, kwargs, value, shape(first), node.layer)
    parts = enumerate(outputs) if several else ()
    return [op] + [
        Op("getitem", (Ref(value), place), {}, part, shape(part), node.layer)
        for place, part in parts
        if part is not None
    ]


def _convolution(node: ExportedNode, shape: Shape) -> Target:
    x, weight, bias, stride, padding, dilation, transposed, more, groups = node.args
    n = len(shape(weight.name)) - 2
    if transposed:
        return f"conv_transpose{n}d", (x, weight, bias, stride, padding, more, groups, dilation)
    return f"conv{n}d", (x, weight, bias, stride, padding, dilation, groups)


def _batch_norm(node: ExportedNode, _: Shape) -> Target:
    x, weight, bias, mean, variance, training, momentum, epsilon = node.args[:8]
    if training:
        return "_native_batch_norm_legit", (x, weight, bias, True, momentum, epsilon)
    stored = (mean, variance, momentum, epsilon)
    return "_native_batch_norm_legit_no_training", (x, weight, bias, *stored)


def _group_norm(node: ExportedNode, _: Shape) -> Target:
    x, weight, bias, _, _, _, groups, epsilon = node.args
    return "group_norm", (x, groups, weight, bias, epsilon)


def _shaped(name: str) -> Renaming:
    return lambda node, shape: (name, (node.args[0], list(shape(node.outputs[0] or ""))))


def _same(name: str) -> Renaming:
    return lambda node, _: (name, node.args)


_SEVERAL = ("_native_batch_norm_legit", "_native_batch_norm_legit_no_training")
_RENAMED: Mapping[str, Renaming] = {
    "_adaptive_avg_pool2d": _same("adaptive_avg_pool2d"),
    "_adaptive_avg_pool3d": _same("adaptive_avg_pool3d"),
    "_native_batch_norm_legit_functional": _batch_norm,
    "batch_norm": _batch_norm,
    "convolution": _convolution,
    "expand_as": _shaped("expand"),
    "native_group_norm": _group_norm,
    "native_layer_norm": lambda node, _: ("layer_norm", node.args[:5]),
    "reshape_as": _shaped("reshape"),
    "view_as": _shaped("view"),
}

OTHER_NAMES = frozenset(_RENAMED)
