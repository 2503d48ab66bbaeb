"""Arguments of the operations in an exported program, as `netsculpt.tracing.program` has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from netsculpt.loading.programs.exported.claims import DTYPES
from netsculpt.loading.programs.exported.fields import field, name_in, only, size_in
from netsculpt.tracing.program import Ref

__all__ = ["Sizes", "argument", "arguments"]

Sizes = Mapping[str, Any]  # "sym_int_values" of a graph

_LAYOUTS = {7: torch.strided}
_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_SPECIAL = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


def arguments(
    node: Any, schema: torch.FunctionSchema, sizes: Sizes
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional arguments, and keyword-only arguments by name."""
    entries = field(node, "inputs", list)
    values = {name_in(x, "name"): argument(field(x, "arg", dict), sizes) for x in entries}
    names = {x.name for x in schema.arguments}
    if len(values) < len(entries) or not set(values) <= names:
        raise ValueError(f"arguments {', '.join(values):.200} of {schema.name}")
    keywords = [x.name for x in schema.arguments if x.kwarg_only and x.name in values]
    positional = [x for x in schema.arguments if not x.kwarg_only]
    while positional and positional[-1].name not in values:
        positional.pop()
    for x in positional:
        if x.name not in values and not x.has_default_value():
            raise ValueError(f"{schema.name} lacks its argument {x.name}")
    args = tuple(values.get(x.name, x.default_value) for x in positional)
    return args, {name: values[name] for name in keywords}


def argument(tagged: Any, sizes: Sizes) -> Any:
    """One argument: a number, a string, a `Ref`, or a list of them."""
    kind, value = only(tagged)
    if kind in ("as_sym_int", "as_sym_ints"):
        return _size(value, sizes) if kind == "as_sym_int" else [_size(x, sizes) for x in value]
    if kind not in _READ:
        raise ValueError(f"an argument of kind {kind:.40}")
    return _READ[kind](value)


def _size(tagged: Any, sizes: Sizes) -> int:
    kind, value = only(tagged)
    if kind == "as_name":
        return size_in(sizes[value], open_to=f"the size {value:.80}")
    size: int = _plain(int)(value)
    return size


def _plain(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{type(value).__name__} where {kind.__name__} is needed")
        return value

    return read


def _list(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda values: [read(x) for x in _plain(list)(values)]


def _float(value: Any) -> float:
    if type(value) is str:
        return _SPECIAL[value]
    if type(value) not in (int, float):
        raise ValueError(f"{type(value).__name__} where a number is needed")
    return float(value)


def _ref(value: Any) -> Ref:
    return Ref(name_in(value, "name"))


def _optional(value: Any) -> Ref | None:
    kind, inner = only(value)
    if kind == "as_none":
        return None
    if kind != "as_tensor":
        raise ValueError(f"an optional tensor of kind {kind:.40}")
    return _ref(inner)


_READ: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_tensor": _ref,
    "as_tensors": _list(_ref),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _list(_optional),
    "as_int": _plain(int),
    "as_ints": _list(_plain(int)),
    "as_float": _float,
    "as_floats": _list(_float),
    "as_bool": _plain(bool),
    "as_bools": _list(_plain(bool)),
    "as_string": _plain(str),
    "as_scalar_type": lambda value: DTYPES[_plain(int)(value)],
    "as_memory_format": lambda value: _FORMATS[_plain(int)(value)],
    "as_layout": lambda value: _LAYOUTS[_plain(int)(value)],
    "as_device": lambda _: torch.device("cpu"),
}
