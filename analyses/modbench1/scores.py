"""How well a partition shows the true modules, and what feeds what."""

from __future__ import annotations

from typing import Any

import numpy as np
from hierarchy.scores import matched, precision_recall
from numpy.typing import NDArray

from modbench1.network import Network
from netsculpt.graph.graph import live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.hierarchy import Hierarchy, infer, ordered
from netsculpt.modules import compare, layer_ami
from netsculpt.nulls import rebalanced, rewire

__all__ = ["fed_edges", "scores"]

_NULLS = 40  # null networks that test the edges between modules


def scores(network: Network, found: Partition, rng: np.random.Generator) -> dict[str, Any]:
    """Scores of a partition [U], over the live units whose true module is known.

    A unit that the partition leaves out counts as a module of its own.

    ``ami``: adjusted mutual information with the true modules, over all units; ``inputs``,
    ``hidden``, ``outputs``: over these; ``ami_by_layer``, ``ami_layers``: in each layer with at
    least two true modules, and their mean. ``exact_inputs``, ``exact_outputs``: the same groups.
    ``splits``: some layer has live units in two modules or more. ``precision``, ``recall``, ``f1``,
    ``f1_merged``: of the edges between modules, see `fed_edges`; `rng` is for its null networks.
    """
    graph = network.graph
    live = live_units(graph)
    truth = np.where(live, network.truth.labels, NO_MODULE)
    alone = found.n_modules + np.arange(graph.n_units)
    labels = np.where(found.labels == NO_MODULE, alone, found.labels)
    hidden = np.ones(graph.n_units, dtype=bool)
    hidden[np.concatenate([graph.inputs, graph.outputs])] = False
    parts = {"inputs": graph.inputs, "hidden": np.flatnonzero(hidden), "outputs": graph.outputs}
    by_layer = [
        _ami(labels[layer.units], truth[layer.units])
        for layer in graph.layers
        if Partition(truth[layer.units]).n_modules > 1
    ]
    inside = found.labels[live & (found.labels != NO_MODULE)]
    depth = graph.layer_of[live & (found.labels != NO_MODULE)]
    n_places = np.unique(np.stack([inside, depth]), axis=1).shape[1]
    return {
        "ami": _ami(labels, truth),
        **{name: _ami(labels[units], truth[units]) for name, units in parts.items()},
        "ami_layers": float(np.mean(by_layer)) if by_layer else np.nan,
        "ami_by_layer": by_layer,
        **{
            f"exact_{name}": _same(labels[parts[name]], truth[parts[name]])
            for name in ("inputs", "outputs")
        },
        "found": found.n_modules,
        "splits": bool(n_places > np.unique(depth).size),
        "layer_ami": layer_ami(graph, found),
        **(fed_edges(network, found, rng) if network.feeds else {}),
    }


def fed_edges(network: Network, found: Partition, rng: np.random.Generator) -> dict[str, float]:
    """Precision, recall and F1 of the edges between modules, as `netsculpt analyze` finds them.

    Where modules feed each other in a circle, these are the edges of
    `netsculpt.hierarchy.ordered`, which chance does not explain; else those of `infer`, which would
    merge such modules: ``f1_merged`` is its F1. Found modules are matched one to one with the true
    ones, by the largest summed Jaccard index. A found edge is right if both its ends are matched
    and the first true module feeds the second.
    """
    assert network.feeds is not None
    merging = infer(network.graph, found)
    tested = merging
    if merging.merged:
        tested = ordered(network.graph, found, null=rebalanced(rewire), n=_NULLS, rng=rng)
    precision, recall, f1 = _agreement(network, tested)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_merged": _agreement(network, merging)[2],
    }


def _agreement(network: Network, hierarchy: Hierarchy) -> tuple[float, float, float]:
    """Precision (NaN if no edge was found), recall and F1."""
    assert network.feeds is not None
    truth = np.where(live_units(network.graph), network.truth.labels, NO_MODULE)
    labels = hierarchy.partition.labels
    both = (truth != NO_MODULE) & (labels != NO_MODULE)
    known, true = (np.where(both, x, NO_MODULE) for x in (labels, truth))
    edges = hierarchy.edges.tocoo()
    ends = list(zip(edges.row.tolist(), edges.col.tolist(), strict=True))
    precision, recall, f1 = precision_recall(ends, network.feeds, matched(known, true))
    return precision if ends else np.nan, recall, f1


def _ami(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    return compare(Partition(labels), Partition(truth)).ami


def _same(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> bool:
    """Whether the units that have a true module form the same groups."""
    known = truth != NO_MODULE
    groups = Partition(labels[known]).labels, Partition(truth[known]).labels
    return np.array_equal(*groups)
