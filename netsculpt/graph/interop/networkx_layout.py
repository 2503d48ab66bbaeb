"""Layers, blocks and attributes of a networkx graph."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.provenance import Step, step
from netsculpt.graph.description import read_description
from netsculpt.graph.graph import WIRING, Block, Layer, Role
from netsculpt.graph.interop.edges import deep_layers, layers_of, named_layers

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["DESCRIPTION", "Layout", "layout_of", "numbers", "whole"]

DESCRIPTION: Final = "netsculpt"  # graph attribute: layers, blocks, provenance, dtypes as JSON
_WEIGHTS: Final = {"float32", "float64"}
_OF_ATTRIBUTE: Final = re.compile("[<|]([iu][1248]|f[48]|b1|U[0-9]{1,9})")
_ROLES: Final = frozenset(get_args(Role))
_COUNTS: Final = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def layout_of(other: nx.DiGraph[Any]) -> Layout:
    """The layout that is stored in a graph, or told by its nodes, or else that of their depths."""
    if DESCRIPTION in other.graph:
        return _stored_layout(other)
    nodes = [attributes for _, attributes in other.nodes(data=True)]
    if nodes and all(isinstance(x.get("layer"), str) and x.get("role") in _ROLES for x in nodes):
        return _layout_by_names(other)
    return _layout_by_depth(other)


@dataclass(frozen=True, eq=False)
class Layout:
    """Layers and blocks of a networkx graph, with its nodes in their own order."""

    layer_of: NDArray[np.int64]  # [nodes]
    positions: NDArray[np.int32]  # [nodes]
    layers: tuple[Layer, ...]
    blocks: tuple[Block, ...]
    provenance: tuple[Step, ...]
    weight_dtype: str = "float64"
    multiplicity_dtype: str | None = None  # None: no multiplicity
    has_scalars: bool = False  # whether edges say which of them share scalars
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # name → [nodes]


def _stored_layout(other: nx.DiGraph[Any]) -> Layout:
    try:
        content = json.loads(other.graph[DESCRIPTION])
        layers, blocks, provenance = read_description(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise GraphError(
            f"the graph's attribute {DESCRIPTION!r} is not what to_networkx writes ({error}): "
            "remove it to read the graph like any other"
        ) from error
    dtypes = content.get("weight_dtype"), content.get("multiplicity_dtype")
    if dtypes[0] not in _WEIGHTS or dtypes[1] not in {None, *_COUNTS}:
        raise GraphError(f"dtypes {dtypes} found: floats and integers of NumPy are needed")
    index = {layer.name: number for number, layer in enumerate(layers)}
    for node, attributes in other.nodes(data=True):
        if attributes.get("layer") not in index:
            raise GraphError(
                f"node {node!r} has no layer of the graph: set its attribute 'layer' to one of "
                f"{list(index)[:20]}"
            )
    layer_of = np.array([index[x["layer"]] for _, x in other.nodes(data=True)], dtype=np.int64)
    positions = [x.get("position") for _, x in other.nodes(data=True)]
    return Layout(
        layer_of,
        whole("position", positions, "int32"),
        layers_of([(x.name, x.role, x.shape) for x in layers], layer_of),
        blocks,
        provenance,
        *dtypes,
        content.get("scalars") is True,
        {
            name: _column(other, name, dtype)
            for name, dtype in _stored_dtypes(content.get("attributes", {})).items()
        },
    )


def _stored_dtypes(dtypes: Any) -> dict[str, str]:
    known = isinstance(dtypes, dict) and all(
        isinstance(x, str) and _OF_ATTRIBUTE.fullmatch(x) for x in dtypes.values()
    )
    if not known:
        raise GraphError(
            f"attributes {dtypes!r:.100} found: names and dtypes of NumPy are needed, as "
            "to_networkx writes them"
        )
    return dict(dtypes)


def _column(other: nx.DiGraph[Any], name: str, dtype: str) -> NDArray[Any]:
    """A stored attribute of all nodes; strings may have become longer."""
    kind = np.dtype(dtype).kind
    legal = {"U": str, "b": bool, "f": Real}.get(kind, Integral)
    values = [attributes.get(name) for _, attributes in other.nodes(data=True)]
    for node, value in zip(other, values, strict=True):
        if not isinstance(value, legal):
            raise GraphError(
                f"node {node!r} has {name} {value!r:.80}: a value of type {legal.__name__} is "
                "needed on every node"
            )
    try:
        return np.array(values, dtype="U" if kind == "U" else dtype)
    except OverflowError as error:
        raise GraphError(f"attribute {name!r} has values beyond {dtype}") from error


def _layout_by_names(other: nx.DiGraph[Any]) -> Layout:
    """Layers as the nodes name them, in the order in which they first come."""
    nodes = [attributes for _, attributes in other.nodes(data=True)]
    layers, layer_of = named_layers([x["layer"] for x in nodes], [x["role"] for x in nodes])
    index = {layer.name: number for number, layer in enumerate(layers)}
    of_node = {node: x["layer"] for node, x in other.nodes(data=True)}
    kinds = {
        (of_node[source], of_node[target]): str(attributes.get("kind", "linear"))
        for source, target, attributes in other.edges(data=True)
    }
    sizes = {layer.name: layer.n_units for layer in layers}
    blocks = tuple(
        Block(a, b, None, kind, 0 if kind == WIRING else sizes[a] * sizes[b])
        for (a, b), kind in sorted(kinds.items(), key=lambda x: [index[name] for name in x[0]])
    )
    positions = [attributes.get("position", row) for row, attributes in enumerate(nodes)]
    counts = [attributes.get("multiplicity") for *_, attributes in other.edges(data=True)]
    return Layout(
        layer_of,
        whole("position", positions, "int32"),
        layers,
        blocks,
        (step("from_networkx"),),
        multiplicity_dtype="int64" if counts and None not in counts else None,
    )


def _layout_by_depth(other: nx.DiGraph[Any]) -> Layout:
    import networkx as nx

    depth: dict[Any, int] = {}
    try:
        for level, generation in enumerate(nx.topological_generations(other)):
            depth.update(dict.fromkeys(generation, level))
    except nx.NetworkXUnfeasible as error:
        cycle = [source for source, _ in nx.find_cycle(other)]
        raise GraphError(
            f"a cycle through {cycle[:5]} found: edges must lead from input to output; unroll "
            "recurrent connections in time"
        ) from error
    feeds = np.array([out > 0 for _, out in other.out_degree()], dtype=bool)
    layers, layer_of = deep_layers(np.array([depth[x] for x in other], dtype=np.int64), feeds)
    place = dict(zip(other, layer_of.tolist(), strict=True))
    pairs = sorted({(place[source], place[target]) for source, target in other.edges})
    blocks = tuple(
        Block(layers[a].name, layers[b].name, None, "linear", layers[a].n_units * layers[b].n_units)
        for a, b in pairs
    )
    return Layout(
        layer_of, np.arange(layer_of.size, dtype=np.int32), layers, blocks, (step("from_networkx"),)
    )


def numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    """Weights of edges; raises unless each is a number."""
    for value in values:
        if not isinstance(value, Real):
            raise GraphError(f"weight {value!r} found: a number is needed on every edge")
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except OverflowError as error:
        raise GraphError("a weight beyond 1.8e308 found: scale the weights") from error


def whole(name: str, values: Sequence[Any], dtype: str) -> NDArray[Any]:
    """Whole numbers of a type; raises unless each is one."""
    for value in values:
        if not isinstance(value, Integral):
            raise GraphError(f"{name} {value!r} found: a whole number is needed")
    try:
        return np.array([int(value) for value in values], dtype=dtype)
    except OverflowError as error:
        raise GraphError(f"{name} {max(values)} or {min(values)} is beyond {dtype}") from error
