"""Operations of other dialects of ATen, under the names and with the arguments that rules know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from netsculpt.tracing.program import Op, Ref

if TYPE_CHECKING:
    from netsculpt.loading.programs.exported.node import Node

__all__ = ["OTHER_NAMES", "renamed"]

Shape = Callable[[str], tuple[int, ...]]  # of a value, by its name
Call = tuple[str, tuple[Any, ...]]  # name and arguments


def renamed(node: Node, at: int, shape: Shape) -> list[Op]:
    """The operation, and those that take its results apart."""
    args = node.args
    if node.name in _RENAMED:
        name, args = _RENAMED[node.name](_Given(node, shape))
        options: Mapping[str, Any] = {}
    else:
        name, options = node.name, node.options
    if name == "addmm" and options.get("alpha", 1) != 1:
        raise node.refusal(f"its product is multiplied by {options['alpha']}")
    several = name in _SEVERAL or (node.several and node.name not in _RENAMED)
    outputs = node.outputs if several else node.outputs[:1]
    first = next((x for x in outputs if x is not None), None)
    if first is None:
        raise node.refusal("what it gives is no tensor")
    value = f"{at}:{first}" if several else first  # no name of the graph has a colon
    op = Op(name, args, options, value, shape(first), node.layer)
    parts = enumerate(outputs) if several else ()
    return [op] + [
        Op("getitem", (Ref(value), i), {}, part, shape(part), node.layer)
        for i, part in parts
        if part is not None
    ]


class _Given:
    """Arguments of a node, and shapes."""

    def __init__(self, node: Node, shape: Shape) -> None:
        self.args, self.shape, self.outputs = node.args, shape, node.outputs


def _convolution(given: _Given) -> Call:
    x, weight, bias, stride, padding, dilation, transposed, more, groups = given.args
    n = len(given.shape(weight.name)) - 2
    if transposed:
        return f"conv_transpose{n}d", (x, weight, bias, stride, padding, more, groups, dilation)
    return f"conv{n}d", (x, weight, bias, stride, padding, dilation, groups)


def _batch_norm(given: _Given) -> Call:
    x, weight, bias, mean, variance, training, momentum, epsilon = given.args[:8]
    if training:
        return "_native_batch_norm_legit", (x, weight, bias, True, momentum, epsilon)
    stored = (mean, variance, momentum, epsilon)
    return "_native_batch_norm_legit_no_training", (x, weight, bias, *stored)


def _layer_norm(given: _Given) -> Call:
    return "layer_norm", given.args[:5]


def _group_norm(given: _Given) -> Call:
    x, weight, bias, _, _, _, groups, epsilon = given.args
    return "group_norm", (x, groups, weight, bias, epsilon)


def _shaped(name: str) -> Callable[[_Given], Call]:
    return lambda given: (name, (given.args[0], list(given.shape(given.outputs[0] or ""))))


def _same(name: str) -> Callable[[_Given], Call]:
    return lambda given: (name, given.args)


_SEVERAL = ("_native_batch_norm_legit", "_native_batch_norm_legit_no_training")
_RENAMED: Mapping[str, Callable[[_Given], Call]] = {
    "_adaptive_avg_pool2d": _same("adaptive_avg_pool2d"),
    "_adaptive_avg_pool3d": _same("adaptive_avg_pool3d"),
    "_native_batch_norm_legit_functional": _batch_norm,
    "batch_norm": _batch_norm,
    "convolution": _convolution,
    "expand_as": _shaped("expand"),
    "native_group_norm": _group_norm,
    "native_layer_norm": _layer_norm,
    "reshape_as": _shaped("reshape"),
    "view_as": _shaped("view"),
}

OTHER_NAMES = frozenset(_RENAMED)
