"""A masked net as a graph, before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.graph.graph import WIRING, NetGraph, live_units
from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.paths import (
    effective,
    isometry,
    log10_path_kernel_trace,
    log10_path_total,
    ramanujan,
)
from netsculpt.tracing import trace

__all__ = ["MEASURES", "Row", "measured"]

Row = dict[str, Any]

MEASURES: Mapping[str, str] = {
    "live_hidden": "hidden units on an input→output path, fraction",
    "effective_units": "all units on a path, fraction",
    "effective_weights": "kept weights on a path, fraction",
    "live_outputs": "outputs on a path, fraction",
    "log10_paths": "paths of kept scalar weights, decimal logarithm; NaN if there is no path",
    "log10_kernel_trace": "trace of the path kernel, decimal logarithm; NaN if there is no path",
    "ramanujan": "difference of bound Δr, mean over layers; ≥ 0: expands like a Ramanujan graph",
    "spectral_gap": "σ1 − σ2 of |weights|, mean over layers",
    "singular_mean": "singular values of a layer's weights, mean over layers",
    "singular_sd": "their standard deviation within a layer, mean over layers",
}


def measured(net: nn.Module, example: Tensor) -> tuple[Row, list[Row]]:
    """Measures of the whole net, and one row per layer of units or weights."""
    graph = trace(net, example, edge_norm="l2")
    weights = _weights(net)
    units = _units(graph)
    on_path = effective(graph)
    hidden = [row for row in units if row["role"] == "hidden"]
    scalars = np.ones(graph.n_edges) if graph.multiplicity is None else graph.multiplicity
    paths = graph.with_weights(scalars.astype(np.float64))
    counts = weight_counts(net)
    layers = {key: [row[key] for row in weights] for key in weights[0]}
    whole = {
        "density": counts.density,
        "kept": sum(counts.kept),
        "live_hidden": sum(x["live"] for x in hidden) / sum(x["units"] for x in hidden),
        "effective_units": float(on_path.units.mean()),
        "effective_weights": _on_paths(graph, scalars, on_path.edges) / max(sum(counts.kept), 1),
        "live_outputs": float(on_path.units[graph.outputs].mean()),
        "log10_paths": _finite(log10_path_total(paths)),
        "log10_kernel_trace": _finite(log10_path_kernel_trace(graph)),
    }
    for key in ("ramanujan", "spectral_gap", "singular_mean", "singular_sd"):
        whole[key] = float(np.mean(layers[key]))
    return whole, [*units, *weights]


def _units(graph: NetGraph) -> list[Row]:
    alive = live_units(graph)
    return [
        {
            "kind": "units",
            "layer": layer.name,
            "role": layer.role,
            "units": layer.n_units,
            "live": int(alive[layer.units].sum()),
        }
        for layer in graph.layers
    ]


def _weights(net: nn.Module) -> list[Row]:
    """Density, expansion and isometry of every weight; without a mask, all are kept."""
    masks, rows = masks_of(net), []
    for name, parameter in prunable(net).items():
        weight = parameter.detach().double().numpy()
        mask = masks[name].numpy() if name in masks else np.ones(weight.shape, dtype=bool)
        bipartite, singular = ramanujan(weight, mask), isometry(weight, mask)
        rows.append(
            {
                "kind": "weights",
                "layer": name,
                "kept": int(mask.sum()),
                "total": mask.size,
                "ramanujan": bipartite.difference_of_bound,
                "spectral_gap": bipartite.weighted_spectral_gap,
                "singular_mean": singular.mean,
                "singular_sd": singular.sd,
                "singular_min": singular.min,
                "singular_max": singular.max,
            }
        )
    return rows


def _on_paths(graph: NetGraph, scalars: NDArray[np.number], edges: NDArray[np.bool_]) -> float:
    """Number of kept scalars on a path."""
    counted = edges.copy()
    for block in graph.blocks:
        if block.kind == WIRING:
            counted[graph.block_edges(block.source, block.target)] = False
    return float(scalars[counted].sum())


def _finite(log10: float) -> float:
    return log10 if np.isfinite(log10) else np.nan
