"""Numbers of a network that no order of its units changes, to compare groups of networks by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.paths import log10_path_kernel_trace, ramanujan_blocks

if TYPE_CHECKING:
    from netsculpt.pipeline.analysis import Analysis

__all__ = ["SCALE_BOUND", "network_features"]

SCALE_BOUND = ("strength", "kernel_trace")  # in names of features that the scales of units change
_QUANTILES = (0.1, 0.5, 0.9)
_TOP = 0.1  # of the hidden units


def network_features(analysis: Analysis) -> dict[str, float]:
    """Features of an analysed network, by name: its density, degrees, paths, modules, expansion.

    None of them changes if units are permuted within their layers. Those whose name holds one of
    `SCALE_BOUND` change if a unit's incoming weights are multiplied and its outgoing ones divided,
    which the function of a ReLU network does not: compare by them only nets of one recipe.

    ============================== ================================================================
    name                           what
    ============================== ================================================================
    density, "density a → b"       kept fraction of the weights, and of the pairs of two layers
    live_units, live_edges         share of the hidden units and of the edges on a path
    in_degree…, out_degree…        of the hidden units: 10, 50 and 90 % quantiles; sd / mean (cv)
    in_strength…, out_strength…    the same of |w| over its mean between the same layers
    path_share…                    of hidden units: exp(entropy) / units, share of the top 10 %;
                                   also weighted
    log10_paths, log10_path_weight of input→output paths: their number, their Π|w|
    log10_kernel_trace             of the path kernel
    ramanujan_mean, ramanujan_min  Δr over pairs of layers
    modularity, modularity_z       Q of the first detector's modules; z against the null networks
    n_modules, n_levels            of these modules, one unit being enough; of their hierarchy
    trophic_incoherence            of the modules: 0 = layered … 1; NaN if none feeds another
    stability                      of the modules over seeds, if it was measured
    ============================== ================================================================

    Returns
    -------
    dict
        NaN where a number is undefined; what was not asked of the analysis is left out.

    Examples
    --------
    >>> import netsculpt
    >>> graph, _ = netsculpt.planted([8, 8, 8], 2, 0.6, 0.05, rng=0)
    >>> analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)
    >>> features = network_features(analysis)
    >>> features["n_modules"], "modularity_z" in features
    (2.0, False)
    """
    graph = analysis.graph
    hidden = np.concatenate(
        [np.zeros(0, np.intp)]
        + [np.arange(x.start, x.stop) for x in graph.layers if x.role not in ("input", "output")]
    )
    live = analysis.effective
    columns = analysis.columns
    features = {
        "density": graph.density,
        **_densities(graph),
        "live_units": _mean(live.units[hidden]),
        "live_edges": _mean(live.edges),
    }
    strengths = _strengths(graph)
    of_units = {
        "in_degree": columns["in_degree"],
        "out_degree": columns["out_degree"],
        "in_strength": strengths[0],
        "out_strength": strengths[1],
    }
    for name, values in of_units.items():
        features |= _distribution(name, values[hidden])
    for name in ("path_share", "path_share_weighted"):
        if name in columns:
            features |= _spectrum(name, columns[name][hidden])
    features |= {
        "log10_paths": analysis.paths.log10_path_count,
        "log10_path_weight": analysis.paths.log10_path_weight,
        "log10_kernel_trace": log10_path_kernel_trace(graph),
        **_expansion(graph),
        **_modules(analysis),
    }
    return {name: float(value) for name, value in features.items()}


def _densities(graph: NetGraph) -> dict[str, float]:
    densities = {}
    for block in graph.blocks:
        if block.kind != WIRING:
            entries = graph.block(block.source, block.target)
            n_pairs = entries.shape[0] * entries.shape[1]
            share = entries.nnz / n_pairs if n_pairs else float("nan")
            densities[f"density {block.source} → {block.target}"] = share
    return densities


def _strengths(graph: NetGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """|Weight| into and out of each unit [U], in means of the edges between the same layers."""
    weights = np.abs(graph.weights.data).astype(np.float64)
    for block in graph.blocks:
        edges = graph.block_edges(block.source, block.target)
        mean = weights[edges].mean() if weights[edges].size else 0.0
        weights[edges] = weights[edges] / mean if mean > 0 else 0.0
    n = graph.n_units
    ends = graph.weights.indices, graph.sources
    into, out_of = (np.bincount(x, weights, n).astype(np.float64) for x in ends)
    return into, out_of


def _distribution(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    if not values.size:
        return {}
    mean = values.mean()
    quantiles = np.quantile(values, _QUANTILES)
    named = {f"{name}_q{round(100 * q)}": x for q, x in zip(_QUANTILES, quantiles, strict=True)}
    return {**named, f"{name}_cv": values.std() / mean if mean else float("nan")}


def _spectrum(name: str, shares: NDArray[np.float64]) -> dict[str, float]:
    """How many units a path may run through, and how much runs through the first tenth."""
    total = shares.sum()
    if not total > 0:
        return {}
    parts = np.sort(shares / total)[::-1]
    some = parts[parts > 0]
    n_top = max(round(_TOP * parts.size), 1)
    return {
        f"{name}_spread": np.exp(-(some * np.log(some)).sum()) / parts.size,
        f"{name}_top": parts[:n_top].sum(),
    }


def _expansion(graph: NetGraph) -> dict[str, float]:
    try:
        bounds = [x.difference_of_bound for x in ramanujan_blocks(graph).values()]
    except LimitError:
        return {}
    return (
        {"ramanujan_mean": float(np.mean(bounds)), "ramanujan_min": min(bounds)} if bounds else {}
    )


def _modules(analysis: Analysis) -> dict[str, float]:
    found = analysis.detected[0]
    features: dict[str, float] = {
        "modularity": found.quality,
        "n_modules": found.partition.n_modules,
        "n_levels": int(found.hierarchy.level.max(initial=-1)) + 1,
        "trophic_incoherence": found.hierarchy.trophic_incoherence,
    }
    if found.significance is not None:
        features["modularity_z"] = found.significance.z
    if found.stability is not None:
        features["stability"] = found.stability
    return features


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")
