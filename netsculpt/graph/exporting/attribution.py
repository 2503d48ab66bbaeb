"""Attribution graphs in the JSON that circuit-tracer and Neuronpedia exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.core.plain import plain
from netsculpt.graph.attribution import EMBEDDING, LOGIT, Nodes, typed
from netsculpt.graph.attribution.supernodes import supernodes, with_supernodes
from netsculpt.graph.exporting._attributes import formatted_lines
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["attribution"]

_KEYS: Final = {  # column of the graph → key of a node
    "node_id": "node_id",
    "feature": "feature",
    "token_position": "ctx_idx",
    "feature_type": "feature_type",
    "token_prob": "token_prob",
    "clerp": "clerp",
    "influence": "influence",
    "feature_activation": "activation",
}
_SETTINGS: Final = {"pinnedIds": [], "supernodes": [], "linkType": "both", "clickedId": ""}


def attribution(graph: NetGraph, partition: Partition | None) -> Iterator[str]:
    """The text of an attribution graph; with a partition, its modules are supernodes.

    Whatever else its own file held (the prompt, the name of the model) is not in the graph, so it
    is not here: ``netsculpt export graph.json`` copies it.

    Raises
    ------
    GraphError
        If it is not an attribution graph.
    """
    kinds = typed(graph, ".json")
    missing = {*Nodes.__dataclass_fields__} - {"layer"} - set(graph.attributes)
    if missing:
        raise GraphError(
            f"the graph has no columns {', '.join(sorted(missing))}: an attribution graph as "
            "netsculpt.load reads it has them; write .npz, .gexf or .graphml"
        )
    listed = [] if partition is None else supernodes(graph, partition)
    head = {
        "metadata": _metadata(graph, kinds),
        "qParams": with_supernodes({**_SETTINGS, "sg_pos": ""}, listed),
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "nodes": [\n'
    yield ",\n".join(json.dumps(node, ensure_ascii=False) for node in _nodes(graph, kinds))
    yield '\n], "links": ['
    ids = np.array([json.dumps(name) for name in graph.attributes["node_id"].tolist()], object)
    data = graph.weights.data
    texts = np.array([repr(x) for x in data.astype(np.float64).tolist()], object)
    columns = ids[graph.sources], ids[graph.weights.indices], texts
    separator = "\n"
    for lines in formatted_lines(',\n{"source": %s, "target": %s, "weight": %s}', *columns):
        yield separator + lines[2:]
        separator = ",\n"
    yield "\n]}\n"


def _metadata(graph: NetGraph, kinds: Any) -> dict[str, Any]:
    names, at = graph.attributes["clerp"], graph.attributes["token_position"]
    tokens = [""] * (int(at.max(initial=-1)) + 1)
    for unit in np.flatnonzero(kinds == EMBEDDING).tolist():
        tokens[at[unit]] = str(names[unit])
    return {
        "slug": "netsculpt",
        "scan": "",
        "transcoder_list": [],
        "prompt_tokens": tokens,
        "prompt": "".join(tokens),
        "schema_version": 1,
    }


def _nodes(graph: NetGraph, kinds: Any) -> Iterator[dict[str, Any]]:
    columns = {key: graph.attributes[name].tolist() for name, key in _KEYS.items()}
    last = max((_number(layer.name) for layer in graph.layers), default=0) + 2  # as circuit-tracer
    likely = int(np.argmax(graph.attributes["token_prob"]))
    for unit, values in enumerate(zip(*columns.values(), strict=True)):
        node = dict(zip(columns, values, strict=True))
        layer = graph.layers[graph.layer_of[unit]].name
        kind = kinds[unit]
        if kind == EMBEDDING:
            node["layer"] = "E"
        elif kind == LOGIT:
            told = str(node["node_id"]).partition("_")[0]
            node["layer"] = told if told.isdecimal() else str(last)
        else:
            node["layer"] = str(_number(layer))
        node["is_target_logit"] = unit == likely and kind == LOGIT
        node["jsNodeId"] = node["node_id"]
        yield plain(node)


def _number(name: str) -> int:
    """The layer of the model that "3" and "3 errors" name; −1 for others."""
    first = name.partition(" ")[0]
    return int(first) if first.isdecimal() else -1
