"""Operations of an exported program's JSON graph, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netsculpt.loading.programs.exported.arguments import Sizes, arguments
from netsculpt.loading.programs.exported.fields import field, name_in, only
from netsculpt.loading.programs.exported.node import NO_RULE, Node
from netsculpt.loading.programs.exported.operations import known, parsed, schema_of
from netsculpt.tracing.engine.activation import refusal

__all__ = ["nodes"]

_HARMLESS = frozenset(
    f"as_{kind}"
    for kind in (
        *("none", "int", "ints", "float", "floats", "bool", "bools", "string", "strings"),
        *("sym_int", "sym_ints", "sym_float", "sym_floats", "sym_bool", "sym_bools"),
    )
)


def nodes(graph: Mapping[str, Any], sizes: Sizes) -> list[Node]:
    """Operations in their order, without those on sizes alone, whose results are known."""
    return [node for x in field(graph, "nodes", list) for node in _read(x, sizes)]


def _read(given: Any, sizes: Sizes) -> Iterator[Node]:
    target, layer = name_in(given, "target"), _layer(given)
    outputs, several = _outputs(field(given, "outputs", list))
    found = parsed(target)
    if found is None:
        if not _on_sizes(given):
            raise refusal(target.removeprefix("torch.ops."), layer, NO_RULE)
        return
    name, overload = found
    in_place = name.endswith("_") and not name.endswith("__")
    plain = name[:-1] if in_place else name
    if plain in known():
        args, options = arguments(given, schema_of(name, overload), sizes)
        yield Node(plain, args, options, outputs, several, layer, in_place)
    elif in_place:
        raise refusal(name, layer, NO_RULE)
    elif outputs:  # an error only if something takes them
        yield Node(name, (), {}, outputs, several, layer, in_place)


def _outputs(given: list[Any]) -> tuple[tuple[str | None, ...], bool]:
    tagged = [only(x) for x in given]
    if len(tagged) == 1 and tagged[0][0] == "as_tensors":
        return tuple(name_in(x, "name") for x in tagged[0][1]), True
    names = tuple(name_in(x, "name") if kind == "as_tensor" else None for kind, x in tagged)
    return (names if any(names) else ()), len(tagged) > 1


def _on_sizes(node: Any) -> bool:
    """Whether it neither takes nor gives tensors, graphs or objects."""
    given = [field(x, "arg", dict) for x in field(node, "inputs", list)]
    return all(only(x)[0] in _HARMLESS for x in (*given, *field(node, "outputs", list)))


def _layer(node: Any) -> str:
    """The innermost layer that calls it, by the path that torch notes."""
    noted = node.get("metadata") if isinstance(node, dict) else None
    stack = noted.get("nn_module_stack", "") if isinstance(noted, dict) else ""
    parts = stack.rpartition(";")[2].split(",") if isinstance(stack, str) else []
    if len(parts) != 3 or parts[0].startswith("_empty_nn_module_stack"):
        return ""
    return name_in({"layer": parts[1]}, "layer")
