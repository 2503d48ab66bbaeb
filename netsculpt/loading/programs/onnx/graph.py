"""Translate a parsed ONNX graph into a program, node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.source import Source
from netsculpt.files.words import quoted
from netsculpt.loading.programs.onnx.attributes import attributes_of
from netsculpt.loading.programs.onnx.emitter import Emitter, Value
from netsculpt.loading.programs.onnx.inputs import declared_inputs
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.loading.programs.onnx.ops import translations
from netsculpt.loading.programs.onnx.tensors import Tensors
from netsculpt.tracing.names import is_binary
from netsculpt.tracing.program import Constant, Program

__all__ = ["program_of"]

_OPSETS = range(7, 29)  # versions of operators that the translations handle
_MOST_NODES = 30_000  # some 2 ms each
_SCOPES = "pkg.torch.onnx.name_scopes"


def program_of(model: Any, tensors: Tensors, source: Source) -> tuple[Program, dict[str, Any]]:
    """The program of a model, and details for its provenance."""
    graph, where = model.graph, source.where
    opset = _opset(model, where)
    if len(graph.node) > _MOST_NODES:
        raise LimitError(f"{where} has {len(graph.node)} nodes, at most {_MOST_NODES} are followed")
    constants = _initialisers(graph, tensors, where)
    inputs = [x for x in graph.input if x.name not in constants]
    emitter = Emitter(declared_inputs(inputs, where), source.max_bytes, where)
    values: dict[str, Value] = {name: emitter.constant(x) for name, x in constants.items()}
    for name, value in emitter.inputs().items():
        _define(values, name, value, where)
    used = {name for node in graph.node for name in node.input} | {x.name for x in graph.output}
    functions = {(function.domain, function.name) for function in model.functions}
    for proto in graph.node:
        node = _node(proto, opset, values, emitter, tensors, where)
        translated = _translated(node, proto, functions)
        for index, name in enumerate(proto.output):
            if name and index < len(translated):
                _define(values, name, translated[index], where)
            elif name in used - {""}:
                raise node.refusal(f"its output {index + 1} is used, and has no translation")
    for output in graph.output:
        if output.name not in values:
            raise FormatError(f"nothing in {where} makes its output {quoted(output.name)}")
    outputs = [values[output.name] for output in graph.output]
    parameters = frozenset([*_parameters(constants), *_nameless(graph, constants)])
    return emitter.program(outputs, parameters), {"opset": opset}


def _opset(model: Any, where: str) -> int:
    """Version of the standard operators."""
    versions = {x.version for x in model.opset_import if x.domain in ("", "ai.onnx")}
    if len(versions) != 1 or not versions <= set(_OPSETS):
        raise FormatError(
            f"{where} uses versions {sorted(versions)[:4]} of ONNX's operators (opset): one of "
            f"{_OPSETS[0]} to {_OPSETS[-1]} is needed. Export it again with such an opset_version"
        )
    return int(versions.pop())


def _initialisers(graph: Any, tensors: Tensors, where: str) -> dict[str, Constant]:
    constants: dict[str, Constant] = {}
    for proto in graph.initializer:
        _define(constants, proto.name, _constant(proto.name, tensors.dense(proto)), where)
    for proto in graph.sparse_initializer:
        value, keep = tensors.sparse(proto)
        _define(constants, proto.values.name, Constant(value, keep, proto.values.name), where)
    return constants


def _constant(name: str, value: torch.Tensor) -> Constant:
    """A constant of the file: a mask if it has zeros and ones; ones alone are rather a factor."""
    is_mask = is_binary(value) and not bool((value == 1).all())
    is_weight = value.is_floating_point() or value.dtype in (torch.int8, torch.uint8)
    return Constant(value, None, name if is_weight else None, is_mask)


def _define(values: dict[str, Any], name: str, value: Any, where: str) -> None:
    if not name or name in values:
        raise FormatError(
            f"{where} defines the value {quoted(name)} twice: each needs its own name; export the "
            "model again"
        )
    values[name] = value


def _node(
    proto: Any, opset: int, values: Mapping[str, Value], emitter: Emitter, tensors: Tensors,
    where: str,
) -> OnnxNode:  # fmt: skip
    name = proto.name or next((x for x in proto.output if x), "")
    missing = [x for x in proto.input if x and x not in values]
    if missing:
        raise FormatError(
            f"node {quoted(name)} in {where} takes {quoted(missing[0])}, which no node before "
            "it makes: nodes in the order in which they run are needed; export the model again"
        )
    inputs = [values[x] if x else None for x in proto.input]
    layer = _torch_layer(proto)
    layer = name if layer is None else layer
    node = OnnxNode(proto.op_type, name, layer, opset, inputs, len(proto.output), {}, emitter)
    node.attributes = attributes_of(proto, node, tensors)
    return node


def _translated(node: OnnxNode, proto: Any, functions: set[tuple[str, str]]) -> tuple[Value, ...]:
    translation = translations().get(proto.op_type)
    if (proto.domain, proto.op_type) in functions:
        raise node.refusal("it is a function defined in the model: inline it first")
    if proto.domain not in ("", "ai.onnx") or translation is None:
        domain = f" in domain {quoted(proto.domain)}" if proto.domain else ""
        raise node.refusal(f"there is no translation of it{domain}")
    values = translation(node)
    node.check_all_read()
    return values if isinstance(values, tuple) else (values,)


def _parameters(constants: Mapping[str, Constant]) -> list[str]:
    return [name for name, x in constants.items() if x.value.is_floating_point()]


def _nameless(graph: Any, constants: Mapping[str, Constant]) -> list[str]:
    """Names of weights after their torch layers, where the names in the file are made up."""
    weights: dict[str, list[str]] = {}
    for proto in graph.node:
        layer = _torch_layer(proto)
        if layer:
            names = [x for x in proto.input if x in constants and constants[x].value.ndim > 1]
            weights.setdefault(layer, []).extend(names)
    made_up = (x for x, names in weights.items() if names and not any("." in y for y in names))
    return [f"{layer}.weight" for layer in made_up]


def _torch_layer(proto: Any) -> str | None:
    """The torch layer that the exporter recorded, or the path in the node's name."""
    for entry in proto.metadata_props:
        if entry.key == _SCOPES:
            scopes = re.findall(r"'([^']*)'", entry.value)
            return scopes[-2] if len(scopes) > 1 else ""
    path = proto.name.strip("/").split("/")
    return ".".join(path[:-1]) if len(path) > 1 else None
