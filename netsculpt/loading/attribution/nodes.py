"""The nodes of an attribution graph's file, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import is_number, is_whole
from netsculpt.files.errors import require_memory
from netsculpt.files.source import Source
from netsculpt.files.words import quoted, shown
from netsculpt.graph.attribution import EMBEDDING, ERROR, FEATURE, LOGIT, Nodes

__all__ = ["NodeTable"]

_LARGEST = 1 << 62  # number of a feature
_MOST_LAYERS = 1 << 20
_NEEDED = ("node_id", "layer", "ctx_idx", "feature_type")
_CHARACTER = 4  # bytes, in an array of strings
_NODE = 500  # bytes, in lists and a dict
_FIRST_LAYER = "E"  # of the tokens
_TYPES = (FEATURE, ERROR, EMBEDDING, LOGIT)
_ROUNDING = 1e-6  # of probabilities in float32


class NodeTable:
    """The nodes of a file, as they come. `ids` numbers their ids, together with the links."""

    def __init__(self, source: Source, ids: dict[str, int]) -> None:
        self._source, self._where, self._ids = source, source.where, ids
        self._rows: list[tuple[Any, ...]] = []
        self._number: list[int] = []
        self._longest = [1, 1, 1]

    def add(self, nodes: list[Any]) -> None:
        """Some more nodes."""
        for node in nodes:
            row = self._row(node)
            self._rows.append(row)
            self._number.append(self._ids.setdefault(row[0], len(self._ids)))
            lengths = (len(row[0]), len(row[2]), len(row[5]))
            self._longest = list(map(max, self._longest, lengths))
        n_bytes = len(self._rows) * (_NODE + _CHARACTER * sum(self._longest))
        require_memory(
            n_bytes,
            self._source.max_bytes,
            f"{self._where} has {len(self._rows)} nodes or more, with texts of up to "
            f"{max(self._longest)} characters: {n_bytes} bytes",
        )

    def finished(self, n_ids: int) -> tuple[Nodes, NDArray[np.int64], NDArray[np.int64]]:
        """The nodes, and the first and the second node of each id (−1: none)."""
        if not self._rows:
            raise FormatError(f"{self._where} has no nodes: an attribution graph is needed")
        ids, layer, kind, at, feature, clerp, *numbers = zip(*self._rows, strict=True)
        nodes = Nodes(
            np.array(ids, np.str_),
            np.array(layer, np.int64),
            np.array(kind, np.str_),
            np.array(at, np.int64),
            np.array(feature, np.int64),
            np.array(clerp, np.str_),
            *(np.array(x, np.float64) for x in numbers),
        )
        if not (nodes.feature_type == LOGIT).any():
            raise FormatError(
                f"{self._where}: the graph has no logit nodes: {len(kind)} nodes found, none of "
                f"feature_type {LOGIT!r}, so nothing is explained; keep candidates for the next "
                "token when the graph is pruned or edited"
            )
        number = np.array(self._number)
        first, second = np.full((2, n_ids), -1, np.int64)
        seen, places, counts = np.unique(number, return_index=True, return_counts=True)
        first[seen] = places
        for shared in seen[counts > 1].tolist():
            same = np.flatnonzero(number == shared)
            kinds = nodes.feature_type[same]
            if same.size > 2 or kinds[0] == kinds[1]:
                raise FormatError(
                    f"{self._where} has {same.size} nodes of id "
                    f"{quoted(nodes.node_id[same[0]])}: two can share one if one is an error and "
                    "one a feature; give others ids of their own"
                )
            second[shared] = same[1]
        return nodes, first, second

    def _row(self, node: Any) -> tuple[Any, ...]:
        """One node, in the order of `Nodes`."""
        if not isinstance(node, dict):
            raise FormatError(f"a node of {self._where} is {node!r:.80}: an object is needed")
        is_logit = node.get("feature_type") == LOGIT
        needed = [*_NEEDED, "token_prob"] if is_logit else _NEEDED
        missing = [name for name in needed if name not in node]
        name = quoted(node.get("node_id", "(none)"))
        if missing:
            raise FormatError(
                f"node {name} of {self._where} lacks {', '.join(missing)}: every "
                f"{'logit' if is_logit else 'node'} needs {', '.join(needed)}; write it again as "
                "circuit-tracer or Neuronpedia do"
            )
        return (
            self._text(node, "node_id"),
            self._layer(node, name),
            self._type(node),
            self._whole(node, "ctx_idx", None, 0),
            self._whole(node, "feature", -1, -_LARGEST),
            self._text(node, "clerp"),
            self._probability(node, is_logit=is_logit),
            self._number_of(node, "activation", np.nan),
            self._number_of(node, "influence", np.nan),
        )

    def _text(self, node: Mapping[str, Any], key: str) -> str:
        value = node.get(key)
        if value is None and key == "clerp":
            return ""
        if not isinstance(value, str) or (not value and key != "clerp"):
            raise self._wrong(node, key, "a text is needed")
        if any("\ud800" <= character <= "\udfff" for character in value) or "\0" in value:
            raise self._wrong(node, key, "text without half characters (lone surrogates) and zeros")
        return value

    def _type(self, node: Mapping[str, Any]) -> str:
        kind = self._text(node, "feature_type")
        if kind not in _TYPES:
            known = ", ".join(map(repr, _TYPES))
            raise self._wrong(node, "feature_type", f"one of {known} is needed")
        return kind

    def _probability(self, node: Mapping[str, Any], *, is_logit: bool) -> float:
        value: Any = node.get("token_prob")
        if value is None and not is_logit:
            return 0.0
        if not is_number(value) or not 0 <= value <= 1 + _ROUNDING:
            raise self._wrong(node, "token_prob", "a probability is needed, 0 … 1")
        return float(value)

    def _layer(self, node: Mapping[str, Any], name: str) -> int:
        layer, is_token = node["layer"], node["feature_type"] == EMBEDDING
        if (layer == _FIRST_LAYER) != is_token:
            raise FormatError(
                f"node {name} of {self._where} has layer {quoted(layer)} and type "
                f"{quoted(node['feature_type'])}: tokens ({EMBEDDING}), and no others, have layer "
                f"{_FIRST_LAYER!r}"
            )
        if is_token:
            return 0
        if isinstance(layer, str) and layer.isascii() and layer.isdecimal() and len(layer) < 10:
            layer = int(layer)
        if not is_whole(layer) or not 0 <= layer < _MOST_LAYERS:
            raise self._wrong(node, "layer", f"'{_FIRST_LAYER}' or a number of a layer is needed")
        return int(layer)

    def _whole(self, node: Mapping[str, Any], key: str, default: int | None, least: int) -> int:
        value: Any = node.get(key)
        if value is None and default is not None:
            return default
        if not is_whole(value) or not least <= value <= _LARGEST:
            raise self._wrong(node, key, "a whole number is needed, from 0 on")
        return int(value)

    def _number_of(self, node: Mapping[str, Any], key: str, default: float) -> float:
        value = node.get(key)
        if value is None:
            return default
        if not is_number(value):
            raise self._wrong(node, key, "a finite number is needed, or null")
        return float(value)

    def _wrong(self, node: Mapping[str, Any], key: str, needed: str) -> FormatError:
        return FormatError(
            f"node {quoted(node.get('node_id'))} of {self._where} has {key} "
            f"{shown(repr(node.get(key)))}: {needed}"
        )
