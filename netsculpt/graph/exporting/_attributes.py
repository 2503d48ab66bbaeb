"""Attributes of units and edges, common to all formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.exporting._xml import escaped
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.interop import block_of, unit_columns
from netsculpt.graph.partition import Partition, labels_of

__all__ = ["Attribute", "edge_attributes", "formatted_lines", "node_attributes"]

_TAKEN: Final = frozenset({"id", "label", "layer", "role", "position", "module", "viz"})
_TYPES: Final = {"b": "boolean", "i": "long", "u": "long", "f": "double"}
_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # Java's and Python's
_CHUNK: Final = 1 << 14  # lines formatted at once


@dataclass(frozen=True, eq=False)
class Attribute:
    """One attribute of all nodes or of all edges."""

    name: str  # as XML
    type: str  # string, long, double or boolean, in GraphML and in GEXF
    values: Any  # strings as XML [U], or numbers [E]
    form: str = "%s"  # format of a value


def node_attributes(
    graph: NetGraph, partition: Partition | None, columns: Mapping[str, ArrayLike]
) -> list[Attribute]:
    """Attributes of the units, ``label`` first."""
    units = unit_columns(graph)
    layers = {layer.name: escaped(layer.name) for layer in graph.layers}
    attributes = [
        Attribute("label", "string", [escaped(name) for name in units["name"]]),
        Attribute("layer", "string", [layers[name] for name in units["layer"]]),
        Attribute("role", "string", units["role"]),
        Attribute("position", "long", units["position"]),
    ]
    attributes += [_column(graph, name, values) for name, values in graph.attributes.items()]
    if partition is not None:
        attributes.append(Attribute("module", "long", labels_of(graph, partition).tolist()))
    own = {name.lower() for name in graph.attributes}
    for name, values in columns.items():
        if name.lower() in own:
            raise GraphError(f"column {name!r} found: the graph has an attribute of that name")
        attributes.append(_column(graph, name, np.asarray(values)))
    return attributes


def edge_attributes(graph: NetGraph) -> list[Attribute]:
    """Attributes of the edges, ``weight`` first."""
    data = graph.weights.data
    form = "%.9g" if data.dtype == np.float32 else "%r"  # both are exact
    kinds = np.array([escaped(block.kind) for block in graph.blocks], dtype=object)
    attributes = [
        Attribute("weight", "double", data, form),
        Attribute("magnitude", "double", np.abs(data), form),
        Attribute("kind", "string", kinds[block_of(graph)]),
    ]
    if graph.multiplicity is not None:
        attributes.append(Attribute("multiplicity", "long", graph.multiplicity))
    return attributes


def formatted_lines(template: str, *columns: Any) -> Iterator[str]:
    """The template filled with each row of the columns, in chunks of many rows.

    One ``%`` for thousands of rows is several times faster than one per row.
    """
    for start in range(0, len(columns[0]), _CHUNK):
        parts = [column[start : start + _CHUNK] for column in columns]
        rows = [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]
        yield (template * len(rows[0])) % tuple(chain.from_iterable(zip(*rows, strict=True)))


def _column(graph: NetGraph, name: str, values: NDArray[Any]) -> Attribute:
    if name.lower() in _TAKEN:
        raise GraphError(f"column {name!r} found: {', '.join(sorted(_TAKEN))} are taken; rename it")
    if values.shape != (graph.n_units,):
        raise GraphError(
            f"column {name!r} has shape {list(values.shape)}: one value per unit is needed, "
            f"[{graph.n_units}]"
        )
    title, kind = escaped(name), values.dtype.kind
    if kind == "f":
        texts = [repr(value) for value in values.astype(np.float64).tolist()]
        return Attribute(title, "double", [_NOT_FINITE.get(text, text) for text in texts])
    if kind == "b":
        return Attribute(title, "boolean", np.where(values, "true", "false").tolist())
    if kind in _TYPES:
        return Attribute(title, _TYPES[kind], values.tolist())
    if not all(isinstance(value, str) for value in values):
        raise GraphError(f"column {name!r} is {values.dtype}: numbers, booleans or strings needed")
    return Attribute(title, "string", [escaped(value) for value in values.tolist()])
