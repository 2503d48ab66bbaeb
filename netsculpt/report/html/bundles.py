"""Edges that are too many to be drawn one by one, as bundles from module to module."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.report.html.drawn import Boxes, Drawn

__all__ = ["MOST_BUNDLES", "Bundles", "bundle_arrays", "bundles"]

MOST_BUNDLES: Final = 3000
_SLICE: Final = 1 << 20  # edges looked at together

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bundles:
    """B bundles: all edges from one box to another, the densest last."""

    source: Ints  # [B] box
    target: Ints  # [B]
    n_edges: Ints  # [B]
    density: Floats  # [B] edges over pairs of live units, 0 … 1
    weight: Floats  # [B] summed |weight|
    negative: Floats  # [B] share of that of negative weights, 0 … 1
    n_bundles: int  # of which the densest `MOST_BUNDLES` are here


def bundles(graph: NetGraph, picture: Drawn, labels: NDArray[np.integer]) -> Bundles:
    """Count and sum the live edges between the boxes of a picture: modules [U] in columns.

    Cost O(E log B), in parts of 2²⁰ edges.
    """
    live, boxes = live_units(graph), picture.boxes
    box = _box_of(graph, boxes, labels)
    n_boxes, indptr = boxes.column.size, graph.weights.indptr
    parts: list[tuple[Ints, Floats, Floats, Floats]] = []
    bounds = np.flatnonzero(np.diff(indptr[:-1] // _SLICE)) + 1
    for first, stop in pairwise([0, *bounds.tolist(), graph.n_units]):
        edges = slice(indptr[first], indptr[stop])
        source = np.repeat(np.arange(first, stop), np.diff(indptr[first : stop + 1]))
        target, weight = graph.weights.indices[edges], graph.weights.data[edges]
        kept = live[source] & live[target]
        parts.append(_summed(box[source[kept]] * n_boxes + box[target[kept]], weight[kept]))
    pairs, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts, weights, negative = (
        np.bincount(place, np.concatenate(each), pairs.size).astype(np.float64)
        for each in list(zip(*parts, strict=True))[1:]
    )
    sources, targets = np.divmod(pairs, n_boxes)
    sizes = np.bincount(box[live], minlength=n_boxes)
    density = counts / (sizes[sources] * sizes[targets])
    order = np.argsort(density, kind="stable")[-MOST_BUNDLES:]
    share = np.divide(negative, weights, out=np.zeros(pairs.size), where=weights > 0)
    return Bundles(
        sources[order],
        targets[order],
        counts[order].astype(np.int64),
        density[order],
        weights[order],
        share[order],
        int(pairs.size),
    )


def bundle_arrays(found: Bundles, boxes: Boxes) -> dict[str, NDArray[Any]]:
    """Bundles and boxes as the page takes them."""
    sides = {f"box_{name}": getattr(boxes, name) for name in ("left", "right", "low", "high")}
    names = ("source", "target", "n_edges", "density", "negative")
    arrays = {f"bundle_{name}": getattr(found, name) for name in names}
    return {
        name: x.astype(np.float32) if x.dtype.kind == "f" else x
        for name, x in (sides | arrays).items()
    }


def _box_of(graph: NetGraph, boxes: Boxes, labels: NDArray[np.integer]) -> Ints:
    """The box of each unit [U]."""
    column = boxes.column_of_layer[graph.layer_of]
    most = int(max(boxes.label.max(initial=-1), labels.max(initial=-1))) + 2
    keys = boxes.column * most + boxes.label + 1
    found: Ints = np.searchsorted(keys, column * most + np.maximum(labels, -1) + 1)
    return found


def _summed(
    pair: NDArray[np.integer], weight: NDArray[np.floating]
) -> tuple[Ints, Floats, Floats, Floats]:
    """Pairs of boxes, and their edges, |weight| and |negative weight|."""
    pairs, place = np.unique(pair, return_inverse=True)
    magnitude = np.abs(weight.astype(np.float64))
    counts, sums, negative = (
        np.bincount(place, each, pairs.size).astype(np.float64)
        for each in (np.ones(place.size), magnitude, magnitude * (weight < 0))
    )
    return pairs, counts, sums, negative
