"""The operations of an exported program's JSON graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netsculpt.loading.programs.exported.arguments import Sizes, arguments
from netsculpt.loading.programs.exported.fields import field, name_in, only
from netsculpt.loading.programs.exported.node import NO_RULE, ExportedNode
from netsculpt.loading.programs.exported.operations import allowed, parsed, schema_of
from netsculpt.tracing.engine.activation import refusal

__all__ = ["nodes"]

_HARMLESS = frozenset(
    f"as_{kind}"
    for kind in (
        *("none", "int", "ints", "float", "floats", "bool", "bools", "string", "strings"),
        *("sym_int", "sym_ints", "sym_float", "sym_floats", "sym_bool", "sym_bools"),
    )
)


def nodes(graph: Mapping[str, Any], sizes: Sizes) -> list[ExportedNode]:
    """The operations in order, without those on sizes alone, whose results are stored."""
    return [node for x in field(graph, "nodes", list) for node in _read(x, sizes)]


def _read(node: Any, sizes: Sizes) -> Iterator[ExportedNode]:
    target, layer = name_in(node, "target"), _layer(node)
    outputs, several = _outputs(field(node, "outputs", list))
    parts = parsed(target)
    if parts is None:
        if not _on_sizes(node):
            raise refusal(target.removeprefix("torch.ops."), layer, NO_RULE)
        return
    name, overload = parts
    in_place = name.endswith("_") and not name.endswith("__")
    plain = name[:-1] if in_place else name
    if plain in allowed():
        args, kwargs = arguments(node, schema_of(name, overload), sizes)
        yield ExportedNode(plain, args, kwargs, outputs, several, layer, in_place)
    elif in_place:
        raise refusal(name, layer, NO_RULE)
    elif outputs:  # an error only if they are used
        yield ExportedNode(name, (), {}, outputs, several, layer, in_place)


def _outputs(entries: list[Any]) -> tuple[tuple[str | None, ...], bool]:
    tagged = [only(x) for x in entries]
    if len(tagged) == 1 and tagged[0][0] == "as_tensors":
        return tuple(name_in(x, "name") for x in tagged[0][1]), True
    names = tuple(name_in(x, "name") if kind == "as_tensor" else None for kind, x in tagged)
    return (names if any(names) else ()), len(tagged) > 1


def _on_sizes(node: Any) -> bool:
    """Whether a node neither takes nor returns tensors, graphs or objects."""
    inputs = [field(x, "arg", dict) for x in field(node, "inputs", list)]
    return all(only(x)[0] in _HARMLESS for x in (*inputs, *field(node, "outputs", list)))


def _layer(node: Any) -> str:
    """The innermost layer that calls a node, by the path that torch records."""
    metadata = node.get("metadata") if isinstance(node, dict) else None
    stack = metadata.get("nn_module_stack", "") if isinstance(metadata, dict) else ""
    parts = stack.rpartition(";")[2].split(",") if isinstance(stack, str) else []
    if len(parts) != 3 or parts[0].startswith("_empty_nn_module_stack"):
        return ""
    return name_in({"layer": parts[1]}, "layer")
