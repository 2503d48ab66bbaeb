"""A graph's layers, blocks and provenance as JSON values, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.core.provenance import Step
from netsculpt.graph.graph import Block, Layer, NetGraph, Role

__all__ = ["description", "parts", "read_description"]

_FORMAT: Final = "netsculpt.graph/1"


def parts(graph: NetGraph) -> dict[str, list[dict[str, Any]]]:
    """Layers, blocks and provenance as dicts, with parameters of the provenance unchanged."""
    return {
        "layers": [
            {"name": x.name, "role": x.role, "shape": list(x.shape), "n_units": x.n_units}
            for x in graph.layers
        ],
        "blocks": [dict(vars(x)) for x in graph.blocks],
        "provenance": [{**vars(x), "parameters": dict(x.parameters)} for x in graph.provenance],
    }


def description(graph: NetGraph) -> dict[str, Any]:
    """Layers, blocks and provenance as JSON values, for `read_description` to read.

    Raises
    ------
    GraphError
        If a provenance parameter has no JSON form.
    """
    content = {"format": _FORMAT, **parts(graph)}
    try:
        plain: dict[str, Any] = json.loads(json.dumps(content, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise GraphError(
            f"the graph's description has no JSON form ({error}): strings, finite numbers, lists "
            "and mappings are needed in its provenance"
        ) from error
    return plain


def read_description(content: Any) -> tuple[tuple[Layer, ...], tuple[Block, ...], tuple[Step, ...]]:
    """Layers, blocks and provenance from a result of `description`.

    Raises
    ------
    ValueError
        If something is missing or of another type.
    """
    if _field(content, "format", str) != _FORMAT:
        raise ValueError(f"format {content['format']!r} found: this version reads {_FORMAT!r}")
    layers: list[Layer] = []
    for entry in _field(content, "layers", list):
        start = layers[-1].stop if layers else 0
        stop = start + _count(entry, "n_units")
        role = _field(entry, "role", str)
        if role not in get_args(Role):
            raise ValueError(f"role {role!r} found: one of {', '.join(get_args(Role))} is needed")
        shape = tuple(_field(entry, "shape", list))
        if not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError(f"shape {list(shape)} found: whole numbers are needed")
        layers.append(Layer(_field(entry, "name", str), role, shape, start, stop))
    blocks = tuple(
        Block(
            _field(entry, "source", str),
            _field(entry, "target", str),
            _field(entry, "parameter", str, type(None)),
            _field(entry, "kind", str),
            _count(entry, "size"),
        )
        for entry in _field(content, "blocks", list)
    )
    provenance = tuple(
        Step(
            _field(entry, "function", str),
            _field(entry, "parameters", dict),
            _field(entry, "version", str),
            _field(entry, "input_hash", str, type(None)),
        )
        for entry in _field(content, "provenance", list)
    )
    return tuple(layers), blocks, provenance


def _field(entry: Any, key: str, *kinds: type) -> Any:
    if not isinstance(entry, dict) or key not in entry or type(entry[key]) not in kinds:
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"the description lacks {key!r} ({wanted}) where it is needed")
    return entry[key]


def _count(entry: Any, key: str) -> int:
    number: int = _field(entry, key, int)
    if number < 0:
        raise ValueError(f"{key} {number} found in the description: a number ≥ 0 is needed")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} found")
